import { Command } from 'commander';
import { addAccount } from './account.ts';
import { addCatalog } from './catalog.ts';
import {
  type CommandContext,
  EXIT,
  type ExitCode,
  runCommandLine,
  type Terminal,
} from './command-line.ts';
import { addDev } from './dev.ts';
import { addDoctor } from './doctor.ts';
import { addEvents } from './events.ts';
import { addInit } from './init.ts';
import { addMigrate } from './migrate.ts';
import { addReconcile } from './reconcile.ts';
import { addServe } from './serve.ts';
import { addVerify } from './verify.ts';
import { packageVersion } from './version.ts';

/** Runs `florin <argv>`; the answer is what the process should end with. */
export async function runFlorin(argv: readonly string[], terminal: Terminal): Promise<ExitCode> {
  let exitCode: ExitCode = EXIT.done;
  const context: CommandContext = {
    terminal,
    finishWith: (code) => {
      exitCode = code;
    },
  };
  const program = createProgram(context);
  return await runCommandLine({ program, argv, terminal, exitCode: () => exitCode });
}

function createProgram(context: CommandContext): Command {
  const program = new Command('florin')
    .description(
      'Prepaid credits for Supabase and Stripe. Settings come from the environment and from .env; while `florin dev` runs in this folder, commands use its.',
    )
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .addHelpText(
      'after',
      '\nEnds with 0 when done, 1 when the work failed or a check found something, 2 when called wrongly.',
    )
    .showHelpAfterError('(--help tells more)')
    .configureOutput({
      writeOut: (text) => context.terminal.out(text),
      writeErr: (text) => context.terminal.err(text),
    })
    .exitOverride();
  addDev(program, context);
  addServe(program, context);
  addMigrate(program, context);
  addDoctor(program, context);
  addInit(program, context);
  addEvents(program, context);
  addCatalog(program, context);
  addReconcile(program, context);
  addVerify(program, context);
  addAccount(program, context);
  return program;
}
