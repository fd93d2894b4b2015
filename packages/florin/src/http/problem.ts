import { type ErrorCode, FlorinError } from '../kernel/index.ts';
import { type AnsweredError, isAnsweredError, type RequestErrorCode } from './request-error.ts';

type ProblemCode = ErrorCode | RequestErrorCode;

type Problem = {
  readonly status: number;
  readonly title: string;
  /** Said instead of the error's own message, which is for the log. */
  readonly detail?: string;
  /** The details that the caller may see. */
  readonly shows?: readonly string[];
  /** Seconds after which the same request may succeed. */
  readonly retryAfter?: number;
};

/** The HTTP status of every error code: a code without one does not compile. docs/errors.md lists the same. */
const PROBLEMS = {
  insufficient_credits: {
    status: 402,
    title: 'Not enough credits',
    shows: ['available', 'required'],
  },
  limit_reached: {
    status: 402,
    title: 'The limit is reached',
    shows: ['rule', 'used', 'limit', 'resetsAt'],
  },
  idempotency_key_reused: { status: 409, title: 'The idempotency key names another operation' },
  idempotency_key_invalid: { status: 400, title: 'The idempotency key is not usable' },
  idempotency_key_missing: { status: 400, title: 'The idempotency key is missing' },
  hold_not_open: { status: 409, title: 'The hold is not open' },
  account_closed: { status: 409, title: 'The account is closed' },
  account_busy: {
    status: 503,
    title: 'The account is busy',
    detail:
      'Too much waits for this account at the moment. Nothing was done: retry with the same idempotency key.',
    retryAfter: 1,
  },
  amount_not_allowed: { status: 400, title: 'The amount is not allowed' },
  not_a_member: { status: 403, title: 'Not a member of this account' },
  role_too_low: {
    status: 403,
    title: 'The role does not allow this',
    shows: ['role', 'required'],
  },
  last_owner: { status: 409, title: 'The account would have no owner' },
  grant_not_found: { status: 404, title: 'There is no such grant' },
  invalid_input: { status: 400, title: 'The request is not understood', shows: ['faults'] },
  invalid_configuration: {
    status: 500,
    title: 'The service is not configured',
    detail: 'The service is not configured correctly. Its log says what is wrong.',
  },
  unauthenticated: { status: 401, title: 'Sign in', shows: ['reason'] },
  forbidden: { status: 403, title: 'Not allowed', shows: ['reason'] },
  not_found: { status: 404, title: 'Not found' },
  method_not_allowed: { status: 405, title: 'The method is not allowed here', shows: ['allowed'] },
  unsupported_media_type: { status: 415, title: 'The body must be JSON' },
  body_already_read: {
    status: 500,
    title: 'The host read the body before Florin',
  },
  body_incomplete: { status: 400, title: 'The body ended before it was whole' },
  conflict: { status: 409, title: 'The request conflicts with another one' },
  rate_limited: { status: 429, title: 'Too many requests', retryAfter: 1 },
  payload_too_large: { status: 413, title: 'The body is too large' },
  signature_invalid: { status: 400, title: 'The signature is not accepted' },
  price_unknown: { status: 400, title: 'The price is not for sale', shows: ['priceId'] },
  price_changed: {
    status: 409,
    title: 'The price is another one now',
    shows: ['amountMinor', 'currency'],
  },
  meter_unknown: { status: 400, title: 'The meter is not on the rate card', shows: ['meter'] },
  rate_missing: {
    status: 400,
    title: 'The rate card has no rate for this',
    shows: ['meter', 'model', 'kind'],
  },
  payment_method_missing: { status: 409, title: 'No card is saved' },
  already_subscribed: {
    status: 409,
    title: 'There is a subscription already',
    shows: ['subscriptionId', 'manage'],
  },
  plan_session_invalid: { status: 400, title: 'The plan session is not valid' },
  plan_not_changeable: {
    status: 409,
    title: 'The plan cannot be changed like this',
    shows: ['reason', 'subscriptionId', 'subscriptions', 'manage'],
  },
  preview_outdated: { status: 409, title: 'The preview is not what would happen now' },
  payment_failed: {
    status: 402,
    title: 'The payment did not go through',
    shows: ['reason', 'subscriptionId', 'manage'],
  },
  stripe_account_changed: {
    status: 409,
    title: 'The Stripe account is not the one of these books',
  },
  stripe_rejected: { status: 502, title: 'Stripe refused the request', shows: ['stripeCode'] },
  stripe_unavailable: {
    status: 503,
    title: 'Stripe does not answer',
    detail: 'Stripe does not answer at the moment. Nothing was charged; try again in a moment.',
    retryAfter: 5,
  },
  database_unavailable: {
    status: 503,
    title: 'The service is not available',
    detail:
      'The database does not answer at the moment. Retry with the same idempotency key: what was done is not done twice.',
    retryAfter: 5,
  },
  identity_unavailable: {
    status: 503,
    title: 'Sign-in cannot be checked',
    detail: 'The keys that sign-in is checked with cannot be fetched. Try again in a moment.',
    retryAfter: 5,
  },
  internal: {
    status: 500,
    title: 'Something went wrong',
    detail: 'Something went wrong on our side; the log tells more under this request id.',
  },
} as const satisfies Record<ProblemCode, Problem>;

/** The HTTP status that a code is answered with. */
export function statusOf(code: ProblemCode): number {
  return PROBLEMS[code].status;
}

export type ProblemDocument = {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: ProblemCode;
  readonly detail: string;
} & Readonly<Record<string, unknown>>;

/** RFC 9457 for an error: its stable code, what to do, and only the details meant for callers. */
export function toProblem(error: AnsweredError, requestId: string): ProblemDocument {
  const problem: Problem = PROBLEMS[error.code];
  const shown = (problem.shows ?? [])
    .map((name) => [name, error.details[name]] as const)
    .filter(([, value]) => value !== undefined);
  return {
    type: `urn:florin:problem:${error.code}`,
    title: problem.title,
    status: problem.status,
    code: error.code,
    detail: problem.detail ?? error.message,
    ...Object.fromEntries(shown),
    requestId,
  };
}

/** Headers that belong to a problem: when to come back, how to sign in, what is allowed. */
export function problemHeaders(error: AnsweredError): Record<string, string> {
  const problem: Problem = PROBLEMS[error.code];
  const seconds = Number(error.details['retryAfter'] ?? problem.retryAfter ?? 0);
  const { allowed } = error.details;
  return {
    'content-type': 'application/problem+json',
    ...(seconds > 0 ? { 'retry-after': String(Math.ceil(seconds)) } : {}),
    ...(error.code === 'unauthenticated' ? { 'www-authenticate': 'Bearer realm="florin"' } : {}),
    ...(Array.isArray(allowed) ? { allow: allowed.join(', ') } : {}),
  };
}

/** SQL's data exceptions: a value that no field alone could tell to be wrong, such as a NUL in a text. */
const DATA_EXCEPTION = /^22/;

/** Whatever was thrown, as an error with a code. What nobody foresaw is `internal`. */
export function asAnswered(thrown: unknown): AnsweredError {
  if (!isAnsweredError(thrown)) {
    const message = thrown instanceof Error ? thrown.message : String(thrown);
    return new FlorinError('internal', message, { cause: thrown });
  }
  const { sqlstate } = thrown.details;
  const isInput = thrown.code === 'internal' && DATA_EXCEPTION.test(String(sqlstate));
  const said = thrown.cause instanceof Error ? thrown.cause.message : thrown.message;
  return isInput ? new FlorinError('invalid_input', said, { cause: thrown }) : thrown;
}
