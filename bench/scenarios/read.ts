import { type Cluster, oneOf, openAccounts } from '../cluster.ts';
import type { Scenario } from '../load.ts';
import { run } from '../statements.ts';

export const READ =
  'select posted, held, next_expiry_at from credits.balances where account_id = $1';

/** The balance as the library reads it, against the least that a read by key can be. */
export async function openRead(cluster: Cluster): Promise<Scenario> {
  const db = await cluster.database();
  const ids = await openAccounts(db);
  const clients = await db.clients(8);
  return {
    variants: [
      {
        name: 'balance',
        clients: 8,
        call: (client) => run(clients[client], 'read', READ, [oneOf(ids)]),
      },
      {
        name: 'select 1',
        clients: 8,
        call: (client) =>
          run(clients[client], 'one', 'select 1 from credits.accounts where account_id = $1', [
            oneOf(ids),
          ]),
      },
    ],
    comparisons: [
      {
        what: 'balance read against `select 1` by primary key, 8 clients',
        of: 'balance',
        against: 'select 1',
        reach: 0.9,
      },
    ],
    close: () => db.close(),
  };
}
