import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect, type Database } from '../../../src/db/index.ts';
import { createLedger, type FlorinLedger } from '../../../src/florin.ts';
import { FlorinError, silentLogger } from '../../../src/kernel/index.ts';
import { type FreshDatabase, freshDatabase } from '../../support/postgres.ts';

/** No hold and no grant has it. */
const NO_ID = '00000000-0000-4000-8000-000000000000';

describe('a hostile value', () => {
  let fresh: FreshDatabase;
  let db: Database;
  let florin: FlorinLedger;
  const accountId = randomUUID();
  let spends = 0;
  beforeAll(async () => {
    fresh = await freshDatabase();
    // One connection: whatever a bad call leaves on it, the next good call meets.
    db = connect({ url: fresh.url, maxConnections: 1 });
    florin = createLedger(db, silentLogger);
    await florin.grant({ accountId, amount: 1_000, idempotencyKey: 'funds', source: 'test' });
  });
  afterAll(async () => {
    await db.close();
    await fresh.close();
  });

  // biome-ignore lint/suspicious/noExplicitAny: hostile callers have no types.
  const calls: Record<string, (change: any) => Promise<unknown>> = {
    spend: (change) => florin.spend({ ...write(), amount: 1, ...change }),
    grant: (change) => florin.grant({ ...write(), amount: 1, source: 'test', ...change }),
    placeHold: (change) => florin.placeHold({ ...write(), amount: 1, ...change }),
    withHold: (change) =>
      florin.withHold({ ...write(), amount: 1, ...change }, async () => ({ result: 1, used: 0 })),
    captureHold: (change) => florin.captureHold({ accountId, holdId: NO_ID, amount: 1, ...change }),
    releaseHold: (change) => florin.releaseHold({ accountId, holdId: NO_ID, ...change }),
    reverseGrant: (change) =>
      florin.reverseGrant({ ...write(), grantId: NO_ID, amount: 1, ...change }),
    restoreGrant: (change) =>
      florin.restoreGrant({ ...write(), grantId: NO_ID, amount: 1, ...change }),
    voidGrant: (change) => florin.voidGrant({ ...write(), grantId: NO_ID, ...change }),
    closeAccount: (change) => florin.closeAccount({ ...write(), ...change }),
    spendBatch: (change) => florin.spendBatch([{ ...write(), amount: 1, ...change }]),
    balance: (change) => florin.balance(change.accountId ?? accountId),
    explain: (change) => florin.explain(change.accountId ?? accountId),
    verify: (change) => florin.verify(change.accountId ?? accountId),
  };
  const write = () => ({ accountId, idempotencyKey: randomUUID() });

  const circular: Record<string, unknown> = {};
  circular['self'] = circular;
  let deep: unknown = {};
  for (let level = 0; level < 20_000; level += 1) {
    deep = { a: deep };
  }
  const throwing = {
    toJSON() {
      throw new Error('no');
    },
  };
  const getter = Object.defineProperty({}, 'a', {
    enumerable: true,
    get() {
      throw new Error('no');
    },
  });
  const metadata: [string, unknown][] = [
    ['null', null],
    ['an array', []],
    ['a date', new Date()],
    ['a Map', new Map([['a', 1]])],
    ['a text', 'note'],
    ['circular', circular],
    ['20,000 deep', deep],
    ['a bigint', { n: 1n }],
    ['NaN', { n: Number.NaN }],
    ['an invalid date', { d: new Date(Number.NaN), x: throwing }],
    ['a toJSON that throws', { x: throwing }],
    ['a getter that throws', getter],
    ['NUL in a key', { 'a\0b': 1 }],
    ['half a surrogate pair', { a: '\ud800' }],
    ['5 MB', { a: 'x'.repeat(5_000_000) }],
  ];
  const ids: [string, unknown][] = [
    ['an object', {}],
    ['null', null],
    ['a number', 7],
    ['no uuid', 'me'],
    ['NUL', `${NO_ID}\0`],
  ];
  const amounts: [string, unknown][] = [
    ['NaN', Number.NaN],
    ['1.5', 1.5],
    ['Infinity', Number.POSITIVE_INFINITY],
    ['a text', '1'],
    ['a bigint', 1n],
    ['null', null],
  ];
  const keys: [string, unknown][] = [
    ['NUL', 'a\0'],
    ['half a surrogate pair', 'a\udfff'],
    ['an object', {}],
    ['undefined', undefined],
  ];
  const withMetadata = ['spend', 'grant', 'placeHold', 'withHold', 'reverseGrant', 'closeAccount'];
  const withKey = [...withMetadata, 'restoreGrant', 'voidGrant', 'spendBatch'];
  const withAmount = Object.keys(calls).filter(
    (name) =>
      !['releaseHold', 'voidGrant', 'closeAccount', 'balance', 'explain', 'verify'].includes(name),
  );
  const withId = Object.keys(calls).filter((name) => name !== 'verify');
  const cases = [
    ...withMetadata.flatMap((name) => metadata.map((bad) => [name, 'metadata', ...bad] as const)),
    ...withKey.flatMap((name) => keys.map((bad) => [name, 'idempotencyKey', ...bad] as const)),
    ...withAmount.flatMap((name) => amounts.map((bad) => [name, 'amount', ...bad] as const)),
    ...withId.flatMap((name) =>
      ids
        .filter(([what]) => !(what === 'null' && ['balance', 'explain'].includes(name)))
        .map((bad) => [name, 'accountId', ...bad] as const),
    ),
    ...(['grant'] as const).flatMap((name) =>
      [new Date(Number.NaN), 'tomorrow', {}].map(
        (bad) => [name, 'expiresAt', String(bad), bad] as const,
      ),
    ),
    ['grant', 'priority', '2^40', 2 ** 40] as const,
    ['grant', 'source', 'NUL', 'a\0'] as const,
    ['placeHold', 'expiresInSeconds', 'Infinity', Number.POSITIVE_INFINITY] as const,
    ['captureHold', 'holdId', 'an object', {}] as const,
    ['voidGrant', 'grantId', 'a text', 'x'] as const,
  ];

  it.each(cases)('to %s: %s is %s; it is named, and the next spend succeeds', async (...given) => {
    const [name, field, , bad] = given;
    const error = await calls[name]?.({ [field]: bad }).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(FlorinError);
    expect(error).toMatchObject({
      code: 'invalid_input',
      message: expect.stringMatching(new RegExp(`(^|\\W)${field}|cannot be read`)),
    });
    await florin.spend({ accountId, amount: 1, idempotencyKey: `good:${spends}` });
    spends += 1;
    expect(await florin.balance(accountId)).toMatchObject({ available: 1_000 - spends });
  });

  it.each([undefined, null, 7, 'x'])(
    'a request that is %s is refused with a code',
    async (request) => {
      for (const name of ['spend', 'grant', 'placeHold', 'captureHold', 'voidGrant'] as const) {
        await expect(florin[name](request as never)).rejects.toMatchObject({
          code: 'invalid_input',
        });
      }
      await expect(
        florin.withHold(request as never, async () => ({ result: 1 })),
      ).rejects.toMatchObject({ code: 'invalid_input' });
      await expect(florin.spendBatch(request as never)).rejects.toMatchObject({
        code: 'invalid_input',
      });
    },
  );

  it('in one spend does not refuse others of its account that go in the same batch', async () => {
    const call = (more: object) =>
      florin.spend({ accountId, amount: 1, idempotencyKey: randomUUID(), ...more });
    const outcomes = await Promise.allSettled([
      call({}),
      call({ amount: Number.NaN }),
      call({ idempotencyKey: 'a\0' }),
      call({}),
      call({}),
    ]);
    expect(outcomes.map(({ status }) => status)).toEqual([
      'fulfilled',
      'rejected',
      'rejected',
      'fulfilled',
      'fulfilled',
    ]);
  });

  it('means an account by its uuid, however it is written', async () => {
    const key = randomUUID();
    const first = await florin.spend({ accountId, amount: 1, idempotencyKey: key });
    const again = { accountId: accountId.toUpperCase(), amount: 1, idempotencyKey: key };
    expect(await florin.spend(again)).toEqual({ ...first, replayed: true });
  });
});
