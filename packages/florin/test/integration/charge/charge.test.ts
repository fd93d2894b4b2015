import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { defineCatalog, type MeterInput } from '../../../src/catalog/index.ts';
import { type Charges, changedRates, createCharges } from '../../../src/charge/index.ts';
import {
  closeAccount,
  findEntry,
  issueGrant,
  listEntries,
  readBalance,
  setLimit,
  verifyLedger,
} from '../../../src/ledger/index.ts';
import { setMember } from '../../../src/members/index.ts';
import { creditsOf, type Pricing } from '../../../src/usage/index.ts';
import { type FreshDatabase, freshDatabase } from '../../support/postgres.ts';
import { spend } from '../../support/spend.ts';

const cardOf = (usage: Record<string, MeterInput>) => defineCatalog({ prices: {}, usage }).usage;
const tokens = (input: number): MeterInput => ({
  by: 'model',
  per: 1_000_000,
  rates: { 'a/b': { input, output: 15 } },
});
const CARD = cardOf({
  page: { credits: 1 },
  'page.vision': { credits: 3 },
  letter: { credits: 4, free: 2 },
  tokens: tokens(3),
});

describe('a charge', () => {
  let database: FreshDatabase;
  let charges: Charges;
  beforeAll(async () => {
    database = await freshDatabase();
    charges = createCharges({ db: database.db, card: CARD });
  });
  afterAll(() => database.close());

  async function granted(amount: number): Promise<string> {
    const accountId = randomUUID();
    const grant = { accountId, amount, idempotencyKey: 'grant', source: 'test' };
    await issueGrant(database.db, grant);
    return accountId;
  }
  const entriesOf = async (accountId: string) =>
    (await listEntries(database.db, { accountId, limit: 100 })).filter(
      ({ kind }) => kind === 'spend',
    );

  it('takes what the use costs, and its entry says what, how much, whose and by which rate', async () => {
    const accountId = await granted(100);
    const charged = await charges.charge({
      accountId,
      meter: 'page.vision',
      quantity: 4,
      idempotencyKey: 'scan:1',
      actor: 'ada',
      feature: 'receipts',
      metadata: { job: 'scan' },
    });
    expect(charged).toMatchObject({
      available: 88,
      credits: 12,
      rate: { credits: '3' },
      version: 1,
      replayed: false,
    });
    const [entry] = await entriesOf(accountId);
    expect(entry).toMatchObject({
      amount: -12,
      meter: 'page.vision',
      quantity: '4',
      actor: 'ada',
      feature: 'receipts',
      pricing: { version: 1, rate: { credits: '3' } },
      metadata: { job: 'scan' },
    });
    expect(await verifyLedger(database.db, accountId)).toEqual([]);
  });

  it('by model keeps what was used of each kind', async () => {
    const accountId = await granted(100);
    const usage = { model: 'a/b', input: 2_000_000, output: 100_000 };
    const charged = await charges.charge({
      accountId,
      meter: 'tokens',
      usage,
      idempotencyKey: 't',
    });
    expect(charged.credits).toBe(8);
    const [entry] = await entriesOf(accountId);
    expect(entry).toMatchObject({
      quantity: '2100000',
      pricing: { usage: { model: 'a/b', input: '2000000', output: '100000' } },
    });
  });

  it('that is free is written too, also for an account that is new or has a debt', async () => {
    const accountId = randomUUID();
    const free = { accountId, meter: 'letter', quantity: 2, idempotencyKey: 'free' };
    expect(await charges.charge(free)).toMatchObject({ credits: 0, available: 0, replayed: false });
    expect(await charges.charge(free)).toMatchObject({ credits: 0, replayed: true });
    expect(await entriesOf(accountId)).toMatchObject([
      { amount: 0, meter: 'letter', quantity: '2' },
    ]);
    const paid = { ...free, quantity: 3, idempotencyKey: 'paid' };
    await expect(charges.charge(paid)).rejects.toMatchObject({
      code: 'insufficient_credits',
      available: 0,
      required: 4,
    });
    expect(await verifyLedger(database.db, accountId)).toEqual([]);
  });

  it('repeated answers with the first price, whatever the card says by now', async () => {
    const accountId = await granted(100);
    const use = { accountId, meter: 'tokens', usage: { model: 'a/b', input: 1_000_000 } };
    const first = await charges.charge({ ...use, idempotencyKey: 'job' });
    const dearer = createCharges({
      db: database.db,
      card: cardOf({ tokens: { ...tokens(30), version: 2 } }),
    });
    const again = await dearer.charge({ ...use, idempotencyKey: 'job' });
    expect(again).toEqual({ ...first, replayed: true });
    expect((await dearer.charge({ ...use, idempotencyKey: 'next' })).credits).toBe(30);
    expect((await readBalance(database.db, accountId)).available).toBe(100 - 3 - 30);
  });

  it.each([
    ['the meter', {}],
    ['the model', { tokens: { ...tokens(3), rates: { 'c/d': { input: 3 } } } }],
    ['the price of that version', { tokens: tokens(4) }],
    ['the models of the meter', { tokens: { credits: 3 } }],
  ] as [string, Record<string, MeterInput>][])(
    'is repeated also when the card has lost %s, and a new one is refused',
    async (_what, usage) => {
      const accountId = await granted(100);
      const use = { accountId, meter: 'tokens', usage: { model: 'a/b', input: 1_500_000 } };
      const first = await charges.charge({ ...use, idempotencyKey: 'job' });
      const changed = createCharges({ db: database.db, card: cardOf(usage) });
      const again = await changed.charge({ ...use, idempotencyKey: 'job' });
      expect(again).toEqual({ ...first, replayed: true });
      for (const other of [
        { ...use, usage: { model: 'a/b', input: 1 } },
        { ...use, actor: 'ada' },
        { accountId, meter: 'gone', quantity: 1 },
      ]) {
        await expect(changed.charge({ ...other, idempotencyKey: 'job' })).rejects.toMatchObject({
          code: 'idempotency_key_reused',
        });
      }
      await expect(changed.charge({ ...use, idempotencyKey: 'next' })).rejects.toMatchObject({
        code: expect.stringMatching(
          /^(meter_unknown|rate_missing|invalid_configuration|invalid_input)$/,
        ),
      });
      expect((await readBalance(database.db, accountId)).available).toBe(95);
    },
  );

  it('is quoted as not affordable where a limit leaves less, of its actor or feature too', async () => {
    const accountId = await granted(100);
    const use = { accountId, meter: 'page', quantity: 6 };
    await setLimit(database.db, { accountId, credits: 5, window: 'day', actor: 'ada' });
    await setLimit(database.db, { accountId, credits: 50, window: 'day', soft: true });
    const affordable = async (more: object) =>
      (await charges.quote({ ...use, ...more })).affordable;
    expect(await affordable({})).toBe(true);
    expect(await affordable({ actor: 'bob' })).toBe(true);
    expect(await affordable({ actor: 'ada' })).toBe(false);
    expect(await affordable({ actor: 'ada', quantity: 5 })).toBe(true);
    expect(await affordable({ quantity: 60 })).toBe(true);
  });

  it('is quoted as not affordable where it would be refused for another reason', async () => {
    const [team, owner, viewer] = [await granted(100), randomUUID(), randomUUID()];
    await setMember(database.db, { accountId: team, userId: owner, role: 'owner' });
    await setMember(database.db, { accountId: team, userId: viewer, role: 'viewer' });
    const use = { accountId: team, meter: 'letter', quantity: 3 };
    for (const actor of [viewer, randomUUID()]) {
      expect(await charges.quote({ ...use, actor })).toMatchObject({ affordable: false });
    }
    expect(await charges.quote({ ...use, actor: owner })).toMatchObject({ affordable: true });
    await closeAccount(database.db, { accountId: team, idempotencyKey: 'close' });
    for (const quantity of [3, 2]) {
      const quoted = await charges.quote({ ...use, quantity });
      expect(quoted).toMatchObject({ affordable: false, available: 100 });
    }
  });

  it.each([
    ['another quantity', { meter: 'page', quantity: 3 }],
    ['another meter', { meter: 'page.vision', quantity: 2 }],
    ['another actor', { meter: 'page', quantity: 2, actor: 'bob' }],
    ['another feature', { meter: 'page', quantity: 2, feature: 'x' }],
    ['other metadata', { meter: 'page', quantity: 2, metadata: { a: 1 } }],
  ])('with the key of one with %s is refused', async (_what, other) => {
    const accountId = await granted(100);
    await charges.charge({ accountId, meter: 'page', quantity: 2, idempotencyKey: 'k' });
    await expect(
      charges.charge({ accountId, idempotencyKey: 'k', ...other }),
    ).rejects.toMatchObject({ code: 'idempotency_key_reused' });
    await expect(
      spend(database.db, { accountId, amount: 2, idempotencyKey: 'k' }),
    ).rejects.toMatchObject({ code: 'idempotency_key_reused' });
    expect((await readBalance(database.db, accountId)).available).toBe(98);
  });

  it.each([
    ['an unknown meter', { meter: 'pages', quantity: 1 }, 'meter_unknown'],
    [
      'a model without a rate',
      { meter: 'tokens', usage: { model: 'z', input: 1 } },
      'rate_missing',
    ],
    [
      'a kind without a rate',
      { meter: 'tokens', usage: { model: 'a/b', images: 1 } },
      'rate_missing',
    ],
    ['a quantity below 0', { meter: 'page', quantity: -1 }, 'invalid_input'],
    ['a fraction of a page', { meter: 'page', quantity: '0.5' }, 'invalid_input'],
    ['an actor called *', { meter: 'page', quantity: 1, actor: '*' }, 'invalid_input'],
    ['more than there is', { meter: 'page', quantity: 101 }, 'insufficient_credits'],
  ])('of %s writes nothing', async (_what, use, code) => {
    const accountId = await granted(100);
    const request = { accountId, idempotencyKey: 'k', ...use };
    await expect(charges.charge(request as never)).rejects.toMatchObject({ code });
    expect(await entriesOf(accountId)).toEqual([]);
    expect((await readBalance(database.db, accountId)).available).toBe(100);
  });

  it('of a closed account is refused, also one that is free', async () => {
    const accountId = await granted(10);
    await closeAccount(database.db, { accountId, idempotencyKey: 'close' });
    for (const quantity of [1, 5]) {
      const request = { accountId, meter: 'letter', quantity, idempotencyKey: `${quantity}` };
      await expect(charges.charge(request)).rejects.toMatchObject({ code: 'account_closed' });
    }
  });

  it('ten times changed, the card leaves every old charge what it was: each entry computes it again', async () => {
    const accountId = await granted(1_000_000);
    for (let version = 1; version <= 10; version += 1) {
      const card = cardOf({
        scan: {
          version,
          tiers: [{ upTo: 10, credits: 11 - version }, { credits: `0.${version}` }],
          markup: `1.${version}`,
          ...(version % 2 === 0 ? { free: version } : { minimum: version }),
        },
        words: { ...tokens(version), version, markup: 1 + version / 10 },
      });
      const now = createCharges({ db: database.db, card });
      for (const quantity of [1, 7, 10, 11, 5_000]) {
        const key = `${version}:${quantity}`;
        await now.charge({ accountId, meter: 'scan', quantity, idempotencyKey: key });
        const usage = { model: 'a/b', input: quantity * 99_991, output: quantity };
        await now.charge({ accountId, meter: 'words', usage, idempotencyKey: `w:${key}` });
      }
    }
    const entries = await entriesOf(accountId);
    expect(entries).toHaveLength(100);
    const again = entries.map(({ pricing, quantity }) => {
      const { rate, usage } = pricing as unknown as Pricing;
      return (
        0 -
        creditsOf(rate, {
          quantity: quantity ?? '',
          ...(usage === undefined ? {} : { usage }),
        })
      );
    });
    expect(again).toEqual(entries.map(({ amount }) => amount));
    expect(await verifyLedger(database.db, accountId)).toEqual([]);
  });

  it('is refused where the price of a version in use was changed, and allowed under a new version', async () => {
    const accountId = await granted(100);
    const use = { accountId, meter: 'page', quantity: 1 };
    await charges.charge({ ...use, idempotencyKey: 'a' });
    const changed = cardOf({ page: { credits: 2 }, 'page.vision': { credits: 3 } });
    const careless = createCharges({ db: database.db, card: changed });
    const refused = careless.charge({ ...use, idempotencyKey: 'b' });
    await expect(refused).rejects.toMatchObject({
      code: 'invalid_configuration',
      faults: [expect.stringContaining('usage.page: version 1 is in use with another price')],
    });
    expect((await readBalance(database.db, accountId)).available).toBe(99);
    expect(await changedRates(database.db, changed)).toMatchObject([
      { meter: 'page', version: 1, model: '' },
    ]);
    const better = cardOf({ page: { credits: 2, version: 2 } });
    expect(await changedRates(database.db, better)).toEqual([]);
    const next = createCharges({ db: database.db, card: better });
    expect((await next.charge({ ...use, idempotencyKey: 'b' })).credits).toBe(2);
  });

  it('may add a model to a version in use', async () => {
    const accountId = await granted(100);
    const usage = { model: 'a/b', input: 1 };
    await charges.charge({ accountId, meter: 'tokens', usage, idempotencyKey: 'a' });
    const rates = { 'a/b': { input: 3, output: 15 }, 'c/d': { input: 1 } };
    const more = cardOf({ tokens: { by: 'model', per: 1_000_000, rates } });
    expect(await changedRates(database.db, more)).toEqual([]);
    const dearer = { ...rates, 'a/b': { input: 4, output: 15 } };
    const changed = cardOf({ tokens: { by: 'model', per: 1_000_000, rates: dearer } });
    expect(await changedRates(database.db, changed)).toMatchObject([{ model: 'a/b' }]);
  });

  it('under one key a hundred times at once, by two cards, is made once', async () => {
    const accountId = await granted(1_000);
    const dear = createCharges({
      db: database.db,
      card: cardOf({ 'page.vision': { credits: 5, version: 2 } }),
    });
    const use = { accountId, meter: 'page.vision', quantity: 10, idempotencyKey: 'once' };
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, n) => (n % 2 === 0 ? charges : dear).charge(use)),
    );
    expect(answers.filter(({ replayed }) => !replayed)).toHaveLength(1);
    const [entry] = await entriesOf(accountId);
    expect(new Set(answers.map(({ credits }) => credits))).toEqual(
      new Set([-(entry?.amount ?? 0)]),
    );
    expect((await readBalance(database.db, accountId)).available).toBe(
      1_000 + (entry?.amount ?? 0),
    );
  });

  it('is quoted first: what it would cost and whether it could be paid; a quote writes nothing', async () => {
    const accountId = await granted(10);
    const quote = (quantity: number) =>
      charges.quote({ accountId, meter: 'page.vision', quantity });
    expect(await quote(3)).toEqual({
      credits: 9,
      rate: { credits: '3' },
      version: 1,
      affordable: true,
      available: 10,
    });
    expect(await quote(4)).toMatchObject({ credits: 12, affordable: false });
    const stranger = { accountId: randomUUID(), meter: 'letter', quantity: 2 };
    expect(await charges.quote(stranger)).toMatchObject({ credits: 0, affordable: true });
    await expect(charges.quote({ ...stranger, meter: 'x' })).rejects.toMatchObject({
      code: 'meter_unknown',
    });
    expect(await entriesOf(accountId)).toEqual([]);
  });
});

