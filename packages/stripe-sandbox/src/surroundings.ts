/** What the sandbox takes from the program that runs it. */

/** The real time. The sandbox's own time is this, moved ahead. */
export type Clock = { now(): Date };

export const systemClock: Clock = { now: () => new Date() };

type LogFields = Readonly<Record<string, unknown>>;

/** One line an outcome, with ids and not payloads. A pino logger is one. */
export type Logger = {
  error(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  debug(fields: LogFields, message: string): void;
};

export const silentLogger: Logger = {
  error() {},
  warn() {},
  info() {},
  debug() {},
};

/** Settings that the sandbox does not accept; `faults` has a line for each. */
export class SandboxSettingsError extends Error {
  readonly code = 'invalid_settings';
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super(faults.join('\n'));
    this.name = 'SandboxSettingsError';
    this.faults = faults;
  }
}
