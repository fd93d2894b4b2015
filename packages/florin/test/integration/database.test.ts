import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect } from '../../src/db/index.ts';
import { DatabaseUnavailableError, InsufficientCreditsError } from '../../src/kernel/index.ts';
import { type FreshDatabase, freshDatabase, isPooled } from '../support/postgres.ts';

function asPooler(address: string): string {
  const url = new URL(address);
  url.searchParams.set('pgbouncer', 'true');
  return url.toString();
}

describe('the database', () => {
  let fresh: FreshDatabase;
  beforeAll(async () => {
    fresh = await freshDatabase({ empty: true });
  });
  afterAll(() => fresh.close());

  it('reads rows with camelCase keys, exact numbers and dates', async () => {
    const [row] = await fresh.db.query(
      `select 9007199254740991::bigint as entry_no, 12.5::numeric as share, sum(x) as total,
              array[1, null, 3]::bigint[] as amounts, timestamptz '2026-11-23T10:00:00Z' as created_at,
              date '2026-11-23' as day, '{"a_b": 1}'::jsonb as metadata, null::bigint as nothing
         from generate_series(1::bigint, 3) x`,
    );
    expect(row).toEqual({
      entryNo: 9007199254740991,
      share: 12.5,
      total: 6,
      amounts: [1, null, 3],
      createdAt: new Date('2026-11-23T10:00:00Z'),
      day: '2026-11-23',
      metadata: { a_b: 1 },
      nothing: null,
    });
  });

  it('refuses to read a bigint that a number cannot hold exactly', async () => {
    await expect(fresh.db.query('select 9007199254740993::bigint as n')).rejects.toMatchObject({
      code: 'internal',
      message: expect.stringContaining('9007199254740993'),
    });
    await expect(fresh.db.query('select 1 as one')).resolves.toEqual([{ one: 1 }]);
  });

  it.skipIf(isPooled)('prepares a named statement once a connection', async () => {
    const db = connect({ url: fresh.url, maxConnections: 1 });
    const statement = { name: 'florin_test_add', text: 'select $1::bigint + 1 as sum' };
    await db.query(statement, [1]);
    await db.query(statement, [2n]);
    const prepared = await db.query(
      "select generic_plans + custom_plans as uses from pg_prepared_statements where name = 'florin_test_add'",
    );
    expect(prepared).toEqual([{ uses: 2 }]);
    await db.close();
  });

  it('names no statement and sets no session limit behind a transaction pooler', async () => {
    const db = connect({ url: asPooler(fresh.url), maxConnections: 1 });
    await db.query({ name: 'florin_test_two', text: 'select 2 as two' });
    expect(await db.query('select 1 from pg_prepared_statements')).toEqual([]);
    const shown = await db.query("select current_setting('statement_timeout') as timeout");
    expect(shown).toEqual([{ timeout: '0' }]);
    const inside = await db.transaction((tx) =>
      tx.query("select current_setting('statement_timeout') as timeout"),
    );
    expect(inside).toEqual([{ timeout: '15s' }]);
    const stop = await db.listen('anything', () => undefined);
    await stop();
    await db.close();
  });

  it('commits a transaction that returns and rolls back one that throws', async () => {
    await fresh.db.query('create table kept (n int)');
    await fresh.db.transaction(async (tx) => {
      await Promise.all([1, 2, 3].map((n) => tx.query('insert into kept values ($1)', [n])));
    });
    await expect(
      fresh.db.transaction(async (tx) => {
        await tx.query('insert into kept values (4)');
        throw new Error('changed my mind');
      }),
    ).rejects.toThrow('changed my mind');
    expect(await fresh.db.query('select count(*) from kept')).toEqual([{ count: 3 }]);
  });

  it('refuses an executor that is used after its transaction', async () => {
    let kept: { query(text: string): Promise<unknown> } | undefined;
    await fresh.db.transaction(async (tx) => {
      kept = tx;
    });
    await expect(kept?.query('select 1')).rejects.toThrow('transaction is over');
  });

  it('turns the ledger errors into their classes, with the amounts', async () => {
    const raise = `do $$ begin raise exception 'too few' using errcode = 'CRINS', detail = '{"available": 3, "required": 5}'; end $$`;
    const error = await fresh.db.query(raise).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(InsufficientCreditsError);
    expect(error).toMatchObject({ available: 3, required: 5, cause: { code: 'CRINS' } });
  });

  it('keeps its connections after a statement was refused', async () => {
    const db = connect({ url: fresh.url, maxConnections: 1 });
    const pid = async () => (await db.query('select pg_backend_pid() as pid'))[0]?.['pid'];
    const before = await pid();
    await expect(db.query('select 1 / 0')).rejects.toMatchObject({
      code: 'internal',
      details: { sqlstate: '22012' },
    });
    expect(await pid()).toBe(before);
    await db.close();
  });

  it('cancels a statement that runs too long and goes on', async () => {
    const db = connect({ url: fresh.url, maxConnections: 1, statementTimeoutMs: 50 });
    await expect(db.query('select pg_sleep(10)')).rejects.toBeInstanceOf(DatabaseUnavailableError);
    expect(await db.query('select 1 as one')).toEqual([{ one: 1 }]);
    await db.close();
  });

  it.skipIf(isPooled)('is closed when the server has ended every connection', async () => {
    const count = async () => {
      const [row] = await fresh.db.query<{ count: number }>(
        "select count(*) as count from pg_stat_activity where application_name = 'florin closing'",
      );
      return row?.count;
    };
    await count();
    const db = connect({ url: fresh.url, applicationName: 'florin closing', maxConnections: 40 });
    await Promise.all(Array.from({ length: 40 }, () => db.query('select pg_sleep(0.2)')));
    expect(await count()).toBe(40);
    await db.close();
    expect(await count()).toBe(0);
    await db.close();
  });

  it('says that the database is unavailable when nothing listens', async () => {
    const db = connect({ url: 'postgresql://postgres:x@127.0.0.1:1/postgres' });
    await expect(db.query('select 1')).rejects.toBeInstanceOf(DatabaseUnavailableError);
    await expect(db.transaction(async () => 1)).rejects.toMatchObject({
      code: 'database_unavailable',
    });
    await db.close();
  });

  it('survives its sessions being ended, while idle and in the middle of a transaction', async () => {
    const db = connect({ url: fresh.url, maxConnections: 2, applicationName: 'florin victim' });
    const endAll = () =>
      fresh.db.query(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'florin victim'",
      );
    await db.query('select 1');
    await endAll();
    await expect.poll(() => db.query('select 1 as one').catch(() => 0)).toEqual([{ one: 1 }]);
    const cut = db.transaction(async (tx) => {
      await tx.query('select 1');
      await endAll();
      await tx.query('select 1');
    });
    await expect(cut).rejects.toBeInstanceOf(DatabaseUnavailableError);
    await expect.poll(() => db.query('select 1 as one').catch(() => 0)).toEqual([{ one: 1 }]);
    await db.close();
  });

  it.skipIf(isPooled)(
    'hears notifications, on several channels, until told to stop, also after its session was lost',
    async () => {
      const db = connect({ url: fresh.url, applicationName: 'florin ears' });
      const heard: string[] = [];
      const stopFirst = await db.listen('first', (payload) => heard.push(`first ${payload}`));
      const stopSecond = await db.listen('Second', (payload) => heard.push(`second ${payload}`));
      await fresh.db.query("select pg_notify('first', 'a'), pg_notify('Second', 'b')");
      await expect.poll(() => heard).toEqual(['first a', 'second b']);
      await fresh.db.query(
        "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'florin ears listener'",
      );
      await expect
        .poll(async () => {
          await fresh.db.query("select pg_notify('first', 'again')");
          return heard.includes('first again');
        })
        .toBe(true);
      await stopFirst();
      await stopSecond();
      const left = await fresh.db.query(
        "select 1 from pg_stat_activity where application_name = 'florin ears listener'",
      );
      expect(left).toEqual([]);
      await db.close();
    },
  );
});
