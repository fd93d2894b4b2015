import { parseCatalog } from './parse.ts';
import type { Catalog, CatalogInput } from './price.ts';

/** The typed form of a catalogue, for `florin.config.ts`. Throws `invalid_configuration`. */
export function defineCatalog(input: CatalogInput): Catalog {
  return parseCatalog(input);
}
