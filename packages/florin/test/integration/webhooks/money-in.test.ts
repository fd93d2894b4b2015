import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { FlorinError } from '../../../src/kernel/index.ts';
import { verifyLedger } from '../../../src/ledger/index.ts';
import { invoiceLineFact, readSubscription, sessionLineFact } from '../../../src/stripe/index.ts';
import { grantDueDrips, replayEvent } from '../../../src/webhooks/index.ts';
import { testCatalog } from './catalog.ts';
import {
  ACCOUNT,
  event,
  invoice,
  invoiceLine,
  invoicePayment,
  type Json,
  OTHER_ACCOUNT,
  refund,
  session,
  sessionLine,
  subscription,
  withLines,
} from './objects.ts';
import { eventId, openShop, type Shop, TIME_FOR_MANY_LINES } from './shop.ts';

let shop: Shop;
const opened: Shop[] = [];
beforeEach(async () => {
  shop = await openShop(TIME_FOR_MANY_LINES);
  opened.push(shop);
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((one) => one.close()));
});

const purchase = (more: Json = {}) =>
  event(
    'checkout.session.completed',
    session({ ...withLines([sessionLine('price_QUICK_SCAN')]), ...more }),
  );

/** Whose subscription it is, as the checkout session says. */
const subscribed = (more: Json = {}) =>
  event(
    'checkout.session.completed',
    session({ mode: 'subscription', subscription: 'sub_1', payment_intent: null, ...more }),
  );

