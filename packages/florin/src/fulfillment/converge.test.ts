import { describe, expect, it } from 'vitest';
import { type ConvergeContext, converge } from './converge.ts';
import { addPurchases, convergePayment } from './payment.ts';
import { EMPTY_PAYMENT, type PaymentState, type Purchase } from './state.ts';

const NOW = 1_790_000_100;
const PURCHASE: Purchase = {
  key: 'florin:invoice:in_1:line:il_1:month:2',
  paidObjectId: 'in_1',
  accountId: '6f1d3f52-0c1b-4d51-9a3e-6f3f4f0f7a01',
  via: 'invoice',
  priceId: 'price_ANNUAL',
  credits: 100,
  quantity: 1,
  amountMinor: 833,
  currency: 'usd',
  source: 'subscription',
  priority: 0,
  expiresAt: null,
  dueAt: NOW,
  subscriptionId: 'sub_1',
  rollsOverFrom: null,
  metadata: {},
  standing: 'planned',
  reversed: 0,
  steps: 0,
};
const CHARGE = { amount: 500, refunded: 0, currency: 'usd', asOf: 1 };

const holding = (purchases: readonly Purchase[], more: Partial<PaymentState> = {}) =>
  addPurchases({ ...EMPTY_PAYMENT, ...more }, purchases);
const moved = (state: PaymentState, more: Partial<ConvergeContext> = {}) =>
  converge(state, {
    now: new Date(NOW * 1000),
    endedAt: () => null,
    eventId: null,
    ...more,
  });
const standing = (purchase: Partial<Purchase>, more: Partial<ConvergeContext> = {}) =>
  moved(holding([{ ...PURCHASE, ...purchase }]), more).state.purchases[PURCHASE.key]?.standing;

describe('a month of a year that was paid for', () => {
  it('is granted when it is due, not a second earlier', () => {
    expect(standing({ dueAt: NOW + 1 })).toBe('planned');
    expect(standing({ dueAt: NOW })).toBe('issued');
    expect(standing({ dueAt: NOW - 1 })).toBe('issued');
  });

  it('is stopped when the subscription ended before it was due, or as it was', () => {
    expect(standing({}, { endedAt: () => NOW })).toBe('stopped');
    expect(standing({}, { endedAt: () => NOW - 1 })).toBe('stopped');
    expect(standing({}, { endedAt: () => NOW + 1 })).toBe('issued');
    expect(standing({ dueAt: null }, { endedAt: () => NOW - 1 })).toBe('issued');
  });

  it('once stopped stays so, and moves nothing', () => {
    const result = moved(holding([{ ...PURCHASE, standing: 'stopped' }]));
    expect(result.commands).toEqual([]);
    expect(result.nextDueAt).toBeNull();
  });

  it('is not granted while all of the money is back', () => {
    const back = (refunded: number) =>
      moved(holding([PURCHASE], { charges: { ch_1: { ...CHARGE, refunded } } }));
    expect(back(500)).toMatchObject({ commands: [], nextDueAt: null });
    expect(back(499).commands).toMatchObject([
      { do: 'issue', amount: 100 },
      { do: 'reverse', amount: 99 },
    ]);
  });

  it('is named as the next that is due, the earliest of those planned', () => {
    const later = (seconds: number): Purchase => ({
      ...PURCHASE,
      key: `month:${seconds}`,
      dueAt: NOW + seconds,
    });
    const result = moved(holding([later(90), later(30), later(60), PURCHASE]));
    expect(result.nextDueAt).toBe(NOW + 30);
    expect(result.commands).toMatchObject([{ key: PURCHASE.key }]);
    expect(moved(holding([PURCHASE])).nextDueAt).toBeNull();
  });
});

describe('a line that is granted by the month', () => {
  it('gives back the share of its money over all months, and each month at most one credit more or less', () => {
    const line = { id: 'il_1', invoiceItemId: null, invoicedAt: 1, amount: 12_000, credits: 1200 };
    const months = Array.from({ length: 12 }, (_, index) => ({
      ...PURCHASE,
      key: `florin:invoice:in_1:line:il_1:month:${index + 1}`,
      dueAt: index === 0 ? null : NOW - 12 + index,
      line: { ...line, period: null },
    }));
    const charges = { ch_1: { ...CHARGE, amount: 12_000, refunded: 3_333 } };
    const back = moved(holding(months, { charges })).commands.filter(
      (command) => command.do === 'reverse',
    );
    expect(back.reduce((sum, { amount }) => sum + amount, 0)).toBe(333);
    expect(new Set(back.map(({ amount }) => amount))).toEqual(new Set([27, 28]));
  });
});

