import type Stripe from 'stripe';
import { FlorinError } from '../kernel/index.ts';
import { NOT_ASKED, type StripeClient } from './client.ts';
import {
  type CustomerFact,
  invoiceLineFact,
  type LineFact,
  type PriceFact,
  type RefundFact,
  readCustomer,
  readPrice,
  readRefund,
  readSession,
  readSubscription,
  type SessionFact,
  type SubscriptionFact,
  sessionLineFact,
} from './facts/index.ts';
import { type FetchedObject, fetchObject, type ObjectKind } from './objects.ts';

/**
 * What Florin asks Stripe when an event does not say enough. Each answers null where Stripe does not
 * know the object, and raises `stripe_unavailable` where asking again later may help. Never called
 * inside an open transaction.
 */
export type StripeLookups = {
  sessionLines(sessionId: string): Promise<readonly LineFact[] | null>;
  sessionOf(found: { subscriptionId: string }): Promise<SessionFact | null>;
  invoiceLines(invoiceId: string): Promise<readonly LineFact[] | null>;
  /** Which invoice a payment intent paid. */
  invoiceOfPayment(paymentIntentId: string): Promise<string | null>;
  subscription(subscriptionId: string): Promise<SubscriptionFact | null>;
  price(priceId: string): Promise<PriceFact | null>;
  customer(customerId: string): Promise<CustomerFact | null>;
  refund(refundId: string): Promise<RefundFact | null>;
  /** The object that a thin event names, as it is now. */
  object(named: { kind: ObjectKind; id: string }): Promise<FetchedObject | null>;
};

/** Lines of one invoice or session at most: far above any real one, so that a loop has an end. */
const MAX_LINES = 10_000;
const PAGE = 100;

/** The lookups over the real SDK. */
export function createStripeLookups(stripe: StripeClient): StripeLookups {
  const seconds = () => Math.floor(Date.now() / 1000);
  return {
    sessionLines: (id) =>
      asked(async () => {
        const lines = await stripe.checkout.sessions
          .listLineItems(id, { limit: PAGE })
          .autoPagingToArray({ limit: MAX_LINES });
        return lines.map((line) => sessionLineFact.parse(line));
      }),
    sessionOf: ({ subscriptionId }) =>
      asked(async () => {
        const found = await stripe.checkout.sessions.list({
          subscription: subscriptionId,
          limit: 1,
        });
        const session = found.data[0];
        return session === undefined ? null : readSession(session, { asOf: seconds() });
      }),
    invoiceLines: (id) =>
      asked(async () => {
        const lines = await stripe.invoices
          .listLineItems(id, { limit: PAGE })
          .autoPagingToArray({ limit: MAX_LINES });
        return lines.map((line) => invoiceLineFact.parse(line));
      }),
    invoiceOfPayment: (paymentIntentId) =>
      asked(async () => {
        const found = await stripe.invoicePayments.list({
          payment: { type: 'payment_intent', payment_intent: paymentIntentId },
          limit: 1,
        });
        const invoice = found.data[0]?.invoice;
        return invoice === undefined ? null : typeof invoice === 'string' ? invoice : invoice.id;
      }),
    subscription: (id) =>
      asked(async () =>
        readSubscription(await stripe.subscriptions.retrieve(id), { asOf: seconds() }),
      ),
    price: (id) =>
      asked(async () =>
        readPrice(await stripe.prices.retrieve(id, { expand: ['currency_options'] })),
      ),
    customer: (id) => asked(async () => readCustomer(await stripe.customers.retrieve(id))),
    refund: (id) =>
      asked(async () => readRefund(await stripe.refunds.retrieve(id), { asOf: seconds() })),
    object: (named) => asked(() => fetchObject(stripe, named)),
  };
}

async function asked<T>(ask: () => Promise<T | null>): Promise<T | null> {
  try {
    return await ask();
  } catch (error) {
    if (isUnknownToStripe(error)) {
      return null;
    }
    throw toStripeFlorinError(error);
  }
}

/** Told by what it carries: asking the SDK for its class would load it. */
function isStripeError(error: unknown): error is Stripe.errors.StripeError {
  return error instanceof Error && 'rawType' in error;
}

/** Whether Stripe failed because it does not know the object: its own error, or what was made of it here. */
export function isUnknownToStripe(error: unknown): boolean {
  const thrown = error instanceof FlorinError ? error.cause : error;
  return (
    isStripeError(thrown) &&
    thrown.type === 'StripeInvalidRequestError' &&
    (thrown.statusCode === 404 || thrown.code === 'resource_missing')
  );
}

/**
 * Stripe's failure as ours: `stripe_unavailable` when the same request may work later (connection,
 * 429, 5xx), `stripe_rejected` when it will not, `rate_limited` when the request was held back here. Carries Stripe's code, never the request's body.
 */
export function toStripeFlorinError(error: unknown): FlorinError {
  if (error instanceof FlorinError) {
    return error;
  }
  if (!isStripeError(error)) {
    return new FlorinError('internal', `Reading Stripe's answer failed: ${String(error)}`, {
      cause: error,
    });
  }
  if (error.code === NOT_ASKED) {
    const retryAfter = Number(error.headers?.['retry-after'] ?? 1);
    return new FlorinError('rate_limited', error.message, { details: { retryAfter } });
  }
  const details = {
    stripeCode: error.code,
    stripeType: error.type,
    status: error.statusCode,
    ...(error.type === 'StripeCardError' ? { declineCode: error.decline_code } : {}),
  };
  const status = error.statusCode ?? 0;
  if (status === 0 || status === 409 || status === 429 || status >= 500) {
    return new FlorinError('stripe_unavailable', `Stripe did not answer: ${error.message}`, {
      details,
      cause: error,
    });
  }
  return new FlorinError('stripe_rejected', `Stripe refused the request: ${error.message}`, {
    details,
    cause: error,
  });
}
