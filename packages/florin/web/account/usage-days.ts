import type { FlorinClient, UsageDay, UsageGroup } from '../../src/browser/index.ts';
import { addCredits } from '../frame/format.ts';

const DAY_MS = 86_400_000;
/** A chart with more bars than this can no longer show days. */
const MAX_DAYS = 92;
/** Colours that can be told apart, one of them for all the rest. */
const MAX_METERS = 5;
/** What was spent without a meter, and by meters that have no colour of their own. */
const OTHER = 'Other';

/** A day, and what was spent in it by each meter of the chart, in its order. */
export type MeterDay = UsageDay & { readonly parts: readonly number[] };
export type MeterUsage = {
  readonly meters: readonly string[];
  readonly days: readonly MeterDay[];
};

/** What was used, by day and meter. */
export async function loadUsage(read: FlorinClient['usage']): Promise<MeterUsage> {
  const [received, { from, to, groups }] = await Promise.all([
    read(),
    read({ by: ['day', 'meter'] }),
  ]);
  return byMeter({ from, to, days: received.days, groups });
}

/** What a meter spent on a day. */
type Spent = Pick<UsageGroup, 'day' | 'meter' | 'spent'>;

type Counted = {
  readonly from: string;
  readonly to: string;
  readonly days: readonly UsageDay[];
  readonly groups: readonly Spent[];
};

/**
 * Every day of the range, the quiet ones as zeros, at most the last 92; the meters that used most first.
 * Days say what was received, groups what was spent.
 */
export function byMeter({ from, to, days, groups }: Counted): MeterUsage {
  const received = new Map(days.map(({ day, granted }) => [day, granted]));
  const shown = everyDay(from, to);
  const first = shown[0] ?? '';
  const inRange = groups.filter(({ day = '' }) => day >= first);
  const meters = rank(inRange);
  const places = new Map(meters.map((meter, index) => [meter, index]));
  const spent = new Map(shown.map((day) => [day, meters.map(() => 0)]));
  for (const { day = '', meter, spent: credits } of inRange) {
    const parts = spent.get(day);
    const place = places.get(meter ?? OTHER) ?? meters.length - 1;
    if (parts !== undefined) {
      parts[place] = addCredits(parts[place] ?? 0, credits);
    }
  }
  return {
    meters,
    days: shown.map((day) => {
      const parts = spent.get(day) ?? [];
      return { day, parts, spent: addCredits(...parts), granted: received.get(day) ?? 0 };
    }),
  };
}

/** The meters with a colour, by what they used; the rest as one, last. */
function rank(groups: readonly Spent[]): readonly string[] {
  const totals = new Map<string, number>();
  for (const { meter, spent } of groups) {
    const name = meter ?? OTHER;
    totals.set(name, addCredits(totals.get(name) ?? 0, spent));
  }
  const named = [...totals]
    .filter(([name, total]) => name !== OTHER && total > 0)
    .sort(([a, more], [b, less]) => less - more || a.localeCompare(b))
    .map(([name]) => name);
  const rest = named.length > MAX_METERS || (totals.get(OTHER) ?? 0) > 0;
  return rest || named.length === 0 ? [...named.slice(0, MAX_METERS), OTHER] : named;
}

function everyDay(from: string, to: string): readonly string[] {
  const first = Date.parse(from.slice(0, 10));
  const last = Date.parse(to.slice(0, 10));
  if (Number.isNaN(first) || Number.isNaN(last)) {
    return [];
  }
  const count = Math.min(Math.round((last - first) / DAY_MS) + 1, MAX_DAYS);
  return Array.from({ length: Math.max(count, 0) }, (_, index) =>
    new Date(last - (count - 1 - index) * DAY_MS).toISOString().slice(0, 10),
  );
}
