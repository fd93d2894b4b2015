import type { Usage, UsageDay } from '../../src/browser/index.ts';

const DAY_MS = 86_400_000;
/** A chart with more bars than this can no longer show days. */
const MAX_DAYS = 92;

/** Every day of the range, the quiet ones as zeros; at most the last 92. */
export function everyDay({ from, to, days }: Usage): readonly UsageDay[] {
  const first = Date.parse(from.slice(0, 10));
  const last = Date.parse(to.slice(0, 10));
  if (Number.isNaN(first) || Number.isNaN(last)) {
    return days;
  }
  const known = new Map(days.map((day) => [day.day, day]));
  const count = Math.min(Math.round((last - first) / DAY_MS) + 1, MAX_DAYS);
  return Array.from({ length: Math.max(count, 0) }, (_, index) => {
    const day = new Date(last - (count - 1 - index) * DAY_MS).toISOString().slice(0, 10);
    return known.get(day) ?? { day, spent: 0, granted: 0 };
  });
}
