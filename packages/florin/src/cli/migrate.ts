import type { Command } from 'commander';
import { migrate, pendingMigrations } from '../db/index.ts';
import { readFolder } from './arguments.ts';
import { argument, type CommandContext, EXIT, type OutputOptions, print } from './command-line.ts';
import { readEnvironment, requireDatabaseUrl } from './environment.ts';

type Options = OutputOptions & { check?: boolean; directory?: string };

/** `florin migrate`: brings the database to the newest version. */
export function addMigrate(program: Command, context: CommandContext): void {
  program
    .command('migrate')
    .description(
      'Apply the migrations that the database has not seen. Shares its history with the Supabase CLI; repeating does nothing.',
    )
    .option('--check', 'change nothing; exit 1 when migrations are pending')
    .option(
      '--directory <path>',
      'apply the files of another folder than the shipped ones',
      argument(readFolder),
    )
    .option('--json', 'print JSON')
    .action(async (options: Options) => {
      const url = requireDatabaseUrl(readEnvironment());
      const from = options.directory === undefined ? {} : { directory: options.directory };
      if (options.check === true) {
        const pending = (await pendingMigrations({ url, ...from })).map((one) => one.version);
        const text =
          pending.length === 0 ? 'The database is current.' : `Pending: ${pending.join(', ')}`;
        print(context, { options, value: { pending }, text });
        context.finishWith(pending.length === 0 ? EXIT.done : EXIT.failed);
        return;
      }
      const result = await migrate({ url, ...from });
      const text =
        result.applied.length === 0
          ? `Nothing to apply: ${result.present.length} migrations were there already.`
          : `Applied ${result.applied.join(', ')}.`;
      print(context, { options, value: result, text });
    });
}
