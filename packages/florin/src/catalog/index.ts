export { defineCatalog } from './define.ts';
export { loadCatalog } from './load.ts';
export { parseCatalog } from './parse.ts';
export type { Catalog, CatalogInput, CatalogPrice, CheckoutSettings, PriceInput } from './price.ts';
export { type CheckedPrice, checkCatalog, type NewPrice, pushPrice } from './stripe.ts';
