import { CodedError, FlorinError } from '../kernel/index.ts';

/** What can be wrong with a request before any work of Florin's begins. docs/errors.md lists them. */
export type RequestErrorCode =
  | 'idempotency_key_missing'
  | 'unauthenticated'
  | 'forbidden'
  | 'method_not_allowed'
  | 'unsupported_media_type'
  | 'body_already_read'
  | 'body_incomplete'
  | 'payload_too_large'
  | 'signature_invalid';

/** A request that is refused for what it is, not for what it asks. Nothing was done. */
export class RequestError extends CodedError<RequestErrorCode> {}

/** What a request can be answered with besides success. */
export type AnsweredError = FlorinError | RequestError;

export function isAnsweredError(thrown: unknown): thrown is AnsweredError {
  return thrown instanceof FlorinError || thrown instanceof RequestError;
}
