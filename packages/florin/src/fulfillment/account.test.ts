import { describe, expect, it } from 'vitest';
import {
  ACCOUNT,
  event,
  invoice,
  type Json,
  OTHER_ACCOUNT,
  session,
  sessionLine,
  subscription,
  withLines,
} from '../../test/integration/webhooks/objects.ts';
import { effectsOf, type Given, needOf } from '../../test/support/decisions.ts';
import {
  readCustomer,
  readSession,
  readSubscription,
  type SubscriptionFact,
} from '../stripe/index.ts';

const sold = (more: Json = {}) =>
  event(
    'checkout.session.completed',
    session({
      ...withLines([sessionLine('price_QUICK_SCAN')]),
      client_reference_id: null,
      ...more,
    }),
  );
const renewed = (more: Json = {}) =>
  event(
    'invoice.paid',
    invoice([{ priceId: 'price_BASIC_MONTHLY' }], 'new', {
      billing_reason: 'subscription_cycle',
      ...more,
    }),
  );
const subscriptionOf = (metadata: Json): SubscriptionFact =>
  readSubscription(subscription('active', { metadata }), { asOf: 1 });
const customerOf = (metadata: Json) => readCustomer({ id: 'cus_1', metadata });
const linked = (origin: string, accountId = ACCOUNT) => ({
  accountId,
  customer: { customerId: 'cus_1', accountId, origin },
});

describe('whose the credits are', () => {
  it('is what our own mapping of the customer says, before anything the buyer could write', () => {
    const effects = effectsOf(sold({ client_reference_id: OTHER_ACCOUNT }), {
      customerAccountId: ACCOUNT,
    });
    expect(effects).toMatchObject({ accountId: ACCOUNT, customer: null });
  });

  it('is the client_reference_id before the metadata', () => {
    const payload = sold({ client_reference_id: ACCOUNT, metadata: { userId: OTHER_ACCOUNT } });
    expect(effectsOf(payload)).toMatchObject(linked('client_reference_id'));
  });

  it('is metadata.userId when the reference is no uuid', () => {
    const payload = sold({ client_reference_id: 'bob', metadata: { userId: ACCOUNT } });
    expect(effectsOf(payload)).toMatchObject(linked('metadata'));
  });

  it('is written in lower case, however the reference was typed', () => {
    const payload = sold({ client_reference_id: ACCOUNT.toUpperCase() });
    expect(effectsOf(payload)).toMatchObject(linked('client_reference_id'));
  });

  it('links no customer when the buyer checked out without one', () => {
    const effects = effectsOf(sold({ client_reference_id: ACCOUNT, customer: null }));
    expect(effects).toMatchObject({ accountId: ACCOUNT, customer: null, status: 'processed' });
  });

  it("is the subscription's metadata that the invoice carries", () => {
    const payload = renewed({ metadataOfSubscription: { userId: ACCOUNT } });
    expect(effectsOf(payload)).toMatchObject(linked('subscription'));
  });

  it('is the account of the subscription that we stored, else its stored metadata', () => {
    const named = { id: 'sub_1', accountId: ACCOUNT, fact: null };
    expect(effectsOf(renewed(), { subscription: named })).toMatchObject(linked('subscription'));
    const said = { id: 'sub_1', accountId: null, fact: subscriptionOf({ userId: ACCOUNT }) };
    expect(effectsOf(renewed(), { subscription: said })).toMatchObject(linked('subscription'));
  });

  it('is who was credited for this payment already, when this event could not say', () => {
    const payment = effectsOf(sold({ client_reference_id: ACCOUNT })).payment?.state;
    const again = effectsOf(sold(), payment === undefined ? {} : { payment });
    expect(again).toMatchObject({ accountId: ACCOUNT, customer: null, status: 'processed' });
  });
});

