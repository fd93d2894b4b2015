import type { Executor, Statement } from '../db/index.ts';
import { FlorinError } from '../kernel/index.ts';
import { type DailyUsage, dailyUsage } from './entries.ts';

const DAY_MS = 86_400_000;
const USUAL_DAYS = 30;
const MAX_DAYS = 366;
const MAX_GROUPS = 10_000;

/** What usage may be grouped by; days are of UTC. */
export type UsageGrouping = 'day' | 'meter' | 'feature' | 'actor';

/** Credits used by one group, with what it was grouped by; null where its entries do not say. */
export type UsageGroup = {
  readonly day?: string;
  readonly meter?: string | null;
  readonly feature?: string | null;
  readonly actor?: string | null;
  readonly spent: number;
  /** The meter's units as a decimal, where it was grouped by meter. */
  readonly quantity?: string;
};

type GroupRow = {
  readonly day: string;
  readonly meter: string | null;
  readonly feature: string | null;
  readonly actor: string | null;
  readonly spent: number;
  readonly quantity: string;
};

const READ: Statement = {
  name: 'ledger_read_usage',
  text: `select day::text as day, meter, feature, actor, spent, trim_scale(quantity)::text as quantity
           from credits.read_usage($1, $2::date, $3::date, $4::text[], $5)`,
};

export type UsageByDay = {
  readonly from: string;
  readonly to: string;
  readonly days: readonly DailyUsage[];
};
export type UsageByGroup = {
  readonly from: string;
  readonly to: string;
  readonly by: readonly UsageGrouping[];
  readonly groups: readonly UsageGroup[];
};

type Range = {
  readonly accountId: string;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly now: Date;
};

/**
 * Credits used in a range of days (UTC, `2026-11-30`, both included; without it the last thirty days).
 * Without `by`: spent and granted for each day, also days without movement. With it: the groups that
 * used something, from the days that `rollUpUsage` kept and the entries since, exact to the last
 * entry. Throws `invalid_input` when the days are out of order or span more than a year, or when there
 * are more than 10,000 groups. Writes nothing.
 */
export async function readUsage(
  db: Executor,
  { by, ...asked }: Range & { readonly by?: readonly UsageGrouping[] | undefined },
): Promise<UsageByDay | UsageByGroup> {
  return by === undefined ? readByDay(db, asked) : readByGroup(db, { ...asked, by });
}

async function readByDay(db: Executor, asked: Range): Promise<UsageByDay> {
  const { from, to } = toRange(asked);
  const used = await dailyUsage(db, {
    accountId: asked.accountId,
    from: new Date(from),
    to: new Date(to + DAY_MS),
  });
  const byDay = new Map(used.map((one) => [one.day, one]));
  const days = Array.from({ length: (to - from) / DAY_MS + 1 }, (_, index) => {
    const day = toDay(from + index * DAY_MS);
    return byDay.get(day) ?? { day, spent: 0, granted: 0 };
  });
  return { from: toDay(from), to: toDay(to), days };
}

async function readByGroup(
  db: Executor,
  asked: Range & { readonly by: readonly UsageGrouping[] },
): Promise<UsageByGroup> {
  const { accountId, by } = asked;
  const range = toRange(asked);
  const [from, to] = [toDay(range.from), toDay(range.to)];
  const limit = MAX_GROUPS + 1;
  const groups = await db.query<GroupRow>(READ, [accountId, from, to, by, limit]);
  if (groups.length === limit) {
    throw new FlorinError(
      'invalid_input',
      `by: there are more than ${MAX_GROUPS} groups. Ask for fewer days, or group by less.`,
    );
  }
  return { from, to, by, groups: groups.map((group) => asAsked(group, by)) };
}

/** Only what was grouped by: a null would say that it is unknown. */
function asAsked(
  { day, meter, feature, actor, spent, quantity }: GroupRow,
  by: readonly UsageGrouping[],
): UsageGroup {
  const asked = (key: UsageGrouping) => by.includes(key);
  return {
    ...(asked('day') ? { day } : {}),
    ...(asked('meter') ? { meter, quantity } : {}),
    ...(asked('feature') ? { feature } : {}),
    ...(asked('actor') ? { actor } : {}),
    spent,
  };
}

function toRange(asked: Range): { from: number; to: number } {
  const to = Date.parse(asked.to ?? toDay(asked.now.getTime()));
  const from = asked.from === undefined ? to - (USUAL_DAYS - 1) * DAY_MS : Date.parse(asked.from);
  if (from > to || to - from >= MAX_DAYS * DAY_MS) {
    throw new FlorinError(
      'invalid_input',
      `from, to: must be in order and span at most ${MAX_DAYS} days.`,
    );
  }
  return { from, to };
}

function toDay(at: number): string {
  return new Date(at).toISOString().slice(0, 10);
}

const ROLL_UP: Statement = {
  name: 'ledger_roll_up_usage',
  text: 'select credits.roll_up_usage($1) as seen',
};

/** Adds at most `limit` new entries to the days that usage is read from; returns how many. Repeatable. */
export async function rollUpUsage(db: Executor, limit: number): Promise<number> {
  const [row] = await db.query<{ seen: number }>(ROLL_UP, [limit]);
  return row?.seen ?? 0;
}
