import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InvalidConfigurationError } from '../kernel/index.ts';
import { type CatalogInput, loadCatalog, parseCatalog } from './index.ts';
import { OCR_CATALOG } from './ocr.ts';

const PACK = { credits: 50, reason: 'pack_purchase', planType: 'credits', kind: 'one_time' };
const PLAN = { credits: 100, reason: 'plan_monthly', planType: 'basic', kind: 'recurring' };

function faultsOf(prices: Record<string, object>, more: object = {}): readonly string[] {
  try {
    parseCatalog({ prices, ...more });
    return [];
  } catch (error) {
    return (error as InvalidConfigurationError).faults;
  }
}

describe('a catalogue', () => {
  it('finds a price by its id, and by its lookup key', () => {
    const catalog = parseCatalog({
      prices: { price_1: { ...PACK, lookupKey: 'pack' }, plan: PLAN },
    });
    expect(catalog.find({ priceId: 'price_1' })?.credits).toBe(50);
    expect(catalog.find({ priceId: 'price_9', lookupKey: 'pack' })?.id).toBe('price_1');
    expect(catalog.find({ priceId: 'price_9', lookupKey: 'plan' })?.id).toBe('plan');
    expect(catalog.find({ priceId: 'price_9', lookupKey: null })).toBeUndefined();
    expect(catalog.find({ priceId: '__proto__' })).toBeUndefined();
  });

  it('allows no debt unless it says how much', () => {
    expect(parseCatalog({ prices: {} }).debtLimit).toBe(0);
    expect(parseCatalog({ prices: {}, debtLimit: 50 }).debtLimit).toBe(50);
    for (const debtLimit of [-1, 0.5, '5', 2 ** 53, null]) {
      expect(faultsOf({}, { debtLimit })).toContainEqual(expect.stringContaining('debtLimit'));
    }
  });

  it('reads each of its amounts with its decimals, and refuses more of them', () => {
    const credit = { decimals: 2 };
    const plan = { ...PLAN, credits: '12.5', expires: 'period_end', rollover: { max: 0.3 } };
    const prices = { plan: { ...plan, trialCredits: '0.25' } };
    const catalog = parseCatalog({ credit, prices, debtLimit: '0.75', lowBalance: 1.5 });
    expect(catalog.prices).toMatchObject([
      { credits: 1250, rollover: { max: 30 }, trialCredits: 25 },
    ]);
    expect(catalog).toMatchObject({ debtLimit: 75, lowBalance: 150 });
    const tooFine = { ...plan, credits: '12.505', rollover: { max: 0.305 }, trialCredits: 0.255 };
    expect(faultsOf({ plan: tooFine }, { credit, debtLimit: 0.755 })).toEqual([
      'prices.plan.credits: must have at most 2 decimals',
      'prices.plan.rollover.max: must have at most 2 decimals',
      'prices.plan.trialCredits: must have at most 2 decimals',
      'debtLimit: must have at most 2 decimals',
    ]);
  });

  it('takes every optional field', () => {
    const full = {
      ...PLAN,
      lookupKey: 'annual',
      name: 'Annual',
      description: 'All year',
      expires: 'period_end',
      priority: -5,
      rollover: { max: 20 },
      trialCredits: 5,
    };
    const drip = { ...PLAN, drip: 'monthly', expiresAfter: 'P1Y6M' };
    const catalog = parseCatalog({
      prices: { price_full: full, price_drip: drip },
      ignore: ['price_shirt'],
      checkout: { automaticTax: true },
    });
    expect(catalog.prices).toEqual([
      { id: 'price_full', ...full },
      { id: 'price_drip', lookupKey: 'price_drip', ...drip },
    ]);
    expect(catalog.ignores?.('price_shirt')).toBe(true);
    expect(catalog.checkout).toEqual({
      automaticTax: true,
      promotionCodes: true,
      maxQuantity: 100,
      anonymousBuyers: false,
      proration: 'always_invoice',
    });
  });

  it.each([
    ['credits 0', { ...PACK, credits: 0 }, 'credits'],
    ['credits of a fraction', { ...PACK, credits: 1.5 }, 'credits'],
    ['credits as text', { ...PACK, credits: '50' }, 'credits'],
    ['credits that JSON cannot hold', { ...PACK, credits: 2 ** 53 }, 'credits'],
    ['an unknown kind', { ...PACK, kind: 'monthly' }, 'kind'],
    ['no reason', { ...PACK, reason: ' ' }, 'reason'],
    ['a plan type that breaks addresses', { ...PACK, planType: 'a&b=c' }, 'planType'],
    ['a misspelt field', { ...PACK, expireAfter: 'P1Y' }, 'expireAfter'],
    ['a duration in words', { ...PACK, expiresAfter: '90 days' }, 'expiresAfter'],
    ['an empty duration', { ...PACK, expiresAfter: 'P' }, 'expiresAfter'],
    ['a duration with an empty time', { ...PACK, expiresAfter: 'P1DT' }, 'expiresAfter'],
    ['a duration of nothing', { ...PACK, expiresAfter: 'P0D' }, 'expiresAfter'],
    ['two expiries', { ...PLAN, expires: 'period_end', expiresAfter: 'P1Y' }, 'both'],
    ['a period of a pack', { ...PACK, expires: 'period_end' }, 'recurring'],
    ['a drip of a pack', { ...PACK, drip: 'monthly' }, 'recurring'],
    ['a trial of a pack', { ...PACK, trialCredits: 5 }, 'recurring'],
    ['a rollover with nothing to roll', { ...PLAN, rollover: { max: 5 } }, 'rollover'],
    ['a rollover of nothing', { ...PLAN, expires: 'period_end', rollover: { max: 0 } }, 'rollover'],
    [
      'a rollover and a drip',
      { ...PLAN, expires: 'period_end', rollover: { max: 5 }, drip: 'monthly' },
      'both',
    ],
    ['a priority of a fraction', { ...PACK, priority: 0.5 }, 'priority'],
    ['more in one checkout than can be counted', { ...PACK, credits: 2 ** 52 }, 'maxQuantity'],
  ])('refuses %s and says where', (_what, price, named) => {
    const faults = faultsOf({ price_x: price });
    expect(faults).toHaveLength(1);
    expect(faults[0]).toContain('price_x');
    expect(faults[0]).toContain(named);
  });

  it('names every fault at once', () => {
    const faults = faultsOf({
      price_a: { ...PACK, credits: -1, kind: 'x' },
      price_b: { ...PLAN, drip: 'weekly' },
    });
    expect(faults).toHaveLength(3);
  });

  it('refuses two prices with one lookup key, and a price that is sold and ignored', () => {
    const twice = { price_a: { ...PACK, lookupKey: 'k' }, price_b: { ...PACK, lookupKey: 'k' } };
    expect(faultsOf(twice)).toHaveLength(1);
    expect(faultsOf({ price_a: { ...PACK, lookupKey: 'price_b' }, price_b: PACK })).toHaveLength(1);
    expect(faultsOf({ price_a: PACK }, { ignore: ['price_a'] })).toHaveLength(1);
  });

  it.each([undefined, null, [], 'prices', {}, { prices: [] }, { prices: {}, price: {} }])(
    'refuses %j',
    (value) => {
      expect(() => parseCatalog(value)).toThrow(InvalidConfigurationError);
    },
  );
});

