import { type Cluster, oneOf, openAccounts } from '../cluster.ts';
import type { Scenario } from '../load.ts';
import { spendMany, spendOnce } from '../statements.ts';

const CLIENTS = 8;
const SIZE = 100;

/** `spend_batch` of 100 against 100 single calls: units are spends, whichever way they went. */
export async function openBatch(cluster: Cluster): Promise<Scenario> {
  const db = await cluster.database();
  const ids = await openAccounts(db);
  const hot = ids[0] ?? '';
  const clients = await db.clients(CLIENTS);
  const single = (name: string, account: () => string) => ({
    name,
    clients: CLIENTS,
    call: (client: number) => spendOnce(clients[client], account()),
  });
  const batch = (name: string, account: () => string) => ({
    name,
    clients: CLIENTS,
    unitsPerCall: SIZE,
    call: (client: number) => spendMany(clients[client], Array.from({ length: SIZE }, account)),
  });
  return {
    variants: [
      batch('batch, many', () => oneOf(ids)),
      single('single, many', () => oneOf(ids)),
      batch('batch, hot', () => hot),
      single('single, hot', () => hot),
    ],
    comparisons: [
      {
        what: '`spend_batch` of 100 against 100 single calls, many accounts, 8 clients',
        of: 'batch, many',
        against: 'single, many',
        reach: 5,
      },
      {
        what: '`spend_batch` of 100 against 100 single calls, one hot account, 8 clients',
        of: 'batch, hot',
        against: 'single, hot',
        reach: 20,
      },
    ],
    close: () => db.close(),
  };
}
