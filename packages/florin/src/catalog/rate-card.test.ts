import { describe, expect, it } from 'vitest';
import type { InvalidConfigurationError } from '../kernel/index.ts';
import { parseCatalog } from './index.ts';
import { OCR_CATALOG } from './ocr.ts';

function faultsOf(meter: object, name = 'page'): readonly string[] {
  try {
    parseCatalog({ prices: {}, usage: { [name]: meter } });
    return [];
  } catch (error) {
    return (error as InvalidConfigurationError).faults;
  }
}

describe('a rate card', () => {
  it('is empty where the catalogue says nothing of usage, and the shipped one sells pages', () => {
    expect(parseCatalog({ prices: {} }).usage.size).toBe(0);
    const { usage } = parseCatalog(OCR_CATALOG);
    expect(usage.get('page')?.rates.get('')).toEqual({ credits: '1' });
    expect(usage.get('page.vision')?.rates.get('')).toEqual({ credits: '3' });
  });

  it('takes one price in one form: what says nothing is left out', () => {
    const plain = parseCatalog({ prices: {}, usage: { page: { credits: '1.50' } } });
    const wordy = parseCatalog({
      prices: {},
      usage: { page: { credits: 1.5, per: 1, markup: '1.0', decimals: 0, version: 1 } },
    });
    expect(wordy.usage).toEqual(plain.usage);
  });

  it.each([
    [{}, 'usage.page: it needs one of credits, tiers'],
    [{ credits: 1, tiers: [{ credits: 1 }] }, 'usage.page: it needs one of credits, tiers'],
    [{ credits: -1 }, 'usage.page.credits: must be a decimal from 0'],
    [{ credits: 'one' }, 'usage.page.credits: must be a decimal from 0'],
    [{ credits: 1, per: 0 }, 'usage.page.per: must be above 0'],
    [{ credits: 1, markup: 0 }, 'usage.page.markup: must be above 0'],
    [{ credits: 1, block: 0 }, 'usage.page.block: must be above 0'],
    [{ credits: 1, version: 0 }, 'usage.page.version: must be at least 1'],
    [{ credits: 1, decimals: 10 }, 'usage.page.decimals: must be at most 9'],
    [{ credits: 1, price: 2 }, 'usage.page: unknown "price"'],
    [{ tiers: [] }, 'usage.page.tiers: must have at least one tier'],
    [{ tiers: [{ upTo: 5, credits: 1 }] }, 'usage.page.tiers: every tier but the last has upTo'],
    [{ tiers: [{ credits: 1 }, { credits: 2 }] }, 'usage.page.tiers: every tier but the last'],
    [
      { tiers: [{ upTo: 5, credits: 2 }, { upTo: 5, credits: 1 }, { credits: 1 }] },
      'usage.page.tiers: each upTo must be above the one before',
    ],
    [{ by: 'model' }, 'usage.page: it needs one of credits'],
    [{ by: 'model', credits: 1 }, 'usage.page: by: "model" and rates belong together'],
    [{ rates: { m: { input: 1 } } }, 'usage.page: by: "model" and rates belong together'],
    [{ by: 'model', rates: { m: {} } }, 'usage.page.rates.m: it needs at least one kind'],
    [{ by: 'model', rates: { m: { model: 1 } } }, 'usage.page.rates: no kind may be called model'],
    [{ by: 'model', rates: { m: { input: 1 } }, free: 3 }, 'usage.page: block and free are for'],
    [{ by: 'model', rates: { m: { input: -1 } } }, 'usage.page.rates.m.input: must be a decimal'],
  ])('is refused by the place of each fault: %j', (meter, fault) => {
    expect(faultsOf(meter).join('\n')).toContain(fault);
  });

  it('names meters without spaces', () => {
    expect(faultsOf({ credits: 1 }, 'a page')).toHaveLength(1);
    expect(faultsOf({ credits: 1 }, '')).toHaveLength(1);
    expect(faultsOf({ credits: 1 }, 'page.vision-2')).toEqual([]);
  });
});
