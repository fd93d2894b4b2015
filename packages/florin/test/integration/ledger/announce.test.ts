import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect } from '../../../src/db/index.ts';
import { BALANCE_CHANNEL, createAnnouncer } from '../../../src/ledger/index.ts';
import { type FreshDatabase, freshDatabase, isPooled } from '../../support/postgres.ts';

describe('announcing balances', () => {
  let database: FreshDatabase;
  beforeAll(async () => {
    database = await freshDatabase();
  });
  afterAll(() => database.close());

  it.skipIf(isPooled)(
    'reaches every process that listens, each account at least once however many there are',
    async () => {
      const elsewhere = connect({ url: database.url, maxConnections: 1 });
      const heard = new Set<string>();
      const stop = await elsewhere.listen(BALANCE_CHANNEL, (accountId) => heard.add(accountId));
      const accounts = Array.from({ length: 500 }, () => randomUUID());
      const announce = createAnnouncer(database.db);
      for (const account of accounts) {
        announce(account);
      }
      await expect.poll(() => heard.size).toBe(accounts.length);
      expect([...heard].sort()).toEqual(accounts.sort());
      await stop();
      await elsewhere.close();
    },
  );

  it('a database that is gone stops nobody', async () => {
    const gone = connect({ url: database.url, maxConnections: 1 });
    await gone.close();
    const announce = createAnnouncer(gone);
    expect(() => announce(randomUUID())).not.toThrow();
  });
});
