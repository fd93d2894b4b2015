import type { Command } from 'commander';
import { createCredit } from '../credit/index.ts';
import { connect } from '../db/index.ts';
import { type BrokenInvariant, readDecimals, verifyLedger } from '../ledger/index.ts';
import { readAccountId } from './arguments.ts';
import { argument, type CommandContext, EXIT, type OutputOptions, print } from './command-line.ts';
import { readEnvironment, requireDatabaseUrl } from './environment.ts';

/** Proving a large ledger reads all of it; an hour is ample and still an end. */
const MAX_MS = 3_600_000;

/** `florin verify`: proves the ledger's invariants, for one account or all. */
export function addVerify(program: Command, context: CommandContext): void {
  program
    .command('verify')
    .description(
      'Prove the invariants of the ledger: balances equal their entries, grants what was allocated, and no entry was changed. Exit 1 when one is broken.',
    )
    .argument('[account]', 'one account instead of all', argument(readAccountId))
    .option('--json', 'print JSON')
    .action(async (account: string | undefined, options: OutputOptions) => {
      const db = connect({
        url: requireDatabaseUrl(readEnvironment()),
        statementTimeoutMs: MAX_MS,
        maxConnections: 1,
      });
      try {
        const broken = await verifyLedger(db, account);
        const { unitsPerCredit } = createCredit((await readDecimals(db)) ?? 0);
        const value = { sound: broken.length === 0, broken, unitsPerCredit };
        print(context, { options, value, text: describe(value) });
        context.finishWith(broken.length === 0 ? EXIT.done : EXIT.failed);
      } finally {
        await db.close();
      }
    });
}

/** The ledger tells of its own amounts, which are units: who reads that must know how many make a credit. */
function describe(found: { broken: readonly BrokenInvariant[]; unitsPerCredit: number }): string {
  const { broken, unitsPerCredit } = found;
  if (broken.length === 0) {
    return 'The ledger is sound.';
  }
  const lines = broken.map((row) => JSON.stringify(row));
  const note = `Amounts above are in units: ${unitsPerCredit} are one credit.`;
  return (unitsPerCredit === 1 ? lines : [...lines, note]).join('\n');
}
