import { describe, expect, it } from 'vitest';
import { testCatalog } from '../../test/integration/webhooks/catalog.ts';
import {
  ACCOUNT,
  event,
  invoice,
  invoicePayment,
  type Json,
  type LineInput,
  session,
  sessionLine,
  subscription,
  withLines,
} from '../../test/integration/webhooks/objects.ts';
import { effectsOf, factIn, type Given, needOf } from '../../test/support/decisions.ts';
import type { CatalogPrice } from '../catalog/index.ts';
import { type InvoiceFact, readPrice, readSubscription } from '../stripe/index.ts';
import type { Purchase } from './index.ts';

const START = 1_790_000_000;
const DAY = 86_400;
const OURS: Given = { customerAccountId: ACCOUNT };

const paid = (lines: readonly LineInput[], more: Json = {}, shape: 'old' | 'new' = 'new') =>
  event('invoice.paid', invoice(lines, shape, more), { shape });
const price = (id: string, more: Partial<CatalogPrice>): CatalogPrice => ({
  id,
  credits: 100,
  reason: 'basic_plan_monthly',
  planType: 'basic',
  kind: 'recurring',
  ...more,
});
const selling = (...prices: CatalogPrice[]): Given => ({ ...OURS, catalog: testCatalog(prices) });
const grantsOf = (payload: Json, given: Given = OURS) =>
  inOrder(effectsOf(payload, given).payment?.state.purchases);
const inOrder = (purchases: Readonly<Record<string, Purchase>> = {}) =>
  Object.values(purchases).sort((a, b) => (a.dueAt ?? 0) - (b.dueAt ?? 0));
const stored = (more: Json = {}) => ({
  id: 'sub_1',
  accountId: ACCOUNT,
  fact: readSubscription(subscription('active', more), { asOf: START }),
});

