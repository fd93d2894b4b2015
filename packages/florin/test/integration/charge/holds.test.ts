import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { defineCatalog, type MeterInput } from '../../../src/catalog/index.ts';
import { type Charges, createCharges } from '../../../src/charge/index.ts';
import {
  issueGrant,
  listEntries,
  readBalance,
  readHold,
  readUsage,
  setLimit,
  verifyLedger,
} from '../../../src/ledger/index.ts';
import { creditsOf, type Pricing } from '../../../src/usage/index.ts';
import { type FreshDatabase, freshDatabase } from '../../support/postgres.ts';
import { spend } from '../../support/spend.ts';

const cardOf = (usage: Record<string, MeterInput>) => defineCatalog({ prices: {}, usage }).usage;
const tokens = (input: number): MeterInput => ({
  by: 'model',
  per: 1_000,
  rates: { 'a/b': { input, output: 15 }, free: { input: 0, output: 0 } },
});
const CARD = cardOf({ page: { credits: 2 }, letter: { credits: 4, free: 2 }, tokens: tokens(3) });

describe('a hold that is captured by what was used', () => {
  let database: FreshDatabase;
  let charges: Charges;
  beforeAll(async () => {
    database = await freshDatabase();
    charges = createCharges({ db: database.db, card: CARD, debtLimit: 100 });
  });
  afterAll(() => database.close());

  async function granted(amount: number): Promise<string> {
    const accountId = randomUUID();
    const grant = { accountId, amount, idempotencyKey: 'grant', source: 'test' };
    await issueGrant(database.db, grant);
    return accountId;
  }
  async function held(available: number, pages = 10) {
    const accountId = await granted(available);
    const use = { accountId, meter: 'page', quantity: pages, actor: 'ada', feature: 'scan' };
    const { holdId } = await charges.placeHold({ ...use, idempotencyKey: 'job' });
    return { accountId, holdId };
  }
  const capturesOf = async (accountId: string) =>
    (await listEntries(database.db, { accountId, limit: 100 }))
      .filter(({ kind }) => kind === 'capture')
      .reverse();
  const sound = async (accountId: string) =>
    expect(await verifyLedger(database.db, accountId)).toEqual([]);

  it('reserves the price of the use, and charges the price of what it took', async () => {
    const accountId = await granted(100);
    const use = {
      accountId,
      meter: 'tokens',
      usage: { model: 'a/b', input: 2_000, output: 1_000 },
    };
    const placed = await charges.placeHold({ ...use, idempotencyKey: 'chat', actor: 'ada' });
    expect(placed).toMatchObject({ credits: 21, held: 21, version: 1, replayed: false });
    const { holdId } = placed;
    const used = { model: 'a/b', input: 1_500, output: 200 };
    const metadata = { worker: 'b' };
    const capture = { accountId, holdId, meter: 'tokens', usage: used, metadata };
    const captured = await charges.captureHold(capture);
    expect(captured).toMatchObject({
      ...{ credits: 8, captured: 8, uncovered: 0, available: 92, held: 0, replayed: false },
      rate: { kinds: { input: '3', output: '15' }, per: '1000' },
    });
    const [entry] = await capturesOf(accountId);
    expect(entry).toMatchObject({ amount: -8, meter: 'tokens', quantity: '1700', actor: 'ada' });
    expect(entry?.metadata).toEqual(metadata);
    const { rate, usage = {} } = (entry?.pricing ?? {}) as Pricing;
    expect(creditsOf(rate, { usage })).toBe(8);
    await sound(accountId);
  });

  it('repeated answers with the price of that day, also when the card has lost the meter', async () => {
    const { accountId, holdId } = await held(100);
    const use = { accountId, holdId, meter: 'page', quantity: 4 };
    const first = await charges.captureHold(use);
    for (const usage of [{ page: { credits: 5, version: 2 } }, {}] as Record<
      string,
      MeterInput
    >[]) {
      const later = createCharges({ db: database.db, card: cardOf(usage) });
      expect(await later.captureHold(use)).toEqual({ ...first, replayed: true });
    }
    expect((await readBalance(database.db, accountId)).available).toBe(92);
  });

  it.each([
    ['another quantity', { quantity: 4 }, { quantity: 5 }],
    ['another meter', { quantity: 4 }, { meter: 'letter', quantity: 4 }],
    [
      'another policy',
      { quantity: 14, overage: 'up_to_available' },
      { quantity: 14, overage: 'debt' },
    ],
  ] as const)('is refused when it was captured before with %s', async (_what, first, other) => {
    const { accountId, holdId } = await held(100);
    const use = { accountId, holdId, meter: 'page' };
    const { credits } = await charges.captureHold({ ...use, ...first });
    const reused = { code: 'idempotency_key_reused' };
    await expect(charges.captureHold({ ...use, ...other })).rejects.toMatchObject(reused);
    const plain = charges.captureHold({ accountId, holdId, amount: credits });
    await expect(plain).rejects.toMatchObject(reused);
  });

  it('that cost nothing is a capture of 0, so that its use is counted', async () => {
    const accountId = await granted(100);
    const { holdId } = await charges.placeHold({ accountId, amount: 5, idempotencyKey: 'job' });
    const use = { accountId, holdId, meter: 'letter', quantity: 2 };
    expect(await charges.captureHold(use)).toMatchObject({ credits: 0, available: 100, held: 0 });
    expect(await charges.captureHold(use)).toMatchObject({ credits: 0, replayed: true });
    expect(await readHold(database.db, { accountId, holdId })).toMatchObject({
      status: 'captured',
      captured: 0,
    });
    expect(await capturesOf(accountId)).toMatchObject([{ amount: 0, quantity: '2' }]);
    await sound(accountId);
  });

  it('takes more than was reserved by the policy alone, as another entry of the meter', async () => {
    const { accountId, holdId } = await held(30);
    await spend(database.db, { accountId, amount: 7, idempotencyKey: 'other' });
    const use = { accountId, holdId, meter: 'page', quantity: 14 };
    await expect(charges.captureHold(use)).rejects.toMatchObject({ code: 'amount_not_allowed' });
    const captured = await charges.captureHold({ ...use, overage: 'up_to_available' });
    expect(captured).toMatchObject({ credits: 28, captured: 23, uncovered: 5, available: 0 });
    expect(await charges.captureHold({ ...use, overage: 'up_to_available' })).toEqual({
      ...captured,
      replayed: true,
    });
    expect(await capturesOf(accountId)).toMatchObject([
      { amount: -20, meter: 'page', quantity: '14', pricing: { version: 1 } },
      { amount: -3, meter: 'page', quantity: null, pricing: null },
    ]);
    const groups = await readUsage(database.db, { accountId, now: new Date(), by: ['meter'] });
    expect(groups).toMatchObject({
      groups: [
        { meter: 'page', spent: 23, quantity: '14' },
        { meter: null, spent: 7 },
      ],
    });
    await sound(accountId);
  });

  it('leaves debt within the limit of the catalogue, and is refused whole beyond it', async () => {
    const { accountId, holdId } = await held(20);
    const use = { accountId, holdId, meter: 'page', overage: 'debt' } as const;
    await expect(charges.captureHold({ ...use, quantity: 61 })).rejects.toMatchObject({
      code: 'insufficient_credits',
    });
    expect(await charges.captureHold({ ...use, quantity: 60 })).toMatchObject({
      ...{ captured: 120, uncovered: 0, available: -100 },
    });
    await sound(accountId);
  });

  it('counts towards limits, and takes no more than they leave', async () => {
    const { accountId, holdId } = await held(100);
    await setLimit(database.db, { accountId, credits: 25, window: 'day', actor: 'ada' });
    expect(
      await charges.captureHold({
        ...{ accountId, holdId, meter: 'page', quantity: 14, overage: 'up_to_available' },
      }),
    ).toMatchObject({ captured: 25, uncovered: 3 });
  });

  it.each([
    ['an unknown meter', { meter: 'minute', quantity: 1 }, 'meter_unknown'],
    [
      'a model without a rate',
      { meter: 'tokens', usage: { model: 'c/d', input: 1 } },
      'rate_missing',
    ],
    ['a fraction', { meter: 'page', quantity: 1.5 }, 'invalid_input'],
    ['less than nothing', { meter: 'page', quantity: -1 }, 'invalid_input'],
    ['an amount beside the meter', { meter: 'page', quantity: 1, amount: 2 }, 'invalid_input'],
  ])('is refused for %s, and neither a hold nor a capture is written', async (_what, use, code) => {
    const { accountId, holdId } = await held(100);
    const placing = { accountId, idempotencyKey: 'k', ...use };
    await expect(charges.placeHold(placing)).rejects.toMatchObject({ code });
    await expect(charges.captureHold({ accountId, holdId, ...use })).rejects.toMatchObject({
      code,
    });
    expect(await readBalance(database.db, accountId)).toMatchObject({ posted: 100, held: 20 });
  });

  it('is not reserved where the use costs nothing', async () => {
    const free = { meter: 'tokens', usage: { model: 'free', input: 5 }, idempotencyKey: 'k' };
    await expect(charges.placeHold({ accountId: await granted(1), ...free })).rejects.toMatchObject(
      { code: 'amount_not_allowed' },
    );
  });

  it('is refused before anything is reserved when the price of the version was changed', async () => {
    await charges.charge({
      ...{ accountId: await granted(9), meter: 'page', quantity: 1, idempotencyKey: 'first' },
    });
    const changed = createCharges({ db: database.db, card: cardOf({ page: { credits: 3 } }) });
    const accountId = await granted(100);
    await expect(
      changed.placeHold({ accountId, meter: 'page', quantity: 1, idempotencyKey: 'job' }),
    ).rejects.toMatchObject({ code: 'invalid_configuration' });
    expect(await readBalance(database.db, accountId)).toMatchObject({ held: 0 });
  });
});
