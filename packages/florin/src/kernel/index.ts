export { MAX_CREDITS, parseCredits } from './amounts.ts';
export { type Clock, systemClock } from './clock.ts';
export {
  AccountClosedError,
  AmountNotAllowedError,
  DatabaseUnavailableError,
  type ErrorCode,
  type ErrorDetails,
  FlorinError,
  type FlorinErrorOptions,
  HoldNotOpenError,
  IdempotencyKeyReusedError,
  InsufficientCreditsError,
  InvalidConfigurationError,
} from './errors.ts';
export { isLoopback, isPrivateHost } from './hosts.ts';
export { type IdSource, isUuid, randomIds } from './ids.ts';
export {
  createLogger,
  type LogFields,
  type Logger,
  type LogLevel,
  silentLogger,
} from './logger.ts';
export { createMemory } from './remember.ts';
