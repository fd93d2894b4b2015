export { defineCatalog } from './define.ts';
export { forSale, perSeatPrices } from './for-sale.ts';
export { loadCatalog } from './load.ts';
export { OCR_AMOUNTS, OCR_CATALOG } from './ocr.ts';
export { parseCatalog } from './parse.ts';
export type {
  Catalog,
  CatalogInput,
  CatalogPrice,
  CheckoutSettings,
  PriceInput,
  Proration,
} from './price.ts';
export { createPriceDirectory, type PriceDirectory, type StripePrice } from './price-directory.ts';
export type { MeterInput } from './rate-card.ts';
export { type CheckedPrice, checkCatalog, type NewPrice, pushPrice } from './stripe.ts';
