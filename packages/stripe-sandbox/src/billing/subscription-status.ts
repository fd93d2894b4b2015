import { emit } from '../events/emit.ts';
import type { Invoice, Subscription } from '../shapes.ts';
import type { World } from '../world.ts';
import { endSubscription } from './end-subscription.ts';

/** Stores changes of a subscription and announces them. */
export function changeSubscription(
  world: World,
  before: Subscription,
  changes: Partial<Subscription>,
): Subscription {
  const subscription = world.store.put('subscription', { ...before, ...changes });
  emit(world, 'customer.subscription.updated', subscription, before);
  return subscription;
}

export function subscriptionInvoicePaid(
  world: World,
  subscription: Subscription,
  invoice: Invoice,
): void {
  if (['incomplete', 'past_due', 'unpaid'].includes(subscription.status)) {
    if (subscription.status === 'incomplete' || subscription.latest_invoice === invoice.id) {
      changeSubscription(world, subscription, { status: 'active' });
    }
  }
}

export function subscriptionInvoicePending(world: World, subscription: Subscription): void {
  if (subscription.status === 'incomplete') {
    changeSubscription(world, subscription, { status: 'active' });
  }
}

export function subscriptionInvoiceFailed(
  world: World,
  subscription: Subscription,
  { lastAttempt }: { lastAttempt: boolean },
): void {
  if (lastAttempt && world.settings.dunningEnds === 'canceled') {
    endSubscription(world, subscription, 'payment_failed');
    return;
  }
  const status = lastAttempt ? 'unpaid' : 'past_due';
  if (
    subscription.status !== status &&
    ['active', 'past_due', 'trialing'].includes(subscription.status)
  ) {
    changeSubscription(world, subscription, { status });
  }
}
