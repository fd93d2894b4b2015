import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect } from '../../../src/db/index.ts';
import {
  closeAccount,
  expireDue,
  issueGrant,
  placeHold,
  readBalance,
  spendBatch,
  verifyLedger,
  voidGrant,
} from '../../../src/ledger/index.ts';
import { freshDatabase } from '../../support/postgres.ts';
import { spend } from '../../support/spend.ts';

const MOST = Number.MAX_SAFE_INTEGER;
const UNKNOWN = '00000000-0000-4000-8000-000000000000';
const NOW = '2026-01-01T00:00:00Z';

/** The arguments of one write, by name; `good` ones change something. */
type Arguments = Record<string, unknown>;
type Write = { readonly call: string; readonly good: Arguments };

const AMOUNTS: [string, unknown, string][] = [
  ['0', 0, 'CRAMT'],
  ['negative', -1, 'CRAMT'],
  ['2^53', '9007199254740992', 'CRAMT'],
  ['the smallest bigint', '-9223372036854775808', 'CRAMT'],
  ['the largest bigint', '9223372036854775807', 'CRAMT'],
  ['beyond bigint', '9223372036854775808', '22003'],
  ['a fraction', '1.5', '22P02'],
  ['null', null, 'CRAMT'],
];
const KEYS: [string, unknown, string][] = [
  ['empty', '', 'CRKEY'],
  ['null', null, 'CRKEY'],
  ['of 256 characters', 'x'.repeat(256), 'CRKEY'],
  ['of 256 letters of two bytes', 'ü'.repeat(256), 'CRKEY'],
  ['reserved', 'florin:x', 'CRKEY'],
];
const ACCOUNTS: [string, unknown, string][] = [
  ['null', null, '22004'],
  ['no uuid', 'me', '22P02'],
];

