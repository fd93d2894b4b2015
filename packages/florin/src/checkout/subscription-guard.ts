import { findPrimaryCustomer } from '../customers/index.ts';
import { FlorinError } from '../kernel/index.ts';
import { explainStripe, idOf, type StripeClient } from '../stripe/index.ts';
import type { CheckoutDeps } from './deps.ts';
import { type Buyer, listOwnSubscriptions } from './own-subscriptions.ts';

const LIVE = new Set(['active', 'trialing', 'past_due', 'unpaid', 'paused']);
const PORTAL = '/api/create-portal-session';

/**
 * A buyer with a subscription changes it instead of buying a second one. Asks our own records, then
 * Stripe about the account's own customer, which knows of one whose webhook is late. Makes no customer.
 * Throws `already_subscribed`, `stripe_unavailable`, `rate_limited`.
 */
export async function refuseSecondSubscription(deps: CheckoutDeps, buyer: Buyer): Promise<void> {
  const { db, catalog } = deps;
  const isIgnored = (priceIds: readonly string[]) =>
    priceIds.length > 0 && priceIds.every((id) => catalog.ignores?.(id) === true);
  const ours = (await listOwnSubscriptions(deps, buyer)).find(
    ({ priceIds }) => !isIgnored(priceIds),
  );
  if (ours !== undefined) {
    throw alreadySubscribed(ours.subscriptionId);
  }
  const customerId = await findPrimaryCustomer(db, buyer.accountId);
  const atStripe = customerId === undefined ? [] : await askStripe(deps, customerId);
  for (const { id, status, items } of atStripe) {
    if (LIVE.has(status) && !isIgnored(items.data.map(({ price }) => price.id))) {
      throw alreadySubscribed(id);
    }
  }
}

async function askStripe({ stripe, logger }: CheckoutDeps, customerId: string) {
  try {
    return (await stripe.subscriptions.list({ customer: customerId, limit: 20 })).data;
  } catch (error) {
    const mapped = explainStripe(error);
    if (mapped.code === 'rate_limited') {
      throw mapped;
    }
    // A key may lack the right to read them; what the webhooks told us has to do then.
    logger.warn({ customerId, error: mapped.message }, 'subscriptions could not be listed');
    return [];
  }
}

/** Of a checkout that was paid just now: its subscription, unless that is over again. Throws `already_subscribed`. */
export async function refuseWhileLive(
  stripe: StripeClient,
  reference: string | { id: string } | null,
): Promise<void> {
  const id = idOf(reference);
  if (id === null) {
    return;
  }
  // What cannot be asked counts as live: one subscription too few is mended by a click.
  const status = await stripe.subscriptions.retrieve(id).then(
    (subscription) => subscription.status,
    (error: unknown) => {
      const mapped = explainStripe(error);
      if (mapped.code === 'rate_limited') {
        throw mapped;
      }
      return 'active';
    },
  );
  if (LIVE.has(status)) {
    throw alreadySubscribed(id);
  }
}

function alreadySubscribed(subscriptionId: string): FlorinError {
  return new FlorinError(
    'already_subscribed',
    'There is a subscription already. Change it on the account page, or end it on the billing page, instead of buying a second one.',
    { details: { subscriptionId, manage: `${PORTAL}?subscription=${subscriptionId}` } },
  );
}
