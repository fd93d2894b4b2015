import type { Executor, QueryOptions, Row, SqlValue, Statement } from '../db/index.ts';
import { type Credits, FlorinError } from '../kernel/index.ts';

/** Credits of an account: posted is the sum of its entries, available what it may spend now. */
export type Balance = {
  readonly posted: Credits;
  readonly held: Credits;
  /** posted − held; below 0 only in debt: money went back, or a capture took more than there was. */
  readonly available: Credits;
};

/** What every write answers: the balance after it, and whether it had happened before. */
export type Written = Balance & {
  readonly entryId: string;
  /** True when the key was used before with the same input: this is the first result, nothing was written. */
  readonly replayed: boolean;
};

/** Free fields kept with an entry; part of the input that an idempotency key stands for. */
export type Metadata = Readonly<Record<string, unknown>>;

/** What an entry keeps of a use that was priced. */
export type Metered = {
  readonly meter: string;
  /** A decimal of zero or more. */
  readonly quantity: string;
  /** All that the amount is computed from; `usage` in it is part of the input that the key stands for. */
  readonly pricing: { readonly [key: string]: unknown };
};

/**
 * Calls a function that locks the account's row and takes its id first. Throws `account_busy` when
 * the account's waiting writes take longer than a caller should wait.
 */
export async function writeTo<R extends Row>(
  db: Executor,
  statement: Statement,
  [accountId, ...values]: readonly [accountId: string, ...SqlValue[]],
): Promise<R> {
  return callOne(db, statement, [accountId, ...values], { lane: accountId });
}

/** Calls a function that answers with one row, in one round trip. */
export async function callOne<R extends Row>(
  db: Executor,
  statement: Statement,
  values: readonly SqlValue[],
  options?: QueryOptions,
): Promise<R> {
  const [row] = await db.query<R>(statement, values, options);
  if (row === undefined) {
    throw new FlorinError('internal', `${statement.name} answered without a row.`);
  }
  return row;
}
