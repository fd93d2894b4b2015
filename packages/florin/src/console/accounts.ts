import type { Executor, Row } from '../db/index.ts';
import { readBalances } from '../ledger/index.ts';

/** One account as a list shows it. */
export type AccountHit = {
  readonly accountId: string;
  readonly customerId: string | null;
  readonly closedAt: Date | null;
  readonly posted: number;
  readonly held: number;
  readonly available: number;
  readonly nextExpiryAt: Date | null;
};

const MAX_HITS = 50;

/** Accounts by their ids, or (without) those who became customers last. */
export async function findAccounts(
  db: Executor,
  accountIds?: readonly string[],
): Promise<AccountHit[]> {
  const wanted = accountIds ?? (await latestCustomers(db));
  const [accounts, customers, balances] = await Promise.all([
    db.query<Row & Pick<AccountHit, 'accountId' | 'closedAt'>>(
      'select account_id, closed_at from credits.accounts where account_id = any($1::uuid[])',
      [wanted],
    ),
    db.query<Row & { accountId: string; customerId: string }>(
      `select distinct on (account_id) account_id, customer_id
         from billing.customers where account_id = any($1::uuid[])
        order by account_id, is_primary desc, created_at desc`,
      [wanted],
    ),
    readBalances(db, wanted),
  ]);
  const known = new Map(accounts.map((account) => [account.accountId, account]));
  const customerOf = new Map(customers.map((row) => [row.accountId, row.customerId]));
  return balances.flatMap((balance) => {
    const account = known.get(balance.accountId);
    return account === undefined
      ? []
      : [{ ...balance, ...account, customerId: customerOf.get(balance.accountId) ?? null }];
  });
}

async function latestCustomers(db: Executor): Promise<string[]> {
  const rows = await db.query<Row & { accountId: string }>(
    `select account_id from billing.customers
      group by account_id order by max(created_at) desc limit ${MAX_HITS}`,
  );
  return rows.map(({ accountId }) => accountId);
}

/** Undefined for an account that was never granted anything and never bought. */
export async function showAccount(
  db: Executor,
  accountId: string,
): Promise<AccountHit | undefined> {
  const [account] = await findAccounts(db, [accountId]);
  return account;
}

/** A hold, whatever became of it. */
export type Hold = {
  readonly holdId: string;
  readonly status: 'open' | 'captured' | 'released' | 'expired';
  readonly amount: number;
  readonly captured: number | null;
  readonly expiresAt: Date;
  readonly createdAt: Date;
};

/** The account's holds, newest first; one whose time is over counts as expired before it is swept. */
export async function listHolds(db: Executor, accountId: string): Promise<Hold[]> {
  return db.query<Row & Hold>(
    `select hold_id,
            case when status = 'open' and expires_at <= clock_timestamp() then 'expired'
                 else status::text end as status,
            amount, case when status = 'captured' then captured end as captured,
            expires_at, created_at
       from credits.holds where account_id = $1 order by created_at desc limit 100`,
    [accountId],
  );
}
