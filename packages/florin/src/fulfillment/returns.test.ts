import { describe, expect, it } from 'vitest';
import { takenByReturns } from './returns.ts';
import { EMPTY_PAYMENT, type PaymentState, type Purchase, type ReturnState } from './state.ts';

const MONTH = { start: 1_000, end: 2_000 };
const REST = { start: 1_500, end: 2_000 };

type Line = Partial<Purchase> & { amount?: number; line?: Purchase['line'] };

function purchase(invoiceId: string, given: Line = {}): Purchase {
  const { amount = 1000, ...more } = given;
  const credits = more.credits ?? 100;
  return {
    key: `florin:invoice:${invoiceId}:line:il_1`,
    paidObjectId: invoiceId,
    accountId: '6f1d3f52-0c1b-4d51-9a3e-6f3f4f0f7a01',
    via: 'invoice',
    priceId: 'price_BASIC',
    credits,
    quantity: 1,
    amountMinor: amount,
    currency: 'usd',
    source: 'subscription',
    priority: 0,
    expiresAt: null,
    dueAt: null,
    subscriptionId: 'sub_1',
    rollsOverFrom: null,
    metadata: {},
    line: { id: 'il_1', invoiceItemId: null, invoicedAt: 10, amount, period: MONTH, credits },
    standing: 'issued',
    reversed: 0,
    steps: 0,
    ...more,
  };
}

function bought(...purchases: Purchase[]): PaymentState {
  return {
    ...EMPTY_PAYMENT,
    purchases: Object.fromEntries(purchases.map((one) => [one.key, one])),
  };
}

function returning(given: Partial<ReturnState> = {}, more: Partial<PaymentState> = {}) {
  const one: ReturnState = {
    invoiceId: 'in_9',
    invoicedAt: 20,
    priceId: 'price_BASIC',
    quantity: 1,
    subscriptionId: 'sub_1',
    amount: 500,
    currency: 'usd',
    period: REST,
    credited: null,
    ...given,
  };
  return { ...EMPTY_PAYMENT, ...more, returns: { il_9: one } };
}

const taken = (...payments: PaymentState[]) => Object.fromEntries(takenByReturns(payments).of);
const [first, second] = ['in_1', 'in_2'].map((id) => `florin:invoice:${id}:line:il_1`) as [
  string,
  string,
];

describe('a line that gives money back', () => {
  it('takes the share of the credits that is the share of the money, in any order of payments', () => {
    const payments = [bought(purchase('in_1')), returning()];
    expect(taken(...payments)).toEqual({ [first]: 50 });
    expect(taken(...payments.toReversed())).toEqual({ [first]: 50 });
  });

  it.each<[string, Partial<ReturnState>]>([
    ['another price', { priceId: 'price_PRO' }],
    ['another quantity', { quantity: 3 }],
    ['another subscription', { subscriptionId: 'sub_2' }],
    ['another currency', { currency: 'eur' }],
    ['a time that the line does not cover', { period: { start: 1_500, end: 2_001 } }],
    ['an invoice that is older than the line', { invoicedAt: 9 }],
    ['an invoice that nobody knows', { credited: { invoiceId: 'in_8', lineIds: ['il_1'] } }],
    ['a line that nobody knows', { credited: { invoiceId: 'in_1', lineIds: ['il_2'] } }],
  ])('takes nothing for %s, and is told of', (_what, more) => {
    const { of, unmatched } = takenByReturns([bought(purchase('in_1')), returning(more)]);
    expect([...of]).toEqual([]);
    expect([...unmatched]).toEqual(['il_9']);
  });

  it('credits the line that Stripe names, else the latest that covers its time', () => {
    const line = { id: 'il_1', invoiceItemId: 'ii_2', invoicedAt: 15, amount: 500, credits: 50 };
    const later = purchase('in_2', { credits: 50, line: { ...line, period: REST } });
    const payments = [bought(purchase('in_1')), bought(later)];
    expect(taken(...payments, returning())).toEqual({ [second]: 50 });
    expect(taken(...payments, returning({ amount: 700 }))).toEqual({ [first]: 20, [second]: 50 });
    const named = { invoiceId: 'in_1', lineIds: ['il_1'] };
    expect(taken(...payments, returning({ credited: named }))).toEqual({ [first]: 50 });
    const item = { invoiceItemId: 'ii_2' };
    expect(taken(...payments, returning({ credited: item }))).toEqual({ [second]: 50 });
  });

  it('takes no more than the line granted, whole where it is given back in parts', () => {
    expect(taken(bought(purchase('in_1')), returning({ amount: 5000 }))).toEqual({ [first]: 100 });
    const thirds = [333, 333, 334].map((amount) => returning({ amount }));
    expect(taken(bought(purchase('in_1')), ...thirds)).toEqual({ [first]: 100 });
  });

  it('takes months from the last backwards', () => {
    const month = (n: number) =>
      purchase('in_1', {
        key: `month ${n}`,
        credits: 25,
        dueAt: n === 1 ? null : n,
        line: {
          id: 'il_1',
          invoiceItemId: null,
          invoicedAt: 10,
          amount: 1000,
          period: MONTH,
          credits: 100,
        },
      });
    const year = bought(month(2), month(4), month(1), month(3));
    expect(taken(year, returning({ amount: 600 }))).toEqual({
      'month 4': 25,
      'month 3': 25,
      'month 2': 10,
    });
  });

  it('takes less by what is refunded of its own invoice', () => {
    const charge = { amount: 2000, refunded: 1000, currency: 'usd', asOf: 30 };
    expect(taken(bought(purchase('in_1')), returning({}, { charges: { ch_9: charge } }))).toEqual({
      [first]: 25,
    });
  });

  it('leaves what an earlier period carried over', () => {
    expect(taken(bought(purchase('in_1', { rollsOverFrom: 1_000 })), returning())).toEqual({});
  });
});
