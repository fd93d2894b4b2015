import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import {
  readCharge,
  readDispute,
  readEvent,
  readInvoice,
  readInvoicePayment,
  readRefund,
  readSession,
  readSubscription,
} from './index.ts';

const FOLDER = new URL('../../../test/fixtures/stripe/', import.meta.url);

function recorded(name: string) {
  const event = readEvent(JSON.parse(readFileSync(new URL(`${name}.json`, FOLDER), 'utf8')));
  if (event === undefined) {
    throw new Error(`${name} is not an event`);
  }
  return { event, object: event.object, context: { asOf: event.created } };
}

describe('recorded payloads', () => {
  it('are all events', () => {
    const files = readdirSync(FOLDER).filter((name) => name.endsWith('.json'));
    expect(files.length).toBeGreaterThanOrEqual(11);
    for (const file of files) {
      expect(recorded(file.replace('.json', '')).event.type).toMatch(/\./);
    }
  });

  it('say what was sold by a session: paid, payment mode, whose', () => {
    const { object, context } = recorded('checkout_session_completed');
    expect(readSession(object, context)).toMatchObject({
      mode: 'payment',
      paymentStatus: 'paid',
      amountTotal: 999,
      currency: 'eur',
      clientReferenceId: null,
      paymentIntentId: 'pi_1IqxJOJDPojXS6LN9uOebAea',
      invoiceId: 'in_1KJqKBJDPojXS6LNJbvLUgEy',
      lines: null,
    });
  });

  it('say what an old invoice was for', () => {
    const { object, context } = recorded('invoice_paid');
    expect(readInvoice(object, context)).toMatchObject({
      paid: true,
      amountPaid: 0,
      subscriptionId: 'sub_JsuPyCPhXWfZar',
      linesComplete: true,
      lines: [
        {
          priceId: 'price_1IDQm5JDPojXS6LNM31hxKzp',
          unitAmount: '0',
          quantity: 1,
          proration: false,
          recurring: true,
        },
      ],
    });
  });

  it('say which payment paid an invoice', () => {
    const { object } = recorded('invoice_payment_paid');
    expect(readInvoicePayment(object)).toMatchObject({
      invoiceId: 'in_103Q0w2eZvKYlo2C5PYwf6Wf',
      paymentIntentId: 'pi_103Q0w2eZvKYlo2C364X582Z',
    });
  });

  it('say what went back on a charge, refund by refund', () => {
    const { object, context } = recorded('charge_refunded');
    expect(readCharge(object, context)).toMatchObject({
      amount: 2500,
      refunded: 2500,
      invoiceId: 'in_1KJdKkJDPojXS6LNSwSWkZSN',
      refunds: [{ id: 're_3Kl36gJDPojXS6LN0eP4yPDz', amount: 2500, status: 'succeeded' }],
    });
  });

  it('say of a failed refund that it succeeded: the reader does not decide', () => {
    const { object, context } = recorded('refund_failed');
    expect(readRefund(object, { ...context, announcedFailed: true })).toMatchObject({
      status: 'succeeded',
      announcedFailed: true,
    });
  });

  it('say that an inquiry has moved nothing', () => {
    const { object, context } = recorded('charge_dispute_closed');
    expect(readDispute(object, context)).toMatchObject({
      status: 'warning_needs_response',
      balance: null,
    });
  });

  it('say when a subscription ended', () => {
    const { object, context } = recorded('subscription_deleted');
    expect(readSubscription(object, context)).toMatchObject({
      status: 'canceled',
      endedAt: 1623149102,
      currentPeriodEnd: 1625740918,
      items: [{ priceId: 'price_1IDQm5JDPojXS6LNM31hxKzp', unitAmount: '0' }],
    });
  });
});