describe('a checkout', () => {
  it('a settled checkout grants what the catalogue says', async () => {
    const outcome = await shop.deliver(purchase());
    expect(outcome).toMatchObject({ kind: 'accepted', outcome: { status: 'processed' } });
    expect(await shop.grants()).toMatchObject([
      {
        amount: 50,
        source: 'purchase',
        idempotencyKey: 'florin:checkout:cs_1:line:li_1',
        metadata: {
          stripe_payment_id: 'pi_1',
          stripe_price_id: 'price_QUICK_SCAN',
          reason: 'quick_scan_purchase',
          plan_type: 'credits',
        },
      },
    ]);
  });

  it('concurrent duplicates of one event grant once', async () => {
    const payload = purchase();
    const outcomes = await Promise.all(Array.from({ length: 1000 }, () => shop.deliver(payload)));
    expect(outcomes.every((one) => one.kind === 'accepted')).toBe(true);
    expect(await shop.grants()).toHaveLength(1);
    expect(await shop.balance()).toBe(50);
  });

  it('the same object under many event ids at once grants once', async () => {
    const outcomes = await Promise.all(Array.from({ length: 50 }, () => shop.deliver(purchase())));
    expect(new Set(outcomes.map((one) => one.kind === 'accepted' && one.outcome.status))).toEqual(
      new Set(['processed']),
    );
    expect(await shop.balance()).toBe(50);
  });

  it('fifty different words about one payment at once are all kept', async () => {
    const words = Array.from({ length: 50 }, (_, index) =>
      event('refund.created', refund(`re_${index}`, 10, 'succeeded'), { at: index }),
    );
    const outcomes = await Promise.all(words.map((word) => shop.deliver(word)));
    expect(outcomes.every((one) => one.kind === 'accepted')).toBe(true);
    expect(await shop.deps.db.query('select sum(amount_minor) from billing.refunds')).toEqual([
      { sum: 500 },
    ]);
    expect(
      await shop.deps.db.query('select status from billing.payments where same_as is null'),
    ).toEqual([{ status: 'waiting' }]);
  });

  it('several lines and quantities grant each, and their sum once', async () => {
    await shop.deliver(
      purchase(
        withLines([
          sessionLine('price_QUICK_SCAN', { id: 'li_1', quantity: 3 }),
          sessionLine('price_POWER_PACK', { id: 'li_2' }),
        ]),
      ),
    );
    expect(await shop.balance()).toBe(400);
  });

  it('lines that the event does not carry are listed at Stripe, all of them', async () => {
    const listed = Array.from({ length: 25 }, (_, index) =>
      sessionLineFact.parse(sessionLine('price_QUICK_SCAN', { id: `li_${index}` })),
    );
    const asked = shop.with({
      stripe: {
        ...(shop.deps.stripe as never as object),
        sessionLines: async () => listed,
      } as never,
    });
    await asked.deliver(event('checkout.session.completed', session()));
    expect(await shop.balance()).toBe(1250);
  });

  it('a 100 % coupon and a free session grant in full', async () => {
    await shop.deliver(
      purchase({
        payment_status: 'no_payment_required',
        amount_total: 0,
        payment_intent: null,
        ...withLines([sessionLine('price_QUICK_SCAN', { amount_total: 0, amount_discount: 500 })]),
      }),
    );
    expect(await shop.balance()).toBe(50);
  });

  it('a pending payment is shown as pending', async () => {
    await shop.deliver(purchase({ payment_status: 'unpaid' }));
    expect(await shop.balance()).toBe(0);
    const pending = () =>
      shop.deps.db.query('select account_id, checkout_session_id from billing.pending_payments');
    expect(await pending()).toEqual([{ accountId: ACCOUNT, checkoutSessionId: 'cs_1' }]);
    await shop.deliver(
      event(
        'checkout.session.async_payment_succeeded',
        session(withLines([sessionLine('price_QUICK_SCAN')])),
        { at: 60 },
      ),
    );
    expect(await shop.balance()).toBe(50);
    expect(await pending()).toEqual([]);
  });

  it('a delayed payment that fails grants nothing and is shown as failed', async () => {
    await shop.deliver(purchase({ payment_status: 'unpaid' }));
    await shop.deliver(
      event(
        'checkout.session.async_payment_failed',
        session({ ...withLines([sessionLine('price_QUICK_SCAN')]), payment_status: 'unpaid' }),
      ),
    );
    expect(await shop.balance()).toBe(0);
    expect(
      await shop.deps.db.query('select status from billing.payments where same_as is null'),
    ).toEqual([{ status: 'failed' }]);
  });

  it('an expired session grants nothing', async () => {
    const expired = event(
      'checkout.session.expired',
      session({ payment_status: 'unpaid', status: 'expired' }),
    );
    expect(await shop.deliver(expired)).toMatchObject({ outcome: { status: 'skipped' } });
    expect(await shop.balance()).toBe(0);
  });

  it('an unpaid session or an incomplete subscription grants nothing', async () => {
    await shop.deliver(purchase({ payment_status: 'unpaid' }));
    await shop.deliver(subscribed({ payment_status: 'unpaid' }));
    await shop.deliver(event('customer.subscription.created', subscription('incomplete')));
    await shop.deliver(event('customer.subscription.updated', subscription('past_due')));
    for (const shape of ['old', 'new'] as const) {
      const open = { status: 'open', amount_paid: 0, paid: false };
      const lines = [{ priceId: 'price_BASIC_MONTHLY' }];
      await shop.deliver(event('invoice.payment_failed', invoice(lines, shape, open), { shape }));
      await shop.deliver(event('invoice.paid', invoice(lines, shape, open), { shape }));
    }
    expect(await shop.balance()).toBe(0);
    expect(await shop.grants()).toEqual([]);
  });

  it('a session that Florin made needs no question to Stripe', async () => {
    await shop
      .with({ stripe: null })
      .deliver(
        event(
          'checkout.session.completed',
          session({ metadata: { florin_price: 'price_POWER_PACK', florin_quantity: '2' } }),
        ),
      );
    expect(await shop.balance()).toBe(500);
  });
});

