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
  restoreGrant,
  reverseGrant,
  verifyLedger,
  voidGrant,
} from '../../../src/ledger/index.ts';
import { freshDatabase, isOnCluster } from '../../support/postgres.ts';
import { rowsRead } from '../../support/rows-read.ts';
import { spend } from '../../support/spend.ts';

const TABLES = ['accounts', 'entries', 'grants', 'holds', 'allocations'].map((t) => `credits.${t}`);
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
    const measure = async () => {
      const seen = new Map<string, number>();
      for (const [name, read] of Object.entries(reads)) {
        await fresh.db.query('begin');
        const before = await rowsRead(fresh.db, TABLES);
        await read();
        seen.set(name, (await rowsRead(fresh.db, TABLES)) - before);
        await fresh.db.query('commit');
      }
      return seen;
    };
    try {
      await grow(SMALL);
      for (const table of TABLES) {
        await admin.query(`alter table ${table} set (autovacuum_enabled = false)`);
        if (analyzed !== 'never') {
          await admin.query(`vacuum analyze ${table}`);
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

it.skipIf(isOnCluster)(
  'what was taken back is restored without a look at the history',
  async () => {
    const fresh = await freshDatabase({ maxConnections: 1 });
    try {
      const accountId = randomUUID();
      const grant = { accountId, amount: 1_000, source: 'test' };
      const { grantId } = await issueGrant(fresh.db, { ...grant, idempotencyKey: 'grant' });
      for (let n = 0; n < LARGE; n += 1) {
        await spend(fresh.db, { accountId, amount: 4, idempotencyKey: `spend ${n}` });
      }
      await voidGrant(fresh.db, { accountId, grantId, idempotencyKey: 'void' });
      const part = { accountId, grantId, amount: 700 };
      await reverseGrant(fresh.db, { ...part, idempotencyKey: 'refund' });
      await fresh.db.query('begin');
      const before = await rowsRead(fresh.db, TABLES);
      const { posted } = await restoreGrant(fresh.db, { ...part, idempotencyKey: 'won' });
      expect((await rowsRead(fresh.db, TABLES)) - before).toBeLessThan(LARGE / 2);
      await fresh.db.query('commit');
      // 400 were spent and 600 voided: what comes back is void again.
      expect(posted).toBe(0);
    } finally {
      await fresh.close();
    }
  },
);
