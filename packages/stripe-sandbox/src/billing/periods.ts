export type Interval = { interval: string; interval_count: number };

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

/** The start of the period that `moment` lies in, for a cycle that began at `anchor`, before it. */
export function periodStart(anchor: number, moment: number, every: Interval): number {
  let count = 0;
  while (addIntervals(anchor, every, count + 1) <= moment) {
    count += 1;
  }
  return addIntervals(anchor, every, count);
}
