import type { Command } from 'commander';
import { systemClock } from '../kernel/index.ts';
import { erasePerson, exportPerson, type PersonErasure } from '../person/index.ts';
import { readAccountId } from './arguments.ts';
import { argument, type CommandContext, type OutputOptions, print } from './command-line.ts';
import { withCreditDatabase } from './credits.ts';
import { withDatabase } from './environment.ts';

const USER = 'the uuid of the user';

/** `florin person export|erase`: what is known of one person, in all accounts. */
export function addPerson(program: Command, context: CommandContext): void {
  const person = program
    .command('person')
    .description('Hand over or erase what is known of one person, in all accounts.');

  person
    .command('export')
    .description(
      'Print everything about a user as JSON: their accounts, entries, payments, events.',
    )
    .argument('<user>', USER, argument(readAccountId))
    .option('--json', 'print JSON, as it does anyway')
    .action((userId: string) =>
      withCreditDatabase(
        async (db, { credit }) => {
          const value = await exportPerson(db, { userId, now: systemClock.now(), credit });
          context.terminal.out(`${JSON.stringify(value, null, 2)}\n`);
        },
        { writes: false },
      ),
    );

  person
    .command('erase')
    .description(
      'Close a user’s own account, end their memberships and erase what is written of them. The ledger stays provable. May be repeated.',
    )
    .argument('<user>', USER, argument(readAccountId))
    .option('--json', 'print JSON')
    .action((userId: string, options: OutputOptions) =>
      withDatabase(async (db) => {
        const value = await erasePerson(db, { userId });
        print(context, { options, value, text: describe(value) });
      }),
    );
}

function describe({ userId, erased, kept }: PersonErasure): string {
  const done = Object.entries(erased).map(([what, count]) => `${count} ${what}`);
  return [
    `Erased of ${userId}: ${done.join(', ')}.`,
    ...kept.map(({ what, why }) => `Kept: ${what}. ${why}`),
  ].join('\n');
}
