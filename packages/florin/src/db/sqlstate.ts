import {
  AccountClosedError,
  AmountNotAllowedError,
  DatabaseUnavailableError,
  FlorinError,
  HoldNotOpenError,
  IdempotencyKeyReusedError,
  InsufficientCreditsError,
  LimitReachedError,
} from '../kernel/index.ts';

/** What the driver and the socket put on an error; anything may be missing. */
type DriverError = Error & {
  code?: string;
  detail?: string;
  hint?: string;
  constraint?: string;
  /** The function of Postgres' source that raised it: unlike the message, the same in every language. */
  routine?: string;
  errors?: unknown[];
};

type Mapping = (error: DriverError) => FlorinError;

/** The SQLSTATEs that the ledger's functions raise; docs/errors.md lists the same. */
const LEDGER_ERRORS: Readonly<Record<string, Mapping>> = {
  CRINS: toInsufficient,
  CRLIM: (error) => new LimitReachedError(JSON.parse(error.detail ?? '{}'), error),
  CRDUP: (error) => new IdempotencyKeyReusedError(whatToDo(error), { cause: error }),
  CRHLD: (error) => new HoldNotOpenError(whatToDo(error), { cause: error }),
  CRACC: (error) => new AccountClosedError(whatToDo(error), { cause: error }),
  CRAMT: (error) => new AmountNotAllowedError(whatToDo(error), { cause: error }),
  CRKEY: (error) => new FlorinError('idempotency_key_invalid', whatToDo(error), { cause: error }),
  CRMEM: (error) => new FlorinError('not_a_member', whatToDo(error), { cause: error }),
  CRROL: (error) =>
    new FlorinError('role_too_low', whatToDo(error), {
      details: JSON.parse(error.detail ?? '{}'),
      cause: error,
    }),
  CROWN: (error) => new FlorinError('last_owner', whatToDo(error), { cause: error }),
  CRGRN: (error) => new FlorinError('grant_not_found', whatToDo(error), { cause: error }),
};

/** Errors of the connection itself: the session is gone or never was. */
const LOST_SQLSTATE = /^(08...|57P0.|53...|28...|3D000|25P03)$/;
const LOST_SOCKET = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ENOENT',
]);
const LOST_MESSAGE =
  /connection (terminated|ended|error)|not queryable|read timeout|timeout exceeded|server does not support SSL|certificate|Cannot use a pool/i;

/** The work was undone by the server and may be tried again: timeouts, deadlocks, serialization. */
const RETRYABLE_SQLSTATE = new Set(['57014', '55P03', '40001', '40P01']);

/** Whether the connection that raised `error` can no longer be used. */
export function isConnectionLost(error: unknown): boolean {
  if (!(error instanceof Error)) {
    return false;
  }
  const { code, message, errors } = error as DriverError;
  if (typeof code === 'string' && isSqlState(code)) {
    return LOST_SQLSTATE.test(code);
  }
  return (
    (code !== undefined && LOST_SOCKET.has(code)) ||
    LOST_MESSAGE.test(message) ||
    (Array.isArray(errors) && errors.some(isConnectionLost))
  );
}

/**
 * Whether a session's plan was out of date: it does not know the statement (26000), the answer has
 * other columns since a migration (0A000), or the function was replaced while it was called (XX000).
 * A statement that stood alone left nothing behind: the server raised an error, so it undid all of it.
 */
export function isOutdatedPlan(error: unknown): boolean {
  const { code, routine, message } = (error ?? {}) as DriverError;
  return (
    code === '26000' ||
    (code === '0A000' && routine === 'RevalidateCachedQuery') ||
    // The server's internal errors are in English whatever its language.
    (code === 'XX000' && message.startsWith('cache lookup failed for function'))
  );
}

/**
 * Whether the connection must end with this error, raised by the driver or the server. What the driver
 * threw itself (it has no SQLSTATE) leaves the two with different ideas of what is prepared.
 */
export function endsConnection(error: unknown): boolean {
  if (error instanceof FlorinError) {
    return false;
  }
  const { code } = error as DriverError;
  const fromServer = typeof code === 'string' && isSqlState(code);
  return !fromServer || isConnectionLost(error) || isOutdatedPlan(error);
}

