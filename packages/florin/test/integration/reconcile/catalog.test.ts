import { expect, it } from 'vitest';
import { PRICES, sandboxUnderTest } from '../../../../stripe-sandbox/test/sandbox-under-test.ts';
import { checkCatalog, defineCatalog, pushPrice } from '../../../src/catalog/index.ts';

const about = { credits: 10, reason: 'pack', planType: 'credits' } as const;

it('tells which prices are missing, archived or of another kind, and creates what is missing', async () => {
  const { stripe } = await sandboxUnderTest({ prices: PRICES });
  const catalog = defineCatalog({
    prices: {
      price_QUICK_SCAN: { ...about, kind: 'one_time' },
      price_BASIC_MONTHLY: { ...about, kind: 'one_time' },
      price_POWER_PACK: { ...about, kind: 'one_time' },
      new_pack: { ...about, kind: 'one_time' },
    },
  });
  await stripe.prices.update('price_POWER_PACK', { active: false });
  const faults = async () =>
    (await checkCatalog(stripe, catalog)).map(({ faults }) => faults.map(({ fault }) => fault));
  expect(await faults()).toEqual([[], ['other_interval'], ['archived'], ['missing']]);
  const price = catalog.prices.find(({ id }) => id === 'new_pack');
  if (price === undefined) {
    throw new Error('The catalogue lost its price.');
  }
  const wanted = { price, unitAmount: 700, currency: 'usd' };
  expect(await pushPrice(stripe, wanted)).toBe(await pushPrice(stripe, wanted));
  expect((await faults())[3]).toEqual([]);
});