describe('a spend with an actor and a feature', () => {
  let database: FreshDatabase;
  beforeAll(async () => {
    database = await freshDatabase();
  });
  afterAll(() => database.close());

  it('keeps both, as part of what its key stands for', async () => {
    const { db } = database;
    const accountId = randomUUID();
    await issueGrant(db, { accountId, amount: 10, idempotencyKey: 'g', source: 'test' });
    const request = { accountId, amount: 2, idempotencyKey: 's', actor: 'ada', feature: 'scan' };
    await spend(db, request);
    expect(await spend(db, request)).toMatchObject({ available: 8, replayed: true });
    expect(await findEntry(db, { accountId, idempotencyKey: 's' })).toMatchObject({
      actor: 'ada',
      feature: 'scan',
      meter: null,
    });
    for (const other of [{ actor: 'bob' }, { feature: undefined }, { actor: undefined }]) {
      await expect(spend(db, { ...request, ...other })).rejects.toMatchObject({
        code: 'idempotency_key_reused',
      });
    }
    expect(await verifyLedger(db, accountId)).toEqual([]);
  });

  it.each([
    ["select credits.spend($1, 1, 'k', '{}', '*')", 'No actor'],
    ["select credits.spend($1, 1, 'k', '{}', '')", '1 to 200'],
    ["select credits.spend($1, 1, 'k', '{}', null, repeat('f', 201))", '1 to 200'],
    ["select credits.spend($1, 1, 'k', '{}', null, null, 'page')", 'belong together'],
    ["select credits.spend($1, 1, 'k', '{}', null, null, 'page', -1, '{}')", 'not allowed'],
    ["select credits.spend($1, 1, 'k', '{}', null, null, 'page', 'NaN', '{}')", 'not allowed'],
    ["select credits.spend($1, 1, 'k', '{}', null, null, 'page', 'Infinity', '{}')", 'not allowed'],
    ["select credits.spend($1, 0, 'k', '{}', 'ada', 'scan')", 'amount 0'],
    ["select credits.spend($1, -1, 'k', '{}', null, null, 'page', 1, '{}')", 'amount -1'],
  ])('is refused by SQL too: %s', async (statement, words) => {
    await expect(database.db.query(statement, [randomUUID()])).rejects.toThrow(words);
  });
});
