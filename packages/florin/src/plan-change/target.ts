import { type CatalogPrice, forSale, type Proration, type StripePrice } from '../catalog/index.ts';
import type { Buyer } from '../checkout/index.ts';
import { FlorinError } from '../kernel/index.ts';
import type { PlanChangeDeps, Subscription, SubscriptionItem } from './deps.ts';
import { changeableItem, notChangeable } from './subscription.ts';

/** What a buyer asks for, before any of it is believed. */
export type PlanChangeRequest = Buyer & {
  readonly priceId: string;
  /** Units of the new plan; absent: as many as now. */
  readonly quantity?: number | undefined;
  /** Needed only where the account has several. */
  readonly subscriptionId?: string | undefined;
};

/** A change that may be asked of Stripe. */
export type Target = {
  readonly subscription: Subscription;
  readonly item: SubscriptionItem;
  readonly from: CatalogPrice;
  readonly to: CatalogPrice;
  readonly stripePriceId: string;
  readonly quantity: number;
  readonly proration: Proration;
  /** Stripe makes an invoice at once: by the catalogue's choice, or because another period begins. */
  readonly billedNow: boolean;
};

/** The plan to change to. Throws `price_unknown`, `invalid_input`. */
export function planForSale({ catalog }: PlanChangeDeps, priceId: string): CatalogPrice {
  const price = forSale(catalog, priceId);
  if (price.kind !== 'recurring') {
    throw invalid(`priceId: ${price.id} is bought once and is no plan. Start a checkout for it.`);
  }
  return price;
}

/** Checks a change against the catalogue, Stripe's price and the subscription as it stands. */
export async function toTarget(
  deps: PlanChangeDeps,
  wanted: {
    subscription: Subscription;
    price: CatalogPrice;
    quantity: number | undefined;
  },
): Promise<Target> {
  const { catalog } = deps;
  const { subscription, price: to } = wanted;
  const item = changeableItem(deps, subscription);
  const quantity = wanted.quantity ?? item.quantity ?? 1;
  const most = catalog.checkout.maxQuantity;
  if (!Number.isSafeInteger(quantity) || quantity < 1 || quantity > most) {
    throw invalid(`quantity: must be a whole number from 1 to ${most}.`);
  }
  const stripePrice = await deps.prices.resolve(to);
  const { recurring } = item.price;
  if (!stripePrice.active || stripePrice.interval === null || recurring === null) {
    throw new FlorinError('price_unknown', 'This plan is not for sale at the moment.', {
      details: { priceId: to.id },
    });
  }
  if (item.price.id === stripePrice.stripePriceId && (item.quantity ?? 1) === quantity) {
    throw notChangeable(subscription.id, {
      reason: 'same_plan',
      message: 'This is the plan that you have. Nothing would change.',
    });
  }
  await refuseOtherCurrency(deps, { subscription, to, stripePrice });
  const { proration } = catalog.checkout;
  const otherPeriod =
    recurring.interval !== stripePrice.interval ||
    recurring.interval_count !== (stripePrice.intervalCount ?? 1);
  return {
    subscription,
    item,
    from: catalog.find({ priceId: item.price.id, lookupKey: item.price.lookup_key }) ?? to,
    to,
    stripePriceId: stripePrice.stripePriceId,
    quantity,
    proration,
    billedNow: proration === 'always_invoice' || otherPeriod,
  };
}

/** A subscription stays in its currency; a price may have several (`currency_options`). */
async function refuseOtherCurrency(
  { webhooks }: PlanChangeDeps,
  asked: { subscription: Subscription; to: CatalogPrice; stripePrice: StripePrice },
): Promise<void> {
  const { subscription, to, stripePrice } = asked;
  const { currency } = subscription;
  if (stripePrice.currency === currency) {
    return;
  }
  const price = await webhooks.stripe?.price(stripePrice.stripePriceId);
  if (price?.currencyOptions?.[currency] == null) {
    throw notChangeable(subscription.id, {
      reason: 'other_currency',
      message: `This subscription is paid in ${currency.toUpperCase()}, and ${to.id} has no price in it.`,
    });
  }
}

function invalid(message: string): FlorinError {
  return new FlorinError('invalid_input', message);
}
