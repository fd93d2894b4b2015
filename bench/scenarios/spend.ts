import { type Cluster, oneOf, openAccounts } from '../cluster.ts';
import type { Scenario } from '../load.ts';
import { openPeer, peerVersion } from '../peer.ts';
import { moveByHand, moveFloor, moveOnce, openFloor, spendOnce } from '../statements.ts';

/** `credits.spend` over many accounts against the floor, a transaction by hand and the peer. */
export async function openSpend(cluster: Cluster): Promise<Scenario> {
  const db = await cluster.database();
  const ids = await openAccounts(db);
  await openFloor(db, ids);
  const peer = await openPeer(db, ids, 8);
  const clients = await db.clients(32);
  const variant = (name: string, count: number, move: typeof spendOnce) => ({
    name,
    clients: count,
    call: (client: number) => move(clients[client], oneOf(ids)),
  });
  return {
    variants: [
      variant('spend, 8', 8, spendOnce),
      variant('floor, 8', 8, moveFloor),
      variant('by hand, 8', 8, moveByHand),
      variant('idempotent, 8', 8, moveOnce),
      { name: 'peer, 8', clients: 8, call: () => peer.consume(oneOf(ids)) },
      variant('spend, 32', 32, spendOnce),
      variant('floor, 32', 32, moveFloor),
    ],
    comparisons: [
      {
        what: '`credits.spend` against the floor, 8 clients',
        of: 'spend, 8',
        against: 'floor, 8',
        reach: 0.8,
      },
      {
        what: '`credits.spend` against the floor, 32 clients',
        of: 'spend, 32',
        against: 'floor, 32',
        reach: 0.8,
      },
      {
        what: '`credits.spend` against an idempotent statement written by hand, 8 clients',
        of: 'spend, 8',
        against: 'idempotent, 8',
        reach: 0.78,
      },
      {
        what: '`credits.spend` against BEGIN, UPDATE, INSERT, COMMIT by hand, 8 clients',
        of: 'spend, 8',
        against: 'by hand, 8',
        reach: 1.1,
      },
      {
        what: `\`credits.spend\` against \`stripe-no-webhooks\` ${peerVersion()} \`credits.consume\`, 8 clients`,
        of: 'spend, 8',
        against: 'peer, 8',
        reach: 4,
      },
    ],
    async close() {
      await peer.close();
      await db.close();
    },
  };
}
