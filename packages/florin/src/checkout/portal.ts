import { findPrimaryCustomer } from '../customers/index.ts';
import { FlorinError } from '../kernel/index.ts';
import { explainStripe } from '../stripe/index.ts';
import type { CheckoutDeps } from './deps.ts';
import { type Buyer, listOwnSubscriptions } from './own-subscriptions.ts';

/**
 * Opens Stripe's page for invoices, cards and subscriptions: for the customer of `subscriptionId`, or else of
 * the account's own live subscription, or else for the account's own customer. Throws `not_found` for an
 * account that has never bought and for a subscription that is not its user's, `stripe_unavailable`,
 * `stripe_rejected`.
 */
export async function createPortalSession(
  deps: CheckoutDeps,
  buyer: Buyer & {
    readonly subscriptionId?: string | undefined;
    /** Who opens it; absent: the user whose account it is. */
    readonly userId?: string | undefined;
  },
): Promise<{ readonly url: string }> {
  const customer = await chooseCustomer(deps, buyer);
  const { accountId, userId = accountId } = buyer;
  const account = accountId === userId ? '' : `?account=${accountId}`;
  try {
    const { url } = await deps.stripe.billingPortal.sessions.create({
      customer,
      return_url: `${deps.appUrl}/index.html${account}`,
    });
    return { url };
  } catch (error) {
    throw explainStripe(error);
  }
}

async function chooseCustomer(
  deps: CheckoutDeps,
  buyer: Buyer & { readonly subscriptionId?: string | undefined },
): Promise<string> {
  const own = await listOwnSubscriptions(deps, buyer);
  if (buyer.subscriptionId !== undefined) {
    const named = own.find(({ subscriptionId }) => subscriptionId === buyer.subscriptionId);
    if (named === undefined) {
      throw new FlorinError('not_found', 'There is no such subscription of this account.');
    }
    return named.customerId;
  }
  const managed = own.find(({ isPrimary }) => isPrimary) ?? own[0];
  const customer = managed?.customerId ?? (await findPrimaryCustomer(deps.db, buyer.accountId));
  if (customer === undefined) {
    throw new FlorinError('not_found', 'There is no billing page before the first purchase.');
  }
  return customer;
}
