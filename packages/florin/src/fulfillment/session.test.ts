import { describe, expect, it } from 'vitest';
import { testCatalog } from '../../test/integration/webhooks/catalog.ts';
import {
  ACCOUNT,
  event,
  invoice,
  type Json,
  session,
  sessionLine,
  withLines,
} from '../../test/integration/webhooks/objects.ts';
import { effectsOf, factIn, needOf } from '../../test/support/decisions.ts';
import type { CatalogPrice } from '../catalog/index.ts';
import type { SessionFact } from '../stripe/index.ts';

const SCAN = withLines([sessionLine('price_QUICK_SCAN')]);
const completed = (more: Json = {}) => event('checkout.session.completed', session(more));

describe('a paid checkout session', () => {
  it('grants what its lines bought, links the customer and says what the grant is for', () => {
    const effects = effectsOf(completed(SCAN));
    expect(effects).toMatchObject({
      status: 'processed',
      reason: 'Credited 50, taken back 0.',
      obstacle: null,
      accountId: ACCOUNT,
      customerId: 'cus_1',
      customer: { customerId: 'cus_1', accountId: ACCOUNT, origin: 'client_reference_id' },
      deletedCustomerId: null,
      subscription: null,
    });
    expect(effects.commands).toEqual([
      {
        do: 'issue',
        cause: 'payment',
        purchaseKey: 'florin:checkout:cs_1:line:li_1',
        accountId: ACCOUNT,
        amount: 50,
        key: 'florin:checkout:cs_1:line:li_1',
        source: 'purchase',
        priority: 0,
        expiresAt: null,
        metadata: {
          stripe_payment_id: 'pi_1',
          stripe_session_id: 'cs_1',
          stripe_price_id: 'price_QUICK_SCAN',
          reason: 'quick_scan_purchase',
          plan_type: 'credits',
          stripe_event_id: 'evt_1',
        },
      },
    ]);
    expect(effects.payment).toMatchObject({
      accountId: ACCOUNT,
      subscriptionId: null,
      status: 'credited',
      nextDueAt: null,
      state: {
        sessions: {
          cs_1: { standing: 'paid', amount: 500, currency: 'usd', customerId: 'cus_1' },
        },
        purchases: {
          'florin:checkout:cs_1:line:li_1': {
            via: 'checkout',
            amountMinor: 500,
            currency: 'usd',
            quantity: 1,
            standing: 'issued',
            reversed: 0,
            steps: 0,
          },
        },
      },
    });
  });

  it('grants for a price of nothing too, when Stripe says that no payment is required', () => {
    const free = { payment_status: 'no_payment_required', payment_intent: null, amount_total: 0 };
    const effects = effectsOf(completed({ ...SCAN, ...free }));
    expect(effects.commands).toMatchObject([
      { amount: 50, metadata: { stripe_payment_id: 'cs_1' } },
    ]);
  });

  it('grants quantity times over, and writes down what was paid after the coupon', () => {
    const effects = effectsOf(
      completed(
        withLines([
          sessionLine('price_QUICK_SCAN', {
            quantity: 3,
            amount_subtotal: 1500,
            amount_total: 1200,
            amount_discount: 300,
          }),
        ]),
      ),
    );
    expect(effects.commands).toMatchObject([{ amount: 150 }]);
    expect(effects.payment?.state.purchases['florin:checkout:cs_1:line:li_1']).toMatchObject({
      quantity: 3,
      amountMinor: 1200,
    });
  });

  it('writes nothing a second time for what it has granted', () => {
    const payment = effectsOf(completed(SCAN)).payment?.state;
    const again = effectsOf(completed(SCAN), payment === undefined ? {} : { payment });
    expect(again.commands).toEqual([]);
    expect(again.payment?.state).toEqual(payment);
  });

  it('is not for credits when every line is of an ignored or no price', () => {
    const effects = effectsOf(completed(withLines([sessionLine('price_X', { price: null })])));
    expect(effects).toMatchObject({
      status: 'skipped',
      reason: 'No line of this session is for credits.',
      customerId: 'cus_1',
      payment: null,
    });
  });

  it('with one unknown price grants the known line and stays failed', () => {
    const lines = [
      sessionLine('price_QUICK_SCAN'),
      sessionLine('price_NEW', { id: 'li_2', description: 'A new thing' }),
    ];
    const effects = effectsOf(completed(withLines(lines)));
    expect(effects.status).toBe('failed');
    expect(effects.obstacle).toEqual({
      code: 'price_unknown',
      message:
        'Paid for price price_NEW (A new thing), which the catalogue does not know. ' +
        'Add it to the catalogue with its credits, or to its ignored prices if it grants none, then replay the event.',
      needsAttention: true,
    });
    expect(effects.commands).toMatchObject([{ amount: 50 }]);
    expect(effects.customer).not.toBeNull();
  });

  it('with nothing but unknown prices writes no payment and links nobody', () => {
    const line = sessionLine('price_NEW', { description: null });
    const effects = effectsOf(completed(withLines([line])));
    expect(effects).toMatchObject({
      status: 'failed',
      accountId: ACCOUNT,
      customerId: 'cus_1',
      payment: null,
      customer: null,
      commands: [],
    });
    expect(effects.reason).toContain('(no description)');
  });

  it('without an account to credit fails, and says how to name one', () => {
    const effects = effectsOf(completed({ ...SCAN, client_reference_id: 'bob' }), {
      answers: { 'customer:cus_1': null },
    });
    expect(effects).toMatchObject({
      status: 'failed',
      customerId: 'cus_1',
      payment: null,
      commands: [],
    });
    expect(effects.obstacle).toMatchObject({ code: 'account_unknown', needsAttention: true });
  });

  it('asks for the customer before it gives up on the account', () => {
    const payload = completed({ ...SCAN, client_reference_id: null });
    expect(needOf(payload)).toEqual({ ask: 'customer', id: 'cus_1' });
  });

  it('grants nothing when its own invoice has granted, and keeps what it says', () => {
    const payment = effectsOf(
      event(
        'invoice.paid',
        invoice([{ priceId: 'price_QUICK_SCAN', amount: 500, subscription: null }], 'new', {
          subscription: null,
          metadata: { userId: ACCOUNT },
        }),
      ),
    ).payment?.state;
    const effects = effectsOf(completed(SCAN), payment === undefined ? {} : { payment });
    expect(effects).toMatchObject({
      status: 'processed',
      reason: 'The invoice of this session has granted already.',
      accountId: ACCOUNT,
      customerId: 'cus_1',
      commands: [],
      payment: { state: { sessions: { cs_1: { standing: 'paid' } } } },
    });
  });

  it('grants for itself beside an invoice of a subscription', () => {
    const payment = effectsOf(
      event('invoice.paid', invoice([{ priceId: 'price_BASIC_MONTHLY' }], 'new')),
      { customerAccountId: ACCOUNT },
    ).payment?.state;
    const effects = effectsOf(completed(SCAN), payment === undefined ? {} : { payment });
    expect(effects.commands).toMatchObject([{ amount: 50, key: 'florin:checkout:cs_1:line:li_1' }]);
  });
});

