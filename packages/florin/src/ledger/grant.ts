import type { Executor, Statement } from '../db/index.ts';
import type { Credits } from '../kernel/index.ts';
import { REQUESTS, read } from './input.ts';
import { type Metadata, type Written, writeTo } from './written.ts';

export type IssueGrant = {
  accountId: string;
  /** Above 0. */
  amount: Credits;
  /** Names the intent, 1 to 255 characters, not beginning with `florin:`: `welcome:<user id>`. */
  idempotencyKey: string;
  /** Where the credits come from: `purchase`, `subscription`, `bonus`. */
  source: string;
  /** Burned first when lower; default 0. */
  priority?: number;
  /** Default: at once. */
  effectiveAt?: Date;
  /** Unspendable from this instant on; default: never. */
  expiresAt?: Date;
  metadata?: Metadata;
};

const ISSUE: Statement = {
  name: 'ledger_issue_grant',
  text: 'select * from credits.issue_grant($1, $2, $3, $4, $5, coalesce($6::timestamptz, now()), $7, $8)',
};

/**
 * Gives credits, and makes the account if it is new; debt is settled from them first. The same key and
 * input again returns the first result with `replayed` true. Throws `amount_not_allowed` (not from 1 to
 * 2^53 - 1, or the balance would pass that), `idempotency_key_reused`, `idempotency_key_invalid`,
 * `account_closed`, `invalid_input` (no source, or an expiry that is not after its beginning), and
 * `database_unavailable`: then retry with the same key.
 */
export async function issueGrant(
  db: Executor,
  grant: IssueGrant,
): Promise<Written & { readonly grantId: string }> {
  const { accountId, amount, idempotencyKey, source, priority, effectiveAt, expiresAt, metadata } =
    read(REQUESTS.issueGrant, grant);
  return writeTo(db, ISSUE, [
    accountId,
    amount,
    idempotencyKey,
    source,
    priority,
    effectiveAt ?? null,
    expiresAt ?? null,
    metadata,
  ]);
}

export type GrantPart = {
  accountId: string;
  grantId: string;
  amount: Credits;
  idempotencyKey: string;
  metadata?: Metadata;
};

const REVERSE: Statement = {
  name: 'ledger_reverse_grant',
  text: 'select * from credits.reverse_grant($1, $2, $3, $4, $5)',
};

/**
 * Takes back credits of a grant whose money went back: first what it has left, then what of it expired or
 * was voided, then from other live grants in burn order, then as debt (`posted` below 0). Works on a
 * closed account. The same key and input again returns the first result with `replayed` true. Throws
 * `amount_not_allowed` beyond what is left to take of the grant, `grant_not_found`,
 * `idempotency_key_reused`, `idempotency_key_invalid`.
 */
export async function reverseGrant(
  db: Executor,
  part: GrantPart,
): Promise<Written & { readonly reversed: Credits }> {
  return writeTo(db, REVERSE, partValues(part));
}

const RESTORE: Statement = {
  name: 'ledger_restore_grant',
  text: 'select * from credits.restore_grant($1, $2, $3, $4, $5)',
};

/**
 * Undoes part or all of earlier reversals of a grant, exactly: what they took comes back to where it was,
 * and expires at once when the grant's time is over. Idempotent like {@link reverseGrant}, and throws
 * like it; `amount_not_allowed` beyond what was taken back.
 */
export async function restoreGrant(
  db: Executor,
  part: GrantPart,
): Promise<Written & { readonly restored: Credits }> {
  return writeTo(db, RESTORE, partValues(part));
}

function partValues(part: GrantPart) {
  const { accountId, grantId, amount, idempotencyKey, metadata } = read(REQUESTS.grantPart, part);
  return [accountId, grantId, amount, idempotencyKey, metadata] as const;
}

const VOID: Statement = {
  name: 'ledger_void_grant',
  text: 'select * from credits.void_grant($1, $2, $3, $4)',
};

/**
 * Cancels what a grant has left, neither spent nor reserved; `voided` says how much, and may be 0. The
 * same key and input again returns the first result with `replayed` true. Throws `grant_not_found`,
 * `idempotency_key_reused`, `idempotency_key_invalid`.
 */
export async function voidGrant(
  db: Executor,
  grant: Omit<GrantPart, 'amount'>,
): Promise<Written & { readonly voided: Credits }> {
  const { accountId, grantId, idempotencyKey, metadata } = read(REQUESTS.voidGrant, grant);
  return writeTo(db, VOID, [accountId, grantId, idempotencyKey, metadata]);
}

export type Grant = {
  readonly grantId: string;
  readonly source: string;
  readonly priority: number;
  readonly amount: number;
  /** Neither spent, reserved, expired, voided nor taken back. */
  readonly remaining: number;
  readonly reversed: number;
  readonly expired: number;
  /** In other accounts now. */
  readonly moved: number;
  readonly effectiveAt: Date;
  readonly expiresAt: Date | null;
  readonly createdAt: Date;
  readonly metadata: Metadata | null;
};

const LIST: Statement = {
  name: 'ledger_list_grants',
  text: `select e.grant_id, e.source, e.priority, e.amount,
                e.amount - e.spent - e.reserved - e.expired - e.voided - e.reversed - e.moved as remaining,
                e.reversed, e.expired, e.moved, e.effective_at, e.expires_at, e.issued_at as created_at, e.metadata
           from credits.explain_balance($1) with ordinality e
          where e.grant_id is not null
          order by e.ordinality desc limit 1000`,
};

/** The account's grants, newest first, at most 1,000, with what each has left now. Writes nothing. */
export async function listGrants(db: Executor, accountId: string): Promise<Grant[]> {
  return db.query<Grant>(LIST, [accountId]);
}

const LAPSED: Statement = {
  name: 'ledger_lapsed_of',
  text: `select e.idempotency_key as key, e.expired + e.voided as lapsed,
                e.amount - e.spent - e.reserved - e.expired - e.voided - e.reversed - e.moved
                  as remaining
           from credits.explain_balance($1) e
          where e.idempotency_key = any($2)`,
};

/**
 * How many of the credits that are to be taken back have lapsed before, so that taking them back does
 * not lower the balance: a reversal takes what a grant has left first, then what expired. Writes nothing.
 */
export async function lapsedOf(
  db: Executor,
  { accountId, taking }: { accountId: string; taking: ReadonlyMap<string, number> },
): Promise<number> {
  if (taking.size === 0) {
    return 0;
  }
  type Found = { readonly key: string; readonly lapsed: number; readonly remaining: number };
  const found = await db.query<Found>(LAPSED, [accountId, [...taking.keys()]]);
  return found.reduce((sum, { key, lapsed, remaining }) => {
    const beyond = Math.max(0, (taking.get(key) ?? 0) - remaining);
    return sum + Math.min(beyond, lapsed);
  }, 0);
}
