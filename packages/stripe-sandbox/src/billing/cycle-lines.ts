import { amountOf } from '../catalog/amount.ts';
import type { Price, Subscription, SubscriptionItem } from '../shapes.ts';
import type { DraftLine } from '../store/records.ts';
import type { World } from '../world.ts';
import { isLive } from './discounts.ts';
import type { Period } from './periods.ts';

/** The subscription's own discounts that still count, and the customer's when it has none. */
export function liveDiscounts(world: World, subscription: Subscription): string[] {
  const own = subscription.discounts.length > 0;
  const ofCustomer = world.store.get('customer', subscription.customer)?.discount?.id;
  const ids = own ? subscription.discounts : ofCustomer === undefined ? [] : [ofCustomer];
  return ids.filter((id) => {
    const discount = world.store.get('discount', id);
    return discount !== undefined && isLive(world, discount);
  });
}

/** One line an item for its current period; during a trial each is for nothing. */
export function cycleLines(
  subscription: Subscription,
  { trialing }: { trialing: boolean },
): DraftLine[] {
  return licensedItems(subscription).map((item) => {
    const line = lineFor(subscription, item, {
      start: item.current_period_start,
      end: item.current_period_end,
    });
    return trialing ? { ...line, amount: 0, description: 'Trial period' } : line;
  });
}

/** The items whose price is charged when a period begins. */
export function licensedItems(subscription: Subscription): SubscriptionItem[] {
  return subscription.items.data.filter((item) => !isMetered(item.price));
}

/** What an item costs for a whole period: its own quantity, or what was used in it. */
export function lineFor(
  subscription: Subscription,
  item: SubscriptionItem,
  { quantity = item.quantity ?? 1, ...period }: Period & { quantity?: number },
): DraftLine {
  return {
    price: item.price,
    quantity,
    amount: amountOf(item.price, { quantity, currency: subscription.currency }),
    currency: subscription.currency,
    description: `${quantity} × ${item.price.nickname ?? item.price.id}`,
    period,
    subscription: subscription.id,
    subscriptionItem: item.id,
    invoiceItem: null,
    proration: false,
    taxRates: item.tax_rates,
    metadata: subscription.metadata,
  };
}

/** Its usage is charged when a period is over. */
export function isMetered(price: Price): boolean {
  return price.recurring?.usage_type === 'metered';
}