/** What our functions say of a value that cannot be: an id that is missing, an expiry in the past. */
const IMPOSSIBLE_INPUT = new Set(['22004', '22023']);

/** What is wrong, and the hint that says what to do about it. */
function whatToDo({ message, hint }: DriverError): string {
  return hint === undefined ? message : `${message} ${hint}`;
}

/**
 * Turns what the driver threw into a FlorinError, with the original as its cause: the ledger's own
 * SQLSTATEs by name, impossible input as `invalid_input`, lost connections and timeouts as
 * `database_unavailable`, the rest `internal`.
 */
export function toFlorinError(error: unknown): FlorinError {
  if (error instanceof FlorinError) {
    return error;
  }
  if (!(error instanceof Error)) {
    return new FlorinError('internal', `The database driver threw ${String(error)}.`);
  }
  const driverError = error as DriverError;
  const code = driverError.code ?? '';
  const mapping = LEDGER_ERRORS[code];
  if (mapping !== undefined) {
    return mapping(driverError);
  }
  if (isConnectionLost(error)) {
    return new DatabaseUnavailableError(`The database is not available: ${describe(error)}`, {
      details: { sqlstate: code },
      cause: error,
    });
  }
  if (isOutdatedPlan(error)) {
    return new DatabaseUnavailableError(
      `The database was changed meanwhile (${describe(error)}). Retry with the same key.`,
      { details: { sqlstate: code }, cause: error },
    );
  }
  if (RETRYABLE_SQLSTATE.has(code)) {
    return new DatabaseUnavailableError(
      `The database was too busy and undid the work (${describe(error)}). Retry with the same key.`,
      { details: { sqlstate: code }, cause: error },
    );
  }
  if (IMPOSSIBLE_INPUT.has(code) && driverError.hint !== undefined) {
    return new FlorinError('invalid_input', whatToDo(driverError), { cause: error });
  }
  if (isUnmigrated(driverError)) {
    return new DatabaseUnavailableError(
      `The database is not migrated (${describe(error)}): run \`florin migrate\`.`,
      { details: { sqlstate: code }, cause: error },
    );
  }
  return new FlorinError('internal', `The database refused a statement: ${describe(error)}`, {
    details: { sqlstate: code, constraint: driverError.constraint },
    cause: error,
  });
}

/** A schema or a table of ours is not there: no schema was ever applied, or an older one. */
function isUnmigrated({ code = '', message }: DriverError): boolean {
  return /^(3F000|42P01)$/.test(code) && /"(credits|billing)[".]/.test(message);
}

function isSqlState(code: string): boolean {
  return /^[0-9A-Z]{5}$/.test(code) && !LOST_SOCKET.has(code);
}

/** What went wrong in words; of several addresses that were tried, what the first one said. */
export function describe(error: unknown): string {
  if (isPoolerRefusal(error)) {
    return `${(error as Error).message}. DATABASE_URL leads to a pooler in transaction mode, which takes no settings of a session: add ?pgbouncer=true to the address.`;
  }
  if (!(error instanceof Error)) {
    return String(error);
  }
  const inner = (error as DriverError).errors?.find((one) => one instanceof Error);
  return error.message !== '' ? error.message : inner instanceof Error ? inner.message : error.name;
}

/** Whether a pooler refused the settings that a session starts with: the address does not say that it is one. */
export function isPoolerRefusal(error: unknown): boolean {
  return error instanceof Error && /^unsupported startup parameter/i.test(error.message);
}

/** What is asked for may be there and yet not be of the kind that may be moved: then the ledger says so. */
function toInsufficient(error: DriverError): InsufficientCreditsError {
  const detail: unknown = error.detail === undefined ? {} : JSON.parse(error.detail);
  const { available, required, of } = detail as Readonly<Record<string, unknown>>;
  const amounts = { available: Number(available ?? 0), required: Number(required ?? 0) };
  return new InsufficientCreditsError(
    amounts,
    error,
    of === undefined ? undefined : whatToDo(error),
  );
}
