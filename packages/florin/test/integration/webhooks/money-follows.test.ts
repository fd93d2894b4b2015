// A payment's credits follow its money through changes of plan and currencies: docs/decisions/0072. Ids and amounts are made up.
import { afterEach, describe, expect, it } from 'vitest';
import { grantDueDrips } from '../../../src/webhooks/index.ts';
import { testCatalog } from './catalog.ts';
import {
  charge,
  event,
  invoice,
  invoicePayment,
  type Json,
  refund,
  session,
  sessionLine,
  subscription,
  withLines,
} from './objects.ts';
import { asOwner, eventId, openShop, type Shop } from './shop.ts';

const DAY = 86_400;
const T0 = Math.floor(Date.now() / 1000) - 3600;
const MONTH = { start: T0, end: T0 + 30 * DAY };
const HALF = { start: T0 + 15 * DAY, end: MONTH.end };
const YEAR = { start: T0, end: T0 + 365 * DAY };
const FREE = {
  id: 'price_FREE',
  credits: 10,
  reason: 'free',
  planType: 'free',
  kind: 'recurring',
} as const;

const opened: Shop[] = [];
afterEach(async () => {
  await Promise.all(opened.splice(0).map((one) => one.close()));
});

async function open(
  more: Parameters<typeof testCatalog>[0] = [],
  stripe: Record<string, unknown> = {},
): Promise<Shop> {
  const shop = await openShop({ catalog: testCatalog(more), stripe: stripe as never });
  opened.push(shop);
  return shop;
}

async function subscribed(...given: Parameters<typeof open>): Promise<Shop> {
  const shop = await open(...given);
  const more = {
    mode: 'subscription',
    subscription: 'sub_1',
    payment_intent: null,
    invoice: 'in_1',
  };
  await shop.deliver(event('checkout.session.completed', session(more)));
  return shop;
}

const buy = (more: Json = {}) =>
  event(
    'checkout.session.completed',
    session({ ...withLines([sessionLine('price_QUICK_SCAN')]), ...more }),
  );
const basic = (amount: number, more = {}) => ({
  priceId: 'price_BASIC_MONTHLY',
  amount,
  unitAmount: 1000,
  ...more,
});
const pro = (amount: number, more = {}) => ({
  priceId: 'price_PRO_MONTHLY',
  amount,
  unitAmount: 5000,
  ...more,
});
const part = { proration: true, period: HALF };

