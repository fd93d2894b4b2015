export { type CheckoutRequest, checkMetadata, forSale } from './choice.ts';
export { type Checkout, createCheckout } from './create.ts';
export type { CheckoutDeps } from './deps.ts';
export { listPlans, type Plan } from './plans.ts';
export { createPortalSession } from './portal.ts';
export { createPriceDirectory, type PriceDirectory, type StripePrice } from './prices.ts';
export {
  type CheckoutState,
  type CheckoutStatus,
  type PaidSession,
  readCheckoutStatus,
  type SettleSession,
} from './status.ts';
export { explainStripe } from './stripe-error.ts';
