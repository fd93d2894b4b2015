export { type CheckoutRequest, checkMetadata } from './choice.ts';
export { type Checkout, createCheckout } from './create.ts';
export type { CheckoutDeps } from './deps.ts';
export { type Attempt, abandonAttempt, beginCheckout } from './open.ts';
export { type Buyer, listOwnSubscriptions, type OwnSubscription } from './own-subscriptions.ts';
export { listPlans, type Plan } from './plans.ts';
export { createPortalSession } from './portal.ts';
export {
  type CatchUpSession,
  type CheckoutState,
  type CheckoutStatus,
  type PaidSession,
  type RecentSessions,
  readCheckoutStatus,
} from './status.ts';
