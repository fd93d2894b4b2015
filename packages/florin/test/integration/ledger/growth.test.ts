import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { expect, it } from 'vitest';
import {
  captureHold,
  dailyUsage,
  explainBalance,
  issueGrant,
  listEntries,
  listGrants,
  placeHold,
  readBalance,
  readStatement,
  verifyLedger,
} from '../../../src/ledger/index.ts';
import { freshDatabase, isOnCluster } from '../../support/postgres.ts';
import { spend } from '../../support/spend.ts';

const TABLES = ['accounts', 'entries', 'grants', 'holds', 'allocations'];
const DAY_MS = 86_400_000;
const SMALL = 3;
const LARGE = 100;
/** After as many calls a session keeps the plan that it has. */
const UNTIL_KEPT = 8;

// The reads of a cluster's workers are not counted where its coordinator is asked.
it.skipIf(isOnCluster).each(['never', 'while it was small'])(
  'reads grow with what they show, in a ledger that was analyzed %s',
  async (analyzed) => {
    const fresh = await freshDatabase({ maxConnections: 1 });
    const admin = new pg.Client({ connectionString: fresh.adminUrl || fresh.url });
    await admin.connect();
    await admin.query('set role florin_owner');
    const accountId = randomUUID();
    const grow = async (count: number) => {
      for (let n = 0; n < count; n += 1) {
        const idempotencyKey = randomUUID();
        await issueGrant(fresh.db, { accountId, amount: 10, idempotencyKey, source: 'test' });
        const asked = { accountId, amount: 4, idempotencyKey: randomUUID() };
        await spend(fresh.db, asked);
        const hold = await placeHold(fresh.db, { ...asked, idempotencyKey: randomUUID() });
        await captureHold(fresh.db, { accountId, holdId: hold.holdId, amount: 3 });
      }
    };
    const yesterday = {
      from: new Date(Date.now() - DAY_MS),
      to: new Date(Date.now() - DAY_MS / 2),
    };
    const reads = {
      balance: () => readBalance(fresh.db, accountId),
      entries: () => listEntries(fresh.db, { accountId, limit: 10 }),
      'usage of a day without any': () => dailyUsage(fresh.db, { accountId, ...yesterday }),
      explanation: () => explainBalance(fresh.db, accountId),
      grants: () => listGrants(fresh.db, accountId),
      statement: () => readStatement(fresh.db, { accountId }),
      proof: () => verifyLedger(fresh.db, accountId),
    };
    const rowsRead = async () => {
      const [row] = await fresh.db.query<{ rows: number }>(
        `select sum(seq_tup_read + idx_tup_fetch)::int as rows from pg_stat_xact_user_tables
          where schemaname = 'credits'`,
      );
      return row?.rows ?? Number.NaN;
    };
    const measure = async () => {
      const seen = new Map<string, number>();
      for (const [name, read] of Object.entries(reads)) {
        await fresh.db.query('begin');
        const before = await rowsRead();
        await read();
        seen.set(name, (await rowsRead()) - before);
        await fresh.db.query('commit');
      }
      return seen;
    };
    try {
      await grow(SMALL);
      for (const table of TABLES) {
        await admin.query(`alter table credits.${table} set (autovacuum_enabled = false)`);
        if (analyzed !== 'never') {
          await admin.query(`vacuum analyze credits.${table}`);
        }
      }
      for (let n = 0; n < UNTIL_KEPT; n += 1) {
        await measure();
      }
      await grow(LARGE - SMALL);
      const large = await measure();
      await grow(LARGE);
      const twice = await measure();
      for (const [name, rows] of twice) {
        expect(rows / (large.get(name) ?? 0), name).toBeLessThan(2.2);
      }
    } finally {
      await admin.end();
      await fresh.close();
    }
  },
);
