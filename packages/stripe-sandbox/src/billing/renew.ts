import { emit } from '../events/emit.ts';
import type { Invoice, Subscription } from '../shapes.ts';
import type { DraftLine } from '../store/records.ts';
import type { World } from '../world.ts';
import { markUncollectible, voidInvoice } from './close-invoice.ts';
import { cycleLines, liveDiscounts } from './cycle-lines.ts';
import { endSubscription } from './end-subscription.ts';
import { finalizeInvoice } from './finalize-invoice.ts';
import { takePendingItems } from './invoice-items.ts';
import { addInvoice } from './invoices.ts';
import { usageLines } from './meters.ts';
import { invoicePaymentFailed, methodFor, payInvoice, subscriptionOf } from './pay-invoice.ts';
import { periodEnd } from './periods.ts';
import { changeSubscription } from './subscription-status.ts';
import { needSubscription } from './subscriptions.ts';

/** The earliest end of a period among the items. */
export function nextPeriodEnd(subscription: Subscription): number {
  return Math.min(...subscription.items.data.map((item) => item.current_period_end));
}

/**
 * A period (or the trial) has ended: the next begins, with an invoice that is a draft for an hour.
 * `next` is the subscription as it goes on, where a phase of its schedule begins at the same moment.
 */
export function renew(world: World, before: Subscription, next: Subscription = before): void {
  const endsNow =
    next.cancel_at_period_end || (next.cancel_at !== null && next.cancel_at <= world.now());
  if (endsNow) {
    const used = usageLines(world, before).filter((line) => line.amount !== 0);
    if (used.length > 0) {
      invoiceCycle(world, { ...next, items: { ...next.items, data: [] } }, used);
    }
    endSubscription(world, needSubscription(world, next.id), 'cancellation_requested');
    return;
  }
  const trialEnds = next.status === 'trialing';
  if (trialEnds && endTrialWithoutMethod(world, next)) {
    return;
  }
  const anchored: Subscription = trialEnds
    ? { ...next, status: 'active', billing_cycle_anchor: world.now() }
    : next;
  const rolled = changeSubscription(world, before, {
    ...anchored,
    items: { ...next.items, data: rollItems(anchored, world.now()) },
  });
  invoiceCycle(world, rolled, trialEnds ? [] : usageLines(world, before));
}

/** A trial that ends with nothing on file is paused or cancelled, where it says so. */
export function endTrialWithoutMethod(world: World, before: Subscription): boolean {
  const behavior = before.trial_settings?.end_behavior.missing_payment_method;
  if (hasMethod(world, before) || (behavior !== 'pause' && behavior !== 'cancel')) {
    return false;
  }
  if (behavior === 'cancel') {
    endSubscription(world, before, 'cancellation_requested');
    return true;
  }
  const paused = changeSubscription(world, before, { status: 'paused' });
  emit(world, 'customer.subscription.paused', paused);
  return true;
}

function hasMethod(world: World, subscription: Subscription): boolean {
  const customer = world.store.get('customer', subscription.customer);
  return (
    subscription.default_payment_method !== null ||
    customer?.invoice_settings.default_payment_method != null
  );
}

function rollItems(subscription: Subscription, now: number): Subscription['items']['data'] {
  return subscription.items.data.map((item) => {
    if (item.current_period_end > now) {
      return item;
    }
    const every = item.price.recurring ?? { interval: 'month', interval_count: 1 };
    const start = item.current_period_end;
    return {
      ...item,
      current_period_start: start,
      current_period_end: periodEnd(subscription.billing_cycle_anchor, start, every),
    };
  });
}

/** The draft of a new period. It collects itself after the draft time, unless collection is paused. */
export function invoiceCycle(
  world: World,
  subscription: Subscription,
  usage: readonly DraftLine[] = [],
): Invoice {
  const now = world.now();
  const [first] = subscription.items.data;
  const draft = addInvoice(world, {
    customer: subscription.customer,
    currency: subscription.currency,
    reason: 'subscription_cycle',
    subscription,
    lines: [
      ...takePendingItems(world, {
        customer: subscription.customer,
        currency: subscription.currency,
        subscription: subscription.id,
      }),
      ...usage,
      ...cycleLines(subscription, { trialing: false }),
    ],
    discounts: liveDiscounts(world, subscription),
    collectionMethod: subscription.collection_method,
    daysUntilDue: subscription.days_until_due,
    finalizesAt: now + world.settings.draftSeconds,
    period: { start: now, end: first?.current_period_start ?? now },
  });
  world.store.put('subscription', {
    ...needSubscription(world, subscription.id),
    latest_invoice: draft.id,
  });
  const pause = subscription.pause_collection?.behavior;
  if (pause !== undefined) {
    holdBack(world, draft, pause);
  }
  return draft;
}

/** What becomes of an invoice while collection is paused: a draft, void, or uncollectible. */
export function holdBack(world: World, draft: Invoice, behavior: string): void {
  const held = world.store.put('invoice', {
    ...draft,
    auto_advance: false,
    automatically_finalizes_at: null,
  });
  world.store.put('invoice_plan', {
    id: draft.id,
    finalizesAt: null,
    drafts: world.store.get('invoice_plan', draft.id)?.drafts ?? [],
  });
  if (behavior === 'void') {
    voidInvoice(world, held);
  } else if (behavior === 'mark_uncollectible') {
    markUncollectible(world, held);
  }
}

/** The draft's hour is over: it is finalized and collected. */
export function advanceDraft(world: World, draft: Invoice): void {
  const invoice = finalizeInvoice(world, draft);
  if (invoice.status === 'open') {
    collect(world, invoice);
  }
}

/** One try to collect an open invoice without the buyer; nothing on file counts as a failure. */
export function collect(world: World, invoice: Invoice): void {
  if (invoice.collection_method !== 'charge_automatically') {
    emit(world, 'invoice.sent', invoice);
    return;
  }
  if (methodFor(world, invoice) !== null) {
    payInvoice(world, invoice, { offSession: true });
    return;
  }
  const payment = world.store.where('invoice_payment', 'invoice', invoice.id).at(-1);
  const intent = world.store.get('payment_intent', payment?.payment.payment_intent ?? '');
  if (intent !== undefined && subscriptionOf(world, invoice) !== undefined) {
    invoicePaymentFailed(world, invoice.id);
  }
}
