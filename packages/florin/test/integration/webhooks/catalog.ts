import { type Catalog, type CatalogPrice, OCR_CATALOG } from '../../../src/catalog/index.ts';
import { WHOLE_CREDITS } from '../../../src/credit/index.ts';

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
    ...Object.entries(OCR_CATALOG.prices).map(([id, one]) => ({ id, ...one })),
    price('price_TRIAL', 100, { trialCredits: 20 }),
    price('price_ANNUAL', 1200, { drip: 'monthly' }),
    price('price_USE_OR_LOSE', 100, { expires: 'period_end' }),
    ...more,
  ];
  return {
    credit: WHOLE_CREDITS,
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
