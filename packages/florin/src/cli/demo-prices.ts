import type { SeedPrice } from 'stripe-sandbox';
import { type Catalog, OCR_AMOUNTS } from '../catalog/index.ts';

type CatalogPrice = Catalog['prices'][number];

const KNOWN_AMOUNTS: Readonly<Record<string, number>> = OCR_AMOUNTS;
const CENTS_A_CREDIT = 8;

/**
 * The catalogue's prices as Stripe would have them, for `florin dev`: the catalogue says what a price
 * grants and not what it costs, so that the amounts of others than the OCR service's are made up. A dripped price is a yearly one.
 */
export function demoPrices(catalog: Catalog): SeedPrice[] {
  return catalog.prices.map((price) => ({
    id: price.id,
    lookupKey: price.lookupKey,
    name: price.name ?? nameOf(price),
    description: price.description,
    unitAmount: KNOWN_AMOUNTS[price.id] ?? price.credits * CENTS_A_CREDIT,
    recurring:
      price.kind === 'recurring'
        ? { interval: price.drip === 'monthly' ? 'year' : 'month' }
        : undefined,
  }));
}

/** `price_QUICK_SCAN` → `Quick Scan`. */
function nameOf({ id }: CatalogPrice): string {
  return id
    .replace(/^price_/, '')
    .toLowerCase()
    .replaceAll(
      /(^|[_-])([a-z0-9])/g,
      (_, separator: string, letter: string) =>
        `${separator === '' ? '' : ' '}${letter.toUpperCase()}`,
    );
}
