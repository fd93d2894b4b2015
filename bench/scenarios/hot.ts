import { connect } from '../../packages/florin/src/db/index.ts';
import { createSpender } from '../../packages/florin/src/ledger/index.ts';
import { type Cluster, newKey, oneOf, openAccounts } from '../cluster.ts';
import type { Scenario } from '../load.ts';
import { openPeer } from '../peer.ts';
import { spendOnce } from '../statements.ts';

const CLIENTS = 32;

/** Everybody spends from one account, through the library: requests that wait go as one batch. */
export async function openHot(cluster: Cluster): Promise<Scenario> {
  const db = await cluster.database();
  const ids = await openAccounts(db);
  const hot = ids[0] ?? '';
  const peer = await openPeer(db, ids, CLIENTS);
  const clients = await db.clients(CLIENTS);
  const library = connect({ url: db.url, maxConnections: CLIENTS });
  const { spend } = createSpender(library);
  return {
    variants: [
      {
        name: 'hot, batched',
        clients: CLIENTS,
        call: () => spend({ accountId: hot, amount: 1, idempotencyKey: newKey() }),
      },
      {
        name: 'spread, unbatched',
        clients: CLIENTS,
        call: (client) => spendOnce(clients[client], oneOf(ids)),
      },
      { name: 'peer, hot', clients: CLIENTS, call: () => peer.consume(hot) },
    ],
    comparisons: [
      {
        what: 'one hot account through the library, 32 clients, against 32 clients over many accounts unbatched',
        of: 'hot, batched',
        against: 'spread, unbatched',
        reach: 3,
      },
      {
        what: 'one hot account through the library, 32 clients, against the peer’s hot account',
        of: 'hot, batched',
        against: 'peer, hot',
        reach: 15,
      },
    ],
    async close() {
      await Promise.all([peer.close(), library.close()]);
      await db.close();
    },
  };
}
