import { invalid } from '../api/errors.ts';
import type { Price } from '../shapes.ts';

type Tier = NonNullable<Price['tiers']>[number];

export function hasCurrency(price: Price, currency: string): boolean {
  return price.currency === currency || price.currency_options?.[currency] !== undefined;
}

/** A price as it is in one of its currencies; refused in one that it does not have. */
export function inCurrency(price: Price, currency: string, param?: string): Price {
  if (currency === price.currency) {
    return price;
  }
  const option = price.currency_options?.[currency];
  if (option === undefined) {
    const known = [price.currency, ...Object.keys(price.currency_options ?? {})];
    throw invalid(
      `The price specified only supports ${known.map((one) => `\`${one}\``).join(', ')}. This doesn't match the expected currency: \`${currency}\`.`,
      param === undefined ? {} : { param },
    );
  }
  const { tiers: _own, ...rest } = price;
  return { ...rest, currency, ...(option as Partial<Price>) };
}

/** What so many of a price cost in a currency, in whole smallest units, rounded as Stripe does. */
export function amountOf(
  asked: Price,
  { quantity, currency }: { quantity: number; currency: string },
): number {
  const price = inCurrency(asked, currency);
  const units = price.transform_quantity === null ? quantity : packages(price, quantity);
  if (price.tiers !== undefined) {
    return Math.round(tieredAmount(price.tiers, { units, mode: price.tiers_mode ?? 'graduated' }));
  }
  const unit =
    price.unit_amount_decimal ?? price.unit_amount ?? price.custom_unit_amount?.preset ?? 0;
  return Math.round(Number(unit) * units);
}

function packages({ transform_quantity: transform }: Price, quantity: number): number {
  const parts = quantity / (transform?.divide_by ?? 1);
  return transform?.round === 'down' ? Math.floor(parts) : Math.ceil(parts);
}

/** Graduated: each tier counts its own units. Volume: the tier that is reached counts them all. */
function tieredAmount(
  tiers: readonly Tier[],
  { units, mode }: { units: number; mode: string },
): number {
  const costs = (tier: Tier, count: number) =>
    Number(tier.flat_amount_decimal ?? 0) + Number(tier.unit_amount_decimal ?? 0) * count;
  if (mode === 'volume') {
    const reached = tiers.find((tier) => tier.up_to === null || units <= tier.up_to);
    return reached === undefined ? 0 : costs(reached, units);
  }
  let [sum, below] = [0, 0];
  for (const tier of tiers) {
    const count = Math.min(units, tier.up_to ?? Infinity) - below;
    if (count > 0 || (units === 0 && below === 0)) {
      sum += costs(tier, count);
    }
    below = tier.up_to ?? below;
    if (units <= below) {
      break;
    }
  }
  return sum;
}
