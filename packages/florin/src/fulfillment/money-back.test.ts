import { describe, expect, it } from 'vitest';
import { testCatalog } from '../../test/integration/webhooks/catalog.ts';
import {
  ACCOUNT,
  charge,
  creditNote,
  dispute,
  event,
  fraudWarning,
  type Json,
  refund,
  session,
  sessionLine,
  withLines,
} from '../../test/integration/webhooks/objects.ts';
import { effectsOf, type Given, needOf } from '../../test/support/decisions.ts';
import { readRefund } from '../stripe/index.ts';
import type { Effects } from './index.ts';
import { type MoneyBack, moneyBack } from './money-back.ts';
import { EMPTY_PAYMENT, type PaymentState } from './state.ts';

const SCAN = event(
  'checkout.session.completed',
  session(withLines([sessionLine('price_QUICK_SCAN')])),
);
const FREEZE = testCatalog([], 'freeze');

/** What the events of one payment mean, each decided on what the ones before it left. */
function told(payloads: readonly Json[], given: Given = {}): Effects {
  let payment = EMPTY_PAYMENT;
  let last: Effects | undefined;
  for (const payload of payloads) {
    last = effectsOf(payload, { ...given, payment });
    payment = last.payment?.state ?? payment;
  }
  if (last === undefined) {
    throw new Error('no event');
  }
  return last;
}

const refunded = (amount: number, status = 'succeeded', more: Json = {}, at = 10) =>
  event('refund.created', refund('re_1', amount, status, more), { at });
const disputed = (status: string, amount = 500, at = 10) =>
  event('charge.dispute.updated', dispute(status, amount), { at });
const warned = (actionable = true) =>
  event('radar.early_fraud_warning.created', fraudWarning(actionable));

describe('money that goes back', () => {
  it('takes back its share of the credits, rounded down, and says why', () => {
    const effects = told([SCAN, refunded(333)]);
    expect(effects).toMatchObject({
      status: 'processed',
      reason: 'Of 50 credits, 33 are taken back now.',
      accountId: ACCOUNT,
      payment: { status: 'credited', accountId: ACCOUNT },
    });
    expect(effects.commands).toEqual([
      {
        do: 'reverse',
        cause: 'payment',
        accountId: ACCOUNT,
        amount: 33,
        key: 'florin:checkout:cs_1:line:li_1:reversal:1',
        grantKey: 'florin:checkout:cs_1:line:li_1',
        metadata: {
          stripe_payment_id: 'pi_1',
          stripe_session_id: 'cs_1',
          stripe_price_id: 'price_QUICK_SCAN',
          reason: 'refund_quick_scan_purchase',
          plan_type: 'credits',
          stripe_event_id: 'evt_1',
        },
      },
    ]);
  });

  it('and comes again gives the credits back, under the next number', () => {
    const effects = told([SCAN, refunded(500), refunded(500, 'failed')]);
    expect(effects.commands).toMatchObject([
      {
        do: 'restore',
        cause: 'payment',
        accountId: ACCOUNT,
        amount: 50,
        key: 'florin:checkout:cs_1:line:li_1:restoration:2',
        grantKey: 'florin:checkout:cs_1:line:li_1',
        metadata: { reason: 'refund_quick_scan_purchase' },
      },
    ]);
    expect(effects.reason).toBe('Of 50 credits, 0 are taken back now.');
  });

  it('moves nothing when the same fact is decided a second time', () => {
    const effects = told([SCAN, refunded(333), refunded(333)]);
    expect(effects).toMatchObject({
      reason: 'Nothing to move: 33 of 50 credits are taken back.',
      commands: [],
    });
  });

  it('before its purchase is known is kept, and applied when the purchase comes', () => {
    const answers = { 'invoiceOfPayment:pi_1': null };
    const early = told([refunded(333)], { answers });
    expect(early).toMatchObject({
      status: 'processed',
      reason: 'No purchase of this payment is known: kept, and applied when it comes.',
      accountId: null,
      payment: { status: 'waiting' },
      commands: [],
    });
    const late = told([refunded(333), SCAN], { answers });
    expect(late.commands).toMatchObject([
      { do: 'issue', amount: 50 },
      { do: 'reverse', amount: 33 },
    ]);
    expect(late.reason).toBe('Credited 50, taken back 33.');
  });

  it('asks once which invoice was paid, when nothing else names it', () => {
    const ask = { ask: 'invoiceOfPayment', id: 'pi_1' };
    for (const payload of [
      refunded(333),
      disputed('lost'),
      event('charge.refunded', charge(333)),
    ]) {
      expect(needOf(payload)).toEqual(ask);
    }
    expect(needOf(warned(), { catalog: FREEZE })).toEqual(ask);
  });

  it('asks for no invoice where the object or the payment names it, or no payment intent does', () => {
    const kept = { status: 'processed', commands: [] };
    expect(effectsOf(event('charge.refunded', charge(333, { invoice: 'in_1' })))).toMatchObject(
      kept,
    );
    expect(effectsOf(refunded(333, 'succeeded', { payment_intent: null }))).toMatchObject(kept);
    expect(effectsOf(event('credit_note.created', creditNote(300)))).toMatchObject(kept);
    const payment = {
      ...EMPTY_PAYMENT,
      invoices: { in_1: { value: 1000, currency: 'usd', subscriptionId: null } },
    };
    expect(effectsOf(refunded(333), { payment })).toMatchObject(kept);
  });

  it('is kept, and tried again, while Stripe cannot say which invoice was paid', () => {
    const effects = effectsOf(refunded(333), {
      answers: { 'invoiceOfPayment:pi_1': 'unavailable' },
    });
    expect(effects).toMatchObject({
      status: 'failed',
      reason:
        'Stripe could not be asked for the invoice that pi_1 paid; the event is tried again by itself.',
      payment: { state: { refunds: { re_1: { amount: 333 } } } },
    });
  });
});