describe('bad input to a write', () => {
  let database: Awaited<ReturnType<typeof freshDatabase>>;
  let client: pg.Client;
  const ids = { account: randomUUID(), poor: randomUUID(), grant: '', hold: '' };
  beforeAll(async () => {
    database = await freshDatabase();
    const { db } = database;
    const funds = { amount: 100, idempotencyKey: 'funds', source: 'purchase' };
    ids.grant = (await issueGrant(db, { ...funds, accountId: ids.account })).grantId;
    await issueGrant(db, { ...funds, accountId: ids.poor, amount: 1 });
    const hold = { accountId: ids.account, amount: 30, idempotencyKey: 'job' };
    ids.hold = (await placeHold(db, hold)).holdId;
    client = new pg.Client({ connectionString: database.url });
    await client.connect();
  });
  afterAll(async () => {
    await client.end();
    await database.close();
  });

  const key = { p_idempotency_key: 'k' };
  const account = () => ({ p_account_id: ids.account });
  const writes: Record<string, () => Write> = {
    issue_grant: () => ({
      call: 'credits.issue_grant',
      good: { ...account(), p_amount: 1, ...key, p_source: 'bonus' },
    }),
    spend: () => ({ call: 'credits.spend', good: { ...account(), p_amount: 1, ...key } }),
    place_hold: () => ({ call: 'credits.place_hold', good: { ...account(), p_amount: 1, ...key } }),
    capture_hold: () => ({
      call: 'credits.capture_hold',
      good: { ...account(), p_hold_id: ids.hold, p_amount: 1 },
    }),
    release_hold: () => ({
      call: 'credits.release_hold',
      good: { ...account(), p_hold_id: ids.hold },
    }),
    reverse_grant: () => ({
      call: 'credits.reverse_grant',
      good: { ...account(), p_grant_id: ids.grant, p_amount: 1, ...key },
    }),
    restore_grant: () => ({
      call: 'credits.restore_grant',
      good: { ...account(), p_grant_id: ids.grant, p_amount: 1, ...key },
    }),
    void_grant: () => ({
      call: 'credits.void_grant',
      good: { ...account(), p_grant_id: ids.grant, ...key },
    }),
    adjust: () => ({
      call: 'credits.adjust',
      good: { ...account(), p_amount: 1, ...key, p_reason: 'gift', p_actor: 'ada' },
    }),
    close_account: () => ({ call: 'credits.close_account', good: { ...account(), ...key } }),
  };

  /** Calls with text arguments, so that the database, not the driver, judges them. */
  async function call({ call: name, good }: Write) {
    const named = Object.keys(good).map((argument, n) => `${argument} => $${n + 1}`);
    return client.query(
      `select * from ${name}(${named.join(', ')})`,
      Object.values(good).map((value) => (value === null ? null : String(value))),
    );
  }

  async function batch(items: readonly (readonly [unknown, unknown, unknown])[]) {
    const column = (n: 0 | 1 | 2) => items.map((item) => item[n] ?? null);
    return client.query('select * from credits.spend_batch($1, $2, $3)', [
      column(0),
      column(1),
      column(2),
    ]);
  }

  /** Every row of the ledger. */
  async function dump(): Promise<string> {
    const { rows } = await client.query(`
      select 'account' as t, a::text as r from credits.accounts a union all
      select 'entry', e::text from credits.entries e union all
      select 'grant', g::text from credits.grants g union all
      select 'hold', h::text from credits.holds h union all
      select 'charge', c::text from credits.allocations c order by 1, 2`);
    return JSON.stringify(rows);
  }

  async function refused(attempt: () => Promise<unknown>, sqlstate: string) {
    const before = await dump();
    const error = await attempt().then(
      () => undefined,
      (thrown: unknown) => thrown as pg.DatabaseError,
    );
    expect(error?.code, error?.message).toBe(sqlstate);
    // What a type refuses says so itself; what the ledger refuses says what to do.
    if (!['22003', '22P02'].includes(sqlstate)) {
      expect(error?.hint).toMatch(/^[A-Z].+\.$/);
    }
    expect(await dump()).toBe(before);
  }

  const cases = Object.entries(writes).flatMap(([name, make]) => {
    const takes = Object.keys(make().good);
    const bad = (argument: string, values: [string, unknown, string][]) =>
      takes.includes(argument)
        ? values.map(([what, value, state]) => [name, argument, what, value, state] as const)
        : [];
    return [
      ...bad(
        'p_amount',
        AMOUNTS.filter(
          ([what]) =>
            // A negative adjustment takes credits; no amount captures all.
            !(name === 'adjust' && what === 'negative') &&
            !(name === 'capture_hold' && what === 'null'),
        ),
      ),
      ...bad('p_idempotency_key', KEYS),
      ...bad('p_account_id', ACCOUNTS),
      ...bad('p_grant_id', [
        ['null', null, '22004'],
        ['unknown', UNKNOWN, 'CRGRN'],
      ]),
      ...bad('p_hold_id', [
        ['null', null, '22004'],
        ['unknown', UNKNOWN, 'CRHLD'],
      ]),
      ...bad('p_source', [
        ['empty', '', '22004'],
        ['null', null, '22004'],
      ]),
      ...bad('p_reason', [['empty', '', '22004']]),
      ...bad('p_actor', [['null', null, '22004']]),
    ];
  });
  it.each(cases)('%s: %s %s', async (name, argument, _what, value, sqlstate) => {
    const write = writes[name]?.() ?? { call: name, good: {} };
    await refused(() => call({ ...write, good: { ...write.good, [argument]: value } }), sqlstate);
  });

  it.each([
    ['spend', 'CRINS'],
    ['place_hold', 'CRINS'],
    ['capture_hold', 'CRHLD'],
    ['release_hold', 'CRHLD'],
    ['reverse_grant', 'CRGRN'],
    ['restore_grant', 'CRGRN'],
    ['void_grant', 'CRGRN'],
  ])('%s on an account that nobody knows', async (name, sqlstate) => {
    const { call: what, good } = writes[name]?.() ?? { call: name, good: {} };
    await refused(() => call({ call: what, good: { ...good, p_account_id: UNKNOWN } }), sqlstate);
  });

  it('takes nothing from an account that nobody knows by hand either', async () => {
    const { call: what, good } = writes['adjust']?.() ?? { call: '', good: {} };
    const taking = { ...good, p_account_id: UNKNOWN, p_amount: -1 };
    await refused(() => call({ call: what, good: taking }), 'CRINS');
  });

  it.each([
    ['before it begins', NOW, '2025-12-31T23:59:59.999999Z'],
    ['in the instant it begins', NOW, NOW],
    ['before now', null, NOW],
    ['before all time', NOW, '-infinity'],
  ])('a grant that would expire %s', async (_when, effectiveAt, expiresAt) => {
    const { call: what, good } = writes['issue_grant']?.() ?? { call: '', good: {} };
    const terms = { ...good, p_effective_at: effectiveAt, p_expires_at: expiresAt };
    await refused(() => call({ call: what, good: terms }), '22023');
  });

  it.each(['0 seconds', '-1 second', null])('a hold that would expire in %s', async (expiresIn) => {
    const { call: what, good } = writes['place_hold']?.() ?? { call: '', good: {} };
    await refused(() => call({ call: what, good: { ...good, p_expires_in: expiresIn } }), '22023');
  });

  it('more than a hold has, or a grant can give back', async () => {
    const over = (name: string, amount: number) => {
      const { call: what, good } = writes[name]?.() ?? { call: '', good: {} };
      return refused(() => call({ call: what, good: { ...good, p_amount: amount } }), 'CRAMT');
    };
    await over('capture_hold', 31);
    await over('reverse_grant', 101);
    await over('restore_grant', 1);
  });

  it('a hold and a grant of another account', async () => {
    const other = { p_account_id: ids.poor };
    for (const [name, sqlstate] of [
      ['capture_hold', 'CRHLD'],
      ['release_hold', 'CRHLD'],
      ['reverse_grant', 'CRGRN'],
      ['void_grant', 'CRGRN'],
    ] as const) {
      const { call: what, good } = writes[name]?.() ?? { call: '', good: {} };
      await refused(() => call({ call: what, good: { ...good, ...other } }), sqlstate);
    }
  });

  const good = () => [ids.account, 1, 'batched'] as const;
  const badItems = [
    ...AMOUNTS.map(([what, value, state]) => ['amount', what, 1, value, state] as const),
    ...KEYS.map(([what, value, state]) => ['key', what, 2, value, state] as const),
    ...ACCOUNTS.map(([what, value, state]) => ['account', what, 0, value, state] as const),
  ];
  it.each(badItems)(
    'one bad item refuses a whole batch: %s %s',
    async (_name, _what, place, value, sqlstate) => {
      const bad = good().map((part, n) => (n === place ? value : part));
      await refused(() => batch([good(), [bad[0], bad[1], bad[2]]]), sqlstate);
    },
  );

  it('lists of different lengths', async () => {
    await refused(
      () =>
        client.query('select * from credits.spend_batch($1, $2, $3)', [
          [ids.account],
          [1, 2],
          ['a'],
        ]),
      '22023',
    );
  });

  it('an empty batch is no batch', async () => {
    const before = await dump();
    expect((await batch([])).rows).toEqual([]);
    expect(
      (await client.query('select * from credits.spend_batch(null, null, null)')).rows,
    ).toEqual([]);
    expect(await dump()).toBe(before);
  });

  it('takes keys as they are: blanks and letters of any alphabet count, up to 255 characters', async () => {
    const { db } = database;
    const accountId = randomUUID();
    const funds = { accountId, amount: 9, idempotencyKey: 'f', source: 'purchase' };
    await issueGrant(db, funds);
    for (const idempotencyKey of [' ', '  ', 'a', 'a ', 'A', 'ü'.repeat(255), "'; drop table"]) {
      const request = { accountId, amount: 1, idempotencyKey };
      expect(await spend(db, request)).toMatchObject({ replayed: false });
      expect(await spend(db, request)).toMatchObject({ replayed: true });
    }
    expect(await readBalance(db, accountId)).toMatchObject({ posted: 2 });
    expect(await verifyLedger(db, accountId)).toEqual([]);
  });

  it('a closed account takes no more, and says so', async () => {
    const { db } = database;
    const accountId = randomUUID();
    await issueGrant(db, { accountId, amount: 9, idempotencyKey: 'f', source: 'purchase' });
    const closing = { accountId, idempotencyKey: 'bye', metadata: { why: 'moved' } };
    await closeAccount(db, closing);
    for (const name of ['issue_grant', 'spend', 'place_hold', 'adjust', 'close_account']) {
      const { call: what, good: values } = writes[name]?.() ?? { call: '', good: {} };
      const closed = { ...values, p_account_id: accountId };
      await refused(() => call({ call: what, good: closed }), 'CRACC');
    }
    const results = await spendBatch(db, [{ accountId, amount: 1, idempotencyKey: 'x' }]);
    expect(results).toMatchObject([{ status: 'account_closed', available: 9 }]);
    expect(await closeAccount(db, closing)).toMatchObject({ replayed: true });
    await expect(closeAccount(db, { ...closing, metadata: {} })).rejects.toMatchObject({
      code: 'idempotency_key_reused',
    });
  });

  it('a balance never leaves what JSON can say exactly, not even by time alone', async () => {
    const { db } = database;
    const accountId = randomUUID();
    const grant = { accountId, source: 'purchase' };
    const at = (ms: number) => new Date(Date.now() + ms);
    const half = (MOST - 1) / 2;
    const later = { ...grant, amount: half, idempotencyKey: 'later', effectiveAt: at(1_500) };
    const { grantId } = await issueGrant(db, later);
    const tooMany = { ...later, amount: 1, idempotencyKey: 'b' };
    await expect(issueGrant(db, tooMany)).rejects.toMatchObject({ code: 'amount_not_allowed' });
    await issueGrant(db, { ...grant, amount: half, idempotencyKey: 'c' });
    await issueGrant(db, { ...grant, amount: 1, idempotencyKey: 'd' });
    const over = { ...grant, amount: 1, idempotencyKey: 'e' };
    await expect(issueGrant(db, over)).rejects.toMatchObject({
      code: 'amount_not_allowed',
      message: expect.stringContaining('9007199254740991'),
    });
    await expect.poll(async () => (await readBalance(db, accountId)).posted).toBe(MOST);
    await expireDue(db);
    await spend(db, { accountId, amount: MOST, idempotencyKey: 'all' });
    expect(await readBalance(db, accountId)).toMatchObject({ posted: 0 });
    await voidGrant(db, { accountId, grantId, idempotencyKey: 'v' });
    expect(await verifyLedger(db, accountId)).toEqual([]);
  });

  it('reaches the library as an error with a code and what to do', async () => {
    const away = connect({ url: database.url, maxConnections: 1 });
    const request = { accountId: ids.account, amount: 1, idempotencyKey: 'x', source: 'bonus' };
    await expect(issueGrant(away, { ...request, source: '' })).rejects.toMatchObject({
      code: 'invalid_input',
      message: expect.stringContaining('source: must not be empty'),
    });
    await expect(issueGrant(away, { ...request, expiresAt: new Date(NOW) })).rejects.toMatchObject({
      code: 'invalid_input',
    });
    await expect(spend(away, { ...request, amount: 0 })).rejects.toMatchObject({
      code: 'amount_not_allowed',
      message: expect.stringContaining('from 1 to 9007199254740991'),
    });
    await away.close();
  });
});
