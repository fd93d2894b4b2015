import type { StripeClient } from './client.ts';

/** What Stripe said of one object, and when. */
export type FetchedObject = {
  readonly object: { readonly id: string; readonly [key: string]: unknown };
  /** Seconds since 1970, by Stripe's clock where its answer tells. */
  readonly asOf: number;
};

/** Stripe's words for the kinds of object that a handled event can be about. */
export type ObjectKind =
  | 'checkout.session'
  | 'invoice'
  | 'invoice_payment'
  | 'charge'
  | 'refund'
  | 'dispute'
  | 'credit_note'
  | 'subscription'
  | 'customer'
  | 'radar.early_fraud_warning';

type Retrieve = (stripe: StripeClient, id: string) => Promise<object>;

const RETRIEVE: Readonly<Record<ObjectKind, Retrieve>> = {
  'checkout.session': (stripe, id) => stripe.checkout.sessions.retrieve(id),
  invoice: (stripe, id) => stripe.invoices.retrieve(id, { expand: ['payments'] }),
  invoice_payment: (stripe, id) => stripe.invoicePayments.retrieve(id),
  charge: (stripe, id) => stripe.charges.retrieve(id),
  refund: (stripe, id) => stripe.refunds.retrieve(id),
  dispute: (stripe, id) => stripe.disputes.retrieve(id),
  credit_note: (stripe, id) => stripe.creditNotes.retrieve(id),
  subscription: (stripe, id) => stripe.subscriptions.retrieve(id),
  customer: (stripe, id) => stripe.customers.retrieve(id),
  'radar.early_fraud_warning': (stripe, id) => stripe.radar.earlyFraudWarnings.retrieve(id),
};

/** An id that names one object, and cannot lead a path elsewhere. */
const PLAIN_ID = /^[A-Za-z0-9][\w.-]{0,254}$/;

export function isObjectId(id: unknown): id is string {
  return typeof id === 'string' && PLAIN_ID.test(id);
}

/** Reads one object as it is now, in our API version. Throws what the SDK raises. */
export async function fetchObject(
  stripe: StripeClient,
  { kind, id }: { kind: ObjectKind; id: string },
): Promise<FetchedObject> {
  const object = await RETRIEVE[kind](stripe, id);
  const told = (object as { lastResponse?: { headers?: Record<string, string> } }).lastResponse;
  const at = Date.parse(told?.headers?.['date'] ?? '');
  return {
    object: object as FetchedObject['object'],
    asOf: Math.floor((Number.isNaN(at) ? Date.now() : at) / 1000),
  };
}
