/** Adds calendar months in UTC; the 31st becomes the month's last day, and the time of day stays. */
export function addMonths(at: Date, months: number): Date {
  const day = at.getUTCDate();
  const moved = new Date(at);
  moved.setUTCDate(1);
  moved.setUTCMonth(moved.getUTCMonth() + months);
  const lastDay = new Date(
    Date.UTC(moved.getUTCFullYear(), moved.getUTCMonth() + 1, 0),
  ).getUTCDate();
  moved.setUTCDate(Math.min(day, lastDay));
  return moved;
}

const DURATION =
  /^P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$/;

/** Adds an ISO 8601 duration (`P1Y`, `P90D`, `PT12H`). The catalogue has checked its form. */
export function addDuration(at: Date, duration: string): Date {
  const match = DURATION.exec(duration);
  if (match === null) {
    throw new RangeError(`Not an ISO 8601 duration: ${duration}`);
  }
  const [years, months, weeks, days, hours, minutes, seconds] = match
    .slice(1)
    .map((part) => Number(part ?? 0)) as [number, number, number, number, number, number, number];
  const moved = addMonths(at, years * 12 + months);
  const exact = (((weeks * 7 + days) * 24 + hours) * 60 + minutes) * 60 + seconds;
  return new Date(moved.getTime() + exact * 1000);
}

/**
 * When credits end that are for the time `from` to `to`, in milliseconds: at its end. Where that is over
 * already, they were late, and as much time counts from now: lateness never costs the buyer what they paid for.
 */
export function notOver({ from, to }: { from: number; to: number }, now: Date): Date {
  return new Date(to > now.getTime() ? to : now.getTime() + Math.max(1000, to - from));
}

/** How many whole months lie in a period, at least one: 12 for a year from any day. */
export function monthsIn(period: { start: number; end: number }): number {
  const AVERAGE_MONTH_SECONDS = 2_629_746;
  return Math.max(1, Math.round((period.end - period.start) / AVERAGE_MONTH_SECONDS));
}

/** `total` in `count` whole parts that differ by at most one and add up exactly. */
export function splitEvenly(total: number, count: number): number[] {
  const parts: number[] = [];
  const whole = BigInt(total);
  let given = 0n;
  for (let n = 1; n <= count; n += 1) {
    const upTo = (whole * BigInt(n)) / BigInt(count);
    parts.push(Number(upTo - given));
    given = upTo;
  }
  return parts;
}
