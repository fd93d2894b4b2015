import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { issueGrant } from '../../../src/ledger/index.ts';
import { type FreshDatabase, freshDatabase } from '../../support/postgres.ts';
import { spend } from '../../support/spend.ts';

describe('the views of the ledger', () => {
  let database: FreshDatabase;
  const accountIds = [randomUUID(), randomUUID(), randomUUID()].sort();
  beforeAll(async () => {
    database = await freshDatabase();
    const { db } = database;
    for (const accountId of accountIds) {
      await issueGrant(db, { accountId, amount: 5, idempotencyKey: 'g', source: 'test' });
      await spend(db, { accountId, amount: 3, idempotencyKey: 's', actor: 'ada', feature: 'scan' });
      await db.query('select credits.settle_account($1)', [accountId]);
    }
  });
  afterAll(() => database.close());

  it('can be read by the server, of one account and of all', async () => {
    const views = await database.db.query<{ name: string; account: string }>(
      `select c.oid::regclass::text as name, a.attname as account
         from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname in ('account_id', 'user_id')
        where c.relkind = 'v' and c.relnamespace in ('credits'::regnamespace, 'public'::regnamespace)`,
    );
    expect(views.length).toBeGreaterThan(20);
    const server = new pg.Client({ connectionString: database.adminUrl });
    await server.connect();
    onTestFinished(() => server.end());
    await server.query('set role service_role');
    for (const { name, account } of views) {
      // Nobody was erased, and nothing is broken.
      const found = /^credits\.(broken|erased)_/.test(name) ? [] : accountIds;
      const read = async (where: string) => {
        const { rows } = await server.query(
          `select v.*, ${account} as of from ${name} v ${where} order by ${account}`,
        );
        return [...new Set(rows.map(({ of }) => of))];
      };
      expect(await read(''), name).toEqual(found);
      expect(await read(`where ${account} = '${accountIds[0]}'`), name).toEqual(found.slice(0, 1));
    }
  });
});
