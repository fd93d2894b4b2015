import type { Executor, Statement } from '../db/index.ts';
import { REQUESTS, read } from './input.ts';
import { type Metadata, type Metered, type Written, writeTo } from './written.ts';

export type Spend = {
  accountId: string;
  /** Whole credits above 0. */
  amount: number;
  /** Names the intent, 1 to 255 characters: `scan:<job id>`. Repeat it on every retry. */
  idempotencyKey: string;
  /** Who used the credits, by your own name for them; a limit may count by it. At most 200 characters. */
  actor?: string | undefined;
  /** What they were used in, likewise. */
  feature?: string | undefined;
  metadata?: Metadata;
};

const SPEND: Statement = {
  name: 'ledger_spend',
  text: 'select * from credits.spend($1, $2, $3, $4)',
};

/**
 * Takes credits, from the grants in burn order, in one round trip. The same key and input again
 * returns the first result with `replayed` true. Throws `insufficient_credits` (also for an unknown
 * account), `limit_reached`, `idempotency_key_reused`, `account_closed`, `amount_not_allowed`, and
 * `database_unavailable` when the ledger is down: then retry with the same key.
 */
export async function spend(db: Executor, request: Spend): Promise<Written> {
  const { accountId, amount, idempotencyKey, metadata, actor, feature } = read(
    REQUESTS.spend,
    request,
  );
  const values = [accountId, amount, idempotencyKey, metadata] as const;
  return actor === undefined && feature === undefined
    ? writeTo(db, SPEND, values)
    : writeTo(db, METERED, [...values, actor ?? null, feature ?? null, null, null, null]);
}

const METERED: Statement = {
  name: 'ledger_spend_metered',
  text: 'select * from credits.spend($1, $2, $3, $4, $5, $6, $7, $8, $9)',
};

/** A spend whose amount follows from what a meter measured. */
export type MeteredSpend = Spend & Metered;

/**
 * A spend that keeps in its entry what was metered. `amount` may be 0. The same key, meter, quantity and
 * usage again returns the first result, whatever amount the rates would give by now.
 */
export async function spendMetered(db: Executor, request: MeteredSpend): Promise<Written> {
  const { accountId, amount, idempotencyKey, metadata, actor, feature, ...metered } = read(
    REQUESTS.metered,
    request,
  );
  const { meter, quantity, pricing } = metered;
  return writeTo(db, METERED, [
    ...([accountId, amount, idempotencyKey, metadata] as const),
    ...[actor ?? null, feature ?? null, meter, quantity, pricing],
  ]);
}

export type BatchItem = Omit<Spend, 'metadata' | 'actor' | 'feature'>;

export type BatchResult = {
  readonly accountId: string;
  readonly idempotencyKey: string;
  readonly status:
    | 'spent'
    | 'replayed'
    | 'insufficient_credits'
    | 'limit_reached'
    | 'idempotency_key_reused'
    | 'account_closed';
  readonly entryId: string | null;
  readonly posted: number;
  readonly held: number;
  readonly available: number;
};

const SPEND_BATCH: Statement = {
  name: 'ledger_spend_batch',
  text: 'select * from credits.spend_batch($1::uuid[], $2::bigint[], $3::text[])',
};

/** Many spends in one call and one commit, each accepted or refused on its own, answered in order. */
export async function spendBatch(
  db: Executor,
  requests: readonly BatchItem[],
): Promise<BatchResult[]> {
  const { items } = read(REQUESTS.spendBatch, { items: requests });
  const accountIds = items.map((item) => item.accountId);
  const lane = new Set(accountIds).size === 1 ? accountIds[0] : undefined;
  return db.query<BatchResult>(
    SPEND_BATCH,
    [accountIds, items.map((item) => item.amount), items.map((item) => item.idempotencyKey)],
    { lane },
  );
}
