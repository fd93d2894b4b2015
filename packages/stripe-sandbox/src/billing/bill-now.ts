import { emit } from '../events/emit.ts';
import type { Invoice, Subscription } from '../shapes.ts';
import type { World } from '../world.ts';
import { cycleLines, liveDiscounts } from './cycle-lines.ts';
import { finalizeInvoice } from './finalize-invoice.ts';
import { takePendingItems } from './invoice-items.ts';
import { addInvoice, needInvoice } from './invoices.ts';
import { methodFor, payInvoice } from './pay-invoice.ts';
import { holdBack } from './renew.ts';
import { needSubscription } from './subscriptions.ts';

/** An invoice that is made at once: the prorations, and a full period where one starts. */
export type BillNow = { readonly full: boolean; readonly reason: string };

/** Makes, finalizes and collects an invoice at once. */
export function billNow(
  world: World,
  subscription: Subscription,
  bill: BillNow,
): Invoice | undefined {
  const draft = draftNow(world, subscription, bill);
  if (draft === undefined) {
    return undefined;
  }
  const pause = subscription.pause_collection?.behavior;
  if (pause !== undefined) {
    holdBack(world, draft, pause);
    return needInvoice(world, draft.id);
  }
  const invoice = finalizeInvoice(world, draft);
  if (invoice.status !== 'open') {
    return invoice;
  }
  if (invoice.collection_method === 'send_invoice') {
    emit(world, 'invoice.sent', invoice);
  } else if (methodFor(world, invoice) !== null) {
    payInvoice(world, invoice, { offSession: true });
  }
  return invoice;
}

/** The draft of that invoice; undefined when there is nothing to bill. */
export function draftNow(
  world: World,
  subscription: Subscription,
  { full, reason }: BillNow,
): Invoice | undefined {
  const [first] = subscription.items.data;
  const lines = [
    ...takePendingItems(world, {
      customer: subscription.customer,
      currency: subscription.currency,
      subscription: subscription.id,
    }),
    ...(full ? cycleLines(subscription, { trialing: false }) : []),
  ];
  if (lines.length === 0) {
    return undefined;
  }
  const draft = addInvoice(world, {
    customer: subscription.customer,
    currency: subscription.currency,
    reason,
    subscription,
    lines,
    discounts: liveDiscounts(world, subscription),
    collectionMethod: subscription.collection_method,
    daysUntilDue: subscription.days_until_due,
    period: {
      start: first?.current_period_start ?? world.now(),
      end: world.now(),
    },
  });
  world.store.put('subscription', {
    ...needSubscription(world, subscription.id),
    latest_invoice: draft.id,
  });
  return draft;
}
