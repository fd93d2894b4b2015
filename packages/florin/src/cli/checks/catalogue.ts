import { type Catalog, loadCatalog } from '../../catalog/index.ts';
import { connect } from '../../db/index.ts';
import { otherDecimals, readDecimals } from '../../ledger/index.ts';
import { type Check, fault, messageOf, ok } from './check.ts';

/** The catalogue can be read, says something for at least one price, and counts credits as the ledger does. */
export async function checkCatalogue(
  path: string | undefined,
  databaseUrl: string | undefined,
): Promise<Check[]> {
  try {
    const catalog = await loadCatalog(path);
    const { prices } = catalog;
    return [
      prices.length > 0
        ? ok('catalogue', `${prices.length} prices`)
        : fault('catalogue', 'it has no price', 'Say in florin.config.ts what your prices grant.'),
      ...(await checkDecimals(catalog, databaseUrl)),
    ];
  } catch (error) {
    return [fault('catalogue', messageOf(error), 'Mend florin.config.ts, or set FLORIN_CATALOG.')];
  }
}

/** Says nothing where the ledger cannot be asked: the database's own checks tell why. */
async function checkDecimals({ credit }: Catalog, url: string | undefined): Promise<Check[]> {
  const { decimals } = credit;
  const kept = url === undefined ? null : await keptBy(url);
  if (kept !== null && kept !== decimals) {
    const found = `${decimals} decimals, and the ledger has ${kept}`;
    return [fault('catalogue.decimals', found, otherDecimals({ kept, decimals }))];
  }
  return decimals === 0 ? [] : [ok('catalogue.decimals', `credits have ${decimals}`)];
}

async function keptBy(url: string): Promise<number | null> {
  try {
    const db = connect({ url, maxConnections: 1 });
    return await readDecimals(db).finally(() => db.close());
  } catch {
    return null;
  }
}