describe('an invoice', () => {
  it('a paid invoice grants each line once', async () => {
    await shop.deliver(subscribed());
    const paid = event('invoice.paid', invoice([{ priceId: 'price_BASIC_MONTHLY' }], 'new'));
    await shop.deliver(paid);
    await shop.deliver(paid);
    expect(await shop.grants()).toMatchObject([
      { amount: 100, source: 'subscription', idempotencyKey: 'florin:invoice:in_1:line:il_1' },
    ]);
  });

  it('invoice.paid, invoice.payment_succeeded and invoice_payment.paid grant once', async () => {
    await shop.deliver(subscribed());
    const lines = [{ priceId: 'price_BASIC_MONTHLY' }];
    await Promise.all([
      shop.deliver(event('invoice.paid', invoice(lines, 'new'))),
      shop.deliver(event('invoice.payment_succeeded', invoice(lines, 'old'), { shape: 'old' })),
      shop.deliver(event('invoice_payment.paid', invoicePayment())),
    ]);
    expect(await shop.balance()).toBe(100);
  });

  it('old and new payload shapes give the same ledger', async () => {
    const ledgers: Json[][] = [];
    for (const shape of ['old', 'new'] as const) {
      const one = await openShop();
      opened.push(one);
      await one.deliver(subscribed());
      await one.deliver(
        event('invoice.paid', invoice([{ priceId: 'price_BASIC_MONTHLY', quantity: 2 }], shape), {
          shape,
          id: 'evt_fixed',
        }),
      );
      await one.deliver(event('invoice_payment.paid', invoicePayment()));
      ledgers.push(
        (await one.grants()).map(({ metadata, ...grant }) => ({
          ...grant,
          metadata: { ...(metadata as Json), stripe_payment_id: '-' },
        })),
      );
    }
    expect(ledgers[0]).toEqual(ledgers[1]);
    expect(ledgers[0]).toMatchObject([{ amount: 200 }]);
  });

  it('an invoice before its session waits for the account, then grants', async () => {
    const paid = event('invoice.paid', invoice([{ priceId: 'price_BASIC_MONTHLY' }], 'new'));
    expect(await shop.deliver(paid)).toMatchObject({ outcome: { status: 'failed' } });
    expect(await shop.inbox(eventId(paid))).toMatchObject({
      status: 'failed',
      needsAttention: true,
      errorCode: 'account_unknown',
    });
    await shop.deliver(subscribed());
    await shop.drain();
    expect(await shop.inbox(eventId(paid))).toMatchObject({
      status: 'processed',
      needsAttention: false,
      accountId: ACCOUNT,
    });
    expect(await shop.balance()).toBe(100);
  });

  it('renewal adds a grant, never sets a balance', async () => {
    await shop.deliver(subscribed());
    for (const id of ['in_1', 'in_2', 'in_3']) {
      await shop.deliver(
        event(
          'invoice.paid',
          invoice([{ priceId: 'price_BASIC_MONTHLY', id: `il_${id}` }], 'new', { id }),
        ),
      );
    }
    expect(await shop.balance()).toBe(300);
  });

  describe('`subscription_update` lines grant their prorated part', () => {
    for (const shape of ['old', 'new'] as const) {
      it(`in the ${shape} shape`, async () => {
        await shop.deliver(subscribed());
        const priced = shop.with({
          stripe: {
            ...shop.deps.stripe,
            price: async (id: string) => ({
              kind: 'price',
              id,
              lookupKey: null,
              unitAmount: '5000',
            }),
          } as never,
        });
        await priced.deliver(
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
              ],
              shape,
              { billing_reason: 'subscription_update' },
            ),
            { shape },
          ),
        );
        expect(await shop.grants()).toMatchObject([{ amount: 250 }]);
      });
    }
  });

  it('a trial grants its trial credits, the first paid period grants in full', async () => {
    const trial = { start: 1_790_000_000, end: 1_790_600_000 };
    await shop.deliver(subscribed());
    const zero = [{ priceId: 'price_TRIAL', amount: 0, period: trial }];
    const asked = shop.with({
      stripe: {
        ...shop.deps.stripe,
        subscription: async () =>
          readSubscription(
            subscription('trialing', { trial_start: trial.start, trial_end: trial.end }),
            { asOf: 1_790_000_000 },
          ),
      } as never,
    });
    await asked.deliver(event('invoice.paid', invoice(zero, 'new')));
    expect(await shop.grants()).toMatchObject([{ amount: 20, source: 'trial' }]);
    await asked.deliver(
      event(
        'invoice.paid',
        invoice(
          [{ priceId: 'price_TRIAL', period: { start: trial.end, end: 1_793_000_000 } }],
          'new',
          {
            id: 'in_2',
          },
        ),
      ),
    );
    expect(await shop.balance()).toBe(120);
  });

  it('a trial of a price without trial credits grants nothing, a free price grants in full', async () => {
    await shop.deliver(subscribed());
    const line = { priceId: 'price_BASIC_MONTHLY', amount: 0 };
    await shop.deliver(
      event('invoice.paid', invoice([{ ...line, unitAmount: 1000 }], 'old'), { shape: 'old' }),
    );
    expect(await shop.balance()).toBe(0);
    await shop.deliver(
      event('invoice.paid', invoice([{ ...line, unitAmount: 0 }], 'old', { id: 'in_2' }), {
        shape: 'old',
      }),
    );
    expect(await shop.balance()).toBe(100);
  });

  it('an invoice of 2,000 lines is listed to its end and granted in one commit', async () => {
    await shop.deliver(subscribed());
    const lines = Array.from({ length: 2000 }, (_, index) =>
      invoiceLineFact.parse(
        invoiceLine({ id: `il_${index}`, priceId: 'price_BASIC_MONTHLY' }, 'new'),
      ),
    );
    const asked = shop.with({
      stripe: { ...shop.deps.stripe, invoiceLines: async () => lines } as never,
    });
    const first = invoice([{ priceId: 'price_BASIC_MONTHLY' }], 'new');
    await asked.deliver(
      event('invoice.paid', { ...first, lines: { ...(first['lines'] as Json), has_more: true } }),
    );
    expect(await shop.balance()).toBe(200_000);
    expect(await verifyLedger(shop.deps.db)).toEqual([]);
  });

  it('lines that are granted together are granted once each, whatever was there', async () => {
    const { db } = shop.deps;
    const keys = ['a', 'b', 'c', 'd', 'e'].map((name) => `florin:invoice:in_1:line:${name}`);
    const give = (lines: readonly { key: string; amount?: number; source?: string }[]) =>
      db.query("select billing.apply_event('processed', p_commands => $1)", [
        JSON.stringify(
          lines.map(({ key, amount = 10, source = 'purchase' }) => ({
            do: 'issue',
            accountId: ACCOUNT,
            amount,
            cause: 'payment',
            key,
            purchaseKey: key,
            source,
            priority: 0,
            expiresAt: null,
            metadata: { reason: 'pack' },
          })),
        ),
      ]);
    const [a = '', b = '', ...others] = keys;
    const rest = others.map((key) => ({ key }));
    await give([{ key: a }]);
    for (const refused of [
      [{ key: a, amount: 11 }, { key: b }],
      [{ key: b }, { key: b, amount: 11 }],
      [{ key: b, source: '' }],
      [{ key: 'not of Florin' }],
      [{ key: b, amount: 0 }],
    ]) {
      await expect(give([...rest, ...refused])).rejects.toThrow();
      expect(await shop.balance()).toBe(10);
    }
    await give(keys.map((key) => ({ key })));
    await give(keys.map((key) => ({ key })));
    await give([{ key: b }, ...rest]);
    expect(await shop.balance()).toBe(50);
    const more = [1, 2, 3, 4].map((n) => ({ key: `florin:invoice:in_2:line:${n}` }));
    await give(more);
    await give(more);
    expect(await shop.balance()).toBe(90);
    expect(await verifyLedger(db)).toEqual([]);
  });

  it('an annual price that drips is granted a month at a time, and stops with its subscription', async () => {
    const start = Math.floor(Date.now() / 1000) - 40 * 86_400;
    await shop.deliver(subscribed());
    await shop.deliver(
      event(
        'invoice.paid',
        invoice(
          [
            {
              priceId: 'price_ANNUAL',
              amount: 12_000,
              period: { start, end: start + 365 * 86_400 },
            },
          ],
          'new',
        ),
      ),
    );
    // The first month at once; the second is due since ten days and follows with the job.
    expect(await shop.balance()).toBe(200);
    expect(await grantDueDrips(shop.deps)).toBe(0);
    const inAYear = { now: () => new Date(Date.now() + 100 * 86_400_000) };
    await shop.deliver(
      event(
        'customer.subscription.deleted',
        subscription('canceled', { ended_at: start + 75 * 86_400 }),
      ),
    );
    const later = shop.with({ clock: inAYear });
    await shop.deps.db.transaction(async (tx) => {
      await tx.query('set local role florin_owner');
      await tx.query('update billing.payments set next_due_at = now()');
    });
    await Promise.all([grantDueDrips(later.deps), grantDueDrips(later.deps)]);
    expect(await shop.balance()).toBe(300);
  });
});

