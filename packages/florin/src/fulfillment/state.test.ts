import { describe, expect, it } from 'vitest';
import type {
  ChargeFact,
  CreditNoteFact,
  DisputeFact,
  FraudWarningFact,
  InvoiceFact,
  RefundFact,
  SessionFact,
} from '../stripe/index.ts';
import {
  EMPTY_PAYMENT,
  joinCharge,
  joinCreditNote,
  joinDispute,
  joinFraudWarning,
  joinInvoice,
  joinRefund,
  joinSession,
  mergePayments,
  type PaymentState,
} from './state.ts';

const SESSION = {
  kind: 'session',
  id: 'cs_1',
  paymentStatus: 'paid',
  amountTotal: 500,
  currency: 'usd',
  customerId: 'cus_1',
  ended: null,
} as SessionFact;
const INVOICE = {
  id: 'in_1',
  amountPaid: 700,
  balanceApplied: 300,
  currency: 'usd',
  subscriptionId: null,
} as InvoiceFact;
const REFUND: RefundFact = {
  kind: 'refund',
  id: 're_1',
  amount: 200,
  currency: 'usd',
  chargeId: null,
  paymentIntentId: 'pi_1',
  status: 'pending',
  reason: null,
  asOf: 10,
  announcedFailed: false,
};
const CHARGE: ChargeFact = {
  kind: 'charge',
  id: 'ch_1',
  amount: 500,
  refunded: 0,
  currency: 'usd',
  paymentIntentId: 'pi_1',
  invoiceId: null,
  customerId: null,
  refunds: [],
  asOf: 10,
};
const DISPUTE: DisputeFact = {
  kind: 'dispute',
  id: 'dp_1',
  amount: 300,
  currency: 'usd',
  chargeId: null,
  paymentIntentId: 'pi_1',
  status: 'needs_response',
  reason: null,
  balance: null,
  movement: null,
  asOf: 10,
};
const NOTE: CreditNoteFact = {
  kind: 'credit_note',
  id: 'cn_1',
  invoiceId: 'in_1',
  currency: 'usd',
  status: 'issued',
  outsideRefunds: 300,
  besideRefund: null,
  asOf: 10,
};
const WARNING: FraudWarningFact = {
  kind: 'fraud_warning',
  id: 'issfr_1',
  chargeId: null,
  paymentIntentId: 'pi_1',
  actionable: true,
};

type Join<F> = (state: PaymentState, fact: F) => PaymentState;

/** The state after two facts: told in either order, to one payment or to two that are then merged. */
function both<F>(join: Join<F>, a: F, b: F): PaymentState {
  const state = join(join(EMPTY_PAYMENT, a), b);
  expect(join(join(EMPTY_PAYMENT, b), a)).toEqual(state);
  expect(mergePayments(join(EMPTY_PAYMENT, a), join(EMPTY_PAYMENT, b))).toEqual(state);
  expect(mergePayments(join(EMPTY_PAYMENT, b), join(EMPTY_PAYMENT, a))).toEqual(state);
  return state;
}

describe('what is kept of two updates about one session', () => {
  const kept = (a: Partial<SessionFact>, b: Partial<SessionFact>) =>
    both(joinSession, { ...SESSION, ...a }, { ...SESSION, ...b }).sessions['cs_1']?.standing;
  const unpaid = { paymentStatus: 'unpaid' };

  it('is that it was paid, else that it failed, else that it is pending', () => {
    expect(kept({}, { ...unpaid, ended: 'failed' })).toBe('paid');
    expect(kept({}, unpaid)).toBe('paid');
    expect(kept({ paymentStatus: 'no_payment_required' }, unpaid)).toBe('paid');
    expect(kept(unpaid, { ...unpaid, ended: 'expired' })).toBe('failed');
    expect(kept(unpaid, unpaid)).toBe('pending');
  });

  it('is nothing of a sum that it does not say', () => {
    const bare = joinSession(EMPTY_PAYMENT, { ...SESSION, amountTotal: null, currency: null });
    expect(bare.sessions['cs_1']).toEqual({
      standing: 'paid',
      amount: 0,
      currency: '',
      customerId: 'cus_1',
    });
  });
});

