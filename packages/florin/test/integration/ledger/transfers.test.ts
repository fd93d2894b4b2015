import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FlorinError, InsufficientCreditsError } from '../../../src/kernel/index.ts';
import {
  closeAccount,
  issueGrant,
  listEntries,
  listGrants,
  placeHold,
  readBalance,
  reverseGrant,
  type Transfer,
  transfer,
  verifyLedger,
} from '../../../src/ledger/index.ts';
import { type Bought, buyCredits, moneyMoves } from '../../support/bought.ts';
import { type FreshDatabase, freshDatabase } from '../../support/postgres.ts';
import { spend } from '../../support/spend.ts';

const CONNECTIONS = 16;

describe('credits moved to another account', () => {
  let database: FreshDatabase;
  beforeAll(async () => {
    database = await freshDatabase({ maxConnections: CONNECTIONS });
  });
  afterAll(async () => {
    expect(await verifyLedger(database.db)).toEqual([]);
    await database.close();
  });

  const move = (request: Omit<Transfer, 'idempotencyKey' | 'reason'>) =>
    transfer(database.db, { idempotencyKey: randomUUID(), reason: 'merged accounts', ...request });
  const available = async (accountId: string) =>
    (await readBalance(database.db, accountId)).available;
  const kinds = async (accountId: string) =>
    (await listEntries(database.db, { accountId, limit: 20 }))
      .reverse()
      .map(({ kind, amount }) => `${kind} ${amount}`);

  it('go in burn order and keep their expiry, priority, source and purchase', async () => {
    const [from, to] = [randomUUID(), randomUUID()];
    const expiresAt = new Date(Date.now() + 86_400_000);
    await buyCredits(database.db, { accountId: from, amount: 50, key: 'florin:checkout:late' });
    await buyCredits(database.db, {
      accountId: from,
      amount: 30,
      key: 'florin:invoice:soon',
      source: 'subscription',
      priority: -2,
      expiresAt,
    });
    const moved = await move({ from, to, amount: 40, actor: 'ada' });
    expect(moved).toMatchObject({ posted: 40, available: 40, replayed: false });
    expect(await listGrants(database.db, to)).toMatchObject([
      { source: 'purchase', priority: 0, amount: 10, remaining: 10, expiresAt: null },
      { source: 'subscription', priority: -2, amount: 30, remaining: 30, expiresAt },
    ]);
    const pieces = await database.db.query(
      `select purchase_key, home_account_id from credits.grants where account_id = $1 order by issued_no`,
      [to],
    );
    expect(pieces).toEqual([
      { purchaseKey: 'florin:invoice:soon', homeAccountId: from },
      { purchaseKey: 'florin:checkout:late', homeAccountId: from },
    ]);
    const [newest] = await listEntries(database.db, { accountId: from, limit: 1 });
    expect(newest).toMatchObject({
      kind: 'transfer',
      actor: 'ada',
      metadata: { to, credits: 40, reason: 'merged accounts' },
    });
    const [arrived] = await listEntries(database.db, { accountId: to, limit: 1 });
    expect(arrived).toMatchObject({
      kind: 'transfer',
      actor: 'ada',
      metadata: { from, reason: 'merged accounts' },
    });
  });

  it('are only those that were paid for, and neither spent nor reserved', async () => {
    const [from, to] = [randomUUID(), randomUUID()];
    await buyCredits(database.db, { accountId: from, amount: 50 });
    await buyCredits(database.db, { accountId: from, amount: 20, source: 'trial' });
    await issueGrant(database.db, {
      accountId: from,
      amount: 500,
      idempotencyKey: 'gift',
      source: 'bonus',
      priority: 5,
    });
    await placeHold(database.db, { accountId: from, amount: 15, idempotencyKey: 'job' });
    const refused = move({ from, to, amount: 36 });
    await expect(refused).rejects.toBeInstanceOf(InsufficientCreditsError);
    await expect(refused).rejects.toMatchObject({ available: 35, required: 36 });
    await expect(refused).rejects.toThrow(/^Only 35 credits can be moved/);
    expect(await kinds(to)).toEqual([]);
    await move({ from, to, amount: 35 });
    expect([await available(from), await available(to)]).toEqual([520, 35]);
  });

  it('are moved once, and a repetition answers with the first result', async () => {
    const [from, to] = [randomUUID(), randomUUID()];
    await buyCredits(database.db, { accountId: from, amount: 50 });
    const request = { from, to, amount: 20, idempotencyKey: 'm', reason: 'why' };
    const first = await transfer(database.db, request);
    await spend(database.db, { accountId: from, amount: 5, idempotencyKey: 's' });
    expect(await transfer(database.db, request)).toEqual({ ...first, replayed: true });
    for (const other of [{ amount: 21 }, { to: randomUUID() }, { reason: 'no' }, { actor: 'x' }]) {
      await expect(transfer(database.db, { ...request, ...other })).rejects.toMatchObject({
        code: 'idempotency_key_reused',
      });
    }
    expect(await available(to)).toBe(20);
  });

  it('are refused for accounts that are closed, the same, or missing', async () => {
    const [from, to, closed] = [randomUUID(), randomUUID(), randomUUID()];
    await buyCredits(database.db, { accountId: from, amount: 50 });
    await buyCredits(database.db, { accountId: closed, amount: 50 });
    await closeAccount(database.db, { accountId: closed, idempotencyKey: 'over' });
    const wrong: [Parameters<typeof move>[0], string][] = [
      [{ from, to: from, amount: 1 }, 'invalid_input'],
      [{ from, to: closed, amount: 1 }, 'account_closed'],
      [{ from: closed, to, amount: 1 }, 'account_closed'],
      [{ from, to: 'nobody', amount: 1 }, 'invalid_input'],
      [{ from, to, amount: 0 }, 'amount_not_allowed'],
      [{ from: randomUUID(), to, amount: 1 }, 'insufficient_credits'],
    ];
    for (const [request, code] of wrong) {
      await expect(move(request)).rejects.toMatchObject({ code });
    }
    expect(await kinds(from)).toEqual(['grant 50']);
    expect(await kinds(to)).toEqual([]);
  });

  it('are found by a refund where they are: what is left first, then as debt where it was spent', async () => {
    const [buyer, friend, third] = [randomUUID(), randomUUID(), randomUUID()];
    const bought = await buyCredits(database.db, { accountId: buyer, amount: 100 });
    await move({ from: buyer, to: friend, amount: 60 });
    await move({ from: friend, to: third, amount: 20 });
    await spend(database.db, { accountId: friend, amount: 30, idempotencyKey: 'used' });
    await moneyMoves(database.db, { ...bought, do: 'reverse', amount: 70, step: 1 });
    expect(
      [await available(buyer), await available(friend), await available(third)].sort(),
    ).toEqual([0, 0, 0]);
    await moneyMoves(database.db, { ...bought, do: 'reverse', amount: 30, step: 2 });
    expect([await available(buyer), await available(friend), await available(third)]).toEqual([
      0, -30, 0,
    ]);
    await moneyMoves(database.db, { ...bought, do: 'restore', amount: 100, step: 3 });
    expect([await available(buyer), await available(friend), await available(third)]).toEqual([
      40, 10, 20,
    ]);
  });

  it('that come home are the grant that they were, however often they went', async () => {
    const [home, away] = [randomUUID(), randomUUID()];
    const { grantId } = await buyCredits(database.db, { accountId: home, amount: 100 });
    for (let round = 0; round < 5; round += 1) {
      await move({ from: home, to: away, amount: 70 });
      await move({ from: away, to: home, amount: 70 });
    }
    expect(await listGrants(database.db, home)).toMatchObject([
      { grantId, amount: 100, remaining: 100, moved: 0 },
    ]);
    expect(await available(away)).toBe(0);
  });

  it('pay the debt of the account that they come to', async () => {
    const [from, to] = [randomUUID(), randomUUID()];
    await buyCredits(database.db, { accountId: from, amount: 50 });
    const bought = await buyCredits(database.db, { accountId: to, amount: 30 });
    await spend(database.db, { accountId: to, amount: 30, idempotencyKey: 'used' });
    await moneyMoves(database.db, { ...bought, do: 'reverse', amount: 30, step: 1 });
    await move({ from, to, amount: 50 });
    expect(await available(to)).toBe(20);
    await expect(move({ from: to, to: from, amount: 21 })).rejects.toMatchObject({ available: 20 });
  });

  it('are taken back through the grant that was bought, and through no other', async () => {
    const [from, to] = [randomUUID(), randomUUID()];
    const { grantId } = await buyCredits(database.db, { accountId: from, amount: 50 });
    await move({ from, to, amount: 20 });
    const [piece] = await listGrants(database.db, to);
    await expect(
      reverseGrant(database.db, {
        accountId: to,
        grantId: piece?.grantId ?? '',
        amount: 1,
        idempotencyKey: 'r',
      }),
    ).rejects.toMatchObject({ code: 'grant_not_found' });
    await reverseGrant(database.db, { accountId: from, grantId, amount: 50, idempotencyKey: 'r' });
    expect([await available(from), await available(to)]).toEqual([0, 0]);
  });

  it('in all directions at once, with refunds between, wait for each other and never in a circle', {
    timeout: 120_000,
  }, async () => {
    const accounts = Array.from({ length: 4 }, () => randomUUID());
    const bought: Bought[] = [];
    for (const accountId of accounts) {
      bought.push(await buyCredits(database.db, { accountId, amount: 1_000 }));
    }
    const pick = (n: number) => accounts[n % accounts.length] as string;
    /** Repeated while something is on its way, as every caller is asked to; a circle would be an error. */
    const insist = async (work: () => Promise<unknown>): Promise<void> => {
      for (;;) {
        try {
          await work();
          return;
        } catch (error) {
          if (error instanceof InsufficientCreditsError) {
            return;
          }
          expect(error).toBeInstanceOf(FlorinError);
          expect((error as FlorinError).details, String(error)).toMatchObject({
            sqlstate: '40001',
          });
        }
      }
    };
    const work = Array.from({ length: 240 }, (_, n) => async () => {
      if (n % 6 === 5) {
        const one = bought[n % bought.length] as Bought;
        const step = Math.floor(n / bought.length);
        return insist(() => moneyMoves(database.db, { ...one, do: 'reverse', amount: 7, step }));
      }
      const request = {
        from: pick(n * 7 + Math.floor(n / 4)),
        to: pick(n * 7 + Math.floor(n / 4) + 1 + (n % 3)),
        amount: 1 + ((n * 37) % 200),
        idempotencyKey: `storm:${n}`,
        reason: 'storm',
      };
      return insist(() => transfer(database.db, request));
    });
    // As many at once as there are connections: who waits for one of those waits for no account.
    await Promise.all(
      Array.from({ length: CONNECTIONS }, async () => {
        for (let one = work.shift(); one !== undefined; one = work.shift()) {
          await one();
        }
      }),
    );
    const sums = await Promise.all(accounts.map(available));
    expect(sums.reduce((sum, one) => sum + one, 0)).toBe(4_000 - 40 * 7);
  });
});
