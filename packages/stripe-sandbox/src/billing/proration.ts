import { amountOf } from '../catalog/amount.ts';
import type {
  InvoiceItem,
  InvoiceLine,
  Price,
  Subscription,
  SubscriptionItem,
  TaxRate,
} from '../shapes.ts';
import type { World } from '../world.ts';
import { liveDiscounts } from './cycle-lines.ts';
import { afterDiscounts } from './discounts.ts';
import { addInvoiceItem } from './invoice-items.ts';

export type ItemChange = {
  before: SubscriptionItem | null;
  /** Null: the item is taken off. */
  after: { price: Price; quantity: number; item: string; taxRates: readonly TaxRate[] } | null;
};

/**
 * Credits the unused part of what was and charges the rest of the period for what comes: two invoice
 * items a change, both prorations. They wait for the next invoice, or for one that is made at once. Their
 * amounts are what discounts leave, and no discount comes off them again: Stripe's `proration_discounts:
 * included`, the default (https://docs.stripe.com/changelog/clover/2025-09-30/itemize-proration-discount-amounts).
 */
export function prorate(
  world: World,
  subscription: Subscription,
  { change, at }: { change: ItemChange; at: number },
): void {
  const old = change.before;
  const period =
    old === null
      ? periodOf(subscription)
      : { start: old.current_period_start, end: old.current_period_end };
  const share = remainingShare(period, at);
  const rest = { start: at, end: period.end };
  if (old !== null) {
    credit(world, subscription, { old, share, rest });
  }
  if (change.after !== null) {
    charge(world, subscription, { after: change.after, share, rest });
  }
}

/** The part of the period that is left, from 1 at its start to 0 at its end. */
export function remainingShare(period: { start: number; end: number }, at: number): number {
  return Math.min(1, Math.max(0, (period.end - at) / (period.end - period.start)));
}

function periodOf(subscription: Subscription): { start: number; end: number } {
  const [first] = subscription.items.data;
  return { start: first?.current_period_start ?? 0, end: first?.current_period_end ?? 1 };
}

type Rest = { share: number; rest: { start: number; end: number } };

function credit(
  world: World,
  subscription: Subscription,
  { old, share, rest }: Rest & { old: SubscriptionItem },
): void {
  const quantity = old.quantity ?? 1;
  if (subscription.status === 'trialing') {
    return;
  }
  addInvoiceItem(world, {
    customer: subscription.customer,
    currency: subscription.currency,
    amount: -Math.round(paidFor(world, subscription, old) * share),
    quantity,
    price: old.price,
    description: `Unused time on ${quantity} × ${old.price.nickname ?? old.price.id}`,
    period: rest,
    subscription: subscription.id,
    subscriptionItem: old.id,
    proration: true,
    prorationDetails: { credited_items: creditedLines(world, subscription, old) },
    taxRates: old.tax_rates,
    metadata: subscription.metadata,
  });
}

/** What a whole period of an item costs as it was paid for, by its line or by the part of a period. */
function paidFor(world: World, subscription: Subscription, old: SubscriptionItem): number {
  const { currency } = subscription;
  const whole = amountOf(old.price, { quantity: old.quantity ?? 1, currency });
  const part = pendingOrBilled(world, subscription, old).at(-1);
  const line = part === undefined ? wholeLine(world, subscription, old) : undefined;
  if (line !== undefined && line.amount > 0) {
    const off = (line.discount_amounts ?? []).reduce((sum, { amount }) => sum + amount, 0);
    return (whole * (line.amount - off)) / line.amount;
  }
  if (part !== undefined) {
    const period = { start: old.current_period_start, end: old.current_period_end };
    const full = Math.round(whole * remainingShare(period, part.period.start));
    return part.amount === full ? whole : (whole * part.amount) / full;
  }
  return afterDiscounts(world, liveDiscounts(world, subscription), { amount: whole, currency });
}

/** The charges for the rest of this period that changes have made for such an item, the latest last. */
function pendingOrBilled(
  world: World,
  subscription: Subscription,
  old: SubscriptionItem,
): InvoiceItem[] {
  return world.store
    .where('invoice_item', 'customer', subscription.customer)
    .filter(
      (one) =>
        one.proration &&
        one.amount > 0 &&
        one.quantity === (old.quantity ?? 1) &&
        one.pricing?.price_details?.price === old.price.id &&
        one.parent?.subscription_details?.subscription === subscription.id &&
        one.period.start >= old.current_period_start &&
        one.period.end === old.current_period_end,
    );
}

function wholeLine(
  world: World,
  subscription: Subscription,
  old: SubscriptionItem,
): InvoiceLine | undefined {
  return world.store
    .get('invoice_lines', subscription.latest_invoice ?? '')
    ?.lines.find(
      (one) =>
        one.parent?.subscription_item_details?.subscription_item === old.id &&
        one.pricing?.price_details?.price === old.price.id,
    );
}

/**
 * The line that is being given back, where the invoice of this period is known. A line cannot name an
 * item that is still pending: then it names nothing.
 */
function creditedLines(world: World, subscription: Subscription, old: SubscriptionItem) {
  const pending = world.store
    .where('invoice_item', 'customer', subscription.customer)
    .some(
      (one) =>
        one.invoice === null &&
        one.amount > 0 &&
        one.pricing?.price_details?.price === old.price.id &&
        one.parent?.subscription_details?.subscription === subscription.id,
    );
  if (pending) {
    return null;
  }
  const line = wholeLine(world, subscription, old);
  return line === undefined
    ? null
    : { invoice: subscription.latest_invoice ?? '', invoice_line_items: [line.id] };
}

function charge(
  world: World,
  subscription: Subscription,
  { after, share, rest }: Rest & { after: NonNullable<ItemChange['after']> },
): void {
  if (subscription.status === 'trialing') {
    return;
  }
  const { currency } = subscription;
  const whole = amountOf(after.price, { ...after, currency });
  const discounts = liveDiscounts(world, subscription);
  addInvoiceItem(world, {
    customer: subscription.customer,
    currency,
    amount: Math.round(afterDiscounts(world, discounts, { amount: whole, currency }) * share),
    quantity: after.quantity,
    price: after.price,
    description: `Remaining time on ${after.quantity} × ${after.price.nickname ?? after.price.id}`,
    period: rest,
    subscription: subscription.id,
    subscriptionItem: after.item,
    proration: true,
    taxRates: after.taxRates,
    metadata: subscription.metadata,
  });
}
