import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { tellAlerts } from '../../../src/alerts/index.ts';
import { silentLogger } from '../../../src/kernel/index.ts';
import {
  captureHold,
  createSpender,
  issueGrant,
  listLimits,
  placeHold,
  readBalance,
  releaseHold,
  removeLimit,
  type SetLimit,
  setLimit,
  spendBatch,
  verifyLedger,
} from '../../../src/ledger/index.ts';
import { type FreshDatabase, freshDatabase } from '../../support/postgres.ts';
import { spend } from '../../support/spend.ts';

describe('a limit', () => {
  let database: FreshDatabase;
  beforeAll(async () => {
    database = await freshDatabase();
  });
  afterAll(() => database.close());

  async function granted(...limits: readonly Omit<SetLimit, 'accountId'>[]): Promise<string> {
    const accountId = randomUUID();
    const { db } = database;
    await issueGrant(db, { accountId, amount: 10_000, idempotencyKey: 'g', source: 'test' });
    for (const limit of limits) {
      await setLimit(db, { accountId, ...limit });
    }
    return accountId;
  }
  type By = { actor?: string; feature?: string };
  const use = (accountId: string, amount: number, by: By = {}) =>
    spend(database.db, { accountId, amount, idempotencyKey: randomUUID(), ...by });
  const hold = (accountId: string, amount: number, by: By = {}) =>
    placeHold(database.db, { accountId, amount, idempotencyKey: randomUUID(), ...by });
  const available = async (accountId: string) =>
    (await readBalance(database.db, accountId)).available;
  const codeOf = (write: Promise<unknown>) =>
    write.then(
      () => 'written',
      (error: { code: string }) => error.code,
    );

  it('refuses what would pass it, names itself, and writes nothing', async () => {
    const accountId = await granted({ window: 'day', credits: 10 });
    await use(accountId, 7);
    const tomorrow = new Date(new Date().setUTCHours(24, 0, 0, 0));
    await expect(use(accountId, 4)).rejects.toMatchObject({
      code: 'limit_reached',
      rule: { actor: null, feature: null, window: 'day', timeZone: 'UTC' },
      used: 7,
      limit: 10,
      resetsAt: tomorrow,
    });
    await use(accountId, 3);
    expect(await codeOf(use(accountId, 1))).toBe('limit_reached');
    expect(await available(accountId)).toBe(9_990);
    expect(await verifyLedger(database.db, accountId)).toEqual([]);
  });

  it('of 100 lets 200 spends at once use 100, never 101', async () => {
    const accountId = await granted({ window: 'day', credits: 100 });
    const answers = await Promise.all(Array.from({ length: 200 }, () => codeOf(use(accountId, 1))));
    expect(answers.filter((answer) => answer === 'written')).toHaveLength(100);
    expect(answers.filter((answer) => answer === 'limit_reached')).toHaveLength(100);
    expect(await available(accountId)).toBe(9_900);
  });

  it('of 100 lets 200 spends that go together use 100, each told the limit', async () => {
    const accountId = await granted({ window: 'month', credits: 100 });
    const { spend: batched } = createSpender(database.db);
    const answers = await Promise.all(
      Array.from({ length: 200 }, () =>
        batched({ accountId, amount: 1, idempotencyKey: randomUUID() }).then(
          () => 'written',
          (error: { code: string; used: number }) => `${error.code} ${error.used}`,
        ),
      ),
    );
    expect(answers.filter((answer) => answer === 'written')).toHaveLength(100);
    expect(answers.filter((answer) => answer === 'limit_reached 100')).toHaveLength(100);
    expect(await available(accountId)).toBe(9_900);
  });

  it('of 100 lets spends, holds and captures at once use 100, never 101', async () => {
    const accountId = await granted({ window: 'lifetime', credits: 100 });
    const work = async (n: number): Promise<number> => {
      if (n % 2 === 0) {
        return (await codeOf(use(accountId, 3))) === 'written' ? 3 : 0;
      }
      const placed = await hold(accountId, 5).catch(() => undefined);
      if (placed === undefined) {
        return 0;
      }
      const { holdId } = placed;
      const used = n % 5;
      await (used === 0
        ? releaseHold(database.db, { accountId, holdId })
        : captureHold(database.db, { accountId, holdId, amount: used }));
      return used;
    };
    const used = await Promise.all(Array.from({ length: 120 }, (_, n) => work(n)));
    const sum = used.reduce((total, each) => total + each, 0);
    expect(sum).toBeLessThanOrEqual(100);
    expect(await available(accountId)).toBe(10_000 - sum);
    expect(await listLimits(database.db, accountId)).toMatchObject([{ used: sum }]);
    await use(accountId, 100 - sum);
    expect(await codeOf(use(accountId, 1))).toBe('limit_reached');
  });

  it('answers a repetition with the first result, also once it is reached', async () => {
    const accountId = await granted({ window: 'day', credits: 10 });
    const request = { accountId, amount: 10, idempotencyKey: 'job' };
    const first = await spend(database.db, request);
    expect(await spend(database.db, request)).toEqual({ ...first, replayed: true });
    expect(await listLimits(database.db, accountId)).toMatchObject([{ used: 10 }]);
    const again = await spendBatch(database.db, [request]);
    expect(again).toMatchObject([{ status: 'replayed' }]);
  });

  it('under one key a hundred times at once counts once', async () => {
    const accountId = await granted({ window: 'day', credits: 10 });
    const request = { accountId, amount: 6, idempotencyKey: 'job' };
    const answers = await Promise.all(
      Array.from({ length: 100 }, () => codeOf(spend(database.db, request))),
    );
    expect(new Set(answers)).toEqual(new Set(['written']));
    expect(await listLimits(database.db, accountId)).toMatchObject([{ used: 6 }]);
  });

  it('of an actor, a feature or both counts theirs alone', async () => {
    const accountId = await granted(
      { window: 'day', credits: 5, actor: 'ada' },
      { window: 'day', credits: 7, feature: 'scan' },
      { window: 'day', credits: 2, actor: 'ada', feature: 'scan' },
    );
    await use(accountId, 100);
    await use(accountId, 100, { actor: 'bob' });
    await use(accountId, 2, { actor: 'ada', feature: 'scan' });
    expect(await codeOf(use(accountId, 1, { actor: 'ada', feature: 'scan' }))).toBe(
      'limit_reached',
    );
    await use(accountId, 3, { actor: 'ada' });
    expect(await codeOf(use(accountId, 1, { actor: 'ada', feature: 'chat' }))).toBe(
      'limit_reached',
    );
    await use(accountId, 5, { actor: 'bob', feature: 'scan' });
    expect(await codeOf(use(accountId, 1, { actor: 'bob', feature: 'scan' }))).toBe(
      'limit_reached',
    );
    await use(accountId, 1, { actor: 'bob', feature: 'chat' });
  });

  it('of each actor counts each on its own, and nobody’s use towards none', async () => {
    const accountId = await granted({ window: 'month', credits: 5, actor: '*' });
    for (const actor of ['ada', 'bob', 'eve']) {
      await use(accountId, 5, { actor });
      await expect(use(accountId, 1, { actor })).rejects.toMatchObject({
        code: 'limit_reached',
        rule: { actor: '*', window: 'month' },
      });
    }
    await use(accountId, 50);
    expect(await listLimits(database.db, accountId)).toMatchObject([{ actor: '*', used: null }]);
  });

  it('set in the middle of a window counts what was used in it before', async () => {
    const accountId = await granted();
    await use(accountId, 30, { actor: 'ada' });
    const { holdId } = await hold(accountId, 20, { actor: 'ada' });
    await captureHold(database.db, { accountId, holdId, amount: 10 });
    await setLimit(database.db, { accountId, window: 'day', credits: 45, actor: 'ada' });
    await setLimit(database.db, { accountId, window: 'lifetime', credits: 41, actor: '*' });
    expect(await listLimits(database.db, accountId)).toMatchObject([{ used: null }, { used: 40 }]);
    await expect(use(accountId, 2, { actor: 'ada' })).rejects.toMatchObject({
      used: 40,
      limit: 41,
    });
    await use(accountId, 1, { actor: 'ada' });
  });

  it('is changed by setting it again, and gone once it is removed', async () => {
    const accountId = await granted({ window: 'day', credits: 5 });
    await use(accountId, 5);
    await setLimit(database.db, { accountId, window: 'day', credits: 8 });
    await use(accountId, 3);
    await setLimit(database.db, { accountId, window: 'day', credits: 0 });
    expect(await listLimits(database.db, accountId)).toMatchObject([{ credits: 0, used: 8 }]);
    expect(await codeOf(use(accountId, 1))).toBe('limit_reached');
    expect(await removeLimit(database.db, { accountId, window: 'day' })).toBe(true);
    expect(await removeLimit(database.db, { accountId, window: 'day' })).toBe(false);
    await use(accountId, 100);
    expect(await listLimits(database.db, accountId)).toEqual([]);
  });

  it('counts what holds reserve: a capture moves it, a release gives it back', async () => {
    const accountId = await granted({ window: 'day', credits: 10, actor: 'ada' });
    const by = { actor: 'ada' };
    const { holdId: captured } = await hold(accountId, 6, by);
    const { holdId: released } = await hold(accountId, 4, by);
    await expect(hold(accountId, 1, by)).rejects.toMatchObject({ code: 'limit_reached', used: 10 });
    await captureHold(database.db, { accountId, holdId: captured, amount: 2 });
    await use(accountId, 4, by);
    await releaseHold(database.db, { accountId, holdId: released });
    await use(accountId, 4, by);
    expect(await codeOf(use(accountId, 1, by))).toBe('limit_reached');
    expect(await verifyLedger(database.db, accountId)).toEqual([]);
  });

  it('gives back what a hold reserved whose time was up', async () => {
    const accountId = await granted({ window: 'day', credits: 10 });
    const { db } = database;
    const request = { accountId, amount: 10, idempotencyKey: 'h', expiresInSeconds: 0.2 };
    await placeHold(db, request);
    await expect.poll(() => codeOf(use(accountId, 10))).toBe('written');
  });

  it('binds what a capture takes above its hold', async () => {
    const accountId = await granted({ window: 'day', credits: 10, feature: 'scan' });
    const by = { feature: 'scan' };
    const { holdId } = await hold(accountId, 4, by);
    await use(accountId, 3, by);
    const above = { accountId, holdId, amount: 9 } as const;
    const debt = captureHold(database.db, { ...above, overage: 'debt' }, 1_000_000);
    await expect(debt).rejects.toMatchObject({ code: 'limit_reached', used: 7, limit: 10 });
    const taken = await captureHold(database.db, { ...above, overage: 'up_to_available' });
    expect(taken).toMatchObject({ captured: 7, uncovered: 2 });
    expect(await listLimits(database.db, accountId)).toMatchObject([{ used: 10 }]);
    expect(await verifyLedger(database.db, accountId)).toEqual([]);
  });

  it('in a batch refuses each spend for itself', async () => {
    const accountId = await granted({ window: 'hour', credits: 5 });
    const other = await granted();
    const item = (id: string, amount: number) => ({
      accountId: id,
      amount,
      idempotencyKey: randomUUID(),
    });
    const answers = await spendBatch(database.db, [
      item(accountId, 3),
      item(other, 300),
      item(accountId, 3),
      item(accountId, 2),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([
      'spent',
      'spent',
      'limit_reached',
      'spent',
    ]);
    expect(await available(accountId)).toBe(9_995);
  });

  it('that is soft refuses nothing and writes one alert a window, whoever looks', async () => {
    const accountId = await granted(
      { window: 'day', credits: 5, soft: true },
      { window: 'day', credits: 20 },
    );
    await use(accountId, 5);
    const told: object[] = [];
    const deps = {
      db: database.db,
      logger: silentLogger,
      lowBalance: null,
      tell: async ({
        accountId: whose,
        type,
        data,
      }: {
        accountId: string;
        type: string;
        data: object;
      }) => {
        if (whose === accountId) {
          told.push({ type, ...data });
        }
      },
    };
    await tellAlerts(deps, 100);
    expect(told).toEqual([]);
    await use(accountId, 1);
    await use(accountId, 1);
    await Promise.all([tellAlerts(deps, 100), tellAlerts(deps, 100)]);
    await use(accountId, 1);
    await tellAlerts(deps, 100);
    expect(told).toEqual([
      { type: 'limit_passed', actor: null, feature: null, window: 'day', limit: 5, used: 7 },
    ]);
    expect(await codeOf(use(accountId, 13))).toBe('limit_reached');
  });

  it.each([
    { credits: -1 },
    { credits: 1.5 },
    { credits: 2 ** 53 },
    { window: 'week' },
    { actor: '' },
    { actor: 'x'.repeat(201) },
    { timeZone: 'Middle/Earth' },
    { timeZone: 'UTC+3' },
    { accountId: 'me' },
    // Spends name a user in lower case: it would never be reached.
    { actor: randomUUID().toUpperCase() },
  ])('is refused with %j', async (wrong) => {
    const limit = { accountId: randomUUID(), window: 'day', credits: 1, ...wrong } as SetLimit;
    expect(['invalid_input', 'amount_not_allowed']).toContain(
      await codeOf(setLimit(database.db, limit)),
    );
  });
});

describe('the window of a limit', () => {
  let database: FreshDatabase;
  beforeAll(async () => {
    database = await freshDatabase();
  });
  afterAll(() => database.close());

  it.each([
    ['hour', '2026-11-30T10:59:59.999999Z', 'UTC', '2026-11-30T10:00:00Z', '2026-11-30T11:00:00Z'],
    ['hour', '2026-11-30T11:00:00Z', 'UTC', '2026-11-30T11:00:00Z', '2026-11-30T12:00:00Z'],
    [
      'hour',
      '2026-11-30T10:15:00Z',
      'Asia/Kolkata',
      '2026-11-30T09:30:00Z',
      '2026-11-30T10:30:00Z',
    ],
    ['day', '2026-11-30T23:59:59.999999Z', 'UTC', '2026-11-30T00:00:00Z', '2026-12-01T00:00:00Z'],
    ['day', '2026-12-01T00:00:00Z', 'UTC', '2026-12-01T00:00:00Z', '2026-12-02T00:00:00Z'],
    [
      'day',
      '2026-11-30T22:59:59Z',
      'Europe/Berlin',
      '2026-11-29T23:00:00Z',
      '2026-11-30T23:00:00Z',
    ],
    [
      'day',
      '2026-11-30T23:00:00Z',
      'Europe/Berlin',
      '2026-11-30T23:00:00Z',
      '2026-12-01T23:00:00Z',
    ],
    // The days on which clocks change have 23 and 25 hours.
    [
      'day',
      '2026-03-29T12:00:00Z',
      'Europe/Berlin',
      '2026-03-28T23:00:00Z',
      '2026-03-29T22:00:00Z',
    ],
    [
      'day',
      '2026-10-25T12:00:00Z',
      'Europe/Berlin',
      '2026-10-24T22:00:00Z',
      '2026-10-25T23:00:00Z',
    ],
    // The hour that comes twice is two hours.
    [
      'hour',
      '2026-10-25T00:30:00Z',
      'Europe/Berlin',
      '2026-10-25T00:00:00Z',
      '2026-10-25T01:00:00Z',
    ],
    [
      'hour',
      '2026-10-25T01:30:00Z',
      'Europe/Berlin',
      '2026-10-25T01:00:00Z',
      '2026-10-25T02:00:00Z',
    ],
    // Midnight that comes twice is the first of the two.
    [
      'day',
      '2026-10-25T00:30:00Z',
      'Atlantic/Azores',
      '2026-10-25T00:00:00Z',
      '2026-10-26T01:00:00Z',
    ],
    [
      'day',
      '2026-10-25T01:30:00Z',
      'Atlantic/Azores',
      '2026-10-25T00:00:00Z',
      '2026-10-26T01:00:00Z',
    ],
    [
      'day',
      '2026-10-24T12:00:00Z',
      'Atlantic/Azores',
      '2026-10-24T00:00:00Z',
      '2026-10-25T00:00:00Z',
    ],
    [
      'month',
      '2026-10-31T12:00:00Z',
      'America/Havana',
      '2026-10-01T04:00:00Z',
      '2026-11-01T04:00:00Z',
    ],
    // A day whose midnight is left out begins an hour later, and ends at the next midnight.
    ['day', '2026-04-24T12:00:00Z', 'Africa/Cairo', '2026-04-23T22:00:00Z', '2026-04-24T21:00:00Z'],
    ['month', '2026-02-28T23:59:59Z', 'UTC', '2026-02-01T00:00:00Z', '2026-03-01T00:00:00Z'],
    [
      'month',
      '2026-12-31T23:30:00Z',
      'Europe/Berlin',
      '2026-12-31T23:00:00Z',
      '2027-01-31T23:00:00Z',
    ],
    ['lifetime', '2026-12-31T23:30:00Z', 'UTC', null, null],
  ])('%s at %s in %s is from %s to %s', async (per, at, zone, from, to) => {
    const [row] = await database.db.transaction(async (tx) => {
      await tx.query('set local role florin_owner');
      return tx.query<{ from: Date | null; to: Date | null }>(
        `select nullif(s, '-infinity') as from, credits.window_end($1, s, $3) as to
           from (select credits.window_start($1, $2, $3) as s) w`,
        [per, at, zone],
      );
    });
    const instant = (text: string | null) => (text === null ? null : new Date(text));
    expect([row?.from, row?.to]).toEqual([instant(from), instant(to)]);
  });

  it('counts an entry in the window of its instant: the last of one is not the first of the next', async () => {
    const { db } = database;
    const accountId = randomUUID();
    await issueGrant(db, { accountId, amount: 1_000, idempotencyKey: 'g', source: 'test' });
    await setLimit(db, { accountId, window: 'hour', credits: 10 });
    const edges = ['11:59:59.999999', '12:00:00', '12:59:59.999999', '13:00:00'];
    const used = await db.transaction(async (tx) => {
      await tx.query('set local role florin_owner');
      for (const [index, at] of edges.entries()) {
        const instant = `2030-01-01T${at}Z`;
        await tx.query(
          'select credits.count_usage(credits.limit_states($1, null, null, $3), $2, $3)',
          [accountId, 10 ** index, instant],
        );
      }
      return tx.query<{ hour: string; used: number }>(
        `select to_char(window_start at time zone 'UTC', 'HH24') as hour, used
           from credits.limit_counters where account_id = $1 and window_start > '2029-01-01'
          order by 1`,
        [accountId],
      );
    });
    expect(used).toEqual([
      { hour: '11', used: 1 },
      { hour: '12', used: 110 },
      { hour: '13', used: 1_000 },
    ]);
  });
});