describe("a session's lines", () => {
  const scan = (factIn(completed(SCAN)) as SessionFact).lines;

  it('are asked for when the event does not carry them', () => {
    expect(needOf(completed())).toEqual({ ask: 'sessionLines', id: 'cs_1' });
    const listed = effectsOf(completed(), { answers: { 'sessionLines:cs_1': scan } });
    expect(listed.commands).toMatchObject([{ amount: 50, key: 'florin:checkout:cs_1:line:li_1' }]);
  });

  it('are asked for when the event carries only the first of them', () => {
    const first = { line_items: { data: [sessionLine('price_QUICK_SCAN')], has_more: true } };
    expect(needOf(completed(first))).toEqual({ ask: 'sessionLines', id: 'cs_1' });
  });

  it('wait for Stripe while it cannot be asked', () => {
    const effects = effectsOf(completed(), { answers: { 'sessionLines:cs_1': 'unavailable' } });
    expect(effects).toMatchObject({ status: 'failed', customerId: 'cus_1', commands: [] });
    expect(effects.obstacle).toEqual({
      code: 'stripe_unavailable',
      message:
        'Stripe could not be asked for the lines of session cs_1; the event is tried again by itself.',
      needsAttention: false,
    });
  });

  it('need a person when Stripe does not know the session', () => {
    const effects = effectsOf(completed(), { answers: { 'sessionLines:cs_1': null } });
    expect(effects).toMatchObject({ status: 'failed', customerId: 'cus_1', commands: [] });
    expect(effects.obstacle).toMatchObject({ code: 'object_unknown', needsAttention: true });
    expect(effects.reason).toContain('session cs_1');
  });

  it('are read from what Florin wrote when it made the session, without asking', () => {
    const own = { florin_price: 'price_QUICK_SCAN', florin_quantity: '2' };
    const effects = effectsOf(completed({ metadata: own, amount_total: 1000 }));
    expect(effects.commands).toMatchObject([{ amount: 100, key: 'florin:checkout:cs_1:line:1' }]);
    expect(effects.payment?.state.purchases['florin:checkout:cs_1:line:1']).toMatchObject({
      priceId: 'price_QUICK_SCAN',
      quantity: 2,
      amountMinor: 1000,
      currency: 'usd',
      subscriptionId: null,
    });
  });

  it('are found by the lookup key that Florin wrote beside the price', () => {
    const keyed = {
      id: 'price_OLD',
      lookupKey: 'scan',
      credits: 60,
      reason: 'quick_scan_purchase',
      planType: 'basic',
      kind: 'one_time',
    } as const;
    const own = { florin_price: 'price_NEW', florin_quantity: '1', florin_lookup_key: 'scan' };
    const effects = effectsOf(completed({ metadata: own }), { catalog: testCatalog([keyed]) });
    expect(effects.commands).toMatchObject([{ amount: 60 }]);
  });

  it('have their price asked for when nothing else can tell which it is', () => {
    const keyed = { id: 'price_OLD', lookupKey: 'scan', credits: 60 };
    const own = { florin_price: 'price_NEW', florin_quantity: '1' };
    const catalog = testCatalog([keyed as CatalogPrice]);
    expect(needOf(completed({ metadata: own }), { catalog })).toEqual({
      ask: 'price',
      id: 'price_NEW',
    });
  });

  it.each([
    ['no price', { florin_quantity: '1' }],
    ['no quantity', { florin_price: 'price_QUICK_SCAN' }],
    ['a quantity of none', { florin_price: 'price_QUICK_SCAN', florin_quantity: '0' }],
    ['half a quantity', { florin_price: 'price_QUICK_SCAN', florin_quantity: '1.5' }],
    ['a quantity in words', { florin_price: 'price_QUICK_SCAN', florin_quantity: 'two' }],
  ])('are asked for when the metadata holds %s', (_, metadata) => {
    expect(needOf(completed({ metadata }))).toEqual({ ask: 'sessionLines', id: 'cs_1' });
  });
});

