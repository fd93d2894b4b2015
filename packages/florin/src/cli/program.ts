import { Command } from 'commander';
import { packageVersion } from '../kernel/index.ts';
import {
  type CommandContext,
  EXIT,
  type ExitCode,
  runCommandLine,
  type Terminal,
} from './command-line.ts';

type AddCommand = (program: Command, context: CommandContext) => void;

/** Each command's file, in the order of the help; read only when it is needed. */
const COMMANDS: Readonly<Record<string, () => Promise<AddCommand>>> = {
  dev: async () => (await import('./dev.ts')).addDev,
  serve: async () => (await import('./serve.ts')).addServe,
  migrate: async () => (await import('./migrate.ts')).addMigrate,
  doctor: async () => (await import('./doctor.ts')).addDoctor,
  init: async () => (await import('./init.ts')).addInit,
  events: async () => (await import('./events.ts')).addEvents,
  catalog: async () => (await import('./catalog.ts')).addCatalog,
  reconcile: async () => (await import('./reconcile.ts')).addReconcile,
  verify: async () => (await import('./verify.ts')).addVerify,
  account: async () => (await import('./account.ts')).addAccount,
  person: async () => (await import('./person.ts')).addPerson,
};

/** Runs `florin <argv>`; the answer is what the process should end with. */
export async function runFlorin(argv: readonly string[], terminal: Terminal): Promise<ExitCode> {
  let exitCode: ExitCode = EXIT.done;
  const context: CommandContext = {
    terminal,
    finishWith: (code) => {
      exitCode = code;
    },
  };
  const program = await createProgram(context, argv[0] ?? '');
  return await runCommandLine({ program, argv, terminal, exitCode: () => exitCode });
}

/** With the command `name` alone, or with all where it is none of them: help, or a mistake. */
export async function createProgram(context: CommandContext, name: string): Promise<Command> {
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
  const wanted = Object.hasOwn(COMMANDS, name) ? [name] : Object.keys(COMMANDS);
  for (const one of wanted) {
    (await COMMANDS[one]?.())?.(program, context);
  }
  return program;
}