describe('a paid invoice', () => {
  it('grants its period, and says what the grant is for', () => {
    const effects = effectsOf(paid([{ priceId: 'price_BASIC_MONTHLY' }], {}, 'old'), OURS);
    expect(effects).toMatchObject({
      status: 'processed',
      reason: 'Credited 100, taken back 0.',
      accountId: ACCOUNT,
      customerId: 'cus_1',
      customer: null,
      payment: {
        accountId: ACCOUNT,
        subscriptionId: 'sub_1',
        status: 'credited',
        state: {
          invoices: { in_1: { value: 1000, currency: 'usd', subscriptionId: 'sub_1' } },
          purchases: {
            'florin:invoice:in_1:line:il_1': { via: 'invoice', subscriptionId: 'sub_1' },
          },
        },
      },
    });
    expect(effects.commands).toEqual([
      {
        do: 'issue',
        cause: 'payment',
        purchaseKey: 'florin:invoice:in_1:line:il_1',
        accountId: ACCOUNT,
        amount: 100,
        key: 'florin:invoice:in_1:line:il_1',
        source: 'subscription',
        priority: 0,
        expiresAt: null,
        metadata: {
          stripe_payment_id: 'pi_1',
          stripe_invoice_id: 'in_1',
          stripe_subscription_id: 'sub_1',
          billing_reason: 'subscription_create',
          stripe_price_id: 'price_BASIC_MONTHLY',
          reason: 'basic_plan_monthly',
          plan_type: 'basic',
          stripe_event_id: 'evt_1',
        },
      },
    ]);
  });

  it('written by hand names neither a subscription nor a reason that it does not have', () => {
    const lines = [{ priceId: 'price_QUICK_SCAN', subscription: null }];
    const [command] = effectsOf(
      paid(lines, { subscription: null, billing_reason: null }),
      OURS,
    ).commands;
    expect(command?.metadata).toEqual({
      stripe_payment_id: 'in_1',
      stripe_invoice_id: 'in_1',
      stripe_price_id: 'price_QUICK_SCAN',
      reason: 'quick_scan_purchase',
      plan_type: 'credits',
      stripe_event_id: 'evt_1',
    });
  });

  it.each([
    ['open', 'The invoice is open; credits follow when it is paid.'],
    [null, 'The invoice is not paid; credits follow when it is paid.'],
  ])('that is %s grants nothing yet', (status, reason) => {
    const effects = effectsOf(paid([{ priceId: 'price_BASIC_MONTHLY' }], { status }), OURS);
    expect(effects).toMatchObject({
      status: 'skipped',
      reason,
      customerId: 'cus_1',
      payment: null,
    });
  });

  it('of a checkout session grants nothing once the session has', () => {
    const sold = effectsOf(
      event('checkout.session.completed', session(withLines([sessionLine('price_QUICK_SCAN')]))),
    ).payment?.state;
    const own = paid([{ priceId: 'price_QUICK_SCAN', subscription: null }], { subscription: null });
    const byHand = effectsOf(own, OURS).payment?.state;
    const paidBefore = byHand ? { payment: byHand } : {};
    const effects = effectsOf(own, sold ? { payment: sold } : {});
    expect(effects).toMatchObject({
      status: 'processed',
      reason: 'The checkout session of this invoice has granted already.',
      accountId: ACCOUNT,
      customerId: 'cus_1',
      commands: [],
      payment: { status: 'credited', state: { invoices: { in_1: { value: 1000 } } } },
    });
    const again = effectsOf(own, { ...OURS, ...paidBefore });
    expect(again.reason).toBe('Credited 50, taken back 0.');
    const renewal = effectsOf(paid([{ priceId: 'price_BASIC_MONTHLY' }]), {
      ...OURS,
      ...(sold ? { payment: sold } : {}),
    });
    expect(renewal.commands).toMatchObject([{ amount: 100 }]);
  });

  it.each([
    ['names no price', [{ priceId: null }]],
    ['only gives money back', [{ priceId: 'price_BASIC_MONTHLY', amount: -500 }]],
  ])('whose every line %s is not for credits', (_, lines) => {
    expect(effectsOf(paid(lines))).toMatchObject({
      status: 'skipped',
      reason: 'No line of this invoice names a price: nothing here is for credits.',
      customerId: 'cus_1',
    });
  });

  it('with lines beside the priced one grants for the priced one', () => {
    const lines = [
      { id: 'il_0', priceId: null, amount: 200 },
      { id: 'il_1', priceId: 'price_BASIC_MONTHLY' },
      { id: 'il_2', priceId: 'price_PRO_MONTHLY', amount: -300 },
    ];
    expect(effectsOf(paid(lines), OURS).commands).toMatchObject([
      { amount: 100, key: 'florin:invoice:in_1:line:il_1' },
    ]);
  });

  it('for an ignored price or for no quantity grants nothing', () => {
    const catalog = { ...testCatalog(), ignores: (id: string) => id === 'price_SEAT' };
    const skipped = {
      status: 'skipped',
      reason: 'Nothing on this invoice grants credits.',
      customerId: 'cus_1',
      payment: null,
    };
    expect(effectsOf(paid([{ priceId: 'price_SEAT' }]), { ...OURS, catalog })).toMatchObject(
      skipped,
    );
    const none = [{ priceId: 'price_BASIC_MONTHLY', quantity: 0 }];
    expect(effectsOf(paid(none), OURS)).toMatchObject(skipped);
  });

  it('grants what it knows beside a price that it does not, and stays failed', () => {
    const lines = [{ priceId: 'price_BASIC_MONTHLY' }, { id: 'il_2', priceId: 'price_NEW' }];
    const effects = effectsOf(paid(lines), OURS);
    expect(effects).toMatchObject({
      status: 'failed',
      obstacle: { code: 'price_unknown', needsAttention: true },
      accountId: ACCOUNT,
      customerId: 'cus_1',
      payment: { status: 'credited' },
    });
    expect(effects.commands).toMatchObject([{ amount: 100 }]);
  });

  it('of unknown prices only writes no payment', () => {
    expect(effectsOf(paid([{ priceId: 'price_NEW' }]), OURS)).toMatchObject({
      status: 'failed',
      accountId: ACCOUNT,
      customerId: 'cus_1',
      payment: null,
      commands: [],
    });
  });

  it('tells of the unknown price before the unknown account', () => {
    const silent = {
      'subscription:sub_1': null,
      'customer:cus_1': null,
    };
    const unknown = (id: string) =>
      effectsOf(paid([{ priceId: id }]), { answers: silent }).obstacle?.code;
    expect(unknown('price_NEW')).toBe('price_unknown');
    expect(unknown('price_BASIC_MONTHLY')).toBe('account_unknown');
  });

  it('would rather fail than grant more credits than a number holds', () => {
    const most = price('price_MOST', { credits: Number.MAX_SAFE_INTEGER });
    const one = [{ priceId: 'price_MOST' }];
    expect(effectsOf(paid(one), selling(most)).commands).toMatchObject([
      { amount: Number.MAX_SAFE_INTEGER },
    ]);
    const effects = effectsOf(paid([{ priceId: 'price_MOST', quantity: 2 }]), selling(most));
    expect(effects).toMatchObject({
      status: 'failed',
      obstacle: { code: 'amount_not_allowed', needsAttention: true },
      commands: [],
    });
    expect(effects.reason).toMatch(
      /^Line il_1 would grant \d+ credits, above the limit of 9007199254740991\./,
    );
  });
});