describe('loading a catalogue', () => {
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'florin-catalog-'));
  });
  afterAll(() => rm(folder, { recursive: true }));
  const write = async (name: string, text: string) => {
    const path = join(folder, name);
    await writeFile(path, text);
    return path;
  };

  it("gives this repository's own florin.config.ts, which is the OCR service's", async () => {
    const loaded = await loadCatalog('florin.config.ts');
    expect(loaded.prices).toEqual(parseCatalog(OCR_CATALOG).prices);
    expect(loaded.prices.map(({ id, credits }) => `${id} ${credits}`)).toEqual([
      'price_BASIC_MONTHLY 100',
      'price_PRO_MONTHLY 500',
      'price_MAX_MONTHLY 2000',
      'price_QUICK_SCAN 50',
      'price_POWER_PACK 250',
      'price_PROFESSIONAL 600',
      'price_ENTERPRISE 1000',
    ]);
  });

  it('reads JSON, and TypeScript wherever it lies', async () => {
    const input = { prices: { price_1: PACK } } as unknown as CatalogInput;
    const json = await write('florin.config.json', JSON.stringify(input));
    expect((await loadCatalog(json)).find({ priceId: 'price_1' })?.credits).toBe(50);
    const typed = await write(
      'florin.config.ts',
      `import { defineCatalog } from 'florin';
       const credits: number = 70;
       export default defineCatalog({ prices: { price_1: { ...${JSON.stringify(PACK)}, credits } } });`,
    );
    expect((await loadCatalog(typed)).find({ priceId: 'price_1' })?.credits).toBe(70);
    const plain = await write('plain.ts', `export default ${JSON.stringify(input)}`);
    expect((await loadCatalog(plain)).prices).toHaveLength(1);
  });

  it('names the file and every fault in it', async () => {
    const path = await write(
      'faulty.json',
      JSON.stringify({ prices: { price_1: { ...PACK, credits: 0, kind: 'no' } } }),
    );
    const error = await loadCatalog(path).catch((caught: InvalidConfigurationError) => caught);
    expect((error as InvalidConfigurationError).faults).toHaveLength(2);
    expect((error as Error).message).toContain('faulty.json');
    await expect(loadCatalog(await write('broken.json', '{'))).rejects.toThrow('broken.json');
    for (const value of ['[]', 'null', '5', '{"find":1}']) {
      const other = loadCatalog(await write('other.json', value));
      await expect(other).rejects.toThrow('other.json: ');
    }
    await expect(loadCatalog(join(folder, 'nowhere.ts'))).rejects.toThrow('does not exist');
  });
});
