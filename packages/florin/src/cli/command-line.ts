import { type Command, CommanderError, InvalidArgumentError } from 'commander';
import { FlorinError, InvalidConfigurationError } from '../kernel/index.ts';
import { visible, visibleInLine } from './visible.ts';

/** What a process ends with: the work is done, it failed or a check found something, or it was called wrongly. */
export const EXIT = { done: 0, failed: 1, usage: 2 } as const;
export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Where commands write; a test can pass its own. */
export type Terminal = {
  out(text: string): void;
  err(text: string): void;
};

/** Nothing that was written elsewhere gives the terminal orders. */
export const processTerminal: Terminal = {
  out: (text) => void process.stdout.write(visible(text)),
  err: (text) => void process.stderr.write(visible(text)),
};

export type OutputOptions = { json?: boolean };

/** The command was called wrongly in a way that only its own work could find out: exit 2. */
export class UsageError extends Error {}

/** What each command file is given: the terminal, and a way to end with another code than 0. */
export type CommandContext = {
  readonly terminal: Terminal;
  /** The code to end with when the command returns; the last call counts. */
  finishWith(code: ExitCode): void;
};

/** Prints `value` as one JSON document with --json, and as `text` otherwise. */
export function print(
  context: CommandContext,
  output: { options: OutputOptions; value: unknown; text: string },
): void {
  const { options, value, text } = output;
  const shown = options.json === true ? JSON.stringify(value, undefined, 2) : text;
  context.terminal.out(shown.endsWith('\n') ? shown : `${shown}\n`);
}

/** Builds the program from its commands and runs it; every outcome becomes an exit code. */
export async function runCommandLine(run: {
  program: Command;
  argv: readonly string[];
  terminal: Terminal;
  exitCode: () => ExitCode;
}): Promise<ExitCode> {
  const { program, argv, terminal, exitCode } = run;
  try {
    await program.parseAsync([...argv], { from: 'user' });
    return exitCode();
  } catch (error) {
    if (error instanceof CommanderError) {
      const asked = error.code === 'commander.helpDisplayed' || error.code === 'commander.version';
      return asked ? EXIT.done : EXIT.usage;
    }
    if (error instanceof UsageError) {
      terminal.err(`florin: ${error.message}\n`);
      return EXIT.usage;
    }
    reportFailure({ error, terminal, json: argv.includes('--json') });
    return EXIT.failed;
  }
}

function reportFailure(failure: { error: unknown; terminal: Terminal; json: boolean }): void {
  const { error, terminal, json } = failure;
  if (!(error instanceof FlorinError)) {
    terminal.err(`florin: ${error instanceof Error ? (error.stack ?? error.message) : error}\n`);
    return;
  }
  if (json) {
    const { code, message, details } = error;
    terminal.out(`${JSON.stringify({ error: { code, message, details } }, undefined, 2)}\n`);
    return;
  }
  if (error instanceof InvalidConfigurationError) {
    const faults = error.faults.map((fault) => `  - ${fault}\n`).join('');
    terminal.err(`florin: the configuration is not complete:\n${faults}`);
    return;
  }
  terminal.err(`florin: ${error.message}\n`);
}

/** Checks an argument and makes a fault of it wrong usage: exit 2, with the argument's name. */
export function argument<T>(parse: (text: string) => T): (text: string) => T {
  return (text) => {
    try {
      return parse(text);
    } catch (error) {
      throw new InvalidArgumentError(error instanceof Error ? error.message : String(error));
    }
  };
}

/** Rows as aligned columns under their headings. */
export function table(headings: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = rows.map((row) => row.map(visibleInLine));
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...cells.map((row) => (row[column] ?? '').length)),
  );
  return [headings, ...cells]
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