describe('a session that is not paid', () => {
  const unpaid = (type: string, more: Json = {}) =>
    event(type, session({ ...SCAN, payment_status: 'unpaid', ...more }));

  it('waits for its delayed payment under the account that will be credited', () => {
    const effects = effectsOf(unpaid('checkout.session.completed'));
    expect(effects).toMatchObject({
      status: 'processed',
      reason: 'Completed, not paid yet: credits follow when the delayed payment succeeds.',
      accountId: ACCOUNT,
      customerId: 'cus_1',
      customer: null,
      payment: { status: 'pending', accountId: ACCOUNT, nextDueAt: null },
      commands: [],
    });
  });

  it('that failed says so', () => {
    const effects = effectsOf(unpaid('checkout.session.async_payment_failed'));
    expect(effects).toMatchObject({
      status: 'processed',
      reason: 'The delayed payment failed; nothing was credited.',
      payment: { status: 'failed' },
      commands: [],
    });
  });

  it('is kept though nobody knows yet whose it is', () => {
    const effects = effectsOf(unpaid('checkout.session.completed', { client_reference_id: null }));
    expect(effects).toMatchObject({
      status: 'processed',
      accountId: null,
      payment: { status: 'pending', accountId: null },
    });
  });

  it('that expired before anything was heard of it leaves no payment', () => {
    const effects = effectsOf(unpaid('checkout.session.expired'));
    expect(effects).toMatchObject({
      status: 'skipped',
      reason: 'The session expired unpaid.',
      customerId: 'cus_1',
      payment: null,
    });
  });

  it('that expired after it was pending has failed', () => {
    const payment = effectsOf(unpaid('checkout.session.completed')).payment?.state;
    const effects = effectsOf(unpaid('checkout.session.expired'), payment ? { payment } : {});
    expect(effects).toMatchObject({ status: 'processed', payment: { status: 'failed' } });
  });

  it('takes nothing back when the word of its failing is older than its payment', () => {
    const payment = effectsOf(completed(SCAN)).payment?.state;
    const effects = effectsOf(unpaid('checkout.session.completed'), payment ? { payment } : {});
    expect(effects).toMatchObject({
      reason: 'An older update about a session that is paid by now.',
      payment: { status: 'credited' },
      commands: [],
    });
  });
});

describe('a session that sells nothing itself', () => {
  it('in setup mode is skipped', () => {
    expect(effectsOf(completed({ mode: 'setup' }))).toMatchObject({
      status: 'skipped',
      reason: 'A session in setup mode sells nothing.',
      customerId: 'cus_1',
    });
  });

  it('in subscription mode says whose the subscription is, and grants nothing', () => {
    const effects = effectsOf(completed({ mode: 'subscription', subscription: 'sub_1' }));
    expect(effects).toMatchObject({
      status: 'processed',
      reason: "The subscription's invoice grants, not the session.",
      accountId: ACCOUNT,
      customerId: 'cus_1',
      customer: { customerId: 'cus_1', accountId: ACCOUNT, origin: 'client_reference_id' },
      subscription: {
        subscriptionId: 'sub_1',
        customerId: 'cus_1',
        accountId: ACCOUNT,
        fact: null,
      },
      payment: null,
      commands: [],
    });
  });

  it('in subscription mode without a subscription links the customer only', () => {
    const effects = effectsOf(completed({ mode: 'subscription', subscription: null }));
    expect(effects.subscription).toBeNull();
    expect(effects.customer).not.toBeNull();
  });

  it('in subscription mode leaves the question of whose it is to the invoice', () => {
    const effects = effectsOf(
      completed({ mode: 'subscription', subscription: 'sub_1', client_reference_id: null }),
    );
    expect(effects).toMatchObject({
      status: 'processed',
      reason: "The subscription's invoice grants; the account is not known yet.",
      customerId: 'cus_1',
      customer: null,
      subscription: null,
    });
  });

  it('in subscription mode that ended unpaid is skipped', () => {
    const effects = effectsOf(
      event('checkout.session.expired', session({ mode: 'subscription', subscription: 'sub_1' })),
    );
    expect(effects).toMatchObject({
      status: 'skipped',
      reason: 'The session expired; no money came.',
      customerId: 'cus_1',
      subscription: null,
    });
  });
});
