import type { Credits, CreditTypes } from '../kernel/index.ts';
import { ACCOUNTS } from './accounts.ts';
import { ADMIN_ACCOUNTS } from './admin-accounts.ts';
import { ADMIN_EVENTS } from './admin-events.ts';
import { ADMIN_HEALTH } from './admin-health.ts';
import { CHARGES } from './charges.ts';
import { CHECKOUT } from './checkout.ts';
import { DEMO } from './demo.ts';
import { LIMITS } from './limits.ts';
import { MEMBERS } from './members.ts';
import { OPERATING } from './operating.ts';
import type { Operation } from './operation.ts';
import { PLAN_CHANGE } from './plan-change.ts';
import { PLAN_SESSION } from './plan-session.ts';
import { SHOP } from './shop.ts';
import { STATEMENT } from './statement.ts';
import { TOP_UP } from './top-up.ts';
import { TRANSFERS } from './transfers.ts';
import { USAGE } from './usage.ts';

/** Every operation of the service. */
export const OPERATIONS: readonly Operation[] = [
  SHOP,
  PLAN_SESSION,
  CHECKOUT,
  PLAN_CHANGE,
  TOP_UP,
  STATEMENT,
  USAGE,
  ACCOUNTS,
  CHARGES,
  LIMITS,
  MEMBERS,
  TRANSFERS,
  ADMIN_EVENTS,
  ADMIN_ACCOUNTS,
  ADMIN_HEALTH,
  OPERATING,
  DEMO,
].flatMap((noun): Operation[] => Object.values(noun));

export type {
  AdminAccount,
  AdminAccountHit,
  AdminChange,
  AdminEntry,
  AdminGrant,
  AdminHold,
  AdminSearch,
  AdminTopUps,
} from './admin-accounts.ts';
export type { AdminEvent, AdminEventDetail, AdminEventPage, EventStatus } from './admin-events.ts';
export type { AdminFinding, AdminHealth, AdminReconcileRun } from './admin-health.ts';
export type { CheckoutBody, CheckoutSession, CheckoutState, CheckoutStatus } from './checkout.ts';
export { type Balance, balance, MAX_KEY, problem, type Written } from './fields.ts';
export type {
  Member,
  MemberPage,
  MemberRole,
  OwnAccount,
  OwnAccountPage,
} from './members.ts';
export type { AnswerOf, Operation, Sent } from './operation.ts';
export type {
  CurrentPlan,
  PlanChanged,
  PlanChangeInput,
  PlanChangePreview,
} from './plan-change.ts';
export type { PlanSession } from './plan-session.ts';
export type { Plan, PlanKind, SiteSettings } from './shop.ts';
export type {
  Allocation,
  BalanceReport,
  EntryKind,
  LiveGrant,
  Transaction,
  TransactionPage,
} from './statement.ts';
export type { TopUp, TopUpConsent, TopUpState, TopUpTerms } from './top-up.ts';
export type {
  GroupedUsage,
  Usage,
  UsageDay,
  UsageGroup,
  UsageGrouping,
} from './usage.ts';
export type { Credits, CreditTypes };
export {
  ACCOUNTS,
  ADMIN_ACCOUNTS,
  ADMIN_EVENTS,
  ADMIN_HEALTH,
  CHARGES,
  CHECKOUT,
  DEMO,
  LIMITS,
  MEMBERS,
  OPERATING,
  PLAN_CHANGE,
  PLAN_SESSION,
  SHOP,
  STATEMENT,
  TOP_UP,
  TRANSFERS,
  USAGE,
};
