import type { Executor, Statement } from '../db/index.ts';
import { REQUESTS, read } from './input.ts';
import { type Balance, callOne, type Metadata } from './written.ts';

const READ: Statement = {
  name: 'ledger_read_balance',
  text: 'select posted, held, next_expiry_at from credits.balances where account_id = $1',
};

/**
 * Credits of the account in this instant, however old the last sweep, by primary key whatever the
 * history; `nextExpiryAt` is when the next of them expire. Zeros for an unknown account. Writes nothing.
 */
export async function readBalance(
  db: Executor,
  accountId: string,
): Promise<Balance & { readonly nextExpiryAt: Date | null }> {
  const account = read(REQUESTS.account, { accountId });
  const [row] = await db.query<Omit<Balance, 'available'> & { nextExpiryAt: Date | null }>(READ, [
    account.accountId,
  ]);
  const { posted, held, nextExpiryAt } = row ?? { posted: 0, held: 0, nextExpiryAt: null };
  return { posted, held, available: posted - held, nextExpiryAt };
}

const READ_MANY: Statement = {
  name: 'ledger_read_balances',
  text: `select account_id, posted, held, next_expiry_at
           from credits.balances where account_id = any($1::uuid[])`,
};

/** The balances of many accounts in one round trip, in their order; zeros for unknown ones. */
export async function readBalances(
  db: Executor,
  accountIds: readonly string[],
): Promise<(Balance & { readonly accountId: string; readonly nextExpiryAt: Date | null })[]> {
  type Found = Omit<Balance, 'available'> & { accountId: string; nextExpiryAt: Date | null };
  const rows = await db.query<Found>(READ_MANY, [accountIds]);
  const found = new Map(rows.map((row) => [row.accountId, row]));
  return accountIds.map((accountId) => {
    const { posted, held, nextExpiryAt } = found.get(accountId) ?? UNKNOWN;
    return { accountId, posted, held, available: posted - held, nextExpiryAt };
  });
}

const UNKNOWN = { posted: 0, held: 0, nextExpiryAt: null };

/** Where the credits of one grant are; `contributes` of all items adds up to what is available. */
export type BalanceItem = {
  readonly item: 'grant' | 'scheduled' | 'debt';
  readonly grantId: string | null;
  readonly source: string | null;
  readonly amount: number;
  readonly spent: number | null;
  readonly reserved: number | null;
  readonly expired: number | null;
  readonly voided: number | null;
  readonly reversed: number | null;
  readonly contributes: number;
  readonly expiresAt: Date | null;
  readonly issuedAt: Date | null;
  readonly metadata: Metadata | null;
};

const EXPLAIN: Statement = {
  name: 'ledger_explain_balance',
  text: 'select * from credits.explain_balance($1)',
};

/**
 * Why the balance is what it is: one item a grant, oldest first, and one for debt; `contributes` adds up
 * to available. Nothing for an unknown account. Writes nothing.
 */
export async function explainBalance(db: Executor, accountId: string): Promise<BalanceItem[]> {
  const account = read(REQUESTS.account, { accountId });
  return db.query<BalanceItem>(EXPLAIN, [account.accountId]);
}

/** One broken invariant of the ledger. */
export type BrokenInvariant = {
  readonly accountId: string;
  readonly invariant: string;
  readonly detail: string;
};

const VERIFY: Statement = {
  name: 'ledger_verify',
  text: 'select * from credits.verify_ledger($1)',
};

/**
 * Proves the ledger's invariants for one account, or for all: one row for each that is broken, nothing
 * when sound. Reads the whole history: for jobs and operators, not for requests. Writes nothing.
 */
export async function verifyLedger(db: Executor, accountId?: string): Promise<BrokenInvariant[]> {
  const account = read(REQUESTS.accountOrAll, { accountId: accountId ?? null });
  return db.query<BrokenInvariant>(VERIFY, [account.accountId]);
}

const EXPIRE: Statement = {
  name: 'ledger_expire_due',
  text: 'select credits.expire_due($1) as written',
};

/**
 * Writes down what time has changed, for up to `limit` accounts; returns how many entries. Balances are
 * right without it. May be repeated and may overlap: nothing moves twice.
 */
export async function expireDue(db: Executor, limit = 1000): Promise<number> {
  const row = await callOne<{ written: number }>(db, EXPIRE, [limit]);
  return row.written;
}
