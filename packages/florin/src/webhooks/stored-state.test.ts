import { describe, expect, it } from 'vitest';
import { EMPTY_PAYMENT, type PaymentState, type Purchase } from '../fulfillment/index.ts';
import { fromStored, toStored } from './stored-state.ts';

const PURCHASE: Purchase = {
  key: 'florin:checkout:cs_1:line:li_1',
  paidObjectId: 'cs_1',
  accountId: '6f1d3f52-0c1b-4d51-9a3e-6f3f4f0f7a01',
  via: 'checkout',
  priceId: 'price_QUICK_SCAN',
  credits: 50,
  quantity: 1,
  amountMinor: 500,
  currency: 'usd',
  source: 'purchase',
  priority: 0,
  expiresAt: null,
  dueAt: null,
  subscriptionId: null,
  rollsOverFrom: null,
  metadata: {},
  standing: 'issued',
  reversed: 0,
  steps: 0,
};

const line = {
  id: 'il_1',
  invoiceItemId: null,
  invoicedAt: null,
  amount: 1000,
  period: null,
  credits: 100,
};
const STATES: Record<string, PaymentState> = {
  'of nothing': EMPTY_PAYMENT,
  'of a pack': {
    ...EMPTY_PAYMENT,
    sessions: { cs_1: { standing: 'paid', amount: 500, currency: 'usd', customerId: null } },
    purchases: { [PURCHASE.key]: PURCHASE },
  },
  'of a dripped plan': {
    ...EMPTY_PAYMENT,
    invoices: { in_1: { value: 1000, currency: 'usd', subscriptionId: null } },
    warnings: {},
    purchases: {
      a: { ...PURCHASE, key: 'a', dueAt: 0, expiresAt: '2030-01-01T00:00:00Z', line, returned: 0 },
      b: { ...PURCHASE, key: 'b', subscriptionId: 'sub_1', rollsOverFrom: 0 },
    },
  },
};

describe("a payment's state in its row", () => {
  it.each(Object.entries(STATES))('is read as it was written: %s', (_what, state) => {
    const { warnings, ...written } = state;
    expect(fromStored(JSON.parse(JSON.stringify(toStored(state))))).toEqual(written);
  });

  it.each(Object.entries(STATES))('is read where everything was kept: %s', (_what, state) => {
    expect(fromStored(state)).toEqual(state);
  });

  it('keeps nothing that is empty or usual', () => {
    expect(toStored(EMPTY_PAYMENT)).toEqual({});
    const { key, expiresAt, dueAt, subscriptionId, rollsOverFrom, ...more } = PURCHASE;
    const { priority, reversed, steps, ...kept } = more;
    expect(toStored({ ...EMPTY_PAYMENT, purchases: { [key]: PURCHASE } })).toEqual({
      purchases: { [key]: kept },
    });
  });
});
