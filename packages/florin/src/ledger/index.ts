export { adjust, closeAccount } from './account.ts';
export { BALANCE_CHANNEL, createAnnouncer } from './announce.ts';
export {
  type BalanceItem,
  type BrokenInvariant,
  expireDue,
  explainBalance,
  readBalance,
  readBalances,
  verifyLedger,
} from './balance.ts';
export { keepDecimals, otherDecimals, readDecimals, withDecimals } from './decimals.ts';
export {
  type Allocation,
  type DailyUsage,
  dailyUsage,
  type Entry,
  findEntry,
  listAllocations,
  listEntries,
} from './entries.ts';
export {
  type Grant,
  type GrantPart,
  type IssueGrant,
  issueGrant,
  lapsedOf,
  listGrants,
  restoreGrant,
  reverseGrant,
  voidGrant,
} from './grant.ts';
export {
  type CaptureHold,
  captureHold,
  captureMetered,
  type ExtendHold,
  extendHold,
  type Hold,
  type PlaceHold,
  placeHold,
  readHold,
  releaseHold,
} from './hold.ts';
export {
  forgetCounters,
  type Limit,
  type LimitScope,
  listLimits,
  mayUse,
  removeLimit,
  type SetLimit,
  setLimit,
} from './limit.ts';
export {
  type BatchItem,
  type BatchResult,
  type MeteredSpend,
  type Spend,
  spendBatch,
} from './spend.ts';
export { createSpender, type Spender } from './spender.ts';
export {
  type LiveGrant,
  readBalanceReport,
  readStatement,
  type StatementEntry,
  type StatementPage,
  textOf,
} from './statement.ts';
export { type Transfer, transfer } from './transfer.ts';
export {
  readUsage,
  rollUpUsage,
  type UsageByDay,
  type UsageByGroup,
  type UsageGroup,
  type UsageGrouping,
} from './usage.ts';
export {
  type HoldOutcome,
  type HoldRequest,
  type HoldWork,
  type OpenHold,
  withHold,
} from './with-hold.ts';
export type { Balance, Metadata, Written } from './written.ts';
