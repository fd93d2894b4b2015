import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  connect,
  type EmbeddedPostgres,
  inspectDatabase,
  listMigrations,
  migrate,
} from '../../src/db/index.ts';
import { hasPgBouncer, type Pooler, startPgBouncer } from '../support/pgbouncer.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';
import { hasPostgres15, startPostgres15 } from '../support/postgres-15.ts';

describe.runIf(hasPostgres15)('on Postgres 15, the oldest supported', () => {
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
});

describe.runIf(hasPgBouncer)('behind a pooler in transaction mode', () => {
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
});
