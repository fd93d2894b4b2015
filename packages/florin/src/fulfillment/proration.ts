import type { CatalogPrice } from '../catalog/index.ts';
import type { LineFact } from '../stripe/index.ts';
import type { Details, KnownState, Need, Obstacle } from './plan.ts';

type ProrationContext = { readonly known: KnownState; readonly details: Details };

/**
 * The credits of a positive proration line: `credits × line amount ÷ unit amount`, to the nearest
 * whole credit, halves up. The line's amount covers its whole quantity, so the quantity is in it
 * already. The unit amount is the price's own: from the line where the API version carries the price,
 * else from the subscription's items, else from Stripe.
 */
export function proratedCredits(
  line: LineFact,
  price: CatalogPrice,
  { known, details }: ProrationContext,
): number | { need: Need } | { obstacle: Obstacle } {
  const priceId = line.priceId ?? price.id;
  const item = known.subscription?.fact?.items.find((one) => one.priceId === priceId);
  let unitAmount = line.unitAmount ?? item?.unitAmount ?? null;
  if (unitAmount === null) {
    const answer = details.get('price', priceId);
    if (answer === undefined) {
      return { need: { ask: 'price', id: priceId } };
    }
    if (answer === 'unavailable') {
      return { obstacle: withoutUnitAmount(line, priceId, false) };
    }
    unitAmount = answer?.unitAmount ?? null;
  }
  const scaled = unitAmount === null ? 0n : toScaled(unitAmount);
  if (scaled <= 0n) {
    return { obstacle: withoutUnitAmount(line, priceId, true) };
  }
  const numerator = BigInt(price.credits) * BigInt(line.amount) * SCALE;
  return Number((2n * numerator + scaled) / (2n * scaled));
}

/**
 * The lines of one invoice without what it takes back itself. Stripe collects prorations for the next
 * invoice, so a buyer who switches to a plan, away and back is charged once and has three lines for it:
 * each negative line of a price and quantity cancels as much of the positive ones of the same, the
 * earliest first. What is negative beyond that belongs to an earlier invoice and takes nothing.
 */
export function withoutReturned(lines: readonly LineFact[]): readonly LineFact[] {
  const returned = new Map<string, number>();
  for (const line of lines.filter((one) => one.proration && one.amount < 0)) {
    returned.set(sameThing(line), (returned.get(sameThing(line)) ?? 0) - line.amount);
  }
  if (returned.size === 0) {
    return lines;
  }
  const left = new Map<string, number>();
  const granting = lines.filter((one) => one.proration && one.amount > 0);
  for (const line of granting.toSorted(byStart)) {
    const owed = returned.get(sameThing(line)) ?? 0;
    const kept = Math.max(0, line.amount - owed);
    returned.set(sameThing(line), owed - (line.amount - kept));
    left.set(line.id, kept);
  }
  return lines.flatMap((line) => {
    const amount = left.get(line.id) ?? line.amount;
    return amount === 0 && line.amount > 0 ? [] : [{ ...line, amount }];
  });
}

function sameThing({ priceId, quantity, subscriptionId }: LineFact): string {
  return JSON.stringify([priceId, quantity, subscriptionId]);
}

function byStart(a: LineFact, b: LineFact): number {
  return (a.period?.start ?? 0) - (b.period?.start ?? 0) || (a.id < b.id ? -1 : 1);
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
    message: `Line ${line.id} is part of price ${priceId}, and its full amount is not known${
      needsAttention
        ? ' (tiered or deleted?): grant by hand what it is worth.'
        : ': Stripe could not be asked; the event is tried again by itself.'
    }`,
    needsAttention,
  };
}
