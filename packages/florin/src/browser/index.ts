export type {
  Allocation,
  Balance,
  BalanceReport,
  CheckoutSession,
  CheckoutState,
  CheckoutStatus,
  Credits,
  CreditTypes,
  CurrentPlan,
  EntryKind,
  GroupedUsage,
  LiveGrant,
  Member,
  MemberPage,
  MemberRole,
  OwnAccount,
  OwnAccountPage,
  Plan,
  PlanChanged,
  PlanChangeInput,
  PlanChangePreview,
  PlanKind,
  PlanSession,
  TopUp,
  TopUpConsent,
  TopUpState,
  TopUpTerms,
  Transaction,
  TransactionPage,
  Usage,
  UsageDay,
  UsageGroup,
  UsageGrouping,
} from '../contract/index.ts';
export type { WatchOptions } from './balance-watch.ts';
export type { CheckoutInput } from './checkout.ts';
export { createFlorinClient, type FlorinClient, type FlorinClientOptions } from './client.ts';
export { FlorinClientError } from './error.ts';
export type { Host, Signal } from './host.ts';
export type { PlanChoice } from './plan-choice.ts';
export type { PlanSessions } from './plan-session.ts';
export type { GetAccessToken } from './request.ts';