describe("an invoice's lines", () => {
  const first = (data: Json[]) => ({ lines: { object: 'list', data, has_more: true } });
  const facts = (factIn(paid([{ priceId: 'price_BASIC_MONTHLY' }])) as InvoiceFact).lines;

  it('are asked for when the event carries only the first of them', () => {
    expect(needOf(paid([], first([])), OURS)).toEqual({ ask: 'invoiceLines', id: 'in_1' });
    const answers = { 'invoiceLines:in_1': facts };
    expect(effectsOf(paid([], first([])), { ...OURS, answers }).commands).toMatchObject([
      { amount: 100 },
    ]);
  });

  it('wait for Stripe while it cannot be asked', () => {
    const answers = { 'invoiceLines:in_1': 'unavailable' };
    expect(effectsOf(paid([], first([])), { ...OURS, answers })).toMatchObject({
      status: 'failed',
      reason:
        'Stripe could not be asked for all lines of invoice in_1; the event is tried again by itself.',
      customerId: 'cus_1',
      obstacle: { code: 'stripe_unavailable', needsAttention: false },
    });
  });

  it('need a person when Stripe does not know the invoice', () => {
    const effects = effectsOf(paid([], first([])), {
      ...OURS,
      answers: { 'invoiceLines:in_1': null },
    });
    expect(effects).toMatchObject({
      status: 'failed',
      customerId: 'cus_1',
      obstacle: { code: 'object_unknown', needsAttention: true },
    });
    expect(effects.reason).toContain('invoice in_1, whose event carries only its first 0 lines');
  });
});

describe('the link between a payment and its invoice', () => {
  it('grants nothing by itself', () => {
    expect(effectsOf(event('invoice_payment.paid', invoicePayment()))).toMatchObject({
      status: 'processed',
      reason: 'Linked the payment to its invoice; invoice.paid grants.',
      accountId: null,
      payment: { status: 'waiting', accountId: null, subscriptionId: null },
      commands: [],
    });
  });
});

describe('which price a line is of', () => {
  const keyed = price('price_OLD', { lookupKey: 'basic', credits: 70 });
  const line = [{ priceId: 'price_REPLACED' }];

  it('is found by the lookup key that the subscription knows', () => {
    const items = {
      data: [{ price: { id: 'price_REPLACED', lookup_key: 'basic', unit_amount: 1000 } }],
    };
    const given = { ...selling(keyed), subscription: stored({ items }) };
    expect(effectsOf(paid(line), given).commands).toMatchObject([{ amount: 70 }]);
  });

  it('is not that of another item of the subscription', () => {
    const items = {
      data: [
        { price: { id: 'price_OTHER', lookup_key: 'basic', unit_amount: 1000 } },
        { price: { id: 'price_REPLACED', lookup_key: 'none_of_ours', unit_amount: 1000 } },
      ],
    };
    const given = { ...selling(keyed), subscription: stored({ items }) };
    expect(effectsOf(paid(line), given)).toMatchObject({
      obstacle: { code: 'price_unknown' },
      commands: [],
    });
  });

  it('is asked for while only a checkout session has named the subscription', () => {
    const subscription = { id: 'sub_1', accountId: ACCOUNT, fact: null };
    expect(needOf(paid(line), { ...selling(keyed), subscription })).toEqual({
      ask: 'price',
      id: 'price_REPLACED',
    });
  });

  it('is found by the lookup key that an old line says itself', () => {
    const payload = invoice(line, 'old');
    const [priced] = (payload['lines'] as { data: { price: Json }[] }).data;
    Object.assign(priced?.price ?? {}, { lookup_key: 'basic' });
    expect(effectsOf(event('invoice.paid', payload), selling(keyed)).commands).toMatchObject([
      { amount: 70, metadata: { stripe_price_id: 'price_REPLACED' } },
    ]);
  });

  it('is asked for when the event does not say the lookup key', () => {
    expect(needOf(paid(line), selling(keyed))).toEqual({ ask: 'price', id: 'price_REPLACED' });
    const named = readPrice({ id: 'price_REPLACED', lookup_key: 'basic' });
    const answered = (answer: unknown) =>
      effectsOf(paid(line), { ...selling(keyed), answers: { 'price:price_REPLACED': answer } });
    expect(answered(named).commands).toMatchObject([{ amount: 70 }]);
    for (const answer of [null, readPrice({ id: 'price_REPLACED' })]) {
      expect(answered(answer)).toMatchObject({ obstacle: { code: 'price_unknown' }, commands: [] });
    }
    // It is tried again by itself: nobody has to look at it.
    expect(answered('unavailable')).toMatchObject({
      obstacle: { code: 'stripe_unavailable', needsAttention: false },
      commands: [],
    });
  });

  it('is not asked for when the line says that it has no lookup key', () => {
    expect(effectsOf(paid(line, {}, 'old'), selling(keyed)).obstacle?.code).toBe('price_unknown');
  });
});

