import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  captureHold,
  expireDue,
  explainBalance,
  issueGrant,
  listEntries,
  placeHold,
  readBalance,
  releaseHold,
  restoreGrant,
  reverseGrant,
  spendBatch,
  verifyLedger,
  voidGrant,
} from '../../../src/ledger/index.ts';
import { installVirtualClock, type VirtualClock } from '../../property/virtual-clock.ts';
import { freshDatabase } from '../../support/postgres.ts';
import { spend } from '../../support/spend.ts';

const START = Date.UTC(2030, 0, 1);
const at = (seconds: number) => new Date(START + seconds * 1000);

describe('the ledger and time', () => {
  let database: Awaited<ReturnType<typeof freshDatabase>>;
  let clock: VirtualClock;
  beforeAll(async () => {
    database = await freshDatabase();
    clock = await installVirtualClock(database.db);
  });
  afterAll(() => database.close());

  /** An account with one grant of 100, at second 0. */
  async function funded(expiresInSeconds?: number, effectiveInSeconds?: number) {
    const accountId = randomUUID();
    await clock.set(at(0));
    const { grantId } = await issueGrant(database.db, {
      accountId,
      amount: 100,
      idempotencyKey: 'funds',
      source: 'purchase',
      ...(expiresInSeconds === undefined ? {} : { expiresAt: at(expiresInSeconds) }),
      ...(effectiveInSeconds === undefined ? {} : { effectiveAt: at(effectiveInSeconds) }),
    });
    return { accountId, grantId };
  }

  /** The balance, after making sure that a sweep changes nothing of it and the ledger is sound. */
  async function balance(accountId: string) {
    const before = await readBalance(database.db, accountId);
    await expireDue(database.db);
    expect(await readBalance(database.db, accountId)).toEqual(before);
    expect(await verifyLedger(database.db, accountId)).toEqual([]);
    const items = await explainBalance(database.db, accountId);
    expect(items.reduce((sum, item) => sum + item.contributes, 0)).toBe(before.available);
    return before;
  }

  it('a grant is spendable until the instant it expires, and not in it', async () => {
    const { accountId } = await funded(10);
    await clock.set(new Date(START + 9_999));
    expect(await balance(accountId)).toMatchObject({ available: 100, nextExpiryAt: at(10) });
    await clock.set(at(10));
    await expect(
      spend(database.db, { accountId, amount: 1, idempotencyKey: 's' }),
    ).rejects.toMatchObject({ code: 'insufficient_credits' });
    expect(await balance(accountId)).toMatchObject({ posted: 0, available: 0, nextExpiryAt: null });
  });

  it('a grant of the future counts from its instant on', async () => {
    const { accountId } = await funded(20, 10);
    expect(await balance(accountId)).toMatchObject({ posted: 0 });
    await clock.set(at(10));
    expect(await balance(accountId)).toMatchObject({ posted: 100, nextExpiryAt: at(20) });
    await clock.set(at(20));
    expect(await balance(accountId)).toMatchObject({ posted: 0 });
  });

  it('a hold keeps what it reserves from expiring, and a capture then spends it', async () => {
    const { accountId } = await funded(10);
    const hold = { accountId, amount: 40, idempotencyKey: 'job', expiresInSeconds: 60 };
    const { holdId } = await placeHold(database.db, hold);
    await clock.set(at(10));
    expect(await balance(accountId)).toMatchObject({ posted: 40, held: 40, available: 0 });
    const captured = await captureHold(database.db, { accountId, holdId, amount: 25 });
    // The 15 that come back are of a grant that is over: the answer knows that they are gone.
    expect(captured).toMatchObject({ posted: 0, held: 0, available: 0 });
    expect(await balance(accountId)).toMatchObject({ posted: 0, held: 0 });
  });

  it('a hold expires by itself and gives back what it reserved', async () => {
    const { accountId } = await funded(60);
    const hold = { accountId, amount: 100, idempotencyKey: 'job', expiresInSeconds: 10 };
    const { holdId } = await placeHold(database.db, hold);
    await clock.set(at(10));
    expect(await balance(accountId)).toMatchObject({ held: 0, nextExpiryAt: at(60) });
    await expect(captureHold(database.db, { accountId, holdId })).rejects.toMatchObject({
      code: 'hold_not_open',
    });
    expect(await releaseHold(database.db, { accountId, holdId })).toMatchObject({ replayed: true });
  });

  it('a release of a hold that is over replays, whether or not a sweep came before it', async () => {
    const { accountId } = await funded();
    for (const swept of [true, false]) {
      await clock.set(at(0));
      const hold = { accountId, amount: 1, idempotencyKey: `${swept}`, expiresInSeconds: 10 };
      const { holdId } = await placeHold(database.db, hold);
      await clock.set(at(10));
      if (swept) {
        await expireDue(database.db);
      }
      const released = await releaseHold(database.db, { accountId, holdId });
      expect(released).toMatchObject({ held: 0, available: 100, replayed: true });
      expect(await releaseHold(database.db, { accountId, holdId })).toEqual(released);
    }
    expect(await balance(accountId)).toMatchObject({ held: 0, available: 100 });
  });

  it('what an expired hold gives back to a grant that expired after it is gone at once', async () => {
    const { accountId } = await funded(20);
    const hold = { accountId, amount: 100, idempotencyKey: 'job', expiresInSeconds: 10 };
    await placeHold(database.db, hold);
    await readBalance(database.db, accountId);
    await database.db.query('select credits.settle_account($1)', [accountId]);
    await clock.set(at(30));
    await expect(
      placeHold(database.db, { ...hold, idempotencyKey: 'again' }),
    ).rejects.toMatchObject({ code: 'insufficient_credits' });
    expect(await balance(accountId)).toMatchObject({ posted: 0, available: 0 });
  });

  it('a reversal told twice changes nothing the second time, whatever was spent between', async () => {
    const { accountId, grantId } = await funded();
    const part = { accountId, grantId, amount: 30, idempotencyKey: 'refund' };
    await reverseGrant(database.db, part);
    await spend(database.db, { accountId, amount: 5, idempotencyKey: 'a' });
    expect(await reverseGrant(database.db, part)).toMatchObject({ replayed: true, posted: 70 });
    expect(await verifyLedger(database.db, accountId)).toEqual([]);
    await restoreGrant(database.db, { ...part, idempotencyKey: 'undo' });
    await spend(database.db, { accountId, amount: 5, idempotencyKey: 'b' });
    await restoreGrant(database.db, { ...part, idempotencyKey: 'undo' });
    await voidGrant(database.db, { accountId, grantId, idempotencyKey: 'void' });
    expect(await balance(accountId)).toMatchObject({ posted: 0 });
  });

  it('taking back a grant of the future that was voided posts nothing', async () => {
    const { accountId, grantId } = await funded(undefined, 10);
    await voidGrant(database.db, { accountId, grantId, idempotencyKey: 'void' });
    await reverseGrant(database.db, { accountId, grantId, amount: 100, idempotencyKey: 'refund' });
    expect(await balance(accountId)).toMatchObject({ posted: 0 });
    await clock.set(at(10));
    expect(await balance(accountId)).toMatchObject({ posted: 0 });
  });

  it('undoing a reversal of voided credits does not undo the void', async () => {
    const { accountId, grantId } = await funded();
    await voidGrant(database.db, { accountId, grantId, idempotencyKey: 'void' });
    const part = { accountId, grantId, amount: 100 };
    await reverseGrant(database.db, { ...part, idempotencyKey: 'refund' });
    const restored = await restoreGrant(database.db, { ...part, idempotencyKey: 'refund failed' });
    expect(restored).toMatchObject({ posted: 0 });
    expect(await balance(accountId)).toMatchObject({ posted: 0 });
  });

  it('credits that a failed refund gives back still expire with their grant', async () => {
    const { accountId, grantId } = await funded(10);
    const part = { accountId, grantId, amount: 100 };
    await reverseGrant(database.db, { ...part, idempotencyKey: 'refund' });
    await restoreGrant(database.db, { ...part, amount: 60, idempotencyKey: 'refund failed' });
    expect(await balance(accountId)).toMatchObject({ posted: 60, nextExpiryAt: at(10) });
    await clock.set(at(10));
    expect(await balance(accountId)).toMatchObject({ posted: 0 });
    await restoreGrant(database.db, { ...part, amount: 40, idempotencyKey: 'too late' });
    expect(await balance(accountId)).toMatchObject({ posted: 0, nextExpiryAt: null });
  });

  it('a batch takes one key once, even after it refused a larger amount under it', async () => {
    const { accountId } = await funded();
    const item = { accountId, idempotencyKey: 'k' };
    const results = await spendBatch(database.db, [
      { ...item, amount: 101 },
      { ...item, amount: 5 },
      { ...item, amount: 5 },
      { ...item, amount: 6 },
    ]);
    expect(results.map(({ status }) => status)).toEqual([
      'insufficient_credits',
      'spent',
      'replayed',
      'idempotency_key_reused',
    ]);
    expect(await balance(accountId)).toMatchObject({ posted: 95 });
  });

  it('two sweeps at once write each expiry once', async () => {
    const { accountId } = await funded(10);
    await clock.set(at(11));
    await Promise.all(Array.from({ length: 4 }, () => expireDue(database.db)));
    const entries = await listEntries(database.db, { accountId, limit: 10 });
    expect(entries.map(({ kind, amount }) => [kind, amount])).toEqual([
      ['expiry', -100],
      ['grant', 100],
    ]);
    expect(entries[0]?.createdAt).toEqual(at(10));
  });
});
