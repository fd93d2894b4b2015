import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { describe, expect, inject, it, onTestFinished } from 'vitest';
import { readBalance, transfer, verifyLedger } from '../../../src/ledger/index.ts';
import { buyCredits, moneyMoves } from '../../support/bought.ts';
import { type FreshDatabase, freshDatabase } from '../../support/postgres.ts';

/** The same database on a worker, as a superuser. */
function onWorker({ adminUrl }: FreshDatabase): pg.Client {
  const [worker = ''] = inject('citus')?.workerUrls ?? [];
  const url = new URL(worker);
  url.pathname = new URL(adminUrl).pathname;
  return new pg.Client({ connectionString: url.href });
}

/** Two accounts whose rows are on different workers. */
async function onTwoNodes(coordinator: pg.Client): Promise<[string, string]> {
  const accounts = Array.from({ length: 40 }, () => randomUUID());
  const { rows } = await coordinator.query<{ account: string }>(
    `select distinct on (s.nodeport) a.id as account
       from unnest($1::uuid[]) a (id)
       join citus_shards s on s.shardid = get_shard_id_for_distribution_column('credits.accounts', a.id)
      order by s.nodeport`,
    [accounts],
  );
  const [one, other] = rows;
  return [one?.account ?? '', other?.account ?? ''];
}

describe.skipIf(inject('citus') === null)('credits moved between nodes', () => {
  it('are in one account or in the other, whatever ends between', async () => {
    const fresh = await freshDatabase();
    const { db } = fresh;
    const coordinator = new pg.Client({ connectionString: fresh.adminUrl });
    const worker = onWorker(fresh);
    onTestFinished(async () => {
      await coordinator.end();
      await worker.end();
      await fresh.close();
    });
    await coordinator.connect();
    await worker.connect();
    const [from, to] = await onTwoNodes(coordinator);
    const bought = await buyCredits(db, { accountId: from, amount: 1_000 });
    const move = (n: number) =>
      transfer(db, {
        from,
        to,
        amount: 1,
        idempotencyKey: `move:${n}`,
        reason: 'merged accounts',
      }).then(
        () => 'moved',
        () => 'refused',
      );
    const outcomes: string[] = [];
    const count = (wanted: string) => outcomes.filter((outcome) => outcome === wanted).length;
    // Sessions of one of the two nodes are ended until some transfers were, and others were not.
    for (let n = 0; n < 400 && (count('moved') < 20 || count('refused') < 5); n += 1) {
      const outcome = move(n);
      if (n % 3 === 0) {
        await worker.query(
          `select pg_terminate_backend(pid) from pg_stat_activity
            where datname = current_database() and pid <> pg_backend_pid() and usename = 'florin_owner'`,
        );
      }
      outcomes.push(await outcome);
    }
    expect(count('refused')).toBeGreaterThan(0);
    // What Citus does by itself within a minute.
    await coordinator.query('select recover_prepared_transactions()');
    for (const n of outcomes.keys()) {
      expect(await move(n)).toBe('moved');
    }
    const balances = [await readBalance(db, from), await readBalance(db, to)];
    expect(balances.map(({ posted }) => posted)).toEqual([
      1_000 - outcomes.length,
      outcomes.length,
    ]);
    expect(await verifyLedger(db)).toEqual([]);
    await moneyMoves(db, { ...bought, do: 'reverse', amount: 1_000, step: 1 });
    const after = [await readBalance(db, from), await readBalance(db, to)];
    expect(after.map(({ posted }) => posted)).toEqual([0, 0]);
    expect(await verifyLedger(db)).toEqual([]);
  });
});
