/** What Stripe answers when it refuses; the body is `{error: {type, code, message, param}}`. */
export type StripeErrorBody = {
  type:
    | 'invalid_request_error'
    | 'card_error'
    | 'idempotency_error'
    | 'api_error'
    | 'temporary_session_expired';
  code?: string;
  message: string;
  param?: string;
  decline_code?: string;
  charge?: string;
  payment_intent?: unknown;
  payment_method?: unknown;
  doc_url?: string;
};

/** Thrown by the sandbox's handlers. `keep`: what the request wrote stays, as after a decline. */
export class ApiError extends Error {
  readonly status: number;
  readonly body: StripeErrorBody;
  readonly keep: boolean;

  constructor(status: number, body: StripeErrorBody, options: { keep?: boolean } = {}) {
    super(body.message);
    this.name = 'ApiError';
    this.status = status;
    this.body =
      body.code === undefined
        ? body
        : {
            doc_url: `https://stripe.com/docs/error-codes/${body.code.replaceAll('_', '-')}`,
            ...body,
          };
    this.keep = options.keep ?? false;
  }
}

export function invalid(message: string, detail: { param?: string; code?: string } = {}): ApiError {
  return new ApiError(400, { type: 'invalid_request_error', message, ...detail });
}

export function missingParameter(param: string): ApiError {
  return invalid(`Missing required param: ${param}.`, { param, code: 'parameter_missing' });
}

/** An id in the path that names nothing is 404; in a parameter it is 400. */
export function noSuch(what: string, id: string, param?: string): ApiError {
  return new ApiError(param === undefined || param === 'id' ? 404 : 400, {
    type: 'invalid_request_error',
    code: 'resource_missing',
    message: `No such ${what}: '${id}'`,
    param: param ?? 'id',
  });
}
