import { randomBytes, randomUUID } from 'node:crypto';

/** The time, passed in so that a test can move it. */
export type Clock = { now(): Date };

export const systemClock: Clock = { now: () => new Date() };

/** Where new identifiers come from. */
export type IdSource = {
  uuid(): string;
  /** `bytes` random bytes as base64url. */
  token(bytes: number): string;
};

export const randomIds: IdSource = {
  uuid: randomUUID,
  token: (bytes) => randomBytes(bytes).toString('base64url'),
};

type LogFields = Readonly<Record<string, unknown>>;

/** One line an outcome. Florin's logger is one. */
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

/** What keeps development from starting; the message says what to do. `code` is one of Florin's. */
export class DevError extends Error {
  readonly code: 'conflict' | 'invalid_configuration' | 'internal';

  constructor(code: DevError['code'], message: string, options: { cause?: unknown } = {}) {
    super(message, options);
    this.name = 'DevError';
    this.code = code;
  }
}
