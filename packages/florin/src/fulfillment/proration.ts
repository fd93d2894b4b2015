import type { CatalogPrice } from '../catalog/index.ts';
import type { LineFact } from '../stripe/index.ts';
import type { Details, KnownState, Need, Obstacle } from './decision.ts';

type ProrationContext = { readonly known: KnownState; readonly details: Details };

/**
 * The credits of a positive proration line: `credits × line amount ÷ unit amount`, to the nearest
 * whole credit, halves up. The line's amount covers its whole quantity, so the quantity is in it
 * already. The unit amount is the price's own in the line's currency.
 */
export function proratedCredits(
  line: LineFact,
  price: CatalogPrice,
  { known, details }: ProrationContext,
): number | { need: Need } | { obstacle: Obstacle } {
  const priceId = line.priceId ?? price.id;
  const unitAmount = unitAmountOf(line, priceId, { known, details });
  if (unitAmount === 'unavailable') {
    return { obstacle: withoutUnitAmount(line, priceId, false) };
  }
  if (unitAmount !== null && typeof unitAmount !== 'string') {
    return unitAmount;
  }
  const scaled = unitAmount === null ? 0n : toScaled(unitAmount);
  if (scaled <= 0n) {
    return { obstacle: withoutUnitAmount(line, priceId, true) };
  }
  const numerator = BigInt(price.credits) * BigInt(line.amount) * SCALE;
  return Number((2n * numerator + scaled) / (2n * scaled));
}

/**
 * What one of a line's price costs in the line's currency: from the line where the API version carries
 * the price, else from the subscription's items, else from Stripe. Null where it has no such amount.
 */
export function unitAmountOf(
  line: LineFact,
  priceId: string,
  { known, details }: ProrationContext,
): string | null | 'unavailable' | { need: Need } {
  const item = known.subscription?.fact?.items.find((one) => one.priceId === priceId);
  const onLine = { unitAmount: line.unitAmount, currency: line.unitCurrency };
  const near = unitAmountIn(line.currency, onLine) ?? unitAmountIn(line.currency, item);
  if (near !== null) {
    return near;
  }
  const answer = details.get('price', priceId);
  if (answer === undefined) {
    return { need: { ask: 'price', id: priceId } };
  }
  return answer === 'unavailable' ? answer : unitAmountIn(line.currency, answer);
}

/** Stripe states every price's currency; objects written by hand, as in tests, may leave it out. */
const UNSTATED_CURRENCY = 'usd';

type Priced = {
  readonly unitAmount: string | null;
  readonly currency?: string | undefined;
  readonly currencyOptions?: Readonly<Record<string, string | null>>;
};

/** Amounts of different currencies are never compared: null where the price has none in this one. */
function unitAmountIn(currency: string, price: Priced | null | undefined): string | null {
  if (price == null) {
    return null;
  }
  return (price.currency ?? UNSTATED_CURRENCY) === currency
    ? price.unitAmount
    : (price.currencyOptions?.[currency] ?? null);
}

/** Stripe gives unit amounts with up to twelve decimals. */
const DECIMALS = 12;
const SCALE = 10n ** BigInt(DECIMALS);

function toScaled(decimal: string): bigint {
  const match = /^(\d+)(?:\.(\d{1,12})\d*)?$/.exec(decimal);
  if (match === null) {
    return 0n;
  }
  return BigInt(match[1] ?? '0') * SCALE + BigInt((match[2] ?? '').padEnd(DECIMALS, '0'));
}

function withoutUnitAmount(line: LineFact, priceId: string, needsAttention: boolean): Obstacle {
  return {
    code: needsAttention ? 'price_unknown' : 'stripe_unavailable',
    message: `Line ${line.id} is part of price ${priceId}, and its full amount in ${line.currency} is not known${
      needsAttention
        ? ' (tiered or deleted?): grant by hand what it is worth.'
        : ': Stripe could not be asked; the event is tried again by itself.'
    }`,
    needsAttention,
  };
}
