export { type Credits, type CreditTypes, MAX_CREDITS } from './amounts.ts';
export { backoff } from './backoff.ts';
export { type Clock, systemClock } from './clock.ts';
export {
  AccountClosedError,
  AmountNotAllowedError,
  CodedError,
  DatabaseUnavailableError,
  type ErrorCode,
  type ErrorDetails,
  FlorinError,
  type FlorinErrorOptions,
  HoldNotOpenError,
  IdempotencyKeyReusedError,
  InsufficientCreditsError,
  InvalidConfigurationError,
  isRetryable,
  LimitReachedError,
  type LimitRule,
} from './errors.ts';
export { isLoopback, isPrivateHost } from './hosts.ts';
export { type IdSource, isUuid, randomIds } from './ids.ts';
export {
  AMOUNT,
  check,
  credits,
  creditsFrom,
  expiresInSeconds,
  type Issue,
  limitScope,
  type MemberRole,
  measured,
  memberRole,
  metadata,
  overage,
  priority,
  source,
  text,
  toInvalidInput,
  usedBy,
  uuid,
} from './input.ts';
export {
  type JsonLimits,
  type JsonObject,
  type StorableJson,
  stringifyStorable,
  toPlainJson,
  toStorableJson,
} from './json.ts';
export { type LogFields, type Logger, type LogLevel, silentLogger } from './logger.ts';
export { packageFile, packageVersion } from './package.ts';
export { cutPage } from './page.ts';
export { createMemory } from './remember.ts';
export { isStorableText, toStorableText } from './text.ts';
