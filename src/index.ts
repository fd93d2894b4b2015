/** `florin`: the server library. */
export { type Catalog, type CatalogPrice, defineCatalog } from './catalog/index.ts';
export {
  connectLedger,
  createFlorin,
  type Florin,
  type FlorinLedger,
  type FlorinOptions,
  type LedgerConfig,
} from './florin.ts';
export {
  AccountClosedError,
  AmountNotAllowedError,
  DatabaseUnavailableError,
  type ErrorCode,
  FlorinError,
  HoldNotOpenError,
  IdempotencyKeyReusedError,
  InsufficientCreditsError,
  InvalidConfigurationError,
} from './kernel/index.ts';
export { type NodeHandler, nodeHandler } from './server.ts';
export type { HoldOutcome, HoldRequest, HoldWork, OpenHold } from './with-hold.ts';
