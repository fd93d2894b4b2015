import type { Credits } from './amounts.ts';

/**
 * Every failure that Florin's own work reports on purpose; http/request-error.ts has those of a request.
 * `code` is stable and documented in docs/errors.md; HTTP statuses and SQLSTATEs are mapped to and from
 * it at the edges (http/problem.ts, db/sqlstate.ts).
 */
export type ErrorCode =
  | 'insufficient_credits'
  | 'limit_reached'
  | 'idempotency_key_reused'
  | 'idempotency_key_invalid'
  | 'hold_not_open'
  | 'account_closed'
  | 'account_busy'
  | 'amount_not_allowed'
  | 'grant_not_found'
  | 'not_a_member'
  | 'role_too_low'
  | 'last_owner'
  | 'invalid_input'
  | 'invalid_configuration'
  | 'not_found'
  | 'conflict'
  | 'rate_limited'
  | 'price_unknown'
  | 'price_changed'
  | 'meter_unknown'
  | 'rate_missing'
  | 'payment_method_missing'
  | 'already_subscribed'
  | 'plan_session_invalid'
  | 'plan_not_changeable'
  | 'preview_outdated'
  | 'payment_failed'
  | 'stripe_account_changed'
  | 'stripe_rejected'
  | 'stripe_unavailable'
  | 'database_unavailable'
  | 'identity_unavailable'
  | 'internal';

export type ErrorDetails = Readonly<Record<string, unknown>>;

export type FlorinErrorOptions = { details?: ErrorDetails; cause?: unknown };

/** An error with a stable `code`, a message that says what to do, and machine-readable `details`. */
export class CodedError<Code extends string> extends Error {
  readonly code: Code;
  readonly details: ErrorDetails;

  constructor(code: Code, message: string, options: FlorinErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.details = options.details ?? {};
  }
}

/** What the library throws. */
export class FlorinError extends CodedError<ErrorCode> {}

/** The account has fewer credits available than the operation needs. Nothing was written. */
export class InsufficientCreditsError extends FlorinError {
  readonly available: Credits;
  readonly required: Credits;

  constructor(
    amounts: { available: Credits; required: Credits },
    cause?: unknown,
    message?: string | undefined,
  ) {
    super(
      'insufficient_credits',
      message ??
        `The account has ${amounts.available} credits available and ${amounts.required} are needed. Grant or buy credits, then retry with the same key.`,
      { details: amounts, cause },
    );
    this.available = amounts.available;
    this.required = amounts.required;
  }
}

/** What a limit is about: of `actor` or `feature`, `*` means each of them on its own, null any. */
export type LimitRule = {
  readonly actor: string | null;
  readonly feature: string | null;
  readonly window: 'hour' | 'day' | 'month' | 'lifetime';
  readonly timeZone: string;
};

/** The spend or hold would pass a limit of the account, the actor or the feature. Nothing was written. */
export class LimitReachedError extends FlorinError {
  readonly rule: LimitRule;
  /** Credits used in the window, with what open holds reserve. */
  readonly used: Credits;
  readonly limit: Credits;
  /** When the window ends; null: never. */
  readonly resetsAt: Date | null;

  constructor(
    reached: { rule: LimitRule; used: Credits; limit: Credits; resetsAt: string | null },
    cause?: unknown,
  ) {
    const { rule, used, limit, resetsAt } = reached;
    super(
      'limit_reached',
      `The limit of ${limit} credits (${rule.window}) is reached: ${used} are used or reserved. Wait until ${resetsAt ?? 'another limit is set'}, then retry with the same key.`,
      { details: { ...reached }, cause },
    );
    this.rule = rule;
    this.used = used;
    this.limit = limit;
    this.resetsAt = resetsAt === null ? null : new Date(resetsAt);
  }
}

/** The idempotency key already names an operation with other input. Nothing was written. */
export class IdempotencyKeyReusedError extends FlorinError {
  constructor(message: string, options: FlorinErrorOptions = {}) {
    super('idempotency_key_reused', message, options);
  }
}

/** The hold is unknown, or was captured, released or has expired. Nothing was written. */
export class HoldNotOpenError extends FlorinError {
  constructor(message: string, options: FlorinErrorOptions = {}) {
    super('hold_not_open', message, options);
  }
}

/** The account is closed: its ledger is kept and takes no more writes. */
export class AccountClosedError extends FlorinError {
  constructor(message: string, options: FlorinErrorOptions = {}) {
    super('account_closed', message, options);
  }
}

/** The amount is not one that can be written: whole in the smallest unit of credits, from 1 to 2^53 - 1 of it. Nothing was written. */
export class AmountNotAllowedError extends FlorinError {
  constructor(message: string, options: FlorinErrorOptions = {}) {
    super('amount_not_allowed', message, options);
  }
}

/** One or more settings are missing, malformed or weak; `details.faults` names each. */
export class InvalidConfigurationError extends FlorinError {
  readonly faults: readonly string[];

  constructor(faults: readonly string[]) {
    super('invalid_configuration', faults.join('\n'), { details: { faults } });
    this.faults = faults;
  }
}

/** Whether the same call may succeed later: repeat it with the same idempotency key. */
export function isRetryable(error: unknown): boolean {
  return (
    error instanceof FlorinError &&
    (error.code === 'database_unavailable' || error.code === 'account_busy')
  );
}

/** The database cannot be reached or is shutting down. Whether a write happened is unknown: retry with the same key. */
export class DatabaseUnavailableError extends FlorinError {
  constructor(message: string, options: FlorinErrorOptions = {}) {
    super('database_unavailable', message, options);
  }
}
