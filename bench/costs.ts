import { readFileSync } from 'node:fs';
import { platform } from 'node:os';
import type pg from 'pg';
import { connect } from '../packages/florin/src/db/index.ts';
import { receiveWebhook } from '../packages/florin/src/webhooks/index.ts';
import { type BenchDatabase, type Cluster, oneOf, openAccounts } from './cluster.ts';
import type { Figure } from './report.ts';
import { depsOver, newDelivery } from './scenarios/webhook.ts';
import { moveFloor, openFloor, spendOnce } from './statements.ts';

const SLICES = 9;
const CALLS = 300;

type Work = { readonly pid: number; readonly call: () => Promise<unknown> };
type Cost = { readonly cpu: number; readonly log: number };

/**
 * What a call costs the server: CPU of its process, bytes of write-ahead log. The least of interleaved
 * slices, commits not waited for: other work on the machine moves these figures little.
 */
export async function measureCosts(cluster: Cluster): Promise<Figure[]> {
  const db = await cluster.database();
  const ids = await openAccounts(db, 200);
  const buyers = await openAccounts(db, 200);
  await openFloor(db, ids);
  const [client] = await db.clients(1);
  await client?.query('set synchronous_commit = off');
  const library = connect({
    url: `${db.url}?options=-csynchronous_commit%3Doff`,
    maxConnections: 1,
  });
  try {
    const deps = depsOver(library);
    const pid = (await client?.query<{ pid: number }>('select pg_backend_pid() as pid'))?.rows[0]
      ?.pid;
    const [own] = await library.query<{ pid: number }>('select pg_backend_pid() as pid');
    // Known customers, as most buyers are: a first purchase writes a row more.
    for (const id of buyers) {
      await receiveWebhook(deps, newDelivery(id));
    }
    await db.asAdmin('vacuum analyze');
    const work = {
      floor: { pid: pid ?? 0, call: () => moveFloor(client, oneOf(ids)) },
      spend: { pid: pid ?? 0, call: () => spendOnce(client, oneOf(ids)) },
      purchase: {
        pid: own?.pid ?? 0,
        call: () => receiveWebhook(deps, newDelivery(oneOf(buyers))),
      },
    };
    const costs = await leastCosts(db, work);
    const figure = (what: string, seen: number, atMost: number, unit: string) => ({
      what,
      seen,
      atMost,
      unit,
    });
    return [
      figure('`credits.spend`: write-ahead log', costs.spend.log, 620, 'bytes'),
      figure(
        '`credits.spend`: CPU in the server, against the floor',
        costs.spend.cpu / costs.floor.cpu,
        1.6,
        'times',
      ),
      figure('purchase: write-ahead log', costs.purchase.log, 4_000, 'bytes'),
      figure(
        'purchase: CPU in the server, against the floor',
        costs.purchase.cpu / costs.floor.cpu,
        3.5,
        'times',
      ),
    ];
  } finally {
    await library.close();
    await db.close();
  }
}

async function leastCosts<K extends string>(
  db: BenchDatabase,
  work: Record<K, Work>,
): Promise<Record<K, Cost>> {
  const [watcher] = await db.clients(1);
  const names = Object.keys(work) as K[];
  const least = Object.fromEntries(
    names.map((name) => [name, { cpu: Number.POSITIVE_INFINITY, log: Number.POSITIVE_INFINITY }]),
  ) as Record<K, Cost>;
  for (let slice = 0; slice < SLICES; slice += 1) {
    for (const name of names) {
      const { pid, call } = work[name];
      await call();
      const [cpu, log] = [cpuOf(pid), await logOf(watcher)];
      for (let turn = 0; turn < CALLS; turn += 1) {
        await call();
      }
      // The first slice writes whole pages after the checkpoint, and plans.
      if (slice > 0) {
        least[name] = {
          cpu: Math.min(least[name].cpu, (cpuOf(pid) - cpu) / CALLS),
          log: Math.min(least[name].log, ((await logOf(watcher)) - log) / CALLS),
        };
      }
    }
  }
  return least;
}

/** In nanoseconds; only Linux tells. */
function cpuOf(pid: number): number {
  return platform() === 'linux'
    ? Number(readFileSync(`/proc/${pid}/schedstat`, 'utf8').split(' ')[0])
    : Number.NaN;
}

async function logOf(client: pg.ClientBase | undefined): Promise<number> {
  const answer = await client?.query<{ bytes: string }>(
    "select pg_current_wal_insert_lsn() - '0/0' as bytes",
  );
  return Number(answer?.rows[0]?.bytes);
}