describe('what moves', () => {
  it('names no event when a job moved it', () => {
    const state = holding([{ ...PURCHASE, metadata: { plan_type: 'basic' } }]);
    expect(moved(state).commands[0]?.metadata).toEqual({ plan_type: 'basic' });
    expect(moved(state, { eventId: 'evt_1' }).commands[0]?.metadata).toEqual({
      plan_type: 'basic',
      stripe_event_id: 'evt_1',
    });
  });

  it('is a purchase when the grant gives no other reason', () => {
    const charges = { ch_1: { ...CHARGE, refunded: 250 } };
    expect(moved(holding([PURCHASE], { charges })).commands[1]?.metadata).toEqual({
      reason: 'refund_purchase',
    });
  });

  it('moves in the order of the keys, whatever order the lines came in', () => {
    const keys = ['c', 'a', 'b'].map((key) => ({ ...PURCHASE, key }));
    expect(moved(holding(keys)).commands.map((command) => command.key)).toEqual(['a', 'b', 'c']);
  });

  it('is counted: what the ledger holds, not what is planned', () => {
    const invoices = { in_1: { value: 1000, currency: 'usd', subscriptionId: 'sub_1' } };
    const later = { ...PURCHASE, key: 'later', dueAt: NOW + 1 };
    const state = holding([PURCHASE, later], { invoices });
    const known = { payment: state, customerAccountId: null, subscription: null };
    const written = convergePayment(state, { known, now: new Date(NOW * 1000), eventId: null });
    expect(written).toMatchObject({ issued: 100, reversed: 0 });
    expect(written.writes.payment.subscriptionId).toBe('sub_1');
  });

  it('is the same purchase whoever brings it a second time', () => {
    const state = holding([{ ...PURCHASE, standing: 'issued' }]);
    expect(addPurchases(state, [PURCHASE])).toEqual(state);
    expect(addPurchases(state, [PURCHASE, { ...PURCHASE, key: 'new' }]).purchases).toEqual({
      [PURCHASE.key]: { ...PURCHASE, standing: 'issued' },
      new: { ...PURCHASE, key: 'new' },
    });
  });
});

describe('a payment without a purchase', () => {
  const written = (more: Partial<PaymentState>) => {
    const payment = { ...EMPTY_PAYMENT, ...more };
    const known = { payment, customerAccountId: null, subscription: null };
    return convergePayment(payment, { known, now: new Date(NOW * 1000), eventId: null }).writes
      .payment;
  };
  const session = (standing: 'pending' | 'failed' | 'paid') => ({
    standing,
    amount: 500,
    currency: 'usd',
    customerId: null,
  });

  it('belongs to the subscription that one of its invoices names', () => {
    const invoice = { value: 1000, currency: 'usd', subscriptionId: null };
    const invoices = { in_1: invoice, in_2: { ...invoice, subscriptionId: 'sub_2' } };
    expect(written({ invoices }).subscriptionId).toBe('sub_2');
    expect(written({ invoices: { in_1: invoice } }).subscriptionId).toBeNull();
  });

  it('waits, is pending or has failed, as its sessions say', () => {
    const refunded = { charges: { ch_1: { ...CHARGE, refunded: 100 } } };
    expect(written({}).status).toBe('waiting');
    expect(written({ sessions: { a: session('paid') } }).status).toBe('waiting');
    expect(written({ sessions: { a: session('failed') } }).status).toBe('failed');
    expect(written({ sessions: { a: session('failed'), b: session('pending') } }).status).toBe(
      'pending',
    );
    expect(written({ sessions: { a: session('failed') }, ...refunded }).status).toBe('waiting');
  });

  it('stops what is to come when the stored subscription has ended', () => {
    const payment = holding([PURCHASE]);
    const fact = { endedAt: NOW - 1 } as never;
    const subscription = { id: 'sub_1', accountId: null, fact };
    const known = { payment, customerAccountId: null, subscription };
    const ended = convergePayment(payment, { known, now: new Date(NOW * 1000), eventId: null });
    expect(ended).toMatchObject({ writes: { commands: [] }, issued: 0 });
  });
});