describe('money that was all back before its purchase came', () => {
  it('grants and takes back at once, so that the books show both', () => {
    const answers = { 'invoiceOfPayment:pi_1': null };
    expect(told([refunded(500), SCAN], { answers }).commands).toMatchObject([
      { do: 'issue', amount: 50 },
      { do: 'reverse', amount: 50 },
    ]);
  });
});

describe('a refund that is announced as failed', () => {
  const announced = (status: string) =>
    event('refund.failed', refund('re_1', 500, status), { at: 20 });

  it('is believed when the object says so too', () => {
    const effects = told([SCAN, refunded(500), announced('failed')]);
    expect(effects.commands).toMatchObject([{ do: 'restore', amount: 50 }]);
  });

  it('is asked about when the object says otherwise', () => {
    expect(needOf(announced('succeeded'))).toEqual({ ask: 'refund', id: 're_1' });
    const answered = (answer: unknown) =>
      told([SCAN, refunded(500), announced('succeeded')], { answers: { 'refund:re_1': answer } });
    const stands = readRefund(refund('re_1', 500, 'succeeded'), { asOf: 1_790_000_020 });
    expect(answered(stands).commands).toEqual([]);
    expect(answered(null).commands).toMatchObject([{ do: 'restore', amount: 50 }]);
    expect(answered('unavailable')).toMatchObject({
      status: 'failed',
      reason:
        'Stripe could not be asked for the true status of refund re_1; the event is tried again by itself.',
      commands: [],
      payment: null,
    });
  });
});

describe('why credits move back', () => {
  const reasonOf = (payloads: readonly Json[], given: Given = {}) =>
    told(payloads, given).commands[0]?.metadata['reason'];

  it('is the dispute while it holds the money, and when it lets go of it', () => {
    expect(reasonOf([SCAN, disputed('lost')])).toBe('dispute_quick_scan_purchase');
    expect(reasonOf([SCAN, disputed('needs_response'), disputed('won', 500, 20)])).toBe(
      'dispute_quick_scan_purchase',
    );
  });

  it('is the refund when the dispute beside it holds nothing', () => {
    expect(reasonOf([SCAN, disputed('won'), refunded(200)])).toBe('refund_quick_scan_purchase');
    expect(reasonOf([SCAN, disputed('won'), event('charge.refunded', charge(200))])).toBe(
      'refund_quick_scan_purchase',
    );
  });

  it('is the dispute when it holds more beside a refund', () => {
    expect(reasonOf([SCAN, refunded(200), disputed('lost', 300)])).toBe(
      'dispute_quick_scan_purchase',
    );
  });

  it('is a refund when a credit note gave the money back', () => {
    expect(reasonOf([SCAN, event('credit_note.created', creditNote(100))])).toBe(
      'refund_quick_scan_purchase',
    );
  });

  it('is the dispute though its charge, not refunded, is known', () => {
    expect(
      reasonOf([
        SCAN,
        event('charge.refunded', charge(0)),
        disputed('lost'),
        disputed('won', 500, 20),
      ]),
    ).toBe('dispute_quick_scan_purchase');
  });

  it('is the fraud warning while it freezes, and when it lets go', () => {
    expect(reasonOf([SCAN, warned()], { catalog: FREEZE })).toBe(
      'fraud_warning_quick_scan_purchase',
    );
    expect(reasonOf([SCAN, warned(), warned(false)], { catalog: FREEZE })).toBe(
      'fraud_warning_quick_scan_purchase',
    );
    expect(reasonOf([SCAN, warned(false), refunded(200)], { catalog: FREEZE })).toBe(
      'refund_quick_scan_purchase',
    );
    expect(reasonOf([SCAN, refunded(200), warned()], { catalog: FREEZE })).toBe(
      'fraud_warning_quick_scan_purchase',
    );
  });
});

