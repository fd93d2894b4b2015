export { defineCatalog } from './define.ts';
export { loadCatalog } from './load.ts';
export { parseCatalog } from './parse.ts';
export type { Catalog, CatalogInput, CatalogPrice, CheckoutSettings, PriceInput } from './price.ts';
