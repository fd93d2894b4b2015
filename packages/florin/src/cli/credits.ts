import { loadCatalog } from '../catalog/index.ts';
import {
  AMOUNT_FIELDS,
  type Credit,
  createCredit,
  inCredits,
  showFields,
} from '../credit/index.ts';
import type { Database } from '../db/index.ts';
import { keepDecimals, readDecimals } from '../ledger/index.ts';
import { UsageError } from './command-line.ts';
import { readEnvironment, withDatabase } from './environment.ts';

/** Amounts as commands read and print them. */
export type CliCredits = {
  readonly credit: Credit;
  /** What was typed, in units. Wrong usage where it is no amount. */
  read(text: string): number;
  /** The amounts of an object, or of each in a list, in credits. */
  show<T>(value: T): T;
};

/**
 * Runs `work` with a database whose amounts are read and printed in credits, and errors with them. The
 * ledger knows how many decimals there are; the catalogue, while the ledger has no entries.
 */
export async function withCreditDatabase(
  work: (db: Database, credits: CliCredits) => Promise<void>,
  { writes }: { writes: boolean },
): Promise<void> {
  await withDatabase(async (db) => {
    const credit = await creditOf(db, writes);
    try {
      await work(db, {
        credit,
        read: (text) => readTyped(credit, text),
        show: (value) => showFields(credit, AMOUNT_FIELDS, value),
      });
    } catch (error) {
      throw inCredits(credit, error);
    }
  });
}

async function creditOf(db: Database, writes: boolean): Promise<Credit> {
  const kept = await readDecimals(db);
  if (kept !== null) {
    return createCredit(kept);
  }
  const { credit } = await loadCatalog(readEnvironment()['FLORIN_CATALOG']);
  if (writes) {
    await keepDecimals(db, credit.decimals);
  }
  return credit;
}

function readTyped(credit: Credit, text: string): number {
  const read = credit.read(text);
  if (typeof read !== 'number') {
    throw new UsageError(`credits ${read.fault}.`);
  }
  return read;
}