describe('an early fraud warning', () => {
  it('moves nothing where the catalogue does not freeze', () => {
    expect(told([SCAN, warned()])).toMatchObject({
      status: 'skipped',
      reason: 'An early fraud warning moves no money: a refund or a dispute will say so.',
      payment: null,
      commands: [],
    });
  });

  it('gives back what was frozen, though the catalogue freezes no more', () => {
    const payment = told([SCAN, warned()], { catalog: FREEZE }).payment?.state ?? EMPTY_PAYMENT;
    expect(effectsOf(warned(false), { payment }).commands).toMatchObject([
      { do: 'restore', amount: 50 },
    ]);
  });
});

describe('the money of a payment that is gone', () => {
  const CHARGE = { amount: 500, refunded: 0, currency: 'usd', asOf: 10 };
  const REFUND = {
    amount: 200,
    currency: 'usd',
    chargeId: 'ch_1',
    status: 'succeeded',
    reason: null,
    failedAt: null,
  };
  const DISPUTE = {
    amount: 300,
    currency: 'usd',
    chargeId: 'ch_1',
    status: 'lost',
    reason: null,
    balance: null,
    asOf: 10,
    movement: null,
    movedAt: 0,
  } as const;
  const WARNING = { chargeId: 'ch_1', actionable: true };
  const gone = (more: Partial<PaymentState>): MoneyBack =>
    moneyBack({ ...EMPTY_PAYMENT, charges: { ch_1: CHARGE }, ...more });

  it('is none while nothing has gone back', () => {
    expect(gone({})).toEqual({ back: 0, paid: 500, disputed: 0, frozen: 0 });
  });

  it('is counted up to what the charge took, whoever speaks of it', () => {
    expect(gone({ refunds: { re_1: REFUND }, disputes: { dp_1: DISPUTE } })).toEqual({
      back: 500,
      paid: 500,
      disputed: 300,
      frozen: 0,
    });
    expect(
      gone({ refunds: { re_1: { ...REFUND, amount: 400 } }, disputes: { dp_1: DISPUTE } }),
    ).toEqual({ back: 500, paid: 500, disputed: 100, frozen: 0 });
    expect(gone({ refunds: { re_1: { ...REFUND, amount: 900 } } }).back).toBe(500);
    expect(gone({ disputes: { dp_1: DISPUTE, dp_2: { ...DISPUTE, amount: 400 } } }).disputed).toBe(
      500,
    );
  });

  it('of one charge is not counted against another', () => {
    const charges = { ch_1: CHARGE, ch_2: CHARGE };
    const refunds = { re_1: { ...REFUND, amount: 900 } };
    const disputes = { dp_1: { ...DISPUTE, chargeId: 'ch_2' } };
    expect(gone({ charges, refunds, disputes })).toEqual({
      back: 800,
      paid: 1000,
      disputed: 300,
      frozen: 0,
    });
  });

  it('by a dispute is that of its own charge only', () => {
    const charges = { ch_1: CHARGE, ch_2: CHARGE };
    const disputes = { dp_1: { ...DISPUTE, chargeId: 'ch_2' } };
    expect(gone({ charges, disputes }).disputed).toBe(300);
  });

  it('by a dispute that was won or prevented is none, whatever else it says', () => {
    for (const status of ['won', 'prevented']) {
      expect(gone({ disputes: { dp_1: { ...DISPUTE, status, balance: -300 } } }).disputed).toBe(0);
    }
  });

  it('is known of a charge that only refunds, disputes or warnings have named', () => {
    const paid = { sessions: { cs_1: SESSION }, charges: {} };
    expect(gone({ ...paid, refunds: { re_1: REFUND } }).back).toBe(200);
    expect(gone({ ...paid, disputes: { dp_1: DISPUTE } }).back).toBe(300);
    expect(gone({ ...paid, warnings: { w: WARNING } }).back).toBe(500);
    expect(gone({ ...paid, refunds: { re_1: { ...REFUND, chargeId: null } } }).back).toBe(200);
  });

  it('without a charge named belongs to the first one', () => {
    const charges = { ch_2: { ...CHARGE, amount: 100 }, ch_1: CHARGE };
    const refunds = { re_1: { ...REFUND, chargeId: null } };
    expect(gone({ charges, refunds }).back).toBe(200);
  });

  const SESSION = { standing: 'paid', amount: 500, currency: 'usd', customerId: null } as const;

  it('by refunds is the sum that the charge tells, or the refunds that stand if they are more', () => {
    const charges = { ch_1: { ...CHARGE, refunded: 300 } };
    expect(gone({ charges, refunds: { re_1: REFUND } }).back).toBe(300);
    expect(
      gone({ charges, refunds: { re_1: REFUND, re_2: { ...REFUND, amount: 250 } } }).back,
    ).toBe(450);
  });

  it.each([
    ['failed after the sum was told', { status: 'failed', failedAt: 20 }, 100],
    ['failed in the second of the sum', { status: 'failed', failedAt: 10 }, 100],
    ['was cancelled after it', { status: 'canceled', failedAt: 20 }, 100],
    ['had failed before the sum was told', { status: 'failed', failedAt: 5 }, 300],
    ['failed nobody knows when', { status: 'failed', failedAt: null }, 300],
    ['stands', { status: 'succeeded', failedAt: null }, 300],
  ])('by a refund that %s counts right beside the sum of the charge', (_, more, back) => {
    const charges = { ch_1: { ...CHARGE, refunded: 300 } };
    expect(gone({ charges, refunds: { re_1: { ...REFUND, ...more } } }).back).toBe(back);
  });

  it('by a dispute that was reinstated is none, until it is lost later on', () => {
    const held = (more: Partial<PaymentState['disputes'][string]>) =>
      gone({ disputes: { dp_1: { ...DISPUTE, movedAt: 10, ...more } } }).disputed;
    expect(held({ movement: 'reinstated', status: 'under_review', asOf: 20 })).toBe(0);
    expect(held({ movement: 'reinstated', status: 'lost', asOf: 10 })).toBe(0);
    expect(held({ movement: 'reinstated', status: 'lost', asOf: 11 })).toBe(300);
    expect(held({ movement: 'withdrawn', status: 'warning_closed' })).toBe(300);
    expect(held({ balance: -900 })).toBe(300);
    expect(held({ balance: 40 })).toBe(0);
  });

  it('by credit notes is what they gave back beside refunds, but for voided ones', () => {
    const note = { outsideRefunds: 120, currency: 'usd', status: 'issued' };
    expect(gone({ creditNotes: { cn_1: note, cn_2: { ...note, status: 'void' } } }).back).toBe(120);
    expect(gone({ creditNotes: { cn_1: note }, refunds: { re_1: REFUND } }).back).toBe(320);
  });

  it('is frozen by a warning, what refunds and an inquiry have not taken', () => {
    expect(gone({ warnings: { w: WARNING } })).toEqual({
      back: 500,
      paid: 500,
      disputed: 0,
      frozen: 500,
    });
    const inquiry = { ...DISPUTE, status: 'warning_needs_response', balance: -50 };
    expect(
      gone({ warnings: { w: WARNING }, refunds: { re_1: REFUND }, disputes: { dp_1: inquiry } }),
    ).toEqual({ back: 500, paid: 500, disputed: 50, frozen: 250 });
  });

  it('is not frozen once a dispute speaks, or the warning is settled, or of another charge', () => {
    const frozen = (more: Partial<PaymentState>) =>
      gone({ warnings: { w: WARNING }, ...more }).frozen;
    expect(frozen({ disputes: { dp_1: { ...DISPUTE, status: 'won' } } })).toBe(0);
    expect(
      frozen({
        disputes: { dp_1: { ...DISPUTE, status: 'warning_closed' }, dp_2: DISPUTE },
      }),
    ).toBe(0);
    expect(frozen({ warnings: { w: { ...WARNING, actionable: false } } })).toBe(0);
    const charges = { ch_1: CHARGE, ch_2: { ...CHARGE, amount: 90 } };
    expect(frozen({ charges, warnings: { w: { ...WARNING, chargeId: 'ch_2' } } })).toBe(90);
    expect(
      frozen({
        warnings: { v: { ...WARNING, actionable: false }, w: WARNING },
      }),
    ).toBe(500);
  });

  it('is measured by the largest of what charges, invoices and paid sessions say', () => {
    const invoice = { value: 300, currency: 'usd', subscriptionId: null };
    const paid = (more: Partial<PaymentState>) => gone({ charges: {}, ...more }).paid;
    expect(paid({ charges: { a: CHARGE, b: CHARGE } })).toBe(1000);
    expect(paid({ invoices: { a: invoice, b: invoice }, charges: { a: CHARGE } })).toBe(600);
    expect(paid({ sessions: { a: SESSION, b: SESSION } })).toBe(1000);
    expect(paid({ sessions: { a: { ...SESSION, standing: 'pending' } } })).toBe(0);
    expect(
      paid({ sessions: { a: { ...SESSION, standing: 'failed' } }, invoices: { a: invoice } }),
    ).toBe(300);
  });

  it('is all of a payment whose worth nobody has told', () => {
    expect(gone({ charges: {}, refunds: { re_1: REFUND } })).toEqual({
      back: 200,
      paid: 200,
      disputed: 0,
      frozen: 0,
    });
  });
});