describe('a line for nothing', () => {
  const free = (more: Partial<LineInput> = {}): LineInput[] => [
    { priceId: 'price_TRIAL', amount: 0, ...more },
  ];
  const trial = (start: number, end: number) => ({ trial_start: start, trial_end: end });
  const costs = (unitAmount: string | null) => ({
    'price:price_TRIAL': { kind: 'price', id: 'price_TRIAL', lookupKey: null, unitAmount },
  });

  it('grants the trial credits while the price is not free', () => {
    const [grant] = grantsOf(paid(free({ unitAmount: 1000, quantity: 2 }), {}, 'old'));
    expect(grant).toMatchObject({ credits: 40, source: 'trial' });
  });

  it('grants the whole of a price that is free', () => {
    const [grant] = grantsOf(paid(free({ unitAmount: 0 }), {}, 'old'));
    expect(grant).toMatchObject({ credits: 100, source: 'subscription' });
  });

  it('grants nothing in the trial of a price without trial credits', () => {
    const lines = [{ priceId: 'price_BASIC_MONTHLY', amount: 0, unitAmount: 1000 }];
    expect(effectsOf(paid(lines, {}, 'old'), OURS).status).toBe('skipped');
  });

  it('of a one-time price is no trial', () => {
    const lines = [{ priceId: 'price_QUICK_SCAN', amount: 0, unitAmount: 500 }];
    expect(grantsOf(paid(lines, {}, 'old'))).toMatchObject([{ credits: 50, source: 'purchase' }]);
  });

  it.each([
    ['begins with the trial', START, START + 14 * DAY, 'trial'],
    ['lies within the trial', START - DAY, START + DAY, 'trial'],
    ['begins before the trial', START + 1, START + 14 * DAY, 'subscription'],
    ['begins as the trial ends', START - 14 * DAY, START, 'subscription'],
  ])('whose period %s is told by the subscription', (_, start, end, source) => {
    const given = { ...OURS, subscription: stored(trial(start, end)), answers: costs('0') };
    expect(grantsOf(paid(free()), given)).toMatchObject([{ source }]);
  });

  it.each([
    ['1000', 'trial'],
    ['0', 'subscription'],
    [null, 'subscription'],
  ])('of a trial that was cut short is told by its price, %s', (unitAmount, source) => {
    const given = { ...OURS, subscription: stored(trial(START, START)) };
    expect(needOf(paid(free()), given)).toEqual({ ask: 'price', id: 'price_TRIAL' });
    const answered = { ...given, answers: costs(unitAmount) };
    expect(grantsOf(paid(free()), answered)).toMatchObject([{ source }]);
    const unavailable = { ...given, answers: { 'price:price_TRIAL': 'unavailable' } };
    expect(effectsOf(paid(free()), unavailable)).toMatchObject({
      status: 'failed',
      obstacle: {
        message:
          'Line il_1 costs nothing, and Stripe could not be asked what price price_TRIAL costs.',
      },
      commands: [],
    });
  });

  it('asks Stripe for a subscription that is not known, and waits while it cannot', () => {
    expect(needOf(paid(free()), OURS)).toEqual({ ask: 'subscription', id: 'sub_1' });
    const fact = { ...stored(trial(START, START + DAY)).fact };
    const given = (answer: unknown) => ({
      ...OURS,
      answers: { 'subscription:sub_1': answer, ...costs('0') },
    });
    expect(grantsOf(paid(free()), given(fact))).toMatchObject([{ source: 'trial' }]);
    expect(grantsOf(paid(free()), given(null))).toMatchObject([{ source: 'subscription' }]);
    expect(effectsOf(paid(free()), given('unavailable'))).toMatchObject({
      status: 'failed',
      obstacle: {
        code: 'stripe_unavailable',
        message:
          'Line il_1 costs nothing, and Stripe could not be asked whether it is a trial of sub_1.',
        needsAttention: false,
      },
      commands: [],
    });
  });

  it('does not take the word of another subscription', () => {
    const other = { ...stored(trial(START, START + DAY)) };
    const given = { ...OURS, subscription: { ...other, fact: { ...other.fact, id: 'sub_2' } } };
    expect(needOf(paid(free()), given)).toEqual({ ask: 'subscription', id: 'sub_1' });
  });

  it('of no subscription is what it is', () => {
    const payload = paid(free({ subscription: null }), { subscription: null });
    const given = { ...OURS, answers: costs('0') };
    expect(grantsOf(payload, given)).toMatchObject([{ credits: 100, source: 'subscription' }]);
  });
});

