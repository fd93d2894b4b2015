import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { defineCatalog, type MeterInput } from '../catalog/index.ts';
import { MAX_CREDITS } from '../kernel/index.ts';
import { creditsOf, type Measured, price } from './index.ts';

const card = (usage: Record<string, MeterInput>) => defineCatalog({ prices: {}, usage }).usage;

const CARD = card({
  page: { credits: 1 },
  minute: { credits: 2, per: 60, block: 60 },
  image: { tiers: [{ upTo: 10, credits: 5 }, { upTo: 100, credits: 3 }, { credits: 1 }] },
  letter: { credits: 4, free: 2, minimum: 10 },
  hour: { credits: '0.5', decimals: 2 },
  tokens: {
    by: 'model',
    per: 1_000_000,
    markup: 1.2,
    rates: { 'a/b': { input: 3, cachedInput: 0.3, output: 15 }, 'c/d': { input: '0.1' } },
  },
});

const costs = (meter: string, quantity: number | string) =>
  price(CARD, { meter, quantity }).credits;
const codeOf = (measured: Measured) => {
  try {
    price(CARD, measured);
    return 'none';
  } catch (error) {
    return (error as { code: string }).code;
  }
};

describe('a price', () => {
  it.each([
    ['page', 0, 0],
    ['page', 3, 3],
    ['minute', 1, 2],
    ['minute', 60, 2],
    ['minute', 61, 4],
    ['image', 10, 50],
    ['image', 11, 53],
    ['image', 100, 320],
    ['image', 101, 321],
    ['letter', 2, 0],
    ['letter', 3, 10],
    ['letter', 5, 12],
    ['hour', '1.01', 1],
    ['hour', '2.01', 2],
    ['hour', 2, 1],
  ])('of %s × %s is %s credits', (meter, quantity, credits) => {
    expect(costs(meter, quantity)).toBe(credits);
  });

  it('of tokens adds up the kinds, exactly, before it is rounded up once', () => {
    const used = (usage: Record<string, number>) =>
      price(CARD, { meter: 'tokens', usage: { model: 'a/b', ...usage } });
    // (1,000,000 × 3 + 500,000 × 0.3 + 200,000 × 15) ÷ 1,000,000 × 1.2 = 7.38
    expect(used({ input: 1_000_000, cachedInput: 500_000, output: 200_000 })).toEqual({
      meter: 'tokens',
      model: 'a/b',
      credits: 8,
      quantity: '1700000',
      pricing: {
        version: 1,
        rate: {
          kinds: { input: '3', cachedInput: '0.3', output: '15' },
          per: '1000000',
          markup: '1.2',
        },
        usage: { model: 'a/b', input: '1000000', cachedInput: '500000', output: '200000' },
      },
    });
    expect(used({ input: 1 }).credits).toBe(1);
    expect(used({ input: 0 }).credits).toBe(0);
    // 2,500,000 × 3 × 1.2 ÷ 1,000,000 is 9 exactly; with doubles it would be 9.000000000000002 at times.
    expect(used({ input: 2_500_000 }).credits).toBe(9);
  });

  it.each([
    ['a meter that the card does not have', { meter: 'pages', quantity: 1 }, 'meter_unknown'],
    ['a name that every object has', { meter: 'constructor', quantity: 1 }, 'meter_unknown'],
    [
      'a model without a rate',
      { meter: 'tokens', usage: { model: 'x', input: 1 } },
      'rate_missing',
    ],
    [
      'a kind without a rate',
      { meter: 'tokens', usage: { model: 'c/d', output: 1 } },
      'rate_missing',
    ],
    [
      'a kind without a rate, of which nothing was used',
      { meter: 'tokens', usage: { model: 'c/d', output: 0 } },
      'rate_missing',
    ],
    ['a quantity below 0', { meter: 'page', quantity: -1 }, 'invalid_input'],
    ['a fraction where whole units are asked', { meter: 'page', quantity: 1.5 }, 'invalid_input'],
    ['more decimals than the meter allows', { meter: 'hour', quantity: '1.001' }, 'invalid_input'],
    ['no number', { meter: 'page', quantity: 'many' }, 'invalid_input'],
    ['not a number', { meter: 'page', quantity: Number.NaN }, 'invalid_input'],
    ['an endless quantity', { meter: 'page', quantity: Number.POSITIVE_INFINITY }, 'invalid_input'],
    [
      'a quantity of more digits than are exact',
      { meter: 'page', quantity: '9007199254740992' },
      'invalid_input',
    ],
    ['no quantity', { meter: 'page' }, 'invalid_input'],
    ['a quantity where models count', { meter: 'tokens', quantity: 1 }, 'invalid_input'],
    ['a model and nothing used', { meter: 'tokens', usage: { model: 'a/b' } }, 'invalid_input'],
    [
      'a use where a quantity counts',
      { meter: 'page', usage: { model: 'a/b', input: 1 } },
      'invalid_input',
    ],
    [
      'more credits than one operation may move',
      { meter: 'letter', quantity: MAX_CREDITS },
      'amount_not_allowed',
    ],
  ])('is refused for %s', (_what, measured, code) => {
    expect(codeOf(measured as Measured)).toBe(code);
  });

  it('names the model and the kind that have no rate', () => {
    const refused = () => price(CARD, { meter: 'tokens', usage: { model: 'c/d', output: 1 } });
    expect(refused).toThrow('The meter tokens has no rate for c/d and output.');
    expect(refused).toThrow(
      expect.objectContaining({ details: { meter: 'tokens', model: 'c/d', kind: 'output' } }),
    );
  });

  it('is never less for more, nor different when it is computed again from what the entry keeps', () => {
    const meters = ['page', 'minute', 'image', 'letter'];
    fc.assert(
      fc.property(
        fc.constantFrom(...meters),
        fc.nat(10_000_000),
        fc.nat(10_000_000),
        (meter, quantity, more) => {
          const { credits, pricing, quantity: kept } = price(CARD, { meter, quantity });
          expect(costs(meter, quantity + more)).toBeGreaterThanOrEqual(credits);
          const stored = JSON.parse(JSON.stringify(pricing));
          expect(creditsOf(stored.rate, { quantity: kept, usage: stored.usage })).toBe(credits);
        },
      ),
    );
  });

  it('is the same however a decimal is written', () => {
    for (const credits of [0.0000003, '0.0000003', '3e-7', '00.00000030']) {
      const meter = card({ byte: { credits } });
      expect(price(meter, { meter: 'byte', quantity: 10_000_000 }).credits).toBe(3);
      expect(meter.get('byte')?.rates.get('')).toEqual({ credits: '0.0000003' });
    }
  });
});
