import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { listEntries, verifyLedger } from '../../../src/ledger/index.ts';
import { readRefund } from '../../../src/stripe/index.ts';
import { dismissFraudWarning } from '../../../src/webhooks/index.ts';
import { testCatalog } from './catalog.ts';
import {
  ACCOUNT,
  charge,
  dispute,
  event,
  fraudWarning,
  invoice,
  type Json,
  refund,
  session,
  sessionLine,
  subscription,
  withLines,
} from './objects.ts';
import { eventId, openShop, type Shop } from './shop.ts';

let shop: Shop;
const opened: Shop[] = [];
beforeEach(async () => {
  shop = await openShop();
  opened.push(shop);
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((one) => one.close()));
});

const buy = (priceId = 'price_QUICK_SCAN', more: Json = {}) =>
  shop.deliver(
    event('checkout.session.completed', session({ ...withLines([sessionLine(priceId)]), ...more })),
  );

const movements = () =>
  shop.deps.db.query<{ kind: string; amount: number; idempotencyKey: string; reason: string }>(
    `select kind, amount, idempotency_key, metadata ->> 'reason' as reason
       from credits.entries where account_id = $1 order by entry_no`,
    [ACCOUNT],
  );

describe('money that goes back', () => {
  it('a full refund takes all of its purchase and nothing of another', async () => {
    await buy();
    await buy('price_POWER_PACK', { id: 'cs_2', payment_intent: 'pi_2' });
    await shop.deliver(event('charge.refunded', charge(500)));
    expect(await shop.balance()).toBe(250);
    expect(await movements()).toMatchObject([
      { amount: 50 },
      { amount: 250 },
      {
        amount: -50,
        idempotencyKey: 'florin:checkout:cs_1:line:li_1:reversal:1',
        reason: 'refund_quick_scan_purchase',
      },
    ]);
  });

  it('three partial refunds end where one of their sum ends', async () => {
    await buy();
    for (const [index, sum] of [167, 334, 500].entries()) {
      await shop.deliver(event('charge.refunded', charge(sum), { at: index }));
    }
    expect(await shop.balance()).toBe(0);
    expect((await movements()).map((one) => one.amount)).toEqual([50, -16, -17, -17]);
  });

  it('a refund that arrives before its payment waits and then applies', async () => {
    await shop.deliver(event('charge.refunded', charge(250)));
    expect(await shop.balance()).toBe(0);
    await buy();
    expect(await shop.balance()).toBe(25);
    expect((await movements()).map((one) => one.amount)).toEqual([50, -25]);
  });

  it('a refund finds its invoice at Stripe, since the charge does not name it any more', async () => {
    const asked: string[] = [];
    const knows = shop.with({
      stripe: {
        ...shop.deps.stripe,
        invoiceOfPayment: async (id: string) => {
          asked.push(id);
          return 'in_1';
        },
      } as never,
    });
    await knows.deliver(
      event(
        'customer.subscription.created',
        subscription('active', { metadata: { userId: ACCOUNT } }),
      ),
    );
    await knows.deliver(
      event('invoice.paid', invoice([{ priceId: 'price_BASIC_MONTHLY' }], 'new')),
    );
    const back = charge(1000, { amount: 1000, amount_captured: 1000 });
    await knows.deliver(event('charge.refunded', back));
    await knows.deliver(event('refund.created', refund('re_1', 1000, 'succeeded')));
    expect(await shop.balance()).toBe(0);
    expect(asked).toEqual(['pi_1']);
  });

  it('a refund that fails or is cancelled gives its credits back', async () => {
    await buy();
    await shop.deliver(event('refund.created', refund('re_1', 250, 'pending')));
    expect(await shop.balance()).toBe(25);
    await shop.deliver(event('refund.updated', refund('re_1', 250, 'canceled'), { at: 5 }));
    expect(await shop.balance()).toBe(50);
    await shop.deliver(event('refund.created', refund('re_2', 500, 'succeeded'), { at: 6 }));
    await shop.deliver(event('charge.refund.updated', refund('re_2', 500, 'failed'), { at: 7 }));
    expect(await shop.balance()).toBe(50);
  });

  it('refund.failed whose object says succeeded is read again from Stripe', async () => {
    await buy();
    const said = refund('re_1', 500, 'succeeded');
    await shop.deliver(event('refund.created', said));
    const answering = (status: string) =>
      shop.with({
        stripe: {
          ...shop.deps.stripe,
          refund: async () => readRefund({ ...said, status }, { asOf: 1_790_000_009 }),
        } as never,
      });
    await answering('succeeded').deliver(event('refund.failed', said, { at: 8 }));
    expect(await shop.balance()).toBe(0);
    const unreachable = event('refund.failed', said, { at: 9 });
    await shop.with({ stripe: null }).deliver(unreachable);
    expect(await shop.inbox(eventId(unreachable))).toMatchObject({
      status: 'failed',
      errorCode: 'stripe_unavailable',
    });
    await answering('failed').drain();
    expect(await shop.balance()).toBe(50);
  });

  it('a refund.failed of a refund that Stripe does not know counts as failed', async () => {
    await buy();
    const said = refund('re_1', 500, 'succeeded');
    await shop.deliver(event('refund.created', said));
    await shop.deliver(event('refund.failed', said, { at: 9 }));
    expect(await shop.balance()).toBe(50);
  });

  it('a won dispute restores exactly what it took', async () => {
    await buy();
    await shop.deliver(event('charge.dispute.created', dispute('needs_response', 300), { at: 1 }));
    await shop.deliver(
      event('charge.dispute.funds_withdrawn', dispute('needs_response', 300), { at: 1 }),
    );
    expect(await shop.balance()).toBe(20);
    await shop.deliver(event('charge.dispute.closed', dispute('won', 300), { at: 2 }));
    await shop.deliver(event('charge.dispute.funds_reinstated', dispute('won', 300), { at: 3 }));
    expect(await shop.balance()).toBe(50);
    expect((await movements()).map((one) => [one.amount, one.reason])).toEqual([
      [50, 'quick_scan_purchase'],
      [-30, 'dispute_quick_scan_purchase'],
      [30, 'dispute_quick_scan_purchase'],
    ]);
  });

  it('money back on an invoice takes the share of a proration and of every line', async () => {
    await shop.deliver(
      event(
        'customer.subscription.created',
        subscription('active', { metadata: { userId: ACCOUNT } }),
      ),
    );
    await shop.deliver(
      event(
        'invoice.paid',
        invoice(
          [
            { id: 'il_1', priceId: 'price_BASIC_MONTHLY', amount: -500, proration: true },
            {
              id: 'il_2',
              priceId: 'price_PRO_MONTHLY',
              amount: 2500,
              unitAmount: 5000,
              proration: true,
            },
            { id: 'il_3', priceId: null, amount: 1000 },
          ],
          'old',
          { billing_reason: 'subscription_update' },
        ),
        { shape: 'old' },
      ),
    );
    expect(await shop.balance()).toBe(250);
    // The charge of 3000 covered something else too: half of it back is half of the credits.
    await shop.deliver(
      event('charge.refunded', charge(1500, { amount: 3000, amount_captured: 3000 })),
    );
    expect(await shop.balance()).toBe(125);
  });

  it('a credit note to the balance counts as money back, its refund only once', async () => {
    await shop.deliver(
      event(
        'customer.subscription.created',
        subscription('active', { metadata: { userId: ACCOUNT } }),
      ),
    );
    await shop.deliver(
      event('invoice.paid', invoice([{ priceId: 'price_BASIC_MONTHLY' }], 'old'), { shape: 'old' }),
    );
    const note = {
      id: 'cn_1',
      object: 'credit_note',
      invoice: 'in_1',
      currency: 'usd',
      status: 'issued',
      type: 'post_payment',
      amount: 500,
      post_payment_amount: 500,
      pre_payment_amount: 0,
      out_of_band_amount: 0,
      refunds: [{ refund: 're_1', amount_refunded: 200 }],
    };
    const back = refund('re_1', 200, 'succeeded');
    await shop.deliver(event('credit_note.created', note));
    await shop.deliver(event('refund.created', back));
    await shop.deliver(
      event('charge.refunded', charge(200, { amount: 1000, amount_captured: 1000 })),
    );
    expect(await shop.balance()).toBe(50);
    await shop.deliver(event('credit_note.voided', { ...note, status: 'void' }));
    expect(await shop.balance()).toBe(80);
  });

  it('an early fraud warning moves no credits', async () => {
    await buy();
    const warning = event('radar.early_fraud_warning.created', { id: 'issfr_1', charge: 'ch_1' });
    await shop.deliver(warning);
    expect(await shop.balance()).toBe(50);
    expect(await shop.inbox(eventId(warning))).toMatchObject({ status: 'skipped' });
  });

  it('an early fraud warning freezes its credits where the catalogue says so', async () => {
    const frozen = await openShop({ catalog: testCatalog([], 'freeze') });
    onTestFinished(() => frozen.close());
    await frozen.deliver(
      event('checkout.session.completed', session(withLines([sessionLine('price_QUICK_SCAN')]))),
    );
    await frozen.deliver(event('radar.early_fraud_warning.created', fraudWarning()));
    expect(await frozen.balance()).toBe(0);
    const [last] = await listEntries(frozen.deps.db, { accountId: ACCOUNT, limit: 1 });
    expect(last).toMatchObject({
      kind: 'reversal',
      amount: -50,
      metadata: { reason: 'fraud_warning_quick_scan_purchase' },
    });
    // Whatever the catalogue says by then, what was frozen is given back.
    const changed = frozen.with({ catalog: testCatalog() });
    await changed.deliver(event('radar.early_fraud_warning.updated', fraudWarning(false)));
    expect(await frozen.balance()).toBe(50);
    expect(await verifyLedger(frozen.deps.db)).toEqual([]);
  });

  it('an early fraud warning that a person dismisses gives its credits back, and freezes nothing again', async () => {
    const frozen = await openShop({ catalog: testCatalog([], 'freeze') });
    onTestFinished(() => frozen.close());
    await frozen.deliver(
      event('checkout.session.completed', session(withLines([sessionLine('price_QUICK_SCAN')]))),
    );
    await frozen.deliver(event('radar.early_fraud_warning.created', fraudWarning()));
    await dismissFraudWarning(frozen.deps, 'issfr_1');
    expect(await frozen.balance()).toBe(50);
    await frozen.deliver(event('radar.early_fraud_warning.updated', fraudWarning()));
    expect(await frozen.balance()).toBe(50);
    expect(await dismissFraudWarning(frozen.deps, 'issfr_1')).toMatchObject({
      status: 'duplicate',
    });
    await expect(dismissFraudWarning(frozen.deps, 'issfr_none')).rejects.toMatchObject({
      code: 'not_found',
    });
  });

  it('a catalogue change never touches issued grants', async () => {
    await buy();
    const dearer = testCatalog().prices.map((one) =>
      one.id === 'price_QUICK_SCAN' ? { ...one, credits: 5 } : one,
    );
    const changed = shop.with({
      catalog: {
        ...testCatalog(),
        prices: dearer,
        find: ({ priceId }) => dearer.find((one) => one.id === priceId),
      },
    });
    await changed.deliver(
      event('checkout.session.completed', session(withLines([sessionLine('price_QUICK_SCAN')]))),
    );
    expect(await shop.balance()).toBe(50);
    await changed.deliver(event('charge.refunded', charge(250)));
    expect(await shop.balance()).toBe(25);
  });

  it('a subscription that ends keeps what was bought and stops later drips', async () => {
    await shop.deliver(
      event(
        'customer.subscription.created',
        subscription('active', { metadata: { userId: ACCOUNT } }),
      ),
    );
    await shop.deliver(event('invoice.paid', invoice([{ priceId: 'price_BASIC_MONTHLY' }], 'new')));
    await shop.deliver(
      event(
        'customer.subscription.deleted',
        subscription('canceled', { ended_at: 1_790_000_050 }),
        {
          at: 50,
        },
      ),
    );
    // An older update that comes late does not revive it.
    await shop.deliver(event('customer.subscription.updated', subscription('active'), { at: 40 }));
    expect(await shop.balance()).toBe(100);
    expect(await shop.deps.db.query('select status, ended from billing.subscriptions')).toEqual([
      { status: 'canceled', ended: true },
    ]);
  });

  it('amounts of a currency without decimals and at the limits are exact', async () => {
    const limit = Number.MAX_SAFE_INTEGER;
    await shop
      .with({
        catalog: testCatalog([
          { id: 'price_HUGE', credits: limit, reason: 'huge', planType: 'x', kind: 'one_time' },
        ]),
      })
      .deliver(
        event(
          'checkout.session.completed',
          session({
            ...withLines([sessionLine('price_HUGE', { amount_subtotal: 3, amount_total: 3 })]),
            currency: 'jpy',
            amount_total: 3,
          }),
        ),
      );
    await shop.deliver(
      event('charge.refunded', charge(1, { amount: 3, amount_captured: 3, currency: 'jpy' })),
    );
    expect(await shop.balance()).toBe(limit - Number(BigInt(limit) / 3n));
    await shop.deliver(
      event('charge.refunded', charge(3, { amount: 3, amount_captured: 3, currency: 'jpy' }), {
        at: 9,
      }),
    );
    expect(await shop.balance()).toBe(0);
  });
});
