import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Executor } from '../../../src/db/index.ts';
import {
  captureHold,
  explainBalance,
  issueGrant,
  listAllocations,
  listEntries,
  listGrants,
  placeHold,
  readBalance,
  readHold,
  reverseGrant,
} from '../../../src/ledger/index.ts';
import { type FreshDatabase, freshDatabase } from '../../support/postgres.ts';
import { spend } from '../../support/spend.ts';

/** Everything must be written before it is over, also on a busy machine. */
const SOON_MS = 3_000;

describe('what a buyer or an operator reads', () => {
  let database: FreshDatabase;
  beforeAll(async () => {
    database = await freshDatabase();
  });
  afterAll(() => database.close());

  /** An account on which everything is unsettled: spends, an expired grant and hold, a started one, debt. */
  async function unsettled() {
    const { db } = database;
    const accountId = randomUUID();
    const soon = new Date(Date.now() + SOON_MS);
    const grant = (amount: number, idempotencyKey: string, more: object = {}) =>
      issueGrant(db, { accountId, amount, idempotencyKey, source: 'bonus', ...more });
    const pack = await grant(100, 'pack');
    await grant(40, 'ends', { expiresAt: soon, priority: -1 });
    await grant(25, 'starts', { effectiveAt: soon });
    await spend(db, { accountId, amount: 10, idempotencyKey: 'scan:1' });
    const lapsing = await placeHold(db, {
      accountId,
      amount: 30,
      idempotencyKey: 'scan:2',
      expiresInSeconds: SOON_MS / 1000,
    });
    const open = await placeHold(db, { accountId, amount: 20, idempotencyKey: 'scan:3' });
    const used = await placeHold(db, { accountId, amount: 15, idempotencyKey: 'scan:4' });
    await captureHold(db, { accountId, holdId: used.holdId, amount: 5 });
    await spend(db, { accountId, amount: 45, idempotencyKey: 'scan:5' });
    await reverseGrant(db, {
      accountId,
      grantId: pack.grantId,
      amount: 100,
      idempotencyKey: 'refund',
    });
    await new Promise((resolve) => setTimeout(resolve, SOON_MS + 50));
    return { accountId, holds: [lapsing.holdId, open.holdId, used.holdId] };
  }

  async function readAll(
    db: Executor,
    { accountId, holds }: { accountId: string; holds: string[] },
  ) {
    return {
      balance: await readBalance(db, accountId),
      items: await explainBalance(db, accountId),
      grants: await listGrants(db, accountId),
      holds: await Promise.all(holds.map((holdId) => readHold(db, { accountId, holdId }))),
      allocations: await listAllocations(db, { accountId, from: 1, to: 12 }),
    };
  }

  it('writes and locks nothing: it is allowed in a read-only transaction', async () => {
    const account = await unsettled();
    const all = await database.db.transaction(async (tx) => {
      await tx.query('set transaction read only');
      return {
        ...(await readAll(tx, account)),
        entries: await listEntries(tx, { accountId: account.accountId, limit: 50 }),
      };
    });
    expect(all.items.length).toBeGreaterThan(3);
    expect(all.allocations.length).toBeGreaterThan(2);
  });

  it('is the same before and after the account is settled', async () => {
    const account = await unsettled();
    const before = await readAll(database.db, account);
    await database.db.query('select credits.settle_account($1)', [account.accountId]);
    expect(await readAll(database.db, account)).toEqual(before);
    const available = before.items.reduce((sum, { contributes }) => sum + contributes, 0);
    expect(available).toBe(before.balance.available);
  });

  it('waits for no writer: an open transaction with a spend does not delay it', async () => {
    const account = await unsettled();
    await database.db.transaction(async (tx) => {
      await tx.query('select credits.settle_account($1)', [account.accountId]);
      const read = readAll(database.db, account).then(() => 'read');
      const late = new Promise((resolve) => setTimeout(resolve, 5000, 'waited'));
      expect(await Promise.race([read, late])).toBe('read');
    });
  });
});
