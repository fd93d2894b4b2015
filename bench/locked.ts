import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { connect } from '../packages/florin/src/db/index.ts';
import { createSpender } from '../packages/florin/src/ledger/index.ts';
import { type Cluster, oneOf, openAccounts } from './cluster.ts';
import type { Figure } from './report.ts';

const LOCKED_MS = 1_000;
const CALLERS = 32;

/** How long others wait while one account's row is held for a second and spent from, in milliseconds. */
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
  const times = { before: [] as number[], locked: [] as number[] };
  let until = performance.now() + LOCKED_MS;
  const spendFrom = async (into: number[]) => {
    while (performance.now() < until) {
      const start = performance.now();
      await spend({ accountId: oneOf(others), amount: 1, idempotencyKey: randomUUID() });
      into.push(performance.now() - start);
    }
  };
  const everybody = (into: number[]) =>
    Promise.all(Array.from({ length: CALLERS }, () => spendFrom(into)));
  try {
    await everybody([]);
    until = performance.now() + LOCKED_MS;
    await everybody(times.before);
    await holder.query('begin');
    await holder.query('select from credits.accounts where account_id = $1 for update', [locked]);
    until = performance.now() + LOCKED_MS;
    const waiting = Array.from({ length: 8 }, (_, n) =>
      spend({ accountId: locked, amount: 1, idempotencyKey: `locked:${n}` }),
    );
    await everybody(times.locked);
    await holder.query('rollback');
    await Promise.all(waiting);
  } finally {
    await holder.end();
    await library.close();
    await db.close();
  }
  const p99 = (values: number[]) =>
    values.sort((a, b) => a - b)[Math.floor(values.length * 0.99)] ?? Number.NaN;
  return [
    {
      what: `p99 of a spend of ${CALLERS} callers while another account is locked for a second, against the second before`,
      seen: p99(times.locked) / p99(times.before),
      atMost: 2,
      unit: `times (${p99(times.locked).toFixed(1)} ms)`,
    },
  ];
}
