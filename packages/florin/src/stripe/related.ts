import { z } from 'zod';
import type { StripeClient } from './client.ts';
import { metadata, reference, text } from './facts/shapes.ts';
import { isUnknownToStripe, toStripeFlorinError } from './lookups.ts';

/** What else Stripe calls a payment, and whose it says that it is. */
export type RelatedNames = {
  /** Its customer, session, invoice, payment intent, charge and subscription, as far as it names them. */
  readonly ids: readonly string[];
  /** Accounts that its metadata or its reference name; written by whoever made it, so only a hint. */
  readonly accountIds: readonly string[];
};

const OPTIONS = { timeout: 4_000, maxNetworkRetries: 1 } as const;

/** Neither a refund nor a dispute says whose it is. */
const WITH_CHARGE = { expand: ['charge'] };

type Retrieve = (stripe: StripeClient, id: string) => Promise<unknown>;

const RETRIEVE: Readonly<Record<string, Retrieve>> = {
  evt: async (stripe, id) => (await stripe.events.retrieve(id, undefined, OPTIONS)).data.object,
  cs: (stripe, id) => stripe.checkout.sessions.retrieve(id, undefined, OPTIONS),
  in: (stripe, id) => stripe.invoices.retrieve(id, undefined, OPTIONS),
  pi: (stripe, id) => stripe.paymentIntents.retrieve(id, undefined, OPTIONS),
  ch: (stripe, id) => stripe.charges.retrieve(id, undefined, OPTIONS),
  py: (stripe, id) => stripe.charges.retrieve(id, undefined, OPTIONS),
  re: (stripe, id) => stripe.refunds.retrieve(id, WITH_CHARGE, OPTIONS),
  pyr: (stripe, id) => stripe.refunds.retrieve(id, WITH_CHARGE, OPTIONS),
  dp: (stripe, id) => stripe.disputes.retrieve(id, WITH_CHARGE, OPTIONS),
  du: (stripe, id) => stripe.disputes.retrieve(id, WITH_CHARGE, OPTIONS),
  sub: (stripe, id) => stripe.subscriptions.retrieve(id, undefined, OPTIONS),
  cn: (stripe, id) => stripe.creditNotes.retrieve(id, undefined, OPTIONS),
  cus: async (stripe, id) => {
    const customer = await stripe.customers.retrieve(id, undefined, OPTIONS);
    return customer.deleted ? undefined : customer;
  },
};

const named = z.object({
  id: z.string().optional(),
  customer: reference,
  payment_intent: reference,
  charge: reference,
  latest_charge: reference,
  invoice: reference,
  subscription: reference,
  client_reference_id: text,
  metadata,
});

/**
 * Asks Stripe about an object by its id; null when Stripe does not know it either. Reads only. Throws
 * `stripe_unavailable`, `stripe_rejected`.
 */
export async function askRelated(stripe: StripeClient, id: string): Promise<RelatedNames | null> {
  const retrieve = RETRIEVE[id.slice(0, id.indexOf('_'))];
  try {
    const object = await retrieve?.(stripe, id);
    return object === undefined ? null : toNames(object);
  } catch (error) {
    if (isUnknownToStripe(error)) {
      return null;
    }
    throw toStripeFlorinError(error);
  }
}

function toNames(object: unknown): RelatedNames {
  const { client_reference_id: referenceId, metadata: notes, ...ids } = named.parse(object);
  const within = z.object({ charge: z.object({}).loose() }).safeParse(object);
  const ofCharge = within.success ? toNames(within.data.charge) : { ids: [], accountIds: [] };
  const own = (names: readonly (string | null | undefined)[]) =>
    names.filter((name) => typeof name === 'string');
  return {
    ids: [...new Set([...own(Object.values(ids)), ...ofCharge.ids])],
    accountIds: [...own([referenceId, notes['userId']]), ...ofCharge.accountIds],
  };
}

/** Customers with this address, as Stripe has it. Throws `stripe_unavailable`, `stripe_rejected`. */
export async function askCustomers(stripe: StripeClient, email: string): Promise<string[]> {
  try {
    const { data } = await stripe.customers.list({ email, limit: 100 });
    return data.map(({ id }) => id);
  } catch (error) {
    throw toStripeFlorinError(error);
  }
}
