import type { Catalog, CatalogPrice } from '../catalog/index.ts';
import { MAX_CREDITS } from '../kernel/index.ts';
import type { LineFact } from '../stripe/index.ts';
import {
  type Details,
  type KnownState,
  type Need,
  type Obstacle,
  stripeUnavailable,
} from './decision.ts';
import { drip } from './drip.ts';
import { addDuration, notOver } from './period.ts';
import { proratedCredits, unitAmountOf } from './proration.ts';
import type { Purchase } from './state.ts';

export type PurchaseContext = {
  readonly catalog: Catalog;
  readonly known: KnownState;
  readonly details: Details;
  readonly now: Date;
  readonly accountId: string;
  readonly via: Purchase['via'];
  /** The checkout session or the invoice that was paid. */
  readonly paidObjectId: string;
  readonly subscriptionId: string | null;
  /** When the invoice was made, in seconds since 1970; null: not known, or no invoice. */
  readonly invoicedAt: number | null;
  /** What every grant of this payment says about itself. */
  readonly metadata: Readonly<Record<string, string>>;
  /** Works out again what is granted already, to complete it. */
  readonly mend?: boolean;
};

export type Purchases =
  | { readonly need: Need }
  | {
      readonly purchases: readonly Purchase[];
      readonly obstacles: readonly Obstacle[];
    };

/**
 * What the paid lines of one payment grant. Pure; the same lines give the same purchases. A line that has
 * granted before is worth what it granted then, whatever the catalogue says by now.
 */
export function purchasesOf(lines: readonly LineFact[], context: PurchaseContext): Purchases {
  const purchases: Purchase[] = [];
  const obstacles: Obstacle[] = [];
  const granted = grantedByLine(context);
  for (const line of lines) {
    const before = granted.get(line.id) ?? [];
    if (before.length > 0 && context.mend !== true) {
      purchases.push(...before);
      continue;
    }
    const result = purchasesOfLine(line, context);
    if ('need' in result) {
      return result;
    }
    if ('obstacle' in result) {
      obstacles.push(result.obstacle);
    } else {
      const isKnown = ({ key }: Purchase) => before.some((one) => one.key === key);
      purchases.push(
        ...(before.length === 0 ? result.purchases : result.purchases.filter(isKnown)),
      );
    }
  }
  return { purchases, obstacles };
}

function grantedByLine(context: PurchaseContext): ReadonlyMap<string, readonly Purchase[]> {
  const prefix = keyOfLine(context, '');
  const lines = new Map<string, Purchase[]>();
  for (const purchase of Object.values(context.known.payment.purchases)) {
    if (purchase.key.startsWith(prefix)) {
      const id = purchase.key.slice(prefix.length).split(':')[0] ?? '';
      lines.set(id, [...(lines.get(id) ?? []), purchase]);
    }
  }
  return lines;
}

function keyOfLine({ via, paidObjectId }: PurchaseContext, lineId: string): string {
  return `florin:${via}:${paidObjectId}:line:${lineId}`;
}

type LineResult = { need: Need } | { obstacle: Obstacle } | { purchases: readonly Purchase[] };

const NONE: LineResult = { purchases: [] };

function purchasesOfLine(line: LineFact, context: PurchaseContext): LineResult {
  // A negative line gives money back (returns.ts); a part of nothing is worth nothing.
  if (
    line.priceId === null ||
    line.quantity <= 0 ||
    line.amount < 0 ||
    (line.proration && line.amount === 0)
  ) {
    return NONE;
  }
  const priced = findPrice(line, line.priceId, context);
  if (!('price' in priced)) {
    return priced;
  }
  const { price } = priced;
  if (price === 'ignored') {
    return NONE;
  }
  const earned = creditsOfLine(line, price, context);
  if (!('credits' in earned)) {
    return earned;
  }
  if (earned.credits > MAX_CREDITS) {
    return { obstacle: tooMany(line, earned.credits, context.catalog) };
  }
  return earned.credits < 1
    ? NONE
    : { purchases: toPurchases({ line, price, context, ...earned }) };
}

function findPrice(
  line: LineFact,
  priceId: string,
  { catalog, known, details }: PurchaseContext,
): { price: CatalogPrice | 'ignored' } | { need: Need } | { obstacle: Obstacle } {
  const direct = catalog.find({ priceId, lookupKey: line.lookupKey ?? null });
  if (direct !== undefined) {
    return { price: direct };
  }
  if (catalog.ignores?.(priceId) === true) {
    return { price: 'ignored' };
  }
  let lookupKey = line.lookupKey;
  if (lookupKey === undefined) {
    const item = known.subscription?.fact?.items.find((one) => one.priceId === priceId);
    lookupKey = item?.lookupKey ?? undefined;
  }
  if (lookupKey === undefined && catalog.prices.some((one) => one.lookupKey !== undefined)) {
    const answer = details.get('price', priceId);
    if (answer === undefined) {
      return { need: { ask: 'price', id: priceId } };
    }
    if (answer === 'unavailable') {
      return { obstacle: stripeUnavailable(`the lookup_key of price ${priceId}`) };
    }
    lookupKey = answer?.lookupKey ?? null;
  }
  const byKey = catalog.find({ priceId, lookupKey: lookupKey ?? null });
  return byKey === undefined ? { obstacle: unknownPrice(line, priceId) } : { price: byKey };
}

type Earned =
  | { credits: number; source: Purchase['source'] }
  | { need: Need }
  | { obstacle: Obstacle };

