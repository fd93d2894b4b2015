import type { Executor, Statement } from '../db/index.ts';
import type { Credits } from '../kernel/index.ts';
import { REQUESTS, read } from './input.ts';
import { type Balance, callOne, type Metadata } from './written.ts';

const READ: Statement = {
  name: 'ledger_read_balance',
  text: 'select posted, held, next_expiry_at, is_due from credits.written_balances where account_id = $1',
};
const READ_DUE: Statement = {
  name: 'ledger_read_due_balance',
  text: 'select posted, held, next_expiry_at from credits.read_balance($1)',
};

type Found = Omit<Balance, 'available'> & { readonly nextExpiryAt: Date | null };

/**
 * The account's credits at this instant, however long ago the last sweep was; read by primary key, whatever
 * the history; `nextExpiryAt` is when the next of them expire. Zeros for an unknown account. Writes nothing.
 */
export async function readBalance(
  db: Executor,
  accountId: string,
): Promise<Balance & { readonly nextExpiryAt: Date | null }> {
  const account = read(REQUESTS.account, { accountId });
  const [row] = await db.query<Found & { isDue: boolean }>(READ, [account.accountId]);
  const { posted, held, nextExpiryAt } = row?.isDue
    ? await callOne<Found>(db, READ_DUE, [account.accountId])
    : (row ?? UNKNOWN);
  return { posted, held, available: posted - held, nextExpiryAt };
}

const READ_MANY: Statement = {
  name: 'ledger_read_balances',
  text: `select a.id as account_id, b.posted, b.held, b.available, b.next_expiry_at
           from unnest($1::uuid[]) with ordinality as a (id, n)
          cross join lateral credits.read_balance(a.id) b
          order by a.n`,
};

/** The balances of many accounts in one round trip, in their order; zeros for unknown ones. */
export async function readBalances(
  db: Executor,
  accountIds: readonly string[],
): Promise<(Balance & { readonly accountId: string; readonly nextExpiryAt: Date | null })[]> {
  return db.query<Balance & { accountId: string; nextExpiryAt: Date | null }>(READ_MANY, [
    accountIds,
  ]);
}

const UNKNOWN = { posted: 0, held: 0, nextExpiryAt: null };

/** Where the credits of one grant are; `contributes` of all items adds up to what is available. */
export type BalanceItem = {
  readonly item: 'grant' | 'scheduled' | 'debt';
  readonly grantId: string | null;
  readonly source: string | null;
  readonly amount: Credits;
  readonly spent: Credits | null;
  readonly reserved: Credits | null;
  readonly expired: Credits | null;
  readonly voided: Credits | null;
  readonly reversed: Credits | null;
  /** In other accounts now. */
  readonly moved: Credits | null;
  readonly contributes: Credits;
  readonly expiresAt: Date | null;
  readonly issuedAt: Date | null;
  readonly metadata: Metadata | null;
};

const EXPLAIN: Statement = {
  name: 'ledger_explain_balance',
  text: `select item, grant_id, source, amount, spent, reserved, expired, voided, reversed, moved,
                contributes, expires_at, issued_at, metadata
           from credits.explain_balance($1)`,
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
