import type { Executor, Statement } from '../db/index.ts';

/** What usage may be grouped by; days are of UTC. */
export const USAGE_GROUPS = ['day', 'meter', 'feature', 'actor'] as const;
export type UsageGrouping = (typeof USAGE_GROUPS)[number];

/** Credits used by one group; null where its entries do not say, or it was not asked for. */
export type UsageGroup = {
  readonly day: string | null;
  readonly meter: string | null;
  readonly feature: string | null;
  readonly actor: string | null;
  readonly spent: number;
  /** The meter's units, as a decimal; of one meter only where it was grouped by meter. */
  readonly quantity: string;
};

const READ: Statement = {
  name: 'ledger_read_usage',
  text: `select day::text as day, meter, feature, actor, spent, trim_scale(quantity)::text as quantity
           from credits.read_usage($1, $2::date, $3::date, $4::text[], $5)`,
};

/**
 * Credits spent and captured from one day to another (UTC, `2026-11-30`, both included), at most `limit`
 * groups. Exact to the last entry; reads the days that `rollUpUsage` kept, and the entries since. Writes
 * nothing.
 */
export async function readUsage(
  db: Executor,
  asked: {
    accountId: string;
    from: string;
    to: string;
    by: readonly UsageGrouping[];
    limit: number;
  },
): Promise<UsageGroup[]> {
  const { accountId, from, to, by, limit } = asked;
  return db.query<UsageGroup>(READ, [accountId, from, to, by, limit]);
}

const ROLL_UP: Statement = {
  name: 'ledger_roll_up_usage',
  text: 'select credits.roll_up_usage($1) as seen',
};

/** Adds up to `limit` new entries to the days that usage is read from; returns how many. Repeatable. */
export async function rollUpUsage(db: Executor, limit: number): Promise<number> {
  const [row] = await db.query<{ seen: number }>(ROLL_UP, [limit]);
  return row?.seen ?? 0;
}
