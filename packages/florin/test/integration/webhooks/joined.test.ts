// One invoice with lines of two subscriptions (decision 0146), as Stripe makes it of pending items.
import { afterEach, describe, expect, it } from 'vitest';
import { verifyLedger } from '../../../src/ledger/index.ts';
import {
  ACCOUNT,
  charge,
  event,
  invoice,
  type Json,
  type LineInput,
  subscription,
} from './objects.ts';
import { shopOnSandbox, subscribe } from './sandbox-shop.ts';
import { eventId, openShop, type Shop } from './shop.ts';

const DAY = 86_400;
const START = 1_790_000_000;
const MONTH = { start: START, end: START + 30 * DAY };
const HALF = { start: START + 15 * DAY, end: MONTH.end };

type Plan = 'BASIC' | 'PRO' | 'MAX';
const PRICES = { BASIC: 1000, PRO: 5000, MAX: 20_000 } as const;

function line(plan: Plan, amount: number, more: Partial<LineInput> = {}): LineInput {
  const price = { priceId: `price_${plan}_MONTHLY`, unitAmount: PRICES[plan], period: MONTH };
  return { ...price, amount, ...more };
}

const part = (id: string, of: string, plan: Plan, amount: number) =>
  line(plan, amount, { id, subscription: of, proration: true, period: HALF });

const paid = (id: string, lines: LineInput[], more: Json = {}) =>
  event('invoice.paid', invoice(lines, 'old', { id, payment_intent: `pi_${id}`, ...more }), {
    shape: 'old',
  });

const known = event('customer.updated', {
  id: 'cus_1',
  object: 'customer',
  metadata: { userId: ACCOUNT },
});
const first = paid('in_1', [line('BASIC', 1000, { id: 'il_1', subscription: 'sub_1' })], {
  subscription: 'sub_1',
});
const second = paid('in_2', [line('PRO', 5000, { id: 'il_2', subscription: 'sub_2' })], {
  subscription: 'sub_2',
});
/** Both plans change at half of the month, and one invoice by hand takes up all that is pending. */
const both = paid(
  'in_both',
  [
    part('il_a', 'sub_1', 'BASIC', -500),
    part('il_b', 'sub_1', 'PRO', 2500),
    part('il_c', 'sub_2', 'PRO', -2500),
    part('il_d', 'sub_2', 'MAX', 10_000),
  ],
  { subscription: null, billing_reason: 'manual', amount_paid: 9500, total: 9500 },
);
/** The second subscription goes back to Basic later, on an invoice of its own. */
const later = paid(
  'in_later',
  [part('il_e', 'sub_2', 'MAX', -10_000), part('il_f', 'sub_2', 'BASIC', 500)],
  { subscription: 'sub_2', amount_paid: 0, total: -9500, payment_intent: null },
);
const refunded = event(
  'charge.refunded',
  charge(5000, {
    id: 'ch_2',
    amount: 5000,
    amount_captured: 5000,
    payment_intent: 'pi_in_2',
    refunded: true,
  }),
  { at: 20 },
);

function* permutations<T>(all: readonly T[]): Generator<T[]> {
  if (all.length === 0) {
    yield [];
  }
  for (const [at, one] of all.entries()) {
    for (const rest of permutations(all.toSpliced(at, 1))) {
      yield [one, ...rest];
    }
  }
}

