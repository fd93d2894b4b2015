import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { type BenchDatabase, type Cluster, openAccounts } from '../cluster.ts';
import type { Scenario } from '../load.ts';
import { run, spendOnce } from '../statements.ts';
import { READ } from './read.ts';

const SHORT = 10;

/** An account with a long history against one with ten entries: one client, for it is one row. */
export async function openHistory(cluster: Cluster, entries: number): Promise<Scenario> {
  const db = await cluster.database();
  // Both accounts have neighbours, and are in the same tables.
  await openAccounts(db, 1_000);
  const long = randomUUID();
  const short = randomUUID();
  await writeHistory(db, long, entries);
  await writeHistory(db, short, SHORT);
  await db.asAdmin('vacuum analyze', 'checkpoint');
  const clients = await db.clients(1);
  const variant = (
    name: string,
    account: string,
    call: (client: pg.Client | undefined, account: string) => Promise<unknown>,
  ) => ({ name, clients: 1, call: (client: number) => call(clients[client], account) });
  const read = (client: pg.Client | undefined, account: string) =>
    run(client, 'read', READ, [account]);
  const count = entries.toLocaleString('en-US');
  return {
    variants: [
      variant('read, long', long, read),
      variant('read, short', short, read),
      variant('spend, long', long, spendOnce),
      variant('spend, short', short, spendOnce),
    ],
    comparisons: [
      {
        what: `balance read with ${count} entries against ${SHORT}`,
        of: 'read, long',
        against: 'read, short',
        reach: 0.95,
      },
      {
        what: `spend with ${count} entries against ${SHORT}`,
        of: 'spend, long',
        against: 'spend, short',
        reach: 0.95,
      },
    ],
    close: () => db.close(),
  };
}

/** A grant and spends of 1, written into the tables: their hashes are not those of a real chain. */
async function writeHistory(db: BenchDatabase, account: string, entries: number): Promise<void> {
  const [client] = await db.clients(1);
  await client?.query("select credits.issue_grant($1, 1000000000000, 'opening', 'bench')", [
    account,
  ]);
  await db.asAdmin(
    `insert into credits.entries (account_id, entry_no, amount, axis_from, posted_after, held_after,
       created_at, kind, idempotency_key, chain)
     select '${account}', n + 1, -1, n - 1, 1000000000000 - n, 0, now(), 'spend', 'past:' || n,
            sha256(n::text::bytea)
       from generate_series(1, ${entries - 1}) as n`,
    `update credits.accounts
        set posted = posted - ${entries - 1}, axis = ${entries - 1}, entry_no = ${entries}
      where account_id = '${account}'`,
  );
}
