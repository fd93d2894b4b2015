import type { Executor, Statement } from '../db/index.ts';
import type { Credits, LimitRule } from '../kernel/index.ts';
import { REQUESTS, read } from './input.ts';

/** What a limit is about. */
export type LimitScope = {
  accountId: string;
  /** A calendar hour, day or month of the time zone, or for ever. */
  window: LimitRule['window'];
  /** Only this actor; `*`: each actor on its own. Absent: all actors together. */
  actor?: string | undefined;
  /** Only this feature; `*`: each feature on its own. Absent: all features together. */
  feature?: string | undefined;
  /** True: passing it writes an alert (`limit_passed`) and refuses nothing. */
  soft?: boolean | undefined;
};

export type SetLimit = LimitScope & {
  /** Credits in each window at most; 0 refuses all that costs something. */
  credits: Credits;
  /** Whose calendar, by its IANA name: `Europe/Berlin`. Default: UTC. */
  timeZone?: string | undefined;
};

/** A limit and how it stands. */
export type Limit = LimitRule & {
  readonly credits: Credits;
  readonly soft: boolean;
  /** Used in this window, with what open holds reserve; null where it is for each actor or feature. */
  readonly used: Credits | null;
  readonly resetsAt: Date | null;
};

const SET: Statement = {
  name: 'ledger_set_limit',
  text: 'select credits.set_limit($1, $2, $3, $4, $5, $6, $7)',
};

/**
 * Limits what an account, an actor or a feature may use: spends and holds that would pass it throw
 * `limit_reached`. What was used in the running window counts. One limit a scope, window and softness:
 * setting it again changes it. Makes a new account. Repeatable. Throws `amount_not_allowed`, `invalid_input` (an unknown
 * time zone).
 */
export async function setLimit(db: Executor, limit: SetLimit): Promise<void> {
  const { accountId, credits, window, actor, feature, soft, timeZone } = read(
    REQUESTS.setLimit,
    limit,
  );
  const scope = [window, actor ?? null, feature ?? null, soft] as const;
  await db.query(SET, [accountId, credits, ...scope, timeZone], { lane: accountId });
}

const REMOVE: Statement = {
  name: 'ledger_remove_limit',
  text: 'select credits.remove_limit($1, $2, $3, $4, $5) as removed',
};

/** Removes the limit of this scope; false when there was none. */
export async function removeLimit(db: Executor, limit: LimitScope): Promise<boolean> {
  const { accountId, window, actor, feature, soft } = read(REQUESTS.removeLimit, limit);
  const values = [accountId, window, actor ?? null, feature ?? null, soft];
  const [row] = await db.query<{ removed: boolean }>(REMOVE, values, { lane: accountId });
  return row?.removed === true;
}

const LIST: Statement = {
  name: 'ledger_list_limits',
  text: `select actor, feature, per::text as window, amount as credits, soft, time_zone, used,
                resets_at
           from credits.read_limits($1)`,
};

/** The limits of an account and how they stand in this instant. Writes nothing. */
export async function listLimits(db: Executor, accountId: string): Promise<Limit[]> {
  const account = read(REQUESTS.account, { accountId });
  return db.query<Limit>(LIST, [account.accountId]);
}

const MAY_USE: Statement = {
  name: 'ledger_may_use',
  text: 'select credits.may_use($1, $2, $3, $4) as allowed',
};

/**
 * Whether nothing but the balance would refuse a use in this instant: the account is open, the actor may use its
 * credits, and no limit would be passed. Writes nothing. Throws `invalid_input` for a user id in capitals.
 */
export async function mayUse(
  db: Executor,
  use: { accountId: string; amount: number } & Pick<LimitScope, 'actor' | 'feature'>,
): Promise<boolean> {
  const values = [use.accountId, use.amount, use.actor ?? null, use.feature ?? null];
  const [row] = await db.query<{ allowed: boolean }>(MAY_USE, values);
  return row?.allowed === true;
}

const FORGET: Statement = {
  name: 'ledger_forget_counters',
  text: 'select credits.forget_counters($1) as forgotten',
};

/** Deletes up to `limit` counters of windows that ended long ago; returns how many. */
export async function forgetCounters(db: Executor, limit: number): Promise<number> {
  const [row] = await db.query<{ forgotten: number }>(FORGET, [limit]);
  return row?.forgotten ?? 0;
}
