import { pino } from 'pino';

export type LogLevel = 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';

export type LogFields = Readonly<Record<string, unknown>>;

/** One structured line an outcome: ids, not payloads; never a secret. */
export type Logger = {
  error(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  debug(fields: LogFields, message: string): void;
};

const REDACTED = ['*.authorization', '*.cookie', '*.secret', '*.token', '*.password'];

/** A logger that writes JSON lines to standard error, so that standard output stays for results. */
export function createLogger(level: LogLevel): Logger {
  return pino(
    { level, base: null, redact: REDACTED, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ dest: 2, sync: false }),
  );
}

export const silentLogger: Logger = {
  error() {},
  warn() {},
  info() {},
  debug() {},
};
