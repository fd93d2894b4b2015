import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { connect } from '../packages/florin/src/db/index.ts';
import { createSpender } from '../packages/florin/src/ledger/index.ts';
import { type Cluster, oneOf, openAccounts } from './cluster.ts';
import { median, percentile } from './load.ts';
import type { Figure } from './report.ts';

const LOCKED_MS = 1_000;
const CALLERS = 32;
const ROUNDS = 5;

/**
 * How long others wait while one account's row is held for a second and spent from; the median of some
 * rounds, since in one of them a checkpoint may fall into either second.
 */
export async function measureLocked(cluster: Cluster): Promise<Figure[]> {
  const db = await cluster.database();
  const ids = await openAccounts(db, 2_000);
  // Only functions write the ledger: whoever locks a row is the superuser.
  const holder = new pg.Client({ connectionString: db.adminUrl });
  await holder.connect();
  const library = connect({ url: db.url, maxConnections: 10, reservedConnections: 2 });
  const { spend } = createSpender(library);
  const locked = ids[0] ?? '';
  const others = ids.slice(1);
  let until = 0;
  const spendFrom = async (into: number[]) => {
    while (performance.now() < until) {
      const start = performance.now();
      await spend({ accountId: oneOf(others), amount: 1, idempotencyKey: randomUUID() });
      into.push(performance.now() - start);
    }
  };
  const everybody = async () => {
    const times: number[] = [];
    until = performance.now() + LOCKED_MS;
    await Promise.all(Array.from({ length: CALLERS }, () => spendFrom(times)));
    return percentile(
      times.sort((a, b) => a - b),
      0.99,
    );
  };
  const rounds: { before: number; locked: number }[] = [];
  try {
    await everybody();
    for (let round = 0; round < ROUNDS; round += 1) {
      const before = await everybody();
      await holder.query('begin');
      await holder.query('select from credits.accounts where account_id = $1 for update', [locked]);
      const waiting = Array.from({ length: 8 }, () =>
        spend({ accountId: locked, amount: 1, idempotencyKey: randomUUID() }),
      );
      rounds.push({ before, locked: await everybody() });
      await holder.query('rollback');
      await Promise.all(waiting);
    }
  } finally {
    await holder.end();
    await library.close();
    await db.close();
  }
  const ms = median(rounds.map((round) => round.locked));
  return [
    {
      what: `p99 of a spend of ${CALLERS} callers while another account is locked for a second, against the second before`,
      seen: median(rounds.map((round) => round.locked / round.before)),
      atMost: 2,
      unit: `times (${ms.toFixed(1)} ms)`,
    },
  ];
}
