import {
  type AccountCustomer,
  type AccountSubscription,
  listCustomers,
  listLiveSubscriptions,
} from '../customers/index.ts';
import { explainStripe, isUnknownToStripe, type StripeClient } from '../stripe/index.ts';
import type { CheckoutDeps } from './deps.ts';

export type Buyer = {
  readonly accountId: string;
  /** As the sign-in proves it; absent for a server and for an anonymous user. */
  readonly email?: string | undefined;
};

export type OwnSubscription = AccountSubscription & AccountCustomer;

/** Customers that a stranger could pile up for an account; each costs a request to Stripe. */
const MAX_CUSTOMERS_ASKED = 5;

/**
 * The account's live subscriptions that its user may manage, and is held to: those of the customer that
 * Florin made, those of customers that the shop itself named (`metadata.userId`), and those that a payment
 * link brought for a customer with the user's own e-mail address. Anybody can write an account's id into a
 * payment link's address: that says who is credited and nothing else. Throws `stripe_unavailable`.
 */
export async function listOwnSubscriptions(
  { db, stripe }: CheckoutDeps,
  { accountId, email }: Buyer,
): Promise<OwnSubscription[]> {
  const live = await listLiveSubscriptions(db, accountId);
  const having = (await listCustomers(db, accountId)).filter(({ customerId }) =>
    live.some((subscription) => subscription.customerId === customerId),
  );
  const [named, linked] = [having.filter(isNamed), having.filter((one) => !isNamed(one))];
  const asked = linked.slice(0, MAX_CUSTOMERS_ASKED);
  const matches = await Promise.all(asked.map((one) => hasEmail(stripe, one.customerId, email)));
  const own = [...named, ...asked.filter((_, index) => matches[index])];
  return live.flatMap((subscription) => {
    const customer = own.find(({ customerId }) => customerId === subscription.customerId);
    return customer === undefined ? [] : [{ ...subscription, ...customer }];
  });
}

/** By Florin or by the shop, not by whoever wrote a payment link's address. */
function isNamed({ origin }: AccountCustomer): boolean {
  return origin !== 'client_reference_id';
}

async function hasEmail(
  stripe: StripeClient,
  customerId: string,
  email: string | undefined,
): Promise<boolean> {
  if (email === undefined || email === '') {
    return false;
  }
  try {
    const customer = await stripe.customers.retrieve(customerId);
    return !customer.deleted && customer.email?.toLowerCase() === email.toLowerCase();
  } catch (error) {
    if (isUnknownToStripe(error)) {
      return false;
    }
    throw explainStripe(error);
  }
}
