export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';

export type LogFields = Readonly<Record<string, unknown>>;

/** One structured line an outcome: ids, not payloads; never a secret. */
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
