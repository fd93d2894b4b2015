import type pg from 'pg';
import { type BenchDatabase, newKey } from './cluster.ts';

const SPEND = 'select * from credits.spend($1, $2, $3, $4)';
const SPEND_BATCH = 'select * from credits.spend_batch($1::uuid[], $2::bigint[], $3::text[])';
const FLOOR = `
  with moved as (
    update floor_accounts set balance = balance - $2 where account_id = $1 and balance >= $2
    returning account_id, balance)
  insert into floor_ledger (account_id, amount, balance_after)
  select account_id, -$2::bigint, balance from moved returning id, balance_after`;

/** One spend through the function, as the library sends it. */
export function spendOnce(client: pg.ClientBase | undefined, accountId: string): Promise<unknown> {
  return run(client, 'spend', SPEND, [accountId, 1, newKey(), '{}']);
}

export function spendMany(
  client: pg.ClientBase | undefined,
  accountIds: readonly string[],
): Promise<unknown> {
  return run(client, 'spend_batch', SPEND_BATCH, [
    accountIds,
    accountIds.map(() => 1),
    accountIds.map(newKey),
  ]);
}

/** The least durable work there is: one row updated by key, one inserted, in one statement. */
export function moveFloor(client: pg.ClientBase | undefined, accountId: string): Promise<unknown> {
  return run(client, 'floor', FLOOR, [accountId, 1]);
}

const IDEMPOTENT = `
  with moved as (
    update floor_accounts set balance = balance - $2
     where account_id = $1 and balance >= $2
       and not exists (select from keyed_ledger where account_id = $1 and key = $3)
    returning account_id, balance)
  insert into keyed_ledger (account_id, amount, balance_after, key)
  select account_id, -$2::bigint, balance, $3 from moved returning id, balance_after`;

/** What a careful hand would write: a key is used once, and a doubled one fails as a whole. */
export function moveOnce(client: pg.ClientBase | undefined, accountId: string): Promise<unknown> {
  return run(client, 'idempotent', IDEMPOTENT, [accountId, 1, newKey()]);
}

/** The same two rows in a transaction written by hand. */
export async function moveByHand(
  client: pg.ClientBase | undefined,
  accountId: string,
): Promise<void> {
  await client?.query('begin');
  const updated = await run<{ balance: string }>(
    client,
    'hand_update',
    'update floor_accounts set balance = balance - $2 where account_id = $1 and balance >= $2 returning balance',
    [accountId, 1],
  );
  await run(
    client,
    'hand_insert',
    'insert into floor_ledger (account_id, amount, balance_after) values ($1, $2, $3)',
    [accountId, -1, updated?.rows[0]?.balance],
  );
  await client?.query('commit');
}

export async function run<R extends pg.QueryResultRow>(
  client: pg.ClientBase | undefined,
  name: string,
  text: string,
  values: unknown[],
): Promise<pg.QueryResult<R> | undefined> {
  return client?.query<R>({ name, text, values });
}

/** The floor's tables, with the same accounts. */
export async function openFloor(db: BenchDatabase, accountIds: readonly string[]): Promise<void> {
  await db.asAdmin(
    `create table floor_accounts (account_id uuid primary key, balance bigint not null)
       with (fillfactor = 50)`,
    `create table floor_ledger (
       id bigint generated always as identity primary key, account_id uuid not null,
       amount bigint not null, balance_after bigint not null,
       created_at timestamptz not null default now())`,
    `insert into floor_accounts select id::uuid, 1000000000000
       from unnest('{${accountIds.join(',')}}'::text[]) as id`,
    `create table keyed_ledger (
       id bigint generated always as identity primary key, account_id uuid not null,
       amount bigint not null, balance_after bigint not null, key text not null,
       created_at timestamptz not null default now(), unique (account_id, key))`,
    'grant all on floor_accounts, floor_ledger, keyed_ledger to postgres',
    'vacuum analyze floor_accounts',
  );
}
