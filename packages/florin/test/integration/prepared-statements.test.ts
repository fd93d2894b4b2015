import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect, type Database } from '../../src/db/index.ts';
import { issueGrant, placeHold, readBalance, verifyLedger } from '../../src/ledger/index.ts';
import { type FreshDatabase, freshDatabase, isPooled } from '../support/postgres.ts';
import { spend } from '../support/spend.ts';
import { widen } from '../support/widen.ts';

const ADD = { name: 'florin_test_add', text: 'select $1::bigint + 1 as sum' };

// A pooler shares sessions, and names no statement.
describe.skipIf(isPooled)('a prepared statement', () => {
  let fresh: FreshDatabase;
  let db: Database;
  beforeAll(async () => {
    fresh = await freshDatabase();
    db = connect({ url: fresh.url, maxConnections: 1 });
  });
  afterAll(async () => {
    await db.close();
    await fresh.close();
  });

  const pid = async () => (await db.query('select pg_backend_pid() as pid'))[0]?.['pid'];

  it('is never sent with a value that the driver could not write', async () => {
    const statement = { name: 'florin_test_json', text: 'select $1::jsonb as value' };
    const circular: Record<string, unknown> = {};
    circular['self'] = circular;
    const before = await pid();
    for (const bad of [circular, { n: 1n }, new Date(Number.NaN)]) {
      await expect(db.query(statement, [bad])).rejects.toMatchObject({ code: 'invalid_input' });
      expect(await db.query(statement, [{ a: [1] }])).toEqual([{ value: { a: [1] } }]);
    }
    expect(await pid()).toBe(before);
  });

  it('ends its connection when the driver itself threw', async () => {
    await db.query(ADD, [1]);
    const before = await pid();
    await expect(db.query({ ...ADD, text: 'select 2' })).rejects.toMatchObject({
      code: 'internal',
      message: expect.stringContaining('must be unique'),
    });
    expect(await db.query(ADD, [1])).toEqual([{ sum: 2 }]);
    expect(await pid()).not.toBe(before);
  });

  it('that its session has forgotten is sent once more, on another connection', async () => {
    await db.query(ADD, [1]);
    const before = await pid();
    await db.query('deallocate all');
    expect(await db.query(ADD, [2])).toEqual([{ sum: 3 }]);
    expect(await pid()).not.toBe(before);
  });

  it('whose answer has another column since is sent once more', async () => {
    const make = (more: string) =>
      db.query(`create function pair(out a int${more}) language sql as 'select 1${more && ', 2'}'`);
    const statement = { name: 'florin_test_pair', text: 'select * from pair()' };
    await make('');
    expect(await db.query(statement)).toEqual([{ a: 1 }]);
    await db.query('drop function pair');
    await make(', out b int');
    expect(await db.query(statement)).toEqual([{ a: 1, b: 2 }]);
    expect(await db.query(statement)).toEqual([{ a: 1, b: 2 }]);
  });

  it('is not sent again within a transaction, whose work may have had effects', async () => {
    let runs = 0;
    const work = db.transaction(async (tx) => {
      runs += 1;
      await tx.query(ADD, [1]);
      await tx.query('deallocate all');
      return tx.query(ADD, [1]);
    });
    await expect(work).rejects.toMatchObject({ code: 'database_unavailable' });
    expect(runs).toBe(1);
    expect(await db.query(ADD, [1])).toEqual([{ sum: 2 }]);
  });

  it('of the ledger goes on while a migration widens what its functions answer', async () => {
    const app = connect({ url: fresh.url, maxConnections: 6 });
    const accounts = Array.from({ length: 6 }, () => randomUUID());
    for (const accountId of accounts) {
      await issueGrant(app, { accountId, amount: 100_000, idempotencyKey: 'f', source: 'test' });
    }
    const failures: unknown[] = [];
    let done = 0;
    let stop = false;
    const customers = accounts.map(async (accountId) => {
      for (let n = 0; !stop; n += 1) {
        const call = { accountId, amount: 1, idempotencyKey: `n${n}`, metadata: { n } };
        const write = n % 3 === 0 ? placeHold : spend;
        await write(app, call).then(
          () => {
            done += 1;
          },
          (error: unknown) => failures.push(error),
        );
      }
    });
    for (const name of ['spend', 'place_hold']) {
      for (const column of ['note', 'remark', 'hint']) {
        const before = done;
        await widen(fresh, name, column);
        await expect.poll(() => done).toBeGreaterThan(before + 50);
      }
    }
    stop = true;
    await Promise.all(customers);
    expect(failures).toEqual([]);
    const [one = ''] = accounts;
    expect(await spend(app, { accountId: one, amount: 1, idempotencyKey: 'z' })).toHaveProperty(
      'hint',
    );
    const { posted } = await readBalance(app, one);
    expect(posted).toBeLessThan(100_000);
    expect(await verifyLedger(app)).toEqual([]);
    await app.close();
  });
});
