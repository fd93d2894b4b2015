import { FlorinError } from '../kernel/index.ts';
import type { Catalog, CatalogPrice } from './price.ts';

/** As much of an unknown price's id as an error repeats. */
const MAX_SHOWN = 500;

/** The catalogue's price. Throws `price_unknown`. */
export function forSale(catalog: Catalog, priceId: string): CatalogPrice {
  const price = catalog.find({ priceId, lookupKey: priceId });
  if (price === undefined) {
    throw new FlorinError('price_unknown', 'This price is not in the catalogue.', {
      details: { priceId: priceId.slice(0, MAX_SHOWN) },
    });
  }
  return price;
}

/** The prices that are paid by the seat, by their keys and lookup_keys. */
export function perSeatPrices({ prices }: Catalog): readonly string[] {
  const names = prices
    .filter(({ perSeat }) => perSeat === true)
    .flatMap(({ id, lookupKey }) => (lookupKey === undefined ? [id] : [id, lookupKey]));
  return [...new Set(names)];
}
