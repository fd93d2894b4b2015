import type { Credits } from '../../src/browser/index.ts';
import { addCredits, formatCredits } from '../../src/react/index.ts';

export { addCredits, formatCredits };

/** +50 or −3. */
export function formatSigned(amount: Credits): string {
  return Number(amount) > 0 ? `+${formatCredits(amount)}` : formatCredits(amount);
}

/** 1 credit, 2 credits. */
export function credits(amount: Credits): string {
  return `${formatCredits(amount)} ${Math.abs(Number(amount)) === 1 ? 'credit' : 'credits'}`;
}

/** The least amount of credits with so many decimals; a power with a negative exponent is not exact. */
export function smallestAmount(decimals: number): number {
  return 1 / 10 ** decimals;
}

/** `once`, `3 times`. */
export function times(count: number): string {
  return count === 1 ? 'once' : `${count} times`;
}

const dayFormat = new Intl.DateTimeFormat(undefined, { dateStyle: 'long' });
const shortDayFormat = new Intl.DateTimeFormat(undefined, { day: 'numeric', month: 'short' });
const timeFormat = new Intl.DateTimeFormat(undefined, { timeStyle: 'short' });
const instantFormat = new Intl.DateTimeFormat(undefined, {
  dateStyle: 'medium',
  timeStyle: 'medium',
});

export function formatDay(instant: string | Date): string {
  return dayFormat.format(new Date(instant));
}

/** `3 Nov`, for a calendar day YYYY-MM-DD wherever the reader is. */
export function formatCalendarDay(day: string): string {
  return shortDayFormat.format(new Date(`${day}T12:00:00`));
}

export function formatTime(instant: string): string {
  return timeFormat.format(new Date(instant));
}

export function formatInstant(instant: string): string {
  return instantFormat.format(new Date(instant));
}

const relative = new Intl.RelativeTimeFormat(undefined, { numeric: 'auto' });

/** `in 3 days`, `yesterday`, `5 minutes ago`. */
export function formatRelative(instant: string, now: number = Date.now()): string {
  const seconds = (Date.parse(instant) - now) / 1000;
  const size = Math.abs(seconds);
  if (size < 60) {
    return relative.format(Math.round(seconds), 'second');
  }
  if (size < 3_600) {
    return relative.format(Math.round(seconds / 60), 'minute');
  }
  if (size < 86_400) {
    return relative.format(Math.round(seconds / 3_600), 'hour');
  }
  return relative.format(Math.round(seconds / 86_400), 'day');
}

/** `40 seconds`, `6 minutes`, `3 hours`: how long something has taken, rounded down. */
export function formatLength(seconds: number): string {
  const [size, unit] =
    seconds < 60
      ? [1, 'second']
      : seconds < 3_600
        ? [60, 'minute']
        : seconds < 86_400
          ? [3_600, 'hour']
          : [86_400, 'day'];
  const format = new Intl.NumberFormat(undefined, { style: 'unit', unit, unitDisplay: 'long' });
  return format.format(Math.floor(seconds / size));
}

/** `quick_scan_purchase` → `Quick scan purchase`; what somebody wrote in words keeps them. */
export function humanize(name: string): string {
  const words = isProse(name) ? name : name.replaceAll(/[_-]+/g, ' ').trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** The same in the middle of a line: `quick scan purchase`. */
export function humanizeWithin(name: string): string {
  return isProse(name) ? name : humanize(name).toLowerCase();
}

function isProse(text: string): boolean {
  return /\s/.test(text.trim());
}

/** `P3M` → `3 months`; other durations as they are written. */
export function formatDuration(duration: string): string {
  const found = /^P(\d+)([DWMY])$/.exec(duration);
  const unit = { D: 'day', W: 'week', M: 'month', Y: 'year' }[found?.[2] ?? ''];
  return found === null || unit === undefined
    ? duration
    : `${found[1]} ${unit}${found[1] === '1' ? '' : 's'}`;
}