describe('when the event does not say whose it is, Stripe is asked', () => {
  const given = (answers: Given['answers']): Given => (answers ? { answers } : {});

  it('for the subscription first', () => {
    expect(needOf(renewed())).toEqual({ ask: 'subscription', id: 'sub_1' });
    const answers = { 'subscription:sub_1': subscriptionOf({ userId: ACCOUNT }) };
    expect(effectsOf(renewed(), { answers })).toMatchObject(linked('subscription'));
  });

  it('then for the checkout session that made the subscription', () => {
    const silent = { 'subscription:sub_1': subscriptionOf({}) };
    expect(needOf(renewed(), given(silent))).toEqual({
      ask: 'sessionOfSubscription',
      id: 'sub_1',
    });
    const referenced = readSession(session({ mode: 'subscription' }), { asOf: 1 });
    expect(
      effectsOf(renewed(), given({ ...silent, 'sessionOfSubscription:sub_1': referenced })),
    ).toMatchObject(linked('client_reference_id'));
    const described = readSession(
      session({ client_reference_id: null, metadata: { userId: ACCOUNT } }),
      { asOf: 1 },
    );
    expect(
      effectsOf(renewed(), given({ ...silent, 'sessionOfSubscription:sub_1': described })),
    ).toMatchObject(linked('client_reference_id'));
  });

  it('then for the customer', () => {
    const silent = {
      'subscription:sub_1': subscriptionOf({ userId: 'bob' }),
      'sessionOfSubscription:sub_1': readSession(session({ client_reference_id: 'bob' }), {
        asOf: 1,
      }),
    };
    expect(needOf(renewed(), given(silent))).toEqual({ ask: 'customer', id: 'cus_1' });
    const answers = { ...silent, 'customer:cus_1': customerOf({ userId: ACCOUNT }) };
    expect(effectsOf(renewed(), { answers })).toMatchObject(linked('metadata'));
  });

  it('for the customer only, when there is no subscription', () => {
    expect(needOf(sold())).toEqual({ ask: 'customer', id: 'cus_1' });
    const answers = { 'customer:cus_1': customerOf({ userId: ACCOUNT }) };
    expect(effectsOf(sold(), { answers })).toMatchObject(linked('metadata'));
  });

  it('and nobody is credited when nothing names an account', () => {
    const effects = effectsOf(renewed(), {
      answers: {
        'subscription:sub_1': null,
        'sessionOfSubscription:sub_1': null,
        'customer:cus_1': customerOf({ userId: 'bob' }),
      },
    });
    expect(effects).toMatchObject({ status: 'failed', commands: [], payment: null });
    expect(effects.obstacle).toEqual({
      code: 'account_unknown',
      message:
        'Paid, and no account to credit: customer cus_1, there is no client_reference_id, and no metadata.userId. ' +
        'Set metadata.userId on the customer or the subscription at Stripe, then replay the event.',
      needsAttention: true,
    });
  });

  it('and a customer that Stripe does not know names nobody', () => {
    const effects = effectsOf(sold(), { answers: { 'customer:cus_1': null } });
    expect(effects.obstacle?.message).not.toContain('could not be asked');
  });

  it.each([
    ['the subscription', { 'subscription:sub_1': 'unavailable' }],
    [
      'the session',
      {
        'subscription:sub_1': subscriptionOf({}),
        'sessionOfSubscription:sub_1': 'unavailable',
      },
    ],
  ])('and the operator is told when %s could not be asked for', (_, answers) => {
    const effects = effectsOf(renewed(), {
      answers: { ...answers, 'customer:cus_1': customerOf({}) },
    });
    expect(effects.reason).toContain('no metadata.userId (Stripe could not be asked for more). ');
  });

  it('and the operator is told when the customer could not be asked for', () => {
    const effects = effectsOf(sold(), { answers: { 'customer:cus_1': 'unavailable' } });
    expect(effects.reason).toContain('no metadata.userId (Stripe could not be asked for more). ');
  });

  it('and a payment of a customer without a subscription is mended on the customer', () => {
    const effects = effectsOf(sold(), { answers: { 'customer:cus_1': null } });
    expect(effects.reason).toContain('on the customer or the subscription at Stripe');
  });

  it('and a payment without customer or subscription is mended on itself', () => {
    const effects = effectsOf(sold({ customer: null, client_reference_id: 'x'.repeat(200) }));
    expect(effects.reason).toBe(
      `Paid, and no account to credit: no customer, client_reference_id is "${'x'.repeat(64)}", not an account's uuid, and no metadata.userId. ` +
        'Set metadata.userId on the checkout session or the invoice at Stripe, then run `florin reconcile --repair`.',
    );
  });

  it('and a subscription without a customer is mended on the subscription', () => {
    const effects = effectsOf(renewed({ customer: null }), {
      answers: { 'subscription:sub_1': null },
    });
    expect(effects.reason).toContain('no customer');
    expect(effects.reason).toContain('on the customer or the subscription at Stripe');
  });
});

