import { describe, expect, it } from 'vitest';
import {
  charge,
  creditNote,
  dispute,
  event,
  fraudWarning,
  invoice,
  invoicePayment,
  refund,
  session,
  subscription,
} from '../../test/integration/webhooks/objects.ts';
import { detailsOf, effectsOf, factIn, type Given } from '../../test/support/decisions.ts';
import { aliasesOf, subjectsOf } from './decide.ts';
import { addDuration, monthsIn } from './period.ts';

const LINE = [{ priceId: 'price_BASIC_MONTHLY' }];
const EVENTS = {
  session: event('checkout.session.completed', session({ invoice: 'in_1' })),
  subscribing: event(
    'checkout.session.completed',
    session({ mode: 'subscription', subscription: 'sub_1', invoice: 'in_1' }),
  ),
  invoice: event('invoice.paid', invoice(LINE, 'old', { charge: 'ch_1' }), { shape: 'old' }),
  invoicePayment: event('invoice_payment.paid', invoicePayment()),
  charge: event('charge.refunded', charge(100)),
  oldCharge: event('charge.refunded', charge(100, { invoice: 'in_9' })),
  refund: event('refund.created', refund('re_1', 100, 'succeeded')),
  dispute: event('charge.dispute.created', dispute('lost')),
  warning: event('radar.early_fraud_warning.created', fraudWarning()),
  note: event('credit_note.created', creditNote(100)),
  subscription: event('customer.subscription.updated', subscription('active')),
  customer: event('customer.updated', { id: 'cus_1', object: 'customer' }),
  unknown: event('product.created', { id: 'prod_1', object: 'product' }),
};

describe('the names under which a payment is known', () => {
  const names = (of: keyof typeof EVENTS, answers: Given['answers'] = {}) =>
    aliasesOf(factIn(EVENTS[of]), detailsOf(answers));

  it.each([
    ['session', ['cs_1', 'pi_1', 'in_1']],
    ['subscribing', []],
    ['invoice', ['in_1', 'pi_1', 'ch_1']],
    ['invoicePayment', ['in_1', 'pi_1']],
    ['charge', ['ch_1', 'pi_1']],
    ['oldCharge', ['ch_1', 'pi_1', 'in_9']],
    ['refund', ['ch_1', 'pi_1']],
    ['dispute', ['ch_1', 'pi_1']],
    ['warning', ['ch_1', 'pi_1']],
    ['note', ['in_1']],
    ['subscription', []],
    ['customer', []],
    ['unknown', []],
  ] as const)('are those that a fact of the kind %s tells', (of, expected) => {
    expect(names(of)).toEqual(expected);
  });

  it('are also the invoice that Stripe named for the payment', () => {
    const answers = { 'invoiceOfPayment:pi_1': 'in_7' };
    for (const of of ['charge', 'refund', 'dispute', 'warning'] as const) {
      expect(names(of, answers)).toEqual(['ch_1', 'pi_1', 'in_7']);
    }
    expect(names('oldCharge', answers)).toEqual(['ch_1', 'pi_1', 'in_9']);
    for (const answer of ['unavailable', null]) {
      expect(names('refund', { 'invoiceOfPayment:pi_1': answer })).toEqual(['ch_1', 'pi_1']);
    }
  });

  it('are asked of no payment intent that there is none of', () => {
    const fact = factIn(
      event('refund.created', refund('re_1', 1, 'failed', { payment_intent: null })),
    );
    expect(aliasesOf(fact, detailsOf({ 'invoiceOfPayment:null': 'in_7' }))).toEqual(['ch_1']);
  });
});

describe('the subscription and the customer that are read before deciding', () => {
  it.each([
    ['session', 'cus_1', null],
    ['subscribing', 'cus_1', 'sub_1'],
    ['invoice', 'cus_1', 'sub_1'],
    ['invoicePayment', null, null],
    ['charge', 'cus_1', null],
    ['refund', null, null],
    ['dispute', null, null],
    ['warning', null, null],
    ['note', null, null],
    ['subscription', 'cus_1', 'sub_1'],
    ['customer', 'cus_1', null],
    ['unknown', null, null],
  ] as const)('are those that a fact of the kind %s names', (of, customerId, subscriptionId) => {
    expect(subjectsOf(factIn(EVENTS[of]), detailsOf({}))).toMatchObject({
      customerId,
      subscriptionId,
    });
  });
});

describe('an event that means nothing for credits', () => {
  it('is skipped, writes nothing, and says why', () => {
    const effects = effectsOf(EVENTS.unknown);
    expect(effects).toEqual({
      status: 'skipped',
      reason: expect.stringMatching(/./),
      obstacle: null,
      accountId: null,
      customerId: null,
      payment: null,
      customer: null,
      deletedCustomerId: null,
      subscription: null,
      commands: [],
    });
  });
});

describe('durations', () => {
  const from = new Date('2026-12-15T00:00:00Z');

  it.each([
    ['P2Y3M', '2029-03-15T00:00:00.000Z'],
    ['P2W', '2026-12-29T00:00:00.000Z'],
    ['P1W1D', '2026-12-23T00:00:00.000Z'],
    ['P30D', '2027-01-14T00:00:00.000Z'],
    ['PT36H', '2026-12-16T12:00:00.000Z'],
    ['PT90M', '2026-12-15T01:30:00.000Z'],
    ['PT1H15M45S', '2026-12-15T01:15:45.000Z'],
  ])('%s is added by the calendar and the clock', (duration, to) => {
    expect(addDuration(from, duration).toISOString()).toBe(to);
  });

  it.each(['', 'P1X', 'xP1D', 'P1Dx', '90'])('%j is none', (text) => {
    expect(() => addDuration(from, text)).toThrow(`Not an ISO 8601 duration: ${text}`);
  });

  it('of a period are one month at least', () => {
    expect(monthsIn({ start: 0, end: 86_400 })).toBe(1);
    expect(monthsIn({ start: 1_790_000_000, end: 1_797_862_400 })).toBe(3);
  });
});
