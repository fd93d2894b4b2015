import { loadCatalog } from '../../catalog/index.ts';
import { type Check, fault, messageOf, ok } from './check.ts';

/** The catalogue can be read and says something for at least one price. */
export async function checkCatalogue(path: string | undefined): Promise<Check[]> {
  try {
    const { prices } = await loadCatalog(path);
    return prices.length > 0
      ? [ok('catalogue', `${prices.length} prices`)]
      : [fault('catalogue', 'it has no price', 'Say in florin.config.ts what your prices grant.')];
  } catch (error) {
    return [fault('catalogue', messageOf(error), 'Mend florin.config.ts, or set FLORIN_CATALOG.')];
  }
}
