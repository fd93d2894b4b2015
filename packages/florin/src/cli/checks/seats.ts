import { type Catalog, loadCatalog, perSeatPrices } from '../../catalog/index.ts';
import { readSeats } from '../../console/index.ts';
import { connect } from '../../db/index.ts';
import { type Check, messageOf, ok, warning } from './check.ts';

const MAX_NAMED = 10;
const MEND =
  'Nobody is refused for it. Ask the owner to change the quantity of the plan, or the members.';

/** Accounts with more members than the seats they pay for; nothing where no price is per seat. */
export async function checkSeats(options: {
  url: string | undefined;
  catalogPath: string | undefined;
}): Promise<Check[]> {
  const prices = perSeat(await loadCatalog(options.catalogPath).catch(() => undefined));
  if (options.url === undefined || prices.length === 0) {
    return [];
  }
  const db = connect({ url: options.url, maxConnections: 1, applicationName: 'florin doctor' });
  try {
    const all = await readSeats(db, { prices });
    const over = all.filter(({ bought, members }) => members > bought);
    if (over.length === 0) {
      return [ok('seats', `${all.length} accounts pay by the seat, and none has more members`)];
    }
    const named = over
      .slice(0, MAX_NAMED)
      .map(
        ({ accountId, bought, members }) =>
          `${accountId} has ${seatsText(bought)}, ${members} members`,
      );
    const more = over.length > MAX_NAMED ? `; and ${over.length - MAX_NAMED} more` : '';
    return [warning('seats', `${named.join('; ')}${more}`, MEND)];
  } catch (error) {
    // What the database lacks is told by the checks of the database.
    return [warning('seats', messageOf(error), 'Mend first what the checks of the database say.')];
  } finally {
    await db.close();
  }
}

function perSeat(catalog: Catalog | undefined): readonly string[] {
  return catalog === undefined ? [] : perSeatPrices(catalog);
}

function seatsText(count: number): string {
  return count === 1 ? '1 seat' : `${count} seats`;
}
