import type { Due } from '../clock/happening.ts';
import type { Invoice, Subscription } from '../shapes.ts';
import type { World } from '../world.ts';
import { subscriptionOf } from './pay-invoice.ts';
import { subscriptionInvoiceFailed } from './subscription-status.ts';

const DAY = 86_400;

/**
 * What becomes of a subscription whose sent invoice is not paid: past due once the invoice is, and at
 * the end of dunning what the settings say. The additional deadline is as long as the repetitions of a
 * declined renewal take. https://docs.stripe.com/api/subscriptions/object#subscription_object-status
 */
export function duesOfSent(world: World, invoice: Invoice): Due[] {
  const plan = world.store.get('invoice_plan', invoice.id);
  const steps = plan?.overdueSteps ?? 0;
  const due = overdueSince(invoice);
  if (plan === undefined || due === null || steps > 1 || subscriptionOf(world, invoice) == null) {
    return [];
  }
  const lastAttempt = steps === 1;
  const days = world.settings.dunningDays.reduce((sum, one) => sum + one, 0);
  return [
    {
      at: lastAttempt ? due + days * DAY : due,
      happen: () => {
        world.store.put('invoice_plan', { ...plan, overdueSteps: steps + 1 });
        const subscription = subscriptionOf(world, invoice);
        if (subscription !== undefined && isWaitedFor(subscription, lastAttempt)) {
          subscriptionInvoiceFailed(world, subscription, { lastAttempt });
        }
      },
    },
  ];
}

/** One that went on, because a later invoice was paid, is not ended for an older one. */
function isWaitedFor({ ended_at: ended, status }: Subscription, lastAttempt: boolean): boolean {
  return ended === null && (!lastAttempt || status === 'past_due');
}

/** Seconds since 1970; null for what is charged. An invoice that was finalized late is due then. */
function overdueSince(invoice: Invoice): number | null {
  return invoice.collection_method !== 'send_invoice' || invoice.due_date === null
    ? null
    : Math.max(invoice.due_date, invoice.status_transitions.finalized_at ?? 0);
}
