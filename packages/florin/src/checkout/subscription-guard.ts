import { listLiveSubscriptions } from '../customers/index.ts';
import { FlorinError } from '../kernel/index.ts';
import type { StripeClient } from '../stripe/index.ts';
import type { CheckoutDeps } from './deps.ts';

const LIVE = new Set(['active', 'trialing', 'past_due', 'unpaid', 'paused']);
const PORTAL = '/api/create-portal-session';

/**
 * A buyer with a subscription changes it instead of buying a second one. Asks our own records, then
 * Stripe, which knows of one whose webhook is late. Throws `already_subscribed`.
 */
export async function refuseSecondSubscription(
  deps: CheckoutDeps,
  buyer: { accountId: string; customerId: string },
): Promise<void> {
  const { db, catalog } = deps;
  const isIgnored = (priceIds: readonly string[]) =>
    priceIds.length > 0 && priceIds.every((id) => catalog.ignores?.(id) === true);
  const ours = (await listLiveSubscriptions(db, buyer.accountId)).find(
    ({ priceIds }) => !isIgnored(priceIds),
  );
  if (ours !== undefined) {
    throw alreadySubscribed(ours.subscriptionId);
  }
  for (const { id, status, items } of await askStripe(deps, buyer.customerId)) {
    if (LIVE.has(status) && !isIgnored(items.data.map(({ price }) => price.id))) {
      throw alreadySubscribed(id);
    }
  }
}

async function askStripe({ stripe, logger }: CheckoutDeps, customerId: string) {
  try {
    return (await stripe.subscriptions.list({ customer: customerId, limit: 20 })).data;
  } catch (error) {
    // A key may lack the right to read them; what the webhooks told us has to do then.
    logger.warn({ customerId, error: String(error) }, 'subscriptions could not be listed');
    return [];
  }
}

/** Of a checkout that was paid just now: its subscription, unless that is over again. Throws `already_subscribed`. */
export async function refuseWhileLive(
  stripe: StripeClient,
  reference: string | { id: string } | null,
): Promise<void> {
  const id = typeof reference === 'string' ? reference : (reference?.id ?? null);
  if (id === null) {
    return;
  }
  // What can not be asked counts as live: one subscription too few is mended by a click.
  const status = await stripe.subscriptions.retrieve(id).then(
    (subscription) => subscription.status,
    () => 'active',
  );
  if (LIVE.has(status)) {
    throw alreadySubscribed(id);
  }
}

function alreadySubscribed(subscriptionId: string | null): FlorinError {
  return new FlorinError(
    'already_subscribed',
    'There is a subscription already. Change or end it on the billing page instead of buying a second one.',
    { details: { ...(subscriptionId === null ? {} : { subscriptionId }), manage: PORTAL } },
  );
}