describe("a subscription's word", () => {
  const told = (status: string, more: Json = {}, at = 0) =>
    event('customer.subscription.updated', subscription(status, more), { at });
  const stored = (more: Partial<SubscriptionFact>, accountId: string | null = null) => ({
    id: 'sub_1',
    accountId,
    fact: { ...subscriptionOf({}), asOf: 1_790_000_000, ...more },
  });

  it('moves no credits, and is kept for whom it belongs to', () => {
    const effects = effectsOf(told('active', { metadata: { userId: ACCOUNT.toUpperCase() } }));
    expect(effects).toMatchObject({
      status: 'processed',
      reason: 'The subscription is active; what was bought stays.',
      ...linked('subscription'),
      customerId: 'cus_1',
      subscription: {
        subscriptionId: 'sub_1',
        customerId: 'cus_1',
        accountId: ACCOUNT,
        fact: { status: 'active', items: [{ priceId: 'price_BASIC_MONTHLY' }] },
      },
      payment: null,
      commands: [],
    });
  });

  it("belongs to the customer's account, else to the one stored, else to nobody yet", () => {
    const metadata = { userId: OTHER_ACCOUNT };
    expect(
      effectsOf(told('active', { metadata }, 1), { customerAccountId: ACCOUNT }),
    ).toMatchObject({
      accountId: ACCOUNT,
      customer: null,
    });
    expect(
      effectsOf(told('active', { metadata }, 1), { subscription: stored({}, ACCOUNT) }),
    ).toMatchObject(linked('subscription'));
    expect(effectsOf(told('active'))).toMatchObject({ accountId: null, customer: null });
  });

  it('without a customer links none', () => {
    const effects = effectsOf(told('active', { customer: null, metadata: { userId: ACCOUNT } }));
    expect(effects).toMatchObject({ accountId: ACCOUNT, customer: null });
  });

  it.each([
    ['a later word counts', {}, 'past_due', 10, 'past_due'],
    ['an older update does not', {}, 'past_due', -10, 'active'],
    ['an end stays, whatever comes later', { status: 'canceled' }, 'active', 10, 'canceled'],
    ['an end counts though it is older', {}, 'canceled', -10, 'canceled'],
    ['an end by its date stays too', { endedAt: 1_790_000_005 }, 'past_due', 10, 'active'],
    ['of two ends the later counts', { status: 'canceled', endedAt: 5 }, 'unpaid', -10, 'canceled'],
  ])('is the newest: %s', (_, before, status, at, kept) => {
    const effects = effectsOf(told(status, {}, at), { subscription: stored(before) });
    expect(effects.subscription?.fact?.status).toBe(kept);
  });
});

describe('a customer', () => {
  const told = (metadata: Json, type = 'customer.updated') =>
    event(type, { id: 'cus_1', object: 'customer', metadata });

  it('is linked to the account that its metadata names', () => {
    expect(effectsOf(told({ userId: ACCOUNT.toUpperCase() }))).toMatchObject({
      status: 'processed',
      reason: 'Linked the customer to the account in its metadata.',
      customerId: 'cus_1',
      ...linked('metadata'),
    });
  });

  it('stays with the account that it is linked to', () => {
    expect(
      effectsOf(told({ userId: OTHER_ACCOUNT }), { customerAccountId: ACCOUNT }),
    ).toMatchObject({
      status: 'skipped',
      reason: 'The customer is linked to its account already.',
      accountId: ACCOUNT,
      customerId: 'cus_1',
      customer: null,
    });
  });

  it('that names no account is left alone', () => {
    expect(effectsOf(told({ userId: 'bob' }))).toMatchObject({
      status: 'skipped',
      reason: 'The customer names no account.',
      accountId: null,
      customerId: 'cus_1',
      customer: null,
    });
  });

  it('that was deleted is marked, and its ledger stays', () => {
    const effects = effectsOf(told({ userId: ACCOUNT }, 'customer.deleted'), {
      customerAccountId: ACCOUNT,
    });
    expect(effects).toMatchObject({
      status: 'processed',
      reason: 'The customer was deleted at Stripe; the ledger stays.',
      accountId: ACCOUNT,
      customerId: 'cus_1',
      deletedCustomerId: 'cus_1',
      customer: null,
      commands: [],
    });
  });
});
