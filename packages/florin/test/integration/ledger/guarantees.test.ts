import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect } from '../../../src/db/index.ts';
import { FlorinError, InsufficientCreditsError } from '../../../src/kernel/index.ts';
import {
  captureHold,
  createSpender,
  explainBalance,
  issueGrant,
  placeHold,
  readBalance,
  releaseHold,
  restoreGrant,
  reverseGrant,
  spendBatch,
  verifyLedger,
} from '../../../src/ledger/index.ts';
import { freshDatabase } from '../../support/postgres.ts';
import { spend } from '../../support/spend.ts';

type Fresh = Awaited<ReturnType<typeof freshDatabase>>;

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    return error instanceof FlorinError ? error.code : String(error);
  }
  return 'no error';
}

describe('the ledger', () => {
  let database: Fresh;
  beforeAll(async () => {
    database = await freshDatabase();
  });
  afterAll(() => database.close());

  async function funded(amount: number): Promise<string> {
    const accountId = randomUUID();
    await issueGrant(database.db, {
      accountId,
      amount,
      idempotencyKey: 'funds',
      source: 'purchase',
    });
    return accountId;
  }

  it('64 spenders on one account never overdraw it', { timeout: 60_000 }, async () => {
    const accountId = await funded(100);
    const outcomes = await Promise.allSettled(
      Array.from({ length: 64 }, (_, n) =>
        spend(database.db, { accountId, amount: 3, idempotencyKey: `spend:${n}` }),
      ),
    );
    const spent = outcomes.filter(({ status }) => status === 'fulfilled').length;
    expect(spent).toBe(Math.floor(100 / 3));
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') {
        expect(outcome.reason).toBeInstanceOf(InsufficientCreditsError);
      }
    }
    expect(await readBalance(database.db, accountId)).toMatchObject({ available: 1 });
    expect(await verifyLedger(database.db, accountId)).toEqual([]);
  });

  it('concurrent holds never exceed what is available', async () => {
    const accountId = await funded(500);
    const outcomes = await Promise.allSettled(
      Array.from({ length: 20 }, (_, n) =>
        placeHold(database.db, { accountId, amount: 75, idempotencyKey: `hold:${n}` }),
      ),
    );
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(6);
    expect(await readBalance(database.db, accountId)).toMatchObject({ held: 450, available: 50 });
    expect(await verifyLedger(database.db, accountId)).toEqual([]);
  });

  it('1,000 calls at once with one key have one effect', { timeout: 60_000 }, async () => {
    const accountId = await funded(5000);
    // On a busy machine the last of the thousand waits long for one of the connections.
    const patient = connect({ url: database.url, connectTimeoutMs: 50_000 });
    const answers = await Promise.all(
      Array.from({ length: 1000 }, () =>
        spend(patient, { accountId, amount: 5, idempotencyKey: 'once' }),
      ),
    ).finally(() => patient.close());
    expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1);
    expect(new Set(answers.map(({ posted }) => posted))).toEqual(new Set([4995]));
    expect(await readBalance(database.db, accountId)).toMatchObject({ posted: 4995 });
  });

  it('answers the same key with other input as a conflict, and changes nothing', async () => {
    const accountId = await funded(50);
    await spend(database.db, { accountId, amount: 5, idempotencyKey: 'k' });
    const again = { accountId, idempotencyKey: 'k' };
    expect(await codeOf(spend(database.db, { ...again, amount: 6 }))).toBe(
      'idempotency_key_reused',
    );
    expect(await codeOf(placeHold(database.db, { ...again, amount: 5 }))).toBe(
      'idempotency_key_reused',
    );
    expect(await codeOf(issueGrant(database.db, { ...again, amount: 5, source: 'x' }))).toBe(
      'idempotency_key_reused',
    );
    expect(await readBalance(database.db, accountId)).toMatchObject({ posted: 45, held: 0 });
  });

  it('refuses bad amounts, keys, accounts and holds by name', async () => {
    const accountId = await funded(50);
    const key = { accountId, idempotencyKey: 'bad' };
    for (const amount of [0, -1, Number.MAX_SAFE_INTEGER + 1]) {
      expect(await codeOf(spend(database.db, { ...key, amount }))).toBe('amount_not_allowed');
    }
    for (const idempotencyKey of ['', 'x'.repeat(256), 'florin:x']) {
      expect(await codeOf(spend(database.db, { accountId, amount: 1, idempotencyKey }))).toBe(
        'idempotency_key_invalid',
      );
    }
    expect(
      await codeOf(spend(database.db, { accountId: randomUUID(), amount: 1, idempotencyKey: 'x' })),
    ).toBe('insufficient_credits');
    expect(await codeOf(captureHold(database.db, { accountId, holdId: randomUUID() }))).toBe(
      'hold_not_open',
    );
    expect(await verifyLedger(database.db, accountId)).toEqual([]);
  });

  it('captures a hold in part, gives the rest back, and replays both', async () => {
    const accountId = await funded(100);
    const { holdId } = await placeHold(database.db, {
      accountId,
      amount: 40,
      idempotencyKey: 'job',
    });
    await spend(database.db, { accountId, amount: 10, idempotencyKey: 'beside' });
    const hold = { accountId, holdId };
    const first = await captureHold(database.db, { ...hold, amount: 15 });
    expect(first).toMatchObject({ posted: 75, held: 0, available: 75, replayed: false });
    expect(await captureHold(database.db, { ...hold, amount: 15 })).toMatchObject({
      posted: 75,
      replayed: true,
    });
    expect(await codeOf(captureHold(database.db, { ...hold, amount: 16 }))).toBe(
      'idempotency_key_reused',
    );
    expect(await codeOf(releaseHold(database.db, hold))).toBe('hold_not_open');
    expect(await verifyLedger(database.db, accountId)).toEqual([]);
  });

  it('takes an expired grant out of the balance without a sweep, and a sweep changes nothing', async () => {
    const accountId = await funded(10);
    await issueGrant(database.db, {
      accountId,
      amount: 90,
      idempotencyKey: 'short',
      source: 'bonus',
      effectiveAt: new Date(Date.now() - 60_000),
      // Long enough for the spend that comes next, also on a busy machine.
      expiresAt: new Date(Date.now() + 3_000),
    });
    await spend(database.db, { accountId, amount: 20, idempotencyKey: 's' });
    await expect.poll(async () => (await readBalance(database.db, accountId)).available).toBe(10);
    const before = await readBalance(database.db, accountId);
    expect(await codeOf(spend(database.db, { accountId, amount: 11, idempotencyKey: 't' }))).toBe(
      'insufficient_credits',
    );
    await spend(database.db, { accountId, amount: 4, idempotencyKey: 'u' });
    expect((await readBalance(database.db, accountId)).posted).toBe(before.posted - 4);
    expect(await verifyLedger(database.db, accountId)).toEqual([]);
  });

  it('takes money that went back from other grants, then as debt, and restores it exactly', async () => {
    const accountId = await funded(30);
    const { grantId } = await issueGrant(database.db, {
      accountId,
      amount: 100,
      idempotencyKey: 'second',
      source: 'purchase',
      priority: -1,
    });
    await spend(database.db, { accountId, amount: 90, idempotencyKey: 's' });
    const part = { accountId, grantId, amount: 100 };
    const reversed = await reverseGrant(database.db, { ...part, idempotencyKey: 'refund' });
    expect(reversed).toMatchObject({ posted: -60, available: -60 });
    const debt = (await explainBalance(database.db, accountId)).filter(
      ({ item }) => item === 'debt',
    );
    expect(debt).toMatchObject([{ amount: 60, contributes: -60 }]);
    expect(await verifyLedger(database.db, accountId)).toEqual([]);
    await restoreGrant(database.db, { ...part, idempotencyKey: 'refund failed' });
    const items = await explainBalance(database.db, accountId);
    expect(items.map(({ spent, contributes }) => [spent, contributes])).toEqual([
      [0, 30],
      [90, 10],
    ]);
    expect(await verifyLedger(database.db, accountId)).toEqual([]);
  });

  it('spends in batches, each accepted or refused on its own', async () => {
    const [rich, poor] = [await funded(100), await funded(5)];
    const results = await spendBatch(database.db, [
      { accountId: rich, amount: 10, idempotencyKey: 'a' },
      { accountId: poor, amount: 6, idempotencyKey: 'a' },
      { accountId: rich, amount: 10, idempotencyKey: 'a' },
      { accountId: rich, amount: 11, idempotencyKey: 'a' },
      { accountId: poor, amount: 5, idempotencyKey: 'b' },
    ]);
    expect(results.map(({ status }) => status)).toEqual([
      'spent',
      'insufficient_credits',
      'replayed',
      'idempotency_key_reused',
      'spent',
    ]);
    expect(await verifyLedger(database.db)).toEqual([]);
  });

  it('batches concurrent spends of one account with the same outcome as one by one', async () => {
    const accountId = await funded(100);
    const { spend: batched } = createSpender(database.db);
    const outcomes = await Promise.allSettled(
      Array.from({ length: 50 }, (_, n) =>
        batched({ accountId, amount: 3, idempotencyKey: `b:${n}` }),
      ),
    );
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(33);
    expect(await verifyLedger(database.db, accountId)).toEqual([]);
  });
});