describe('what is kept of two updates about one invoice', () => {
  it('is the larger value, money and balance together, and the subscription that either names', () => {
    const smaller = { ...INVOICE, amountPaid: 90, balanceApplied: 0, subscriptionId: 'sub_1' };
    expect(both(joinInvoice, INVOICE, smaller).invoices['in_1']).toEqual({
      value: 1000,
      currency: 'usd',
      subscriptionId: 'sub_1',
    });
  });
});

describe('what is kept of two updates about one charge', () => {
  const kept = (a: Partial<ChargeFact>, b: Partial<ChargeFact>) =>
    both(joinCharge, { ...CHARGE, ...a }, { ...CHARGE, ...b }).charges['ch_1'];

  it('is the newer one, and of one second the one with more refunded', () => {
    expect(kept({ refunded: 300, asOf: 9 }, { refunded: 90, asOf: 10 })?.refunded).toBe(90);
    expect(kept({ refunded: 300 }, { refunded: 90 })?.refunded).toBe(300);
    expect(kept({}, {})).toEqual({ amount: 500, refunded: 0, currency: 'usd', asOf: 10 });
  });

  it('does not depend on who came first, where nothing tells the two apart', () => {
    expect(kept({ amount: 500 }, { amount: 400 })).toEqual(kept({ amount: 400 }, { amount: 500 }));
  });

  it('is also each refund that an old charge embeds', () => {
    const refunds = [REFUND, { ...REFUND, id: 're_2', amount: 50 }];
    const state = joinCharge(EMPTY_PAYMENT, { ...CHARGE, refunds });
    expect(Object.values(state.refunds).map((one) => one.amount)).toEqual([200, 50]);
  });
});

describe('what is kept of two updates about one refund', () => {
  const kept = (a: Partial<RefundFact>, b: Partial<RefundFact>) =>
    both(joinRefund, { ...REFUND, ...a }, { ...REFUND, ...b }).refunds['re_1'];

  it.each([
    ['a_status_of_tomorrow', 'pending'],
    ['pending', 'requires_action'],
    ['requires_action', 'succeeded'],
    ['succeeded', 'canceled'],
    ['canceled', 'failed'],
  ])('is its furthest status: after %s comes %s, whatever the clocks say', (early, late) => {
    expect(kept({ status: early, asOf: 99 }, { status: late })?.status).toBe(late);
  });

  it('is the larger amount at one status', () => {
    expect(kept({ amount: 100 }, { amount: 200 })?.amount).toBe(200);
  });

  it('is the charge and the reason that either names', () => {
    const told = kept(
      { status: 'succeeded' },
      { chargeId: 'ch_1', reason: 'requested_by_customer' },
    );
    expect(told).toMatchObject({
      status: 'succeeded',
      chargeId: 'ch_1',
      reason: 'requested_by_customer',
    });
    const fraud = { status: 'succeeded', reason: 'fraudulent' };
    expect(kept(fraud, { reason: 'duplicate' })?.reason).toBe('fraudulent');
  });

  it('is when it was first known to have come to nothing', () => {
    const off = (status: string, asOf: number) => ({ status, asOf });
    expect(kept(off('failed', 30), off('failed', 20))?.failedAt).toBe(20);
    expect(kept(off('canceled', 30), off('succeeded', 20))?.failedAt).toBe(30);
    expect(kept(off('pending', 30), off('succeeded', 20))?.failedAt).toBeNull();
  });
});

