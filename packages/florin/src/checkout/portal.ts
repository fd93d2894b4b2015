import { findPrimaryCustomer } from '../customers/index.ts';
import { FlorinError } from '../kernel/index.ts';
import { explainStripe } from '../stripe/index.ts';
import type { CheckoutDeps } from './deps.ts';

/**
 * Opens Stripe's page for invoices, cards and subscriptions, for the account's own customer only.
 * Throws `not_found` for an account that has never bought, `stripe_unavailable`, `stripe_rejected`.
 */
export async function createPortalSession(
  { db, stripe, appUrl }: CheckoutDeps,
  accountId: string,
): Promise<{ readonly url: string }> {
  const customer = await findPrimaryCustomer(db, accountId);
  if (customer === undefined) {
    throw new FlorinError('not_found', 'There is no billing page before the first purchase.');
  }
  try {
    const { url } = await stripe.billingPortal.sessions.create({
      customer,
      return_url: `${appUrl}/index.html`,
    });
    return { url };
  } catch (error) {
    throw explainStripe(error);
  }
}
