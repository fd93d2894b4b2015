import type { Catalog, CatalogPrice } from '../../../src/catalog/index.ts';

function price(id: string, credits: number, more: Partial<CatalogPrice> = {}): CatalogPrice {
  return {
    id,
    credits,
    reason: `${id.replace('price_', '').toLowerCase()}`,
    planType: 'basic',
    kind: 'recurring',
    ...more,
  };
}

/** The OCR service's catalogue, and a few prices with every option. */
export function testCatalog(
  more: readonly CatalogPrice[] = [],
  earlyFraudWarnings: Catalog['earlyFraudWarnings'] = 'ignore',
): Catalog {
  const prices: readonly CatalogPrice[] = [
    price('price_BASIC_MONTHLY', 100, { reason: 'basic_plan_monthly' }),
    price('price_PRO_MONTHLY', 500, { reason: 'vision_pro_monthly', planType: 'vision_pro' }),
    price('price_QUICK_SCAN', 50, { kind: 'one_time', reason: 'quick_scan_purchase' }),
    price('price_POWER_PACK', 250, { kind: 'one_time', reason: 'power_pack_purchase' }),
    price('price_TRIAL', 100, { trialCredits: 20 }),
    price('price_ANNUAL', 1200, { drip: 'monthly' }),
    price('price_USE_OR_LOSE', 100, { expires: 'period_end' }),
    ...more,
  ];
  return {
    prices,
    earlyFraudWarnings,
    find: ({ priceId, lookupKey }) =>
      prices.find(
        (one) =>
          one.id === priceId ||
          (lookupKey != null && (one.lookupKey === lookupKey || one.id === lookupKey)),
      ),
  } as Catalog;
}