describe('credits that end with their period', () => {
  const seconds = () => Math.floor(Date.now() / 1000);
  const renewal = (id: string, period: { start: number; end: number }) =>
    event(
      'invoice.paid',
      invoice([{ priceId: 'price_ROLLING', id: `il_${id}`, period }], 'new', {
        id,
        billing_reason: 'subscription_cycle',
      }),
    );

  it('what is left unspent is carried over at a renewal, up to the cap', async () => {
    const now = seconds();
    const rolling = await openShop({
      catalog: testCatalog([
        {
          id: 'price_ROLLING',
          credits: 100,
          reason: 'rolling',
          planType: 'basic',
          kind: 'recurring',
          expires: 'period_end',
          rollover: { max: 30 },
        },
      ]),
    });
    opened.push(rolling);
    await rolling.deliver(subscribed());
    const ends = seconds() + 6;
    await rolling.deliver(renewal('in_1', { start: now - 1000, end: ends }));
    expect(await rolling.balance()).toBe(100);
    await expect.poll(() => Date.now() / 1000).toBeGreaterThan(ends);
    const second = renewal('in_2', { start: ends, end: now + 1_000_000 });
    await rolling.deliver(second);
    await rolling.deliver({ ...second, id: 'evt_again' });
    expect((await rolling.grants()).map((grant) => [grant['amount'], grant['source']])).toEqual([
      [100, 'subscription'],
      [100, 'subscription'],
      [30, 'rollover'],
    ]);
    expect(await rolling.balance()).toBe(130);
  });

  it('credits of a period that was over before its invoice came last as long from now', async () => {
    const now = seconds();
    await shop.deliver(subscribed());
    await shop.deliver(
      event(
        'invoice.paid',
        invoice(
          [{ priceId: 'price_USE_OR_LOSE', period: { start: now - 5000, end: now - 1000 } }],
          'new',
        ),
      ),
    );
    const expiries = (await shop.grants()).map((grant) => grant['expiresAt'] as Date);
    const expiresIn = Number(expiries[0]) / 1000 - now;
    expect(expiresIn).toBeGreaterThan(3900);
    expect(expiresIn).toBeLessThan(4100);
  });
});

