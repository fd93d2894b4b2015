import type { Executor, SqlValue, Statement } from '../db/index.ts';
import type { Credits } from '../kernel/index.ts';
import { REQUESTS, read } from './input.ts';
import { type Metadata, type Metered, type Written, writeTo } from './written.ts';

export type Spend = {
  accountId: string;
  /** Above 0. */
  amount: Credits;
  /** Names the intent, 1 to 255 characters: `scan:<job id>`. Repeat it on every retry. */
  idempotencyKey: string;
  /** Who used the credits, by your own name for them; a limit may count by it. At most 200 characters. */
  actor?: string | undefined;
  /** What they were used in, likewise. */
  feature?: string | undefined;
  metadata?: Metadata;
};

/** A spend whose amount follows from what a meter measured. */
export type MeteredSpend = Spend & Metered;

/** A spend of either kind that has been checked. */
export type CheckedSpend = Spend & Partial<Omit<MeteredSpend, keyof Spend>>;

const SPEND: Statement = {
  name: 'ledger_spend',
  text: 'select * from credits.spend($1, $2, $3, $4)',
};

const METERED: Statement = {
  name: 'ledger_spend_metered',
  text: 'select * from credits.spend($1, $2, $3, $4, $5, $6, $7, $8, $9)',
};

/** One spend that has been checked, in a call of its own. `createSpender` says what it throws. */
export function spendChecked(db: Executor, request: CheckedSpend): Promise<Written> {
  const { accountId, amount, idempotencyKey, metadata = {} } = request;
  const values = [accountId, amount, idempotencyKey, metadata] as const;
  const usage = USAGE.map((field) => request[field] ?? null);
  return usage.every((value) => value === null)
    ? writeTo(db, SPEND, values)
    : writeTo(db, METERED, [...values, ...usage]);
}

/** What a spend may say of who used the credits and how much of what, in the order of the functions' arguments. */
const USAGE = ['actor', 'feature', 'meter', 'quantity', 'pricing'] as const;

export type BatchItem = Spend;

export type BatchResult = {
  readonly accountId: string;
  readonly idempotencyKey: string;
  readonly status:
    | 'spent'
    | 'replayed'
    | 'insufficient_credits'
    | 'limit_reached'
    | 'idempotency_key_reused'
    | 'account_closed'
    | 'not_a_member'
    | 'role_too_low';
  readonly entryId: string | null;
  readonly posted: Credits;
  readonly held: Credits;
  readonly available: Credits;
};

/** How one spend of a batch ended, `busy` only where the batch did not wait. */
export type Outcome = Pick<BatchResult, 'entryId' | 'posted' | 'held' | 'available'> & {
  readonly status: BatchResult['status'] | 'busy';
  /** The limit of `limit_reached`, as the error's detail says it. */
  readonly reached: { readonly [key: string]: unknown } | null;
};

const SPEND_BATCH: Statement = {
  name: 'ledger_spend_batch',
  text: `select status, entry_id, posted, held, available, reached from credits.spend_batch(
    $1::uuid[], $2::bigint[], $3::text[], $4::jsonb[], $5::text[], $6::text[], $7::text[],
    $8::numeric[], $9::jsonb[], $10)`,
};

/** Many spends in one call and one commit, each accepted or refused on its own, answered in order. */
export async function spendBatch(
  db: Executor,
  requests: readonly BatchItem[],
): Promise<BatchResult[]> {
  const { items } = read(REQUESTS.spendBatch, { items: requests });
  const outcomes = await spendTogether(db, items, { wait: true });
  return items.map(({ accountId, idempotencyKey }, n) => {
    const { reached: _, ...outcome } = outcomes[n] as Outcome & Pick<BatchResult, 'status'>;
    return { accountId, idempotencyKey, ...outcome };
  });
}

/** Spends that have been checked, answered in order; with `wait` false nobody waits for a locked account. */
export function spendTogether(
  db: Executor,
  items: readonly CheckedSpend[],
  { wait }: { wait: boolean },
): Promise<Outcome[]> {
  const [first] = items;
  const lane = items.every(({ accountId }) => accountId === first?.accountId)
    ? first?.accountId
    : undefined;
  const all = <T extends SqlValue>(of: (item: CheckedSpend) => T) => items.map(of);
  /** Null where no spend says it: the database has nothing to read then. */
  const some = (of: (item: CheckedSpend) => SqlValue | undefined) => {
    const values = items.map((item) => of(item) ?? null);
    return values.every((value) => value === null) ? null : values;
  };
  return db.query<Outcome>(
    SPEND_BATCH,
    [
      all(({ accountId }) => accountId),
      all(({ amount }) => amount),
      all(({ idempotencyKey }) => idempotencyKey),
      some(({ metadata = {} }) => (Object.keys(metadata).length > 0 ? metadata : null)),
      ...USAGE.map((field) => some((item) => item[field])),
      wait,
    ],
    { lane },
  );
}
