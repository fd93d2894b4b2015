import type { CatalogPrice } from '../catalog/index.ts';
import { addDuration, addMonths, monthsIn, notOver, splitEvenly } from './period.ts';
import type { Purchase } from './state.ts';

/** A dripped price is granted a month at a time: the first part at once, each later one when due. */
export function drip(
  base: Purchase,
  price: CatalogPrice,
  { period, now }: { period: { start: number; end: number }; now: Date },
): Purchase[] {
  const count = monthsIn(period);
  const start = new Date(period.start * 1000);
  return splitEvenly(base.credits, count).flatMap((credits, index) => {
    if (credits === 0) {
      return [];
    }
    const from = addMonths(start, index);
    const ends = endOfPart(price, { from, next: addMonths(start, index + 1) });
    const isFirst = index === 0;
    return {
      ...base,
      key: `${base.key}:month:${index + 1}`,
      credits,
      amountMinor: Math.floor(base.amountMinor / count),
      dueAt: isFirst ? null : Math.floor(from.getTime() / 1000),
      // The others are looked at when they are given (converge.ts).
      expiresAt:
        (ends !== null && isFirst
          ? notOver({ from: from.getTime(), to: ends.getTime() }, now)
          : ends
        )?.toISOString() ?? null,
    };
  });
}

function endOfPart(price: CatalogPrice, { from, next }: { from: Date; next: Date }): Date | null {
  if (price.expires === 'period_end') {
    return next;
  }
  return price.expiresAfter === undefined ? null : addDuration(from, price.expiresAfter);
}
