import type { Executor, Row } from '../db/index.ts';

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
const COLUMNS = `a.account_id, a.closed_at, b.posted, b.held, b.available, b.next_expiry_at,
  (select c.customer_id from billing.customers c
    where c.account_id = a.account_id
    order by c.is_primary desc, c.created_at desc limit 1) as customer_id`;

/** Accounts by their ids, or (without) those who became customers last. */
export async function findAccounts(
  db: Executor,
  accountIds?: readonly string[],
): Promise<AccountHit[]> {
  return db.query<Row & AccountHit>(
    `with wanted as (
       select unnest($1::uuid[]) as account_id, now() as at
        union all
       (select account_id, created_at from billing.customers
         where $1 is null
         order by created_at desc limit ${MAX_HITS}))
     select ${COLUMNS}
       from (select account_id, max(at) as at from wanted group by account_id) w
       join credits.accounts a using (account_id)
       join credits.balances b using (account_id)
      order by w.at desc limit ${MAX_HITS}`,
    [accountIds ?? null],
  );
}

/** Undefined for an account that was never granted anything and never bought. */
export async function showAccount(
  db: Executor,
  accountId: string,
): Promise<AccountHit | undefined> {
  const rows = await db.query<Row & AccountHit>(
    `select ${COLUMNS}
       from credits.accounts a join credits.balances b using (account_id)
      where a.account_id = $1`,
    [accountId],
  );
  return rows[0];
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
