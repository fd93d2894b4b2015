import { invalid } from '../api/errors.ts';
import type { Invoice, Subscription } from '../shapes.ts';
import type { DraftLine } from '../store/records.ts';
import type { World } from '../world.ts';
import { cycleLines, licensedItems, lineFor, liveDiscounts } from './cycle-lines.ts';
import { takePendingItems } from './invoice-items.ts';
import { addInvoice } from './invoices.ts';
import { type CyclePeriod, MONTHLY, periodsSince, shareOf } from './periods.ts';

const MAX_LINES = 250;

export type FirstInvoice = {
  trialing: boolean;
  isDraft: boolean;
  /** Whether the time before the first full period is charged. */
  prorates: boolean;
};

/**
 * A subscription's first invoice: the periods since its start, each as a line of its own, and the
 * current one. None where nothing is charged before the anchor of the cycle.
 * https://docs.stripe.com/billing/subscriptions/backdating (flexible billing mode)
 */
export function firstInvoice(
  world: World,
  subscription: Subscription,
  { trialing, isDraft, prorates }: FirstInvoice,
): Invoice | undefined {
  const waits = !trialing && !prorates && subscription.billing_cycle_anchor > world.now();
  if (waits) {
    return undefined;
  }
  const [first] = subscription.items.data;
  const lines = [
    ...(prorates ? linesSinceStart(world, subscription, { trialing }) : []),
    ...(trialing || !prorates ? cycleLines(subscription, { trialing }) : []),
    ...takePendingItems(world, { ...subscription, subscription: null }),
  ];
  if (lines.length > MAX_LINES) {
    throw invalid(`Backdating would make more than ${MAX_LINES} line items on one invoice.`, {
      param: 'backdate_start_date',
    });
  }
  return addInvoice(world, {
    customer: subscription.customer,
    currency: subscription.currency,
    reason: 'subscription_create',
    subscription,
    lines,
    discounts:
      trialing && subscription.start_date >= world.now()
        ? []
        : world.at(subscription.start_date, () => liveDiscounts(world, subscription)),
    collectionMethod: subscription.collection_method,
    daysUntilDue: subscription.days_until_due,
    finalizesAt: isDraft ? world.now() + world.settings.draftSeconds : null,
    period: {
      start: first?.current_period_start ?? world.now(),
      end: first?.current_period_start ?? world.now(),
    },
  });
}

/** Up to the end of the current period; of a trial, up to its beginning. */
function linesSinceStart(
  world: World,
  subscription: Subscription,
  { trialing }: { trialing: boolean },
): DraftLine[] {
  const now = world.now();
  const from = subscription.start_date;
  const anchor = trialing ? from : subscription.billing_cycle_anchor;
  return licensedItems(subscription).flatMap((item) => {
    const every = item.price.recurring ?? MONTHLY;
    const periods = periodsSince({ anchor, every }, { from, now });
    const charged = trialing ? untilNow(periods, now) : periods;
    return charged.map((period) => {
      const { start, end } = period;
      const line = lineFor(subscription, item, { start, end });
      const amount = Math.round(line.amount * shareOf(period, every));
      return period.whole ? line : { ...line, amount, proration: true, discountable: true };
    });
  });
}

function untilNow(periods: readonly CyclePeriod[], now: number): CyclePeriod[] {
  return periods
    .filter(({ start }) => start < now)
    .map((period) => (period.end > now ? { ...period, end: now, whole: false } : period));
}