describe('a part of a period', () => {
  const part = (more: Partial<LineInput> = {}): LineInput[] => [
    { priceId: 'price_BASIC_MONTHLY', amount: 500, proration: true, ...more },
  ];

  it.each([
    [500, 1000, 50],
    [333, 1000, 33],
    [335, 1000, 34],
    [4, 1000, undefined],
    [5, 1000, 1],
    [1500, 1000, 150],
  ])('of %i paid at a price of %i grants %s of 100', (amount, unitAmount, credits) => {
    const [grant] = grantsOf(paid(part({ amount, unitAmount }), {}, 'old'));
    expect(grant?.credits).toBe(credits);
  });

  it('is measured by what the subscription pays for the price', () => {
    const given = { ...OURS, subscription: stored() };
    expect(grantsOf(paid(part()), given)).toMatchObject([{ credits: 50, source: 'subscription' }]);
  });

  it('is measured by Stripe while only a checkout session has named the subscription', () => {
    const subscription = { id: 'sub_1', accountId: ACCOUNT, fact: null };
    expect(needOf(paid(part()), { ...OURS, subscription })).toEqual({
      ask: 'price',
      id: 'price_BASIC_MONTHLY',
    });
  });

  it('is measured by what Stripe says of the price, to twelve decimals', () => {
    const at = (answer: unknown): Given => ({
      ...OURS,
      answers: { 'price:price_BASIC_MONTHLY': answer },
    });
    expect(needOf(paid(part()), OURS)).toEqual({ ask: 'price', id: 'price_BASIC_MONTHLY' });
    const costing = (unit_amount_decimal: string) =>
      at(readPrice({ id: 'price_BASIC_MONTHLY', unit_amount_decimal }));
    expect(grantsOf(paid(part()), costing('1000'))).toMatchObject([{ credits: 50 }]);
    expect(grantsOf(paid(part()), costing('0.5'))).toMatchObject([{ credits: 100_000 }]);
    expect(grantsOf(paid(part({ amount: 1 })), costing('0.000000000001'))).toMatchObject([
      { credits: 100_000_000_000_000 },
    ]);
    expect(grantsOf(paid(part({ amount: 1 })), costing('12.500000000000999'))).toMatchObject([
      { credits: 8 },
    ]);
  });

  it('whose whole price is not known needs a person, or waits for Stripe', () => {
    const told = (answer: unknown) =>
      effectsOf(paid(part()), { ...OURS, answers: { 'price:price_BASIC_MONTHLY': answer } });
    const byHand = {
      code: 'price_unknown',
      message:
        'Line il_1 is part of price price_BASIC_MONTHLY, and its full amount in usd is not known (tiered or deleted?): grant by hand what it is worth.',
      needsAttention: true,
    };
    for (const decimal of [null, '0', '-5', 'x', 'x5', '5x', '1.2.3']) {
      const priced = readPrice({ id: 'price_BASIC_MONTHLY', unit_amount_decimal: decimal });
      expect(told(priced)).toMatchObject({ status: 'failed', commands: [], obstacle: byHand });
    }
    expect(told(null).obstacle).toEqual(byHand);
    expect(told('unavailable').obstacle).toEqual({
      code: 'stripe_unavailable',
      message:
        'Line il_1 is part of price price_BASIC_MONTHLY, and its full amount in usd is not known: Stripe could not be asked; the event is tried again by itself.',
      needsAttention: false,
    });
  });
});