describe('an invoice of two subscriptions', () => {
  const opened: Shop[] = [];
  afterEach(() => Promise.all(opened.splice(0).map((one) => one.close())));

  async function told(events: readonly Json[]): Promise<Shop> {
    const shop = await openShop();
    opened.push(shop);
    for (const one of [known, ...events, ...events]) {
      await shop.deliver(one);
      expect(await shop.inbox(eventId(one))).toMatchObject({ status: 'processed' });
    }
    return shop;
  }

  // 100 − 50 + 250, and 500 − 250 + 1000.
  it.each(
    [...permutations([first, second, both])].map(
      (events) => [events.map(eventId).join(), events] as const,
    ),
  )('takes back of each what its own lines credit, in any order (%#)', async (_, events) => {
    const shop = await told(events);
    expect(await shop.balance()).toBe(1550);
    expect(await verifyLedger(shop.deps.db)).toEqual([]);
  });

  it.each([
    // In the end 300 of the first, and of the second 250 + 0 + 50; a refund of in_2 takes the other 250.
    ['a return of one of them later', [first, second, both, later], 600],
    ['that return before all others', [later, both, second, first], 600],
    ['a refund of one of them', [first, second, both, refunded], 1300],
    ['that refund before both', [refunded, first, both, second], 1300],
    ['all of it', [refunded, later, both, second, first], 350],
  ])('and %s counts for the right one', async (_, events, balance) => {
    const shop = await told(events);
    expect(await shop.balance()).toBe(balance);
    expect(await verifyLedger(shop.deps.db)).toEqual([]);
  });

  it('keeps what each subscription is apart: the end of one stops its own drip alone', async () => {
    const ends = event(
      'customer.subscription.deleted',
      subscription('canceled', { id: 'sub_2', ended_at: START + 16 * DAY }),
      { at: 30 },
    );
    const shop = await told([first, second, both, ends]);
    const kept = await shop.deps.db.query(
      'select subscription_id, kept_under, ended from billing.subscriptions order by 1',
    );
    expect(kept).toEqual([
      { subscriptionId: 'sub_1', keptUnder: null, ended: false },
      { subscriptionId: 'sub_2', keptUnder: 'sub_1', ended: true },
    ]);
    expect(await shop.balance()).toBe(1550);
  });

  it('decided at once with a payment of the other one loses nothing', async () => {
    for (let round = 0; round < 5; round += 1) {
      const shop = await told([first]);
      await Promise.all([both, second, refunded, later].map((one) => shop.deliver(one)));
      await shop.drain();
      expect(await shop.balance()).toBe(350);
    }
  });

  // Without `subscription` an invoice takes up pending items of all: https://docs.stripe.com/api/invoices/create
  it.each(['2026-10-28.endive', '2020-03-02'])('by the sandbox, %s', async (version) => {
    const here = await shopOnSandbox(version);
    const { stripe, shop, sandbox, settle } = here;
    const one = await subscribe(here);
    const { id: other, items } = await stripe.subscriptions.create({
      customer: one.customer,
      items: [{ price: 'price_PRO_MONTHLY' }],
      default_payment_method: String(
        (await stripe.subscriptions.retrieve(one.id)).default_payment_method,
      ),
    });
    await settle();
    expect(await shop.balance()).toBe(600);
    sandbox.advance({ days: 1 });
    for (const [id, item, price] of [
      [one.id, one.item, 'price_PRO_MONTHLY'],
      [other, items.data[0]?.id ?? '', 'price_BASIC_MONTHLY'],
    ] as const) {
      await stripe.subscriptions.update(id, {
        items: [{ id: item, price }],
        proration_behavior: 'create_prorations',
      });
    }
    const made = await stripe.invoices.create({
      customer: one.customer,
      pending_invoice_items_behavior: 'include',
      auto_advance: false,
    });
    const { lines } = await stripe.invoices.finalizeInvoice(made.id);
    const named = new Set(
      lines.data.map(({ parent }) => parent?.invoice_item_details?.subscription),
    );
    expect(named).toEqual(new Set([one.id, other]));
    await settle();
    // What was bought as Basic and as Pro has changed hands: as much as before, but for the rounding.
    expect(Math.abs((await shop.balance()) - 600)).toBeLessThanOrEqual(4);
    const reversed = await shop.deps.db.query<{ of: string; reversed: number }>(
      `select subscription_id as of, sum(reversed)::int as reversed
         from billing.purchases group by 1 having sum(reversed) > 0`,
    );
    expect(new Set(reversed.map(({ of }) => of))).toEqual(new Set([one.id, other]));
  });
});