function creditsOfLine(line: LineFact, price: CatalogPrice, context: PurchaseContext): Earned {
  const source = price.kind === 'recurring' ? 'subscription' : 'purchase';
  if (line.proration) {
    const prorated = proratedCredits(line, price, context);
    return typeof prorated === 'number' ? { credits: prorated, source } : prorated;
  }
  if (line.amount === 0 && price.kind === 'recurring') {
    const trial = isTrial(line, context);
    if (typeof trial !== 'boolean') {
      return trial;
    }
    if (trial) {
      return { credits: (price.trialCredits ?? 0) * line.quantity, source: 'trial' };
    }
  }
  return { credits: price.credits * line.quantity, source };
}

/**
 * A line for nothing is a trial when its price is not free. A coupon leaves the line's amount as it
 * is; a free price has a unit amount of zero. Where the line does not carry the price the
 * subscription's trial tells, and where that is over, perhaps cut short, the price itself.
 */
function isTrial(
  line: LineFact,
  context: PurchaseContext,
): boolean | { need: Need } | { obstacle: Obstacle } {
  if (line.unitAmount !== null) {
    return Number(line.unitAmount) > 0;
  }
  const trial = isInTrial(line, context);
  if (trial !== false) {
    return trial;
  }
  const unitAmount = unitAmountOf(line, line.priceId ?? '', context);
  if (unitAmount === 'unavailable') {
    return { obstacle: maybeTrial(line, `what price ${line.priceId} costs`) };
  }
  return typeof unitAmount === 'object' && unitAmount !== null
    ? unitAmount
    : Number(unitAmount ?? 0) > 0;
}

function isInTrial(
  line: LineFact,
  { known, details, subscriptionId }: PurchaseContext,
): boolean | { need: Need } | { obstacle: Obstacle } {
  const id = line.subscriptionId ?? subscriptionId;
  if (id === null) {
    return false;
  }
  const stored = known.subscription?.fact;
  const subscription = stored?.id === id ? stored : details.get('subscription', id);
  if (subscription === undefined) {
    return { need: { ask: 'subscription', id } };
  }
  if (subscription === 'unavailable') {
    return { obstacle: maybeTrial(line, `whether it is a trial of ${id}`) };
  }
  const trial = subscription?.trial ?? null;
  return (
    trial !== null &&
    (line.period === null || (line.period.start >= trial.start && line.period.start < trial.end))
  );
}

function maybeTrial(line: LineFact, question: string): Obstacle {
  return {
    code: 'stripe_unavailable',
    message: `Line ${line.id} costs nothing, and Stripe could not be asked ${question}.`,
    needsAttention: false,
  };
}

type Granting = {
  line: LineFact;
  price: CatalogPrice;
  context: PurchaseContext;
  credits: number;
  source: Purchase['source'];
};

function toPurchases({ line, price, context, credits, source }: Granting): Purchase[] {
  const base: Purchase = {
    key: keyOfLine(context, line.id),
    paidObjectId: context.paidObjectId,
    accountId: context.accountId,
    via: context.via,
    priceId: line.priceId ?? price.id,
    credits,
    quantity: line.quantity,
    amountMinor: Math.max(0, line.amount - line.discount),
    currency: line.currency,
    source,
    priority: price.priority ?? 0,
    expiresAt: expiryOf(price, line.period, context.now),
    dueAt: null,
    subscriptionId: line.subscriptionId ?? context.subscriptionId,
    rollsOverFrom: null,
    metadata: {
      ...context.metadata,
      stripe_price_id: line.priceId ?? price.id,
      reason: price.reason,
      plan_type: price.planType,
    },
    ...(context.via === 'invoice'
      ? {
          line: {
            id: line.id,
            invoiceItemId: line.invoiceItemId ?? null,
            invoicedAt: context.invoicedAt,
            amount: Math.max(0, line.amount - line.discount),
            period: line.period,
            credits,
          },
        }
      : {}),
    standing: 'planned',
    reversed: 0,
    steps: 0,
  };
  if (source !== 'subscription' || line.period === null) {
    return [base];
  }
  if (price.drip === 'monthly') {
    return drip(base, price, { period: line.period, now: context.now });
  }
  return price.rollover !== undefined && price.expires === 'period_end' && !line.proration
    ? [base, rollover(base, price.rollover.max, line.period.start)]
    : [base];
}

/** Beside a renewal: what the period that ends now leaves unspent, up to `max`, for the new period. */
function rollover(base: Purchase, max: number, periodEnd: number): Purchase {
  return {
    ...base,
    key: `${base.key}:rollover`,
    credits: max,
    amountMinor: 0,
    source: 'rollover',
    rollsOverFrom: periodEnd,
    metadata: { ...base.metadata, reason: `rollover_${base.metadata['reason'] ?? 'period'}` },
  };
}

/** When the credits expire: at the period's end, or some time from now. */
function expiryOf(
  price: CatalogPrice,
  period: { start: number; end: number } | null,
  now: Date,
): string | null {
  if (price.expires === 'period_end' && period !== null) {
    return notOver({ from: period.start * 1000, to: period.end * 1000 }, now).toISOString();
  }
  return price.expiresAfter === undefined
    ? null
    : addDuration(now, price.expiresAfter).toISOString();
}

function unknownPrice(line: LineFact, priceId: string): Obstacle {
  return {
    code: 'price_unknown',
    message:
      `Paid for price ${priceId} (${line.description ?? 'no description'}), which the catalogue does not know. ` +
      `Add it to the catalogue with its credits, or to its ignored prices if it grants none, then replay the event.`,
    needsAttention: true,
  };
}

function tooMany(line: LineFact, credits: number, { credit }: Catalog): Obstacle {
  return {
    code: 'amount_not_allowed',
    message: `Line ${line.id} would grant ${credit.text(credits)} credits, above the limit of ${credit.text(MAX_CREDITS)}. Grant by hand what was meant.`,
    needsAttention: true,
  };
}
