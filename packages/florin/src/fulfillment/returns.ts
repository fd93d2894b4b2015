import type { Catalog } from '../catalog/index.ts';
import type { InvoiceFact, LineFact } from '../stripe/index.ts';
import type { KnownState } from './decision.ts';
import { creditsBack, moneyBack } from './money-back.ts';
import type { PaymentState, Purchase, ReturnState } from './state.ts';

/** What returns take of each purchase, by its key, and the returning lines that credit nothing known. */
export type Taken = {
  readonly of: ReadonlyMap<string, number>;
  readonly unmatched: ReadonlySet<string>;
};

/**
 * The negative proration lines of a paid invoice: Stripe credits the unused time of what was paid
 * before. Trials and lines of nothing are no returns, and neither is a price that the catalogue ignores,
 * unless it has granted before it was ignored.
 */
export function returnsOf(
  fact: InvoiceFact,
  lines: readonly LineFact[],
  { catalog, known }: { catalog: Catalog; known: KnownState },
): Readonly<Record<string, ReturnState>> {
  const counts = ({ priceId }: ReturningLine) =>
    catalog.ignores?.(priceId) !== true || hasGranted(known, priceId);
  return Object.fromEntries(
    lines
      .filter(isReturn)
      .filter(counts)
      .map((line) => [line.id, toReturn(fact, line)]),
  );
}

function hasGranted({ payment, relatives = [] }: KnownState, priceId: string): boolean {
  return [payment, ...relatives.map(({ state }) => state)].some(({ purchases }) =>
    Object.values(purchases).some((purchase) => purchase.priceId === priceId),
  );
}

type ReturningLine = LineFact & { readonly priceId: string };

function isReturn(line: LineFact): line is ReturningLine {
  return line.proration && line.priceId !== null && moneyOf(line) > 0;
}

function toReturn(fact: InvoiceFact, line: ReturningLine): ReturnState {
  return {
    invoiceId: fact.id,
    invoicedAt: fact.createdAt ?? null,
    priceId: line.priceId,
    quantity: line.quantity,
    subscriptionId: line.subscriptionId ?? fact.subscriptionId,
    amount: moneyOf(line),
    currency: line.currency,
    period: line.period,
    credited: line.credited ?? null,
  };
}

/**
 * What a negative line gives back. A proration's amount is what was left after discounts, or the whole with its
 * discounts beside it, as the subscription's `proration_discounts` says
 * (https://docs.stripe.com/changelog/clover/2025-09-30/itemize-proration-discount-amounts).
 */
function moneyOf(line: LineFact): number {
  return Math.max(0, -line.amount - Math.abs(line.discount));
}

/** Whether an invoice may take back what other invoices granted: its subscription is read whole then. */
export function mayReturn(fact: InvoiceFact): boolean {
  return fact.paid && (!fact.linesComplete || fact.lines.some(isReturn));
}

/** The granting line of an invoice: one purchase, or one a month where the price is dripped. */
type GrantingLine = {
  readonly invoiceId: string;
  readonly line: NonNullable<Purchase['line']>;
  readonly purchases: Purchase[];
};

/**
 * What the returning lines of a subscription take of its purchases: the share of the line's credits
 * that is the share of its money (docs/decisions/0072). A function of the sets of lines, whatever
 * order they became known in:
 * - a return credits the lines that Stripe names; where the API version names none, the subscription's
 *   lines of the same price and quantity whose period covers its own, the latest start first;
 * - no line gives more money back than it took;
 * - months of a dripped price go from the last backwards, so the planned ones go first;
 * - what the returning invoice has refunded itself is not taken.
 */
export function takenByReturns(payments: readonly PaymentState[]): Taken {
  const of = new Map<string, number>();
  const unmatched = new Set<string>();
  const returns = payments.flatMap((payment) => {
    const all = Object.entries(payment.returns ?? {});
    const money = all.length === 0 ? undefined : moneyBack(payment);
    return money === undefined ? [] : all.map(([id, one]) => ({ id, one, money }));
  });
  if (returns.length === 0) {
    return { of, unmatched };
  }
  const lines = grantingLines(payments);
  const returned = new Map<GrantingLine, number>();
  for (const { id, one, money } of returns.toSorted(byPeriodAndId)) {
    const credited = lines.filter((line) => credits(one, line));
    if (credited.length === 0) {
      unmatched.add(id);
    }
    let owed = one.amount;
    for (const granting of credited) {
      if (owed === 0) {
        break;
      }
      const before = returned.get(granting) ?? 0;
      const after = Math.min(granting.line.amount, before + owed);
      owed -= after - before;
      returned.set(granting, after);
      const share = creditsUpTo(granting.line, after) - creditsUpTo(granting.line, before);
      take(granting, share - creditsBack(share, money), of);
    }
  }
  return { of, unmatched };
}

function grantingLines(payments: readonly PaymentState[]): GrantingLine[] {
  const lines = new Map<string, GrantingLine>();
  const purchases = payments.flatMap((payment) => Object.values(payment.purchases));
  for (const purchase of purchases) {
    const { line, paidObjectId: invoiceId } = purchase;
    if (line !== undefined && line.amount > 0 && purchase.rollsOverFrom === null) {
      const key = JSON.stringify([invoiceId, line.id]);
      const known = lines.get(key) ?? { invoiceId, line, purchases: [] };
      known.purchases.push(purchase);
      lines.set(key, known);
    }
  }
  return [...lines.entries()]
    .toSorted(([a, one], [b, other]) => startOf(other.line) - startOf(one.line) || order(a, b))
    .map(([, line]) => line);
}

function credits(one: ReturnState, { invoiceId, line, purchases }: GrantingLine): boolean {
  const [purchase] = purchases;
  if (purchase === undefined || purchase.currency !== one.currency) {
    return false;
  }
  if (one.credited !== null) {
    return 'invoiceItemId' in one.credited
      ? one.credited.invoiceItemId === line.invoiceItemId
      : one.credited.invoiceId === invoiceId && one.credited.lineIds.includes(line.id);
  }
  const earlier =
    line.invoicedAt === null || one.invoicedAt === null || line.invoicedAt <= one.invoicedAt;
  return (
    earlier &&
    purchase.priceId === one.priceId &&
    purchase.quantity === one.quantity &&
    purchase.subscriptionId === one.subscriptionId &&
    line.period !== null &&
    one.period !== null &&
    line.period.start <= one.period.start &&
    line.period.end >= one.period.end
  );
}

/** Takes credits of a line's purchases, from the last month backwards. */
function take({ purchases }: GrantingLine, amount: number, of: Map<string, number>): void {
  let left = amount;
  for (const { key, credits } of purchases.toSorted((a, b) => (b.dueAt ?? 0) - (a.dueAt ?? 0))) {
    const taken = of.get(key) ?? 0;
    const here = Math.min(left, credits - taken);
    if (here > 0) {
      of.set(key, taken + here);
      left -= here;
    }
  }
}

/** The credits that `amount` of the line's money has bought, to the nearest one, halves up. */
function creditsUpTo(line: GrantingLine['line'], amount: number): number {
  const whole = BigInt(line.amount);
  return Number((2n * BigInt(line.credits) * BigInt(amount) + whole) / (2n * whole));
}

function byPeriodAndId(
  a: { id: string; one: ReturnState },
  b: { id: string; one: ReturnState },
): number {
  return startOf(a.one) - startOf(b.one) || order(a.id, b.id);
}

function startOf({ period }: { period: { start: number } | null }): number {
  return period?.start ?? 0;
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
