export type Interval = { interval: string; interval_count: number };

export const MONTHLY: Interval = { interval: 'month', interval_count: 1 };

/** `count` intervals after `anchor` (seconds); a month that is too short ends on its last day. */
export function addIntervals(anchor: number, every: Interval, count: number): number {
  const steps = every.interval_count * count;
  const date = new Date(anchor * 1000);
  switch (every.interval) {
    case 'day':
      date.setUTCDate(date.getUTCDate() + steps);
      break;
    case 'week':
      date.setUTCDate(date.getUTCDate() + 7 * steps);
      break;
    default:
      addMonths(date, every.interval === 'year' ? 12 * steps : steps);
  }
  return Math.floor(date.getTime() / 1000);
}

function addMonths(date: Date, months: number): void {
  const day = date.getUTCDate();
  date.setUTCDate(1);
  date.setUTCMonth(date.getUTCMonth() + months);
  const lastDay = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate();
  date.setUTCDate(Math.min(day, lastDay));
}

/** The end of the period that begins at `start`, for a cycle that began at `anchor`. */
export function periodEnd(anchor: number, start: number, every: Interval): number {
  let count = 1;
  while (addIntervals(anchor, every, count) <= start) {
    count += 1;
  }
  return addIntervals(anchor, every, count);
}

export type Period = { start: number; end: number };
/** `whole`: it is as long as its cycle; otherwise it begins between two dates of the cycle. */
export type CyclePeriod = Period & { whole: boolean };

/**
 * The periods of a cycle from `from` on; the last is the one that `now` lies in. The anchor may be
 * before them, among them, or the end of the last.
 */
export function periodsSince(
  { anchor, every }: { anchor: number; every: Interval },
  { from, now }: { from: number; now: number },
): CyclePeriod[] {
  const edge = (count: number) => addIntervals(anchor, every, count);
  let count = 0;
  while (edge(count) > from) {
    count -= 1;
  }
  while (edge(count + 1) <= from) {
    count += 1;
  }
  const periods: CyclePeriod[] = [];
  for (let start = from; periods.length === 0 || start <= now; count += 1) {
    const end = edge(count + 1);
    periods.push({ start, end, whole: start === edge(count) });
    start = end;
  }
  return periods;
}

/** What part of a full period's price a period costs, as if its cycle had begun with it. */
export function shareOf({ start, end, whole }: CyclePeriod, every: Interval): number {
  return whole ? 1 : (end - start) / (addIntervals(start, every, 1) - start);
}