describe('when granted credits expire', () => {
  const period = { start: START, end: START + 30 * DAY };
  const lose = (more: Partial<LineInput> = {}) =>
    paid([{ priceId: 'price_USE_OR_LOSE', period, ...more }]);

  it('is the end of the period that was paid for', () => {
    expect(grantsOf(lose())).toMatchObject([{ expiresAt: '2026-10-21T14:13:20.000Z' }]);
  });

  it('is a whole period from now when the period is over as the event comes', () => {
    const late = (now: number) => grantsOf(lose(), { ...OURS, now: new Date(now * 1000) })[0];
    expect(late(period.end - 1)?.expiresAt).toBe('2026-10-21T14:13:20.000Z');
    expect(late(period.end)?.expiresAt).toBe('2026-11-20T14:13:20.000Z');
  });

  it('is a second from now at least, for a period of no length that is over', () => {
    const moment = { start: START, end: START };
    expect(grantsOf(lose({ period: moment }))).toMatchObject([
      { expiresAt: '2026-09-21T14:15:01.000Z' },
    ]);
  });

  it('is counted from the payment where the catalogue says a duration', () => {
    const given = selling(price('price_90', { expiresAfter: 'P90D', priority: 7 }));
    expect(effectsOf(paid([{ priceId: 'price_90' }]), given).commands).toMatchObject([
      { expiresAt: '2026-12-20T14:15:00.000Z', priority: 7 },
    ]);
  });
});

describe('what is carried over', () => {
  const over = price('price_OVER', { expires: 'period_end', rollover: { max: 30 } });
  const renewal = (more: Partial<LineInput> = {}) => paid([{ priceId: 'price_OVER', ...more }]);

  it('is what the ended period leaves, up to the most that the catalogue says', () => {
    const { commands } = effectsOf(renewal(), selling(over));
    expect(commands).toMatchObject([
      { do: 'issue', amount: 100, key: 'florin:invoice:in_1:line:il_1' },
      {
        do: 'rollover',
        amount: 30,
        key: 'florin:invoice:in_1:line:il_1:rollover',
        source: 'rollover',
        periodEnd: START,
        expiresAt: '2026-10-21T14:13:20.000Z',
        metadata: { reason: 'rollover_basic_plan_monthly' },
      },
    ]);
    const carried = grantsOf(renewal(), selling(over))[1];
    expect(carried).toMatchObject({ amountMinor: 0, rollsOverFrom: START });
  });

  it('is nothing beside a part of a period, a trial, or credits that do not expire with it', () => {
    const count = (payload: Json, sold: CatalogPrice) => grantsOf(payload, selling(sold)).length;
    const part = paid([{ priceId: 'price_OVER', proration: true, unitAmount: 1000 }], {}, 'old');
    expect(count(part, over)).toBe(1);
    expect(count(renewal(), price('price_OVER', { rollover: { max: 30 } }))).toBe(1);
    const trial = paid([{ priceId: 'price_OVER', amount: 0, unitAmount: 1000 }], {}, 'old');
    expect(count(trial, { ...over, trialCredits: 20 })).toBe(1);
  });

  it('is not touched by the refund of the period after it', () => {
    const payment = effectsOf(renewal(), selling(over)).payment?.state;
    const refunded = effectsOf(
      event('charge.refunded', {
        id: 'ch_1',
        amount: 1000,
        amount_captured: 1000,
        amount_refunded: 1000,
        currency: 'usd',
        payment_intent: 'pi_1',
      }),
      payment ? { payment } : {},
    );
    expect(refunded.commands).toMatchObject([
      { do: 'reverse', amount: 100, grantKey: 'florin:invoice:in_1:line:il_1' },
    ]);
  });
});

