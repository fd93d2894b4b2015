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
  before: Subscription,
  invoice: Invoice,
): void {
  const kept = { default_payment_method: keptMethod(world, before, invoice) };
  const waits =
    ['past_due', 'unpaid'].includes(before.status) && before.latest_invoice === invoice.id;
  if (before.status === 'incomplete' || waits || owesNothingOverdue(world, before, invoice)) {
    changeSubscription(world, before, { ...kept, status: 'active' });
  } else if (kept.default_payment_method !== before.default_payment_method) {
    changeSubscription(world, before, kept);
  }
}

/** The last of the sent invoices that were overdue is paid, while a newer one may wait for its day. */
function owesNothingOverdue(world: World, { id, status }: Subscription, paid: Invoice): boolean {
  return (
    status === 'past_due' &&
    paid.collection_method === 'send_invoice' &&
    !world.store
      .where('invoice', 'customer', paid.customer)
      .some(
        (one) =>
          one.status === 'open' &&
          one.parent?.subscription_details?.subscription === id &&
          (one.due_date ?? 0) <= world.now(),
      )
  );
}

/** `save_default_payment_method`: what paid is what renewals are charged to. */
function keptMethod(world: World, subscription: Subscription, invoice: Invoice): string | null {
  const { default_payment_method: known, payment_settings: settings } = subscription;
  if (settings?.save_default_payment_method !== 'on_subscription' || known !== null) {
    return known;
  }
  const payment = world.store.where('invoice_payment', 'invoice', invoice.id).at(-1);
  const intent = world.store.get('payment_intent', payment?.payment.payment_intent ?? '');
  return intent?.payment_method ?? null;
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
