import type { Executor, Statement } from '../db/index.ts';
import { callOne, type Metadata, settleAccount, type Written } from './written.ts';

export type IssueGrant = {
  accountId: string;
  /** Whole credits above 0. */
  amount: number;
  /** Names the intent, 1 to 255 characters: `invoice:in_1:line:il_1`. */
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
 * Gives credits. The same key and input again returns the first result with `replayed` true. Throws
 * `amount_not_allowed`, `idempotency_key_reused`, `idempotency_key_invalid`, `account_closed`.
 */
export async function issueGrant(
  db: Executor,
  grant: IssueGrant,
): Promise<Written & { readonly grantId: string }> {
  return callOne(db, ISSUE, [
    grant.accountId,
    grant.amount,
    grant.idempotencyKey,
    grant.source,
    grant.priority ?? 0,
    grant.effectiveAt ?? null,
    grant.expiresAt ?? null,
    grant.metadata ?? {},
  ]);
}

export type GrantPart = {
  accountId: string;
  grantId: string;
  amount: number;
  idempotencyKey: string;
  metadata?: Metadata;
};

const REVERSE: Statement = {
  name: 'ledger_reverse_grant',
  text: 'select * from credits.reverse_grant($1, $2, $3, $4, $5)',
};

/**
 * Takes credits of a grant back whose money went back: first what it has left, then other live grants
 * in burn order, then debt. Throws `amount_not_allowed` beyond what is left to take, `grant_not_found`.
 */
export async function reverseGrant(
  db: Executor,
  part: GrantPart,
): Promise<Written & { readonly reversed: number }> {
  return callOne(db, REVERSE, partValues(part));
}

const RESTORE: Statement = {
  name: 'ledger_restore_grant',
  text: 'select * from credits.restore_grant($1, $2, $3, $4, $5)',
};

/** Undoes part or all of earlier reversals of a grant, exactly. Throws like {@link reverseGrant}. */
export async function restoreGrant(
  db: Executor,
  part: GrantPart,
): Promise<Written & { readonly restored: number }> {
  return callOne(db, RESTORE, partValues(part));
}

function partValues(part: GrantPart) {
  return [part.accountId, part.grantId, part.amount, part.idempotencyKey, part.metadata ?? {}];
}

const VOID: Statement = {
  name: 'ledger_void_grant',
  text: 'select * from credits.void_grant($1, $2, $3, $4)',
};

/** Cancels what a grant has left, neither spent nor reserved. */
export async function voidGrant(
  db: Executor,
  grant: Omit<GrantPart, 'amount'>,
): Promise<Written & { readonly voided: number }> {
  return callOne(db, VOID, [
    grant.accountId,
    grant.grantId,
    grant.idempotencyKey,
    grant.metadata ?? {},
  ]);
}

export type Grant = {
  readonly grantId: string;
  readonly source: string;
  readonly priority: number;
  readonly amount: number;
  /** As of the last settlement: see `explainBalance` for now. */
  readonly remaining: number;
  readonly reversed: number;
  readonly expired: number;
  readonly effectiveAt: Date;
  readonly expiresAt: Date | null;
  readonly createdAt: Date;
  readonly metadata: Metadata | null;
};

const LIST: Statement = {
  name: 'ledger_list_grants',
  text: `select grant_id, source, priority, amount, remaining, reversed, expired, effective_at,
                expires_at, created_at, metadata
           from credits.grants where account_id = $1 order by issued_no desc limit 1000`,
};

/** The account's grants, newest first, with what each has left now. */
export async function listGrants(db: Executor, accountId: string): Promise<Grant[]> {
  await settleAccount(db, accountId);
  return db.query<Grant>(LIST, [accountId]);
}