describe.each(['old', 'new'] as const)('credits follow the money (%s shape)', (shape) => {
  // New shapes carry no unit amount on the line: Stripe is asked for the price.
  const unit: Record<string, string> = {
    price_BASIC_MONTHLY: '1000',
    price_PRO_MONTHLY: '5000',
    price_ANNUAL: '12000',
    price_FREE: '0',
  };
  const asks = {
    price: async (id: string) => ({
      kind: 'price',
      id,
      lookupKey: null,
      unitAmount: unit[id] ?? null,
    }),
  };
  const paid = (lines: Parameters<typeof invoice>[0], more: Json = {}, at = 1) =>
    event('invoice.paid', invoice(lines, shape, more), { at, shape });

  it('a buyer who is invoiced at each switch gains nothing by switching back and forth', async () => {
    const shop = await subscribed([], asks);
    await shop.deliver(paid([basic(1000, { period: MONTH })]));
    const seen = [await shop.balance()];
    for (const n of [1, 2, 3, 4]) {
      const up = n % 2 === 1;
      const lines = up
        ? [basic(-500, { ...part, id: `il_m${n}` }), pro(2500, { ...part, id: `il_p${n}` })]
        : [pro(-2500, { ...part, id: `il_m${n}` }), basic(500, { ...part, id: `il_p${n}` })];
      const more = {
        id: `in_u${n}`,
        billing_reason: 'subscription_update',
        payment_intent: up ? `pi_u${n}` : null,
      };
      await shop.deliver(paid(lines, more, 10 * n));
      seen.push(await shop.balance());
    }
    expect(seen).toEqual([100, 300, 100, 300, 100]);
  });

  it('a plan cancelled with proration and bought again from the balance brings its credits once', async () => {
    const shop = await subscribed([], asks);
    await shop.deliver(paid([pro(5000, { period: MONTH })]));
    const seen = [await shop.balance()];
    for (const n of [1, 2]) {
      const back = {
        id: `in_c${n}`,
        billing_reason: 'subscription_update',
        payment_intent: null,
        amount_paid: 0,
        total: -5000,
        ending_balance: -5000,
      };
      await shop.deliver(
        paid([pro(-5000, { id: `il_c${n}`, proration: true, period: MONTH })], back, 20 * n),
      );
      seen.push(await shop.balance());
      const again = {
        id: `in_s${n}`,
        payment_intent: null,
        amount_paid: 0,
        amount_due: 0,
        starting_balance: -5000,
        ending_balance: 0,
      };
      await shop.deliver(paid([pro(5000, { id: `il_s${n}`, period: MONTH })], again, 20 * n + 5));
      seen.push(await shop.balance());
    }
    expect(seen).toEqual([500, 0, 500, 0, 500]);
  });

  it('a switch that is billed with the next period counts what it gives back', async () => {
    const shop = await subscribed([], asks);
    await shop.deliver(paid([basic(1000, { period: MONTH })]));
    const next = { start: MONTH.end, end: MONTH.end + 30 * DAY };
    const lines = [
      basic(-500, { ...part, id: 'il_a' }),
      pro(2500, { ...part, id: 'il_b' }),
      pro(5000, { id: 'il_c', period: next }),
    ];
    await shop.deliver(
      paid(lines, { id: 'in_2', payment_intent: 'pi_2', billing_reason: 'subscription_cycle' }, 30),
    );
    expect(await shop.balance()).toBe(800);
  });

  it('a return that comes before what it credits waits for it', async () => {
    const shop = await subscribed([], asks);
    const more = { id: 'in_2', billing_reason: 'subscription_update', payment_intent: 'pi_2' };
    const lines = [basic(-500, { ...part, id: 'il_a' }), pro(2500, { ...part, id: 'il_b' })];
    const early = paid(lines, more, 15);
    await shop.deliver(early);
    expect(await shop.balance()).toBe(250);
    expect((await shop.inbox(eventId(early)))?.reason).toContain('line il_a');
    await shop.deliver(paid([basic(1000, { period: MONTH })]));
    expect(await shop.balance()).toBe(300);
  });

  it.each([
    [2000, 100],
    [1000, 200],
  ])('an upgrade of which %i of 2000 is refunded leaves %i', async (amount, left) => {
    const shop = await subscribed([], asks);
    await shop.deliver(paid([basic(1000, { period: MONTH })]));
    const more = { id: 'in_2', billing_reason: 'subscription_update', payment_intent: 'pi_2' };
    await shop.deliver(
      paid([basic(-500, { ...part, id: 'il_a' }), pro(2500, { ...part, id: 'il_b' })], more, 15),
    );
    await shop.deliver(
      event(
        'invoice_payment.paid',
        invoicePayment({
          id: 'inpay_2',
          invoice: 'in_2',
          amount_paid: 2000,
          payment: { type: 'payment_intent', payment_intent: 'pi_2' },
        }),
      ),
    );
    expect(await shop.balance()).toBe(300);
    const back = charge(amount, {
      id: 'ch_2',
      amount: 2000,
      amount_captured: 2000,
      payment_intent: 'pi_2',
      refunded: amount === 2000,
    });
    await shop.deliver(event('charge.refunded', back, { at: 20 }));
    expect(await shop.balance()).toBe(left);
  });

  it('one seat that becomes three at half of the month has 200', async () => {
    const shop = await subscribed([], asks);
    await shop.deliver(paid([basic(1000, { period: MONTH })]));
    const lines = [
      basic(-500, { ...part, id: 'il_a', quantity: 1 }),
      basic(1500, { ...part, id: 'il_b', quantity: 3 }),
    ];
    await shop.deliver(
      paid(
        lines,
        { id: 'in_2', billing_reason: 'subscription_update', payment_intent: 'pi_2' },
        15,
      ),
    );
    expect(await shop.balance()).toBe(200);
  });

  it('months of a yearly price that was credited back do not come any more', async () => {
    const shop = await subscribed([], asks);
    await shop.deliver(
      paid([{ priceId: 'price_ANNUAL', amount: 12000, unitAmount: 12000, period: YEAR }]),
    );
    expect(await shop.balance()).toBe(100);
    await shop.deliver(event('customer.subscription.updated', subscription('active'), { at: 5 }));
    const lines = [
      {
        id: 'il_n',
        priceId: 'price_ANNUAL',
        amount: -12000,
        unitAmount: 12000,
        proration: true,
        period: YEAR,
      },
      basic(1000, { id: 'il_m', period: MONTH }),
    ];
    await shop.deliver(
      paid(
        lines,
        { id: 'in_2', payment_intent: 'pi_2', billing_reason: 'subscription_update' },
        10,
      ),
    );
    expect(await shop.balance()).toBe(100);
    const later = shop.with({
      clock: { ...shop.deps.clock, now: () => new Date((T0 + 364 * DAY) * 1000) },
    });
    await asOwner(
      shop.fresh,
      'update billing.payments set next_due_at = now() where next_due_at is not null',
    );
    await grantDueDrips(later.deps);
    expect(await shop.balance()).toBe(100);
  });

  it('a switch from a free plan has a line of nothing, and needs nobody’s attention', async () => {
    const shop = await subscribed([FREE], asks);
    await shop.deliver(paid([{ priceId: 'price_FREE', amount: 0, unitAmount: 0, period: MONTH }]));
    const lines = [
      { id: 'il_f', priceId: 'price_FREE', amount: 0, unitAmount: 0, ...part },
      pro(5000, { id: 'il_p', period: HALF }),
    ];
    const switched = paid(
      lines,
      { id: 'in_2', payment_intent: 'pi_2', billing_reason: 'subscription_update' },
      15,
    );
    await shop.deliver(switched);
    expect(await shop.balance()).toBe(510);
    expect(await shop.inbox(eventId(switched))).toMatchObject({
      status: 'processed',
      needsAttention: false,
    });
  });

  it('a part of a price in another of its currencies is not measured by its first one', async () => {
    // 5000 US cents or 7500 yen; Stripe answers the price in its own currency unless currency_options are asked for.
    const shop = await subscribed([], asks);
    const half = invoice([pro(3750, { ...part, id: 'il_y' })], shape, {
      id: 'in_2',
      payment_intent: 'pi_2',
      currency: 'jpy',
      billing_reason: 'subscription_update',
    });
    for (const line of (half['lines'] as { data: Json[] }).data) {
      line['currency'] = 'jpy';
    }
    const delivered = event('invoice.paid', half, { shape });
    await shop.deliver(delivered);
    // 250 where the yen amount can be asked for; else it waits and grants nothing by guess.
    const inbox = await shop.inbox(eventId(delivered));
    expect([
      [0, 'failed'],
      [250, 'processed'],
    ]).toContainEqual([await shop.balance(), inbox?.status]);
  });
});

describe('money in two currencies', () => {
  it('a refund counts by its share of its own charge', async () => {
    const shop = await open();
    await shop.deliver(buy());
    const euro = { amount: 460, amount_captured: 460, currency: 'eur' };
    await shop.deliver(
      event('charge.refunded', charge(230, { ...euro, refunded: false }), { at: 5 }),
    );
    expect(await shop.balance()).toBe(25);
    await shop.deliver(
      event('charge.refunded', charge(460, { ...euro, refunded: true }), { at: 6 }),
    );
    expect(await shop.balance()).toBe(0);
  });

  it('a refund in another currency whose charge is not known yet waits for it', async () => {
    const shop = await open();
    await shop.deliver(buy());
    const alone = event('refund.created', refund('re_1', 460, 'succeeded', { currency: 'eur' }), {
      at: 5,
    });
    await shop.deliver(alone);
    expect([0, 50]).toContain(await shop.balance());
    await shop.deliver(
      event(
        'charge.refunded',
        charge(460, { amount: 460, amount_captured: 460, currency: 'eur', refunded: true }),
        { at: 6 },
      ),
    );
    await shop.drain();
    expect(await shop.balance()).toBe(0);
  });
});
