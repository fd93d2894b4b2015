import { setTimeout as wait } from 'node:timers/promises';
import type { Catalog, CatalogPrice, PriceDirectory, StripePrice } from '../catalog/index.ts';

/** One thing on sale, as a shop shows it. */
export type Plan = {
  readonly priceId: string;
  readonly name: string;
  readonly description: string | null;
  readonly kind: CatalogPrice['kind'];
  readonly planType: string;
  readonly credits: number;
  /** Null while Stripe cannot be asked: no amount is better than a guess. */
  readonly amountMinor: number | null;
  readonly currency: string | null;
  readonly interval: StripePrice['interval'];
  readonly intervalCount: number | null;
  readonly expiresAfter: string | null;
  readonly expires: 'period_end' | null;
  readonly perSeat: boolean;
};

/** A shop is shown without amounts rather than kept waiting longer. */
const PATIENCE_MS = 3_000;

/** The catalogue in its own order, with Stripe's amounts. A price that is archived in Stripe is left out. */
export async function listPlans(deps: {
  catalog: Catalog;
  prices: PriceDirectory;
}): Promise<readonly Plan[]> {
  const patience = new AbortController();
  const late = wait(PATIENCE_MS, null, { signal: patience.signal, ref: false }).catch(() => null);
  const plans = await Promise.all(
    deps.catalog.prices.map(async (price) => {
      const asked = deps.prices.resolve(price).catch(() => null);
      const stripePrice = await Promise.race([asked, late]);
      return stripePrice?.active === false ? [] : [toPlan(price, stripePrice)];
    }),
  );
  patience.abort();
  return plans.flat();
}

function toPlan(price: CatalogPrice, stripePrice: StripePrice | null): Plan {
  return {
    priceId: price.id,
    name: price.name ?? stripePrice?.name ?? nameOf(price.id),
    description: price.description ?? stripePrice?.description ?? null,
    kind: price.kind,
    planType: price.planType,
    credits: price.credits,
    amountMinor: stripePrice?.amountMinor ?? null,
    currency: stripePrice?.currency ?? null,
    interval: stripePrice?.interval ?? null,
    intervalCount: stripePrice?.intervalCount ?? null,
    expiresAfter: price.expiresAfter ?? null,
    expires: price.expires ?? null,
    perSeat: price.perSeat ?? false,
  };
}

/** `price_QUICK_SCAN` → `Quick Scan`, where nobody has named it. */
function nameOf(id: string): string {
  return id
    .replace(/^price_/, '')
    .toLowerCase()
    .split(/[_-]+/)
    .map((word) => word.slice(0, 1).toUpperCase() + word.slice(1))
    .join(' ');
}
