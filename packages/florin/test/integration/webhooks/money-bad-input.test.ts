// What Stripe would not send, or seldom: nothing is guessed, nothing is lost, and the event says what a person should know.
import { afterEach, describe, expect, it } from 'vitest';
import { verifyLedger } from '../../../src/ledger/index.ts';
import { invoiceLineFact } from '../../../src/stripe/facts/line.ts';
import {
  ACCOUNT,
  event,
  invoice,
  invoiceLine,
  type Json,
  type LineInput,
  OTHER_ACCOUNT,
} from './objects.ts';
import { eventId, openShop, type Shop, TIME_FOR_MANY_LINES } from './shop.ts';

const DAY = 86_400;
const START = 1_790_000_000;
const MONTH = { start: START, end: START + 30 * DAY };
const HALF = { start: START + 15 * DAY, end: MONTH.end };

const opened: Shop[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((one) => one.close()));
});

/** A shop where two accounts each have bought Basic: in_1 with il_1, and in_other with il_other. */
async function shopOfTwo(): Promise<Shop> {
  const shop = await openShop();
  opened.push(shop);
  for (const [customer, userId] of [
    ['cus_1', ACCOUNT],
    ['cus_2', OTHER_ACCOUNT],
  ] as const) {
    const known = { id: customer, object: 'customer', metadata: { userId } };
    await shop.deliver(event('customer.updated', known));
  }
  await shop.deliver(paid([basic(1000, { period: MONTH })]));
  const theirs = {
    id: 'in_other',
    customer: 'cus_2',
    subscription: 'sub_other',
    payment_intent: 'pi_other',
  };
  const line = basic(1000, { id: 'il_other', subscription: 'sub_other', period: MONTH });
  await shop.deliver(paid([line], theirs));
  expect(await balances(shop)).toEqual([100, 100]);
  return shop;
}

const balances = async (shop: Shop) => [await shop.balance(), await shop.balance(OTHER_ACCOUNT)];
const basic = (amount: number, more: Partial<LineInput> = {}): LineInput => ({
  priceId: 'price_BASIC_MONTHLY',
  amount,
  unitAmount: 1000,
  ...more,
});
const paid = (lines: LineInput[], more: Json = {}) =>
  event('invoice.paid', invoice(lines, 'old', more), { shape: 'old' });

/** An invoice that gives half of a month back, and what its line says that it credits. */
function returning(credited: Json | null, change: Json = {}): Json {
  const lines = [basic(-500, { id: 'il_back', proration: true, period: HALF })];
  const payload = paid(lines, { id: 'in_2', payment_intent: null, amount_paid: 0 });
  const { object } = payload['data'] as { object: { lines: { data: Json[] } } };
  for (const line of object.lines.data) {
    Object.assign(line, { proration_details: { credited_items: credited }, ...change });
  }
  return payload;
}

describe('a line that gives back', () => {
  it.each([
    ['an invoice that nobody knows', { invoice: 'in_nowhere', invoice_line_items: ['il_1'] }],
    ['lines that its invoice does not have', { invoice: 'in_1', invoice_line_items: ['il_none'] }],
    ['no lines', { invoice: 'in_1', invoice_line_items: [] }],
    ['a line of another customer', { invoice: 'in_other', invoice_line_items: ['il_other'] }],
    ['an item that nobody knows', { type: 'invoice_item', invoice_item: 'ii_nowhere' }],
    [
      'names out of Object.prototype',
      { invoice: '__proto__', invoice_line_items: ['constructor'] },
    ],
  ])('and names %s takes nothing from anybody, and says so', async (_, credited) => {
    const shop = await shopOfTwo();
    const told = returning(credited);
    await shop.deliver(told);
    expect(await balances(shop)).toEqual([100, 100]);
    expect(await shop.inbox(eventId(told))).toMatchObject({
      status: 'processed',
      reason: expect.stringContaining('No credits are known for what line il_back gave back'),
    });
    expect(await verifyLedger(shop.deps.db)).toEqual([]);
  });

  it.each([
    ['in a currency that nobody knows', { currency: 'xzy' }],
    ['of another subscription', { subscription: 'sub_other' }],
    ['of a period that nothing covers', { period: { start: START - DAY, end: MONTH.end } }],
    ['of more seats than were bought', { quantity: 3 }],
  ])('%s, and names nothing, takes nothing', async (_, change) => {
    const shop = await shopOfTwo();
    await shop.deliver(returning(null, change));
    expect(await balances(shop)).toEqual([100, 100]);
  });

  it('more than was paid takes what was granted, and no more', async () => {
    const shop = await shopOfTwo();
    await shop.deliver(
      returning(
        { invoice: 'in_1', invoice_line_items: ['il_1', 'il_1'] },
        { amount: -9_000_000_000 },
      ),
    );
    expect(await balances(shop)).toEqual([0, 100]);
  });
});

it('a part of a price in a currency that nobody knows waits for a person', async () => {
  const shop = await shopOfTwo();
  const part = basic(500, { id: 'il_part', proration: true, period: HALF });
  const told = paid([part], { id: 'in_3', payment_intent: 'pi_3', currency: 'xzy' });
  const { object } = told['data'] as { object: { lines: { data: Json[] } } };
  for (const line of object.lines.data) {
    line['currency'] = 'xzy';
    (line['price'] as Json)['currency'] = 'usd';
  }
  await shop.deliver(told);
  expect(await balances(shop)).toEqual([100, 100]);
  expect(await shop.inbox(eventId(told))).toMatchObject({
    status: 'failed',
    needsAttention: true,
    error: expect.stringContaining('xzy'),
  });
});

describe('an invoice of 2,000 lines, half of them negative', () => {
  const LINES = 1_000;
  const inputs = Array.from({ length: LINES }, (_, at) => [
    basic(1000, { id: `il_p${at}`, period: MONTH }),
    basic(-500, { id: `il_m${at}`, proration: true, period: HALF }),
  ]).flat();

  it.each([true, false])('is counted to the credit, named: %s', async (named) => {
    const all = inputs.map((input, at) => {
      const credited = { invoice: 'in_big', invoice_line_items: [`il_p${(at - 1) / 2}`] };
      return {
        ...invoiceLine(input, 'old'),
        ...(named && at % 2 === 1 ? { proration_details: { credited_items: credited } } : {}),
      };
    });
    const shop = await openShop({
      stripe: { invoiceLines: async () => all.map((line) => invoiceLineFact.parse(line)) },
      ...TIME_FOR_MANY_LINES,
    });
    opened.push(shop);
    const known = { id: 'cus_1', object: 'customer', metadata: { userId: ACCOUNT } };
    await shop.deliver(event('customer.updated', known));
    const told = paid([], { id: 'in_big', amount_paid: 500_000, total: 500_000 });
    const { object } = told['data'] as { object: Json };
    object['lines'] = { object: 'list', data: all.slice(0, 10), has_more: true };
    await shop.deliver(told);
    expect(await shop.inbox(eventId(told))).toMatchObject({ status: 'processed', error: null });
    expect(await shop.balance()).toBe(LINES * 50);
    expect(await verifyLedger(shop.deps.db)).toEqual([]);
  });
});
