import { pino } from 'pino';
import type { Logger, LogLevel } from '../kernel/index.ts';

const REDACTED = ['*.authorization', '*.cookie', '*.secret', '*.token', '*.password'];

/** A logger that writes JSON lines to standard error, so that standard output stays for results. */
export function createLogger(level: LogLevel): Logger {
  return pino(
    { level, base: null, redact: REDACTED, timestamp: pino.stdTimeFunctions.isoTime },
    pino.destination({ dest: 2, sync: false }),
  );
}
