import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { EmbeddedPostgres } from 'florin-dev';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkDatabase } from '../../src/cli/checks/database.ts';
import {
  connect,
  inspectDatabase,
  listMigrations,
  migrate,
  withDatabase,
} from '../../src/db/index.ts';
import {
  issueGrant,
  placeHold,
  readBalance,
  reverseGrant,
  verifyLedger,
} from '../../src/ledger/index.ts';
import { isInstalled, POSTGRES_15 } from '../support/installed.ts';
import { type Pooler, startPgBouncer } from '../support/pgbouncer.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';
import { startPostgres15 } from '../support/postgres-15.ts';
import { spend } from '../support/spend.ts';

const run = promisify(execFile);

describe.runIf(isInstalled('postgres15'))('on Postgres 15, the oldest supported', () => {
  let server: EmbeddedPostgres;
  beforeAll(async () => {
    server = await startPostgres15();
  });
  afterAll(() => server.stop());

  it('every migration applies as an ordinary role, and applies once', async () => {
    const { applied } = await migrate({ url: server.url });
    expect(applied).toEqual((await listMigrations()).map((one) => one.version));
    expect((await migrate({ url: server.url })).applied).toEqual([]);
    expect(await inspectDatabase(server.url)).toMatchObject({
      role: 'postgres',
      isSuperuser: false,
      missingRoles: [],
      mayWrite: true,
      exposedSchemas: [],
      openToAnon: [],
    });
  });

  it('a dump restored elsewhere is as sound, and goes on', async () => {
    const accountId = randomUUID();
    const db = connect({ url: server.url, maxConnections: 2 });
    const { grantId } = await issueGrant(db, {
      accountId,
      amount: 50,
      idempotencyKey: 'pack',
      source: 'purchase',
    });
    await spend(db, { accountId, amount: 20, idempotencyKey: 'scan' });
    await placeHold(db, { accountId, amount: 5, idempotencyKey: 'job' });
    await reverseGrant(db, { accountId, grantId, amount: 10, idempotencyKey: 'refund' });
    const before = await readBalance(db, accountId);
    const dump = join(tmpdir(), `florin-${accountId}.dump`);
    await run(join(POSTGRES_15, 'pg_dump'), ['--format=custom', `--file=${dump}`, server.adminUrl]);
    await db.query('create database restored');
    const restored = withDatabase(server.adminUrl, 'restored');
    await run(join(POSTGRES_15, 'pg_restore'), ['--exit-on-error', `--dbname=${restored}`, dump]);

    const copy = connect({ url: withDatabase(server.url, 'restored'), maxConnections: 2 });
    expect(await verifyLedger(copy)).toEqual([]);
    expect(await readBalance(copy, accountId)).toEqual(before);
    const again = { accountId, amount: 20, idempotencyKey: 'scan' };
    expect(await spend(copy, again)).toMatchObject({ replayed: true });
    expect(await spend(copy, { ...again, idempotencyKey: 'more', amount: 15 })).toMatchObject({
      available: 0,
    });
    expect(await verifyLedger(copy)).toEqual([]);
    expect((await migrate({ url: withDatabase(server.url, 'restored') })).applied).toEqual([]);
    await Promise.all([db.close(), copy.close(), rm(dump)]);
  });
});

describe.runIf(isInstalled('pgBouncer'))('behind a pooler in transaction mode', () => {
  let fresh: FreshDatabase;
  let pooler: Pooler;
  beforeAll(async () => {
    fresh = await freshDatabase({ empty: true });
    pooler = await startPgBouncer(fresh.url);
  });
  afterAll(async () => {
    await pooler.stop();
    await fresh.close();
  });

  it('statements, transactions and migrations work though sessions are shared', async () => {
    await migrate({ url: pooler.url });
    const db = connect({ url: pooler.url, maxConnections: 20 });
    const statement = { name: 'shared', text: 'select $1::int as n' };
    const answers = await Promise.all(
      Array.from({ length: 200 }, async (_, n) => {
        const alone = await db.query(statement, [n]);
        const inside = await db.transaction((tx) => tx.query(statement, [n]));
        return [alone, inside];
      }),
    );
    expect(answers).toEqual(Array.from({ length: 200 }, (_, n) => [[{ n }], [{ n }]]));
    await db.close();
  });

  it('an address that does not say so gets an error that does, and doctor finds it', async () => {
    const address = new URL(pooler.url);
    address.searchParams.delete('pgbouncer');
    const db = connect({ url: address.toString(), maxConnections: 1 });
    await expect(db.query('select 1')).rejects.toMatchObject({
      code: 'database_unavailable',
      message: expect.stringMatching(/unsupported startup parameter.*add \?pgbouncer=true/),
    });
    await db.close();
    expect(await checkDatabase(address.toString())).toMatchObject([
      {
        name: 'database.reachable',
        status: 'fault',
        found: expect.stringContaining('pooler in transaction mode'),
        mend: expect.stringContaining('Add ?pgbouncer=true'),
      },
    ]);
    expect((await checkDatabase(pooler.url))[0]).toMatchObject({ status: 'ok' });
  });
});
