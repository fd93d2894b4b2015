import type { Database, Executor, Statement } from '../db/index.ts';
import { InvalidConfigurationError } from '../kernel/index.ts';
import { callOne } from './written.ts';

const KEEP: Statement = {
  name: 'ledger_keep_decimals',
  text: 'select credits.keep_decimals($1) as kept',
};
const READ: Statement = {
  name: 'ledger_read_decimals',
  text: 'select credits.read_decimals() as kept',
};

/**
 * Keeps how many decimals credits have, as long as nothing was ever written to the ledger. Repeatable.
 * Throws `invalid_configuration` where the ledger has entries with other decimals.
 */
export async function keepDecimals(db: Executor, decimals: number): Promise<void> {
  const { kept } = await callOne<{ kept: number }>(db, KEEP, [decimals]);
  if (kept !== decimals) {
    throw new InvalidConfigurationError([otherDecimals({ kept, decimals })]);
  }
}

/** The decimals that the ledger's entries have; null while nothing has settled them. Writes nothing. */
export async function readDecimals(db: Executor): Promise<number | null> {
  return (await callOne<{ kept: number | null }>(db, READ, [])).kept;
}

/** What is wrong with other decimals than the ledger's, and what to do. */
export function otherDecimals({ kept, decimals }: { kept: number; decimals: number }): string {
  return `credit.decimals: the ledger's amounts have ${kept} decimals, and the catalogue says ${decimals}. They are set once: say ${kept} in the catalogue, or begin a new ledger in another database.`;
}

/**
 * The database for whoever writes amounts with `decimals`: its first statement waits until the ledger has
 * agreed to them, and each is refused with `invalid_configuration` as long as it does not.
 */
export function withDecimals(db: Database, decimals: number): Database {
  let agreed = false;
  let asking: Promise<void> | undefined;
  const agree = () => {
    asking ??= keepDecimals(db.reserved, decimals)
      .then(() => {
        agreed = true;
      })
      .finally(() => {
        asking = undefined;
      });
    return asking;
  };
  const view = (inner: Database): Omit<Database, 'reserved'> => ({
    query: (...statement) =>
      agreed ? inner.query(...statement) : agree().then(() => inner.query(...statement)),
    transaction: (work) =>
      agreed ? inner.transaction(work) : agree().then(() => inner.transaction(work)),
    listen: (channel, onMessage) => inner.listen(channel, onMessage),
    figures: () => inner.figures(),
    close: () => inner.close(),
  });
  const reserved: Database = {
    ...view(db.reserved),
    get reserved() {
      return reserved;
    },
  };
  return { ...view(db), reserved };
}
