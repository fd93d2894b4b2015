/**
 * `florin`: the server library. Amounts are credits, whole unless the catalogue says `credit.decimals`; instants are the
 * database's. Every write takes an idempotency key and, when it is repeated with the same input, answers with
 * the first result. A failure throws a `FlorinError` with a stable `code` (docs/errors.md); after
 * `database_unavailable` repeat with the same key.
 */
export { type Alert, isAlert, type TellAlert } from './alerts/index.ts';
export { type Catalog, type CatalogPrice, defineCatalog } from './catalog/index.ts';
export type { Charged, ChargeRequest, Charges, Quote, QuoteRequest } from './charge/index.ts';
export {
  connectLedger,
  createFlorin,
  type Florin,
  type FlorinLedger,
} from './florin.ts';
export type { JobOutcome } from './jobs/index.ts';
export {
  AccountClosedError,
  AmountNotAllowedError,
  type Credits,
  type CreditTypes,
  DatabaseUnavailableError,
  type ErrorCode,
  FlorinError,
  HoldNotOpenError,
  IdempotencyKeyReusedError,
  InsufficientCreditsError,
  InvalidConfigurationError,
  LimitReachedError,
  type LimitRule,
  type MemberRole,
} from './kernel/index.ts';
export type {
  HoldOutcome,
  HoldRequest,
  HoldWork,
  Limit,
  OpenHold,
  SetLimit,
  Transfer,
} from './ledger/index.ts';
export type { ChangeOfMember, Member, MemberPage, Members } from './members/index.ts';
export type { FlorinOptions, LedgerConfig } from './options.ts';
export type { Kept, PersonErasure, PersonExport } from './person/index.ts';
export { type NodeHandler, nodeHandler } from './server.ts';
export { creditsOf, type Rate, type Usage } from './usage/index.ts';