describe('whose credits', () => {
  it('our own mapping of the customer counts before a reference that a buyer wrote', async () => {
    await shop.deliver(purchase({ id: 'cs_0', payment_intent: 'pi_0' }));
    await shop.deliver(purchase({ client_reference_id: OTHER_ACCOUNT }));
    expect(await shop.balance(OTHER_ACCOUNT)).toBe(0);
    expect(await shop.balance()).toBe(100);
  });

  it('a reference that is no uuid chooses nobody: the event waits and says what to do', async () => {
    const payload = purchase({ client_reference_id: 'bob' });
    await shop.deliver(payload);
    expect(await shop.inbox(eventId(payload))).toMatchObject({
      status: 'failed',
      needsAttention: true,
      errorCode: 'account_unknown',
      error: expect.stringContaining('not an account'),
    });
    const asked = shop.with({
      stripe: {
        ...shop.deps.stripe,
        customer: async (id: string) => ({
          kind: 'customer',
          id,
          metadata: { userId: ACCOUNT },
          deleted: false,
        }),
      } as never,
    });
    await asked.drain();
    expect(await shop.balance()).toBe(50);
  });

  it('a customer whose metadata names its account is linked to it', async () => {
    const customer = { id: 'cus_1', object: 'customer', metadata: { userId: OTHER_ACCOUNT } };
    await shop.deliver(event('customer.created', customer));
    await shop.deliver(purchase({ client_reference_id: null }));
    expect(await shop.balance(OTHER_ACCOUNT)).toBe(50);
  });
});