describe('what is kept of two updates about one dispute', () => {
  const kept = (a: Partial<DisputeFact>, b: Partial<DisputeFact>) =>
    both(joinDispute, { ...DISPUTE, ...a }, { ...DISPUTE, ...b }).disputes['dp_1'];

  it('is the newer one', () => {
    expect(kept({ status: 'won', asOf: 10 }, { status: 'under_review', asOf: 11 })?.status).toBe(
      'under_review',
    );
  });

  const life = [
    'a_status_of_tomorrow',
    'warning_needs_response',
    'warning_under_review',
    'warning_closed',
    'needs_response',
    'under_review',
    'lost',
    'appeal_needs_response',
    'appeal_under_review',
    'won',
    'prevented',
  ];
  it.each(life.slice(1).map((late, index) => [life[index] ?? '', late]))(
    'of one second is the later in its life: after %s comes %s',
    (early, late) => {
      expect(kept({ status: early }, { status: late })?.status).toBe(late);
    },
  );

  it('of one second and status is the one that tells its balance, then the higher, then the larger', () => {
    expect(kept({ balance: -300 }, {})?.balance).toBe(-300);
    expect(kept({ balance: 0 }, {})?.balance).toBe(0);
    expect(kept({ balance: -300 }, { balance: 0 })?.balance).toBe(0);
    expect(kept({ balance: -200 }, { balance: -10 })?.balance).toBe(-10);
    expect(kept({ amount: 300 }, { amount: 200 })?.amount).toBe(300);
    expect(kept({ amount: 90 }, { amount: 200 })?.amount).toBe(200);
  });

  it('is the charge that either names', () => {
    expect(kept({ chargeId: 'ch_1' }, { asOf: 20 })?.chargeId).toBe('ch_1');
  });

  it('is the last movement of money, whatever later words leave out', () => {
    const withdrawn = { movement: 'withdrawn', asOf: 10 } as const;
    const reinstated = { movement: 'reinstated', asOf: 10 } as const;
    expect(kept(withdrawn, { asOf: 20 })).toMatchObject({
      movement: 'withdrawn',
      movedAt: 10,
      asOf: 20,
    });
    expect(kept(reinstated, { ...withdrawn, asOf: 20 })?.movement).toBe('withdrawn');
    expect(kept(reinstated, withdrawn)?.movement).toBe('reinstated');
    expect(kept({ ...withdrawn, asOf: 0 }, { asOf: 0 })?.movement).toBe('withdrawn');
    expect(kept({}, {})).toMatchObject({ movement: null, movedAt: 0 });
  });
});

describe('what is kept of two updates about one credit note', () => {
  const kept = (a: Partial<CreditNoteFact>, b: Partial<CreditNoteFact>) =>
    both(joinCreditNote, { ...NOTE, ...a }, { ...NOTE, ...b }).creditNotes['cn_1'];

  it('is that it is void, else the larger sum', () => {
    expect(kept({ status: 'void', outsideRefunds: 0 }, {})).toMatchObject({ status: 'void' });
    expect(kept({ outsideRefunds: 90 }, { outsideRefunds: 300 })?.outsideRefunds).toBe(300);
  });
});

describe('what is kept of two updates about one fraud warning', () => {
  const kept = (a: Partial<FraudWarningFact>, b: Partial<FraudWarningFact>) =>
    both(joinFraudWarning, { ...WARNING, ...a }, { ...WARNING, ...b }).warnings?.['issfr_1'];

  it('is that it is over, and the charge that either names', () => {
    expect(kept({ actionable: false }, { chargeId: 'ch_1' })).toEqual({
      actionable: false,
      chargeId: 'ch_1',
    });
    expect(kept({}, {})).toEqual({ actionable: true, chargeId: null });
  });
});

describe('two payments that a fact has shown to be one', () => {
  it('keep everything of both, and speak of warnings only if one of them does', () => {
    const a = joinRefund(joinSession(EMPTY_PAYMENT, SESSION), REFUND);
    const b = joinRefund(joinInvoice(EMPTY_PAYMENT, INVOICE), { ...REFUND, id: 're_2' });
    const one = mergePayments(a, b);
    expect(Object.keys(one.refunds)).toEqual(['re_1', 're_2']);
    expect(Object.keys(one.sessions)).toEqual(['cs_1']);
    expect(Object.keys(one.invoices)).toEqual(['in_1']);
    expect(one).not.toHaveProperty('warnings');
    const warned = joinFraudWarning(a, WARNING);
    expect(Object.keys(mergePayments(warned, b).warnings ?? {})).toEqual(['issfr_1']);
    expect(Object.keys(mergePayments(b, warned).warnings ?? {})).toEqual(['issfr_1']);
  });
});
