import type { Command } from 'commander';
import { connect } from '../db/index.ts';
import { verifyLedger } from '../ledger/index.ts';
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
        const text =
          broken.length === 0
            ? 'The ledger is sound.'
            : broken.map((row) => JSON.stringify(row)).join('\n');
        print(context, { options, value: { sound: broken.length === 0, broken }, text });
        context.finishWith(broken.length === 0 ? EXIT.done : EXIT.failed);
      } finally {
        await db.close();
      }
    });
}