describe('events that wait', () => {
  it('an unknown price waits in the inbox as needing attention, and a replay grants', async () => {
    const payload = purchase(withLines([sessionLine('price_NEW')]));
    await shop.deliver(payload);
    expect(await shop.inbox(eventId(payload))).toMatchObject({
      status: 'failed',
      needsAttention: true,
      errorCode: 'price_unknown',
      error: expect.stringContaining('price_NEW'),
    });
    expect(shop.logs).toContainEqual(
      expect.objectContaining({ level: 'warn', eventId: eventId(payload) }),
    );
    const known = shop.with({
      catalog: testCatalog([
        { id: 'price_NEW', credits: 7, reason: 'new', planType: 'credits', kind: 'one_time' },
      ]),
    });
    await known.drain();
    expect(await shop.balance()).toBe(7);
  });

  it('a price that the catalogue ignores grants nothing and keeps nobody waiting', async () => {
    const catalog = { ...testCatalog(), ignores: (id: string) => id === 'price_T_SHIRT' };
    const payload = purchase(withLines([sessionLine('price_T_SHIRT')]));
    await shop.with({ catalog }).deliver(payload);
    expect(await shop.inbox(eventId(payload))).toMatchObject({ status: 'skipped' });
    expect(await shop.balance()).toBe(0);
  });

  it('of a mixed checkout the known line is granted at once and the unknown one waits', async () => {
    const payload = purchase(
      withLines([
        sessionLine('price_QUICK_SCAN', { id: 'li_1' }),
        sessionLine('price_NEW', { id: 'li_2' }),
      ]),
    );
    await shop.deliver(payload);
    expect(await shop.balance()).toBe(50);
    expect(await shop.inbox(eventId(payload))).toMatchObject({ needsAttention: true });
    await shop.drain();
    expect(await shop.balance()).toBe(50);
  });

  it('a failed event is retried until it is processed or dead, and dead is visible', async () => {
    const down = shop.with({
      stripe: {
        ...shop.deps.stripe,
        sessionLines: async () => {
          throw new FlorinError('stripe_unavailable', 'down');
        },
      } as never,
    });
    const payload = event('checkout.session.completed', session());
    expect(await down.deliver(payload)).toMatchObject({
      kind: 'accepted',
      outcome: { status: 'failed' },
    });
    for (let attempt = 2; attempt <= 20; attempt += 1) {
      expect(await shop.inbox(eventId(payload))).toMatchObject({
        status: 'failed',
        attempts: attempt - 1,
      });
      await down.drain();
    }
    expect(await shop.inbox(eventId(payload))).toMatchObject({
      status: 'dead',
      errorCode: 'stripe_unavailable',
    });
    expect(shop.logs).toContainEqual(expect.objectContaining({ level: 'error' }));
    const back = shop.with({
      stripe: {
        ...shop.deps.stripe,
        sessionLines: async () => [sessionLineFact.parse(sessionLine('price_QUICK_SCAN'))],
      } as never,
    });
    expect(await replayEvent(back.deps, eventId(payload))).toEqual({
      status: 'processed',
      reason: 'Credited 50, taken back 0.',
    });
    expect(await shop.balance()).toBe(50);
  });

  it('events of another mode or account are skipped, with the reason', async () => {
    const live = { ...purchase(), livemode: true };
    const connected = { ...purchase(), account: 'acct_other' };
    for (const payload of [live, connected]) {
      await shop.deliver(payload);
      expect(await shop.inbox(eventId(payload))).toMatchObject({
        status: 'skipped',
        reason: expect.stringMatching(/mode|connected/),
      });
    }
    expect(await shop.balance()).toBe(0);
    const inLiveMode = shop.with({ livemode: true });
    await inLiveMode.deliver({ ...purchase(), livemode: true });
    expect(await inLiveMode.balance()).toBe(50);
  });

  it('event types that Florin has no use for are skipped, with the reason', async () => {
    const payload = event('charge.succeeded', { id: 'ch_1', object: 'charge' });
    const unknown = event('some.new.type', { id: 'x_1' });
    for (const one of [payload, unknown]) {
      await shop.deliver(one);
      expect(await shop.inbox(eventId(one))).toMatchObject({
        status: 'skipped',
        reason: expect.any(String),
      });
    }
  });

  it('an object without the fields its type promises is kept and needs attention', async () => {
    const payload = event('invoice.paid', { id: 'in_1', object: 'invoice' });
    await shop.deliver(payload);
    expect(await shop.inbox(eventId(payload))).toMatchObject({
      status: 'failed',
      errorCode: 'payload_malformed',
      needsAttention: true,
    });
  });

  it('text that jsonb cannot hold does not lose an event', async () => {
    await shop.deliver(
      purchase({ metadata: { note: 'a\u0000b\ud800c' }, customer_details: { name: '\udc00' } }),
    );
    expect(await shop.balance()).toBe(50);
  });
});
