import { connect } from '../../packages/florin/src/db/index.ts';
import { createSpender } from '../../packages/florin/src/ledger/index.ts';
import { type Cluster, newKey, oneOf, openAccounts } from '../cluster.ts';
import type { Scenario } from '../load.ts';
import { openPeer } from '../peer.ts';
import { moveFloor, openFloor } from '../statements.ts';

/** As the service has them. */
const CONNECTIONS = { maxConnections: 10, reservedConnections: 2 };

/** Many callers of the library over many accounts: what waits goes together. */
export async function openLibrary(cluster: Cluster): Promise<Scenario> {
  const db = await cluster.database();
  const ids = await openAccounts(db);
  await openFloor(db, ids);
  const peer = await openPeer(db, ids, CONNECTIONS.maxConnections);
  const clients = await db.clients(8);
  const library = connect({ url: db.url, ...CONNECTIONS });
  const { spend } = createSpender(library);
  const callers = (count: number, more: object = {}) => ({
    name: `library, ${count}${'actor' in more ? ', said more' : ''}`,
    clients: count,
    call: () => spend({ accountId: oneOf(ids), amount: 1, idempotencyKey: newKey(), ...more }),
  });
  const against = (what: string, of: string, other: string, reach: number) => ({
    what,
    of,
    against: other,
    reach,
  });
  return {
    variants: [
      callers(1),
      callers(32),
      callers(64),
      callers(64, { actor: 'ada', feature: 'scan', metadata: { job: 17 } }),
      { name: 'floor, 1', clients: 1, call: (client) => moveFloor(clients[client], oneOf(ids)) },
      { name: 'floor, 8', clients: 8, call: (client) => moveFloor(clients[client], oneOf(ids)) },
      { name: 'peer, 32', clients: 32, call: () => peer.consume(oneOf(ids)) },
    ],
    comparisons: [
      against(
        'spends through the library, 32 callers, against the floor with 8 clients',
        'library, 32',
        'floor, 8',
        1,
      ),
      against('the same with 64 callers', 'library, 64', 'floor, 8', 1.6),
      against(
        'the same with 64 callers, each spend with actor, feature and metadata',
        'library, 64, said more',
        'floor, 8',
        1.6,
      ),
      against(
        'the same with one caller, against the floor with one client',
        'library, 1',
        'floor, 1',
        0.5,
      ),
      against(
        'spends through the library against `stripe-no-webhooks` `credits.consume`, 32 callers',
        'library, 32',
        'peer, 32',
        8,
      ),
    ],
    async close() {
      await Promise.all([peer.close(), library.close()]);
      await db.close();
    },
  };
}
