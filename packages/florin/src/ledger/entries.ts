import type { Executor, Statement } from '../db/index.ts';
import type { Metadata } from './written.ts';

/** One row of the journal. */
export type Entry = {
  readonly entryId: string;
  /** Counts from 1 within the account. */
  readonly entryNo: number;
  readonly kind:
    | 'grant'
    | 'spend'
    | 'capture'
    | 'expiry'
    | 'void'
    | 'reversal'
    | 'adjustment'
    | 'transfer'
    | 'schedule'
    | 'hold'
    | 'extension'
    | 'release'
    | 'close'
    | 'erasure';
  /** Signed credits; 0 for what only reserves, schedules or closes. */
  readonly amount: number;
  readonly postedAfter: number;
  readonly grantId: string | null;
  readonly holdId: string | null;
  readonly idempotencyKey: string;
  readonly metadata: Metadata | null;
  /** Who used the credits, and in what, by the app's names. */
  readonly actor: string | null;
  readonly feature: string | null;
  /** Of a charge: what was measured, how much of it as a decimal, and what its price was computed from. */
  readonly meter: string | null;
  readonly quantity: string | null;
  readonly pricing: Metadata | null;
  readonly createdAt: Date;
};

const COLUMNS = `credits.entry_id(account_id, entry_no) as entry_id, entry_no, kind::text as kind,
  amount, posted_after, grant_id, hold_id, idempotency_key, metadata, actor, feature, meter,
  quantity::text as quantity, pricing, created_at`;

const LIST: Statement = {
  name: 'ledger_list_entries',
  text: `select ${COLUMNS} from credits.entries
          where account_id = $1 and entry_no < coalesce($2::bigint, 9223372036854775807)
          order by entry_no desc limit $3`,
};

/**
 * Entries of an account, newest first; `before` is the entry number that the last page ended with.
 * Expiry appears once it was written down, by a sweep or the account's next write.
 */
export async function listEntries(
  db: Executor,
  page: { accountId: string; before?: number; limit: number },
): Promise<Entry[]> {
  return db.query<Entry>(LIST, [page.accountId, page.before ?? null, page.limit]);
}

const FIND: Statement = {
  name: 'ledger_find_entry',
  text: `select ${COLUMNS} from credits.entries where account_id = $1 and idempotency_key = $2`,
};

/** The entry that was written under this key; undefined when there is none. */
export async function findEntry(
  db: Executor,
  entry: { accountId: string; idempotencyKey: string },
): Promise<Entry | undefined> {
  const [found] = await db.query<Entry>(FIND, [entry.accountId, entry.idempotencyKey]);
  return found;
}

/** How much of an entry one grant paid for; without a grant: debt. */
export type Allocation = {
  readonly entryNo: number;
  readonly grantId: string | null;
  readonly amount: number;
};

const ALLOCATIONS: Statement = {
  name: 'ledger_list_allocations',
  text: 'select * from credits.allocations_now($1, $2, $3)',
};

/** Which grants paid for the account's entries of a range of numbers, newest first. Writes nothing. */
export async function listAllocations(
  db: Executor,
  range: { accountId: string; from: number; to: number },
): Promise<Allocation[]> {
  return db.query<Allocation>(ALLOCATIONS, [range.accountId, range.from, range.to]);
}

/** Credits used and given on one day (UTC). */
export type DailyUsage = { readonly day: string; readonly spent: number; readonly granted: number };

const USAGE: Statement = {
  name: 'ledger_daily_usage',
  text: 'select * from credits.daily_usage($1, $2, $3)',
};

/** Usage by day, from `from` up to but without `to`; reads little beside the entries of that time. */
export async function dailyUsage(
  db: Executor,
  range: { accountId: string; from: Date; to: Date },
): Promise<DailyUsage[]> {
  return db.query<DailyUsage>(USAGE, [range.accountId, range.from, range.to]);
}