describe('a year that is granted by the month', () => {
  const year = { start: START, end: 1_821_536_000 };
  const bought = (more: Partial<LineInput> = {}) =>
    paid([{ priceId: 'price_ANNUAL', amount: 10_000, period: year, ...more }]);

  it('gives the first month at once and says when the next is due', () => {
    const effects = effectsOf(bought(), OURS);
    expect(effects.commands).toMatchObject([
      { amount: 100, key: 'florin:invoice:in_1:line:il_1:month:1', expiresAt: null },
    ]);
    expect(effects.reason).toBe('Credited 100, taken back 0.');
    expect(effects.payment?.nextDueAt).toBe(1_792_592_000);
    const months = inOrder(effects.payment?.state.purchases);
    expect(months).toHaveLength(12);
    expect(months.map((month) => month.standing).slice(0, 2)).toEqual(['issued', 'planned']);
    expect(months[1]).toMatchObject({
      key: 'florin:invoice:in_1:line:il_1:month:2',
      credits: 100,
      amountMinor: 833,
      dueAt: 1_792_592_000,
    });
  });

  it('lets each month expire with itself, or a duration after it began', () => {
    const monthly = price('price_ANNUAL_2', { credits: 1200, drip: 'monthly' });
    const ends = (sold: CatalogPrice) =>
      grantsOf(bought({ priceId: sold.id }), selling(sold))
        .slice(0, 2)
        .map((grant) => grant.expiresAt);
    expect(ends({ ...monthly, expires: 'period_end' })).toEqual([
      '2026-10-21T14:13:20.000Z',
      '2026-11-21T14:13:20.000Z',
    ]);
    expect(ends({ ...monthly, expiresAfter: 'P10D' })).toEqual([
      '2026-10-01T14:13:20.000Z',
      '2026-10-31T14:13:20.000Z',
    ]);
  });

  it.each<[string, Partial<CatalogPrice>, number]>([
    ['a month', { expires: 'period_end' }, 30],
    ['some days', { expiresAfter: 'P10D' }, 10],
  ])('lets parts that come late last as long from now: %s', (_what, more, days) => {
    const sold = price('price_ANNUAL_2', { credits: 1200, drip: 'monthly', ...more });
    const now = new Date((START + 100 * DAY) * 1000);
    const effects = effectsOf(bought({ priceId: sold.id }), { ...selling(sold), now });
    const issued = inOrder(effects.payment?.state.purchases).slice(0, 4);
    expect(issued.map(({ standing }) => standing)).toEqual(Array(4).fill('issued'));
    const lasts = issued.map(
      ({ expiresAt }) => (Date.parse(expiresAt ?? '') - now.getTime()) / (DAY * 1000),
    );
    expect(lasts.slice(0, 2)).toEqual([days, days === 30 ? 31 : days]);
    expect(lasts.every((one) => one > 0)).toBe(true);
    expect(effects.commands.map((one) => 'expiresAt' in one && one.expiresAt)).toEqual(
      expect.arrayContaining(issued.map(({ expiresAt }) => expiresAt)),
    );
  });

  it('gives the first month though the subscription has ended as the event comes', () => {
    const subscription = stored({ status: 'canceled', ended_at: START });
    expect(effectsOf(bought(), { ...OURS, subscription })).toMatchObject({
      commands: [{ amount: 100, key: 'florin:invoice:in_1:line:il_1:month:1' }],
      payment: { nextDueAt: null },
    });
  });

  it('leaves out months that would grant nothing', () => {
    const few = price('price_FEW', { credits: 3, drip: 'monthly' });
    const grants = grantsOf(bought({ priceId: 'price_FEW' }), selling(few));
    expect(grants.map(({ credits, key }) => `${key.split(':').at(-1)}: ${credits}`)).toEqual([
      '4: 1',
      '8: 1',
      '12: 1',
    ]);
  });

  it('is given whole when it is a one-time price', () => {
    const once = price('price_ONCE', { credits: 1200, kind: 'one_time', drip: 'monthly' });
    expect(grantsOf(bought({ priceId: 'price_ONCE' }), selling(once))).toHaveLength(1);
  });
});
