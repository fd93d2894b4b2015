export { isSessionOf, noteCheckoutSession } from './checkout-sessions.ts';
export {
  type AccountCustomer,
  type AccountSubscription,
  type EnsureCustomer,
  ensureCustomer,
  findAccountByCustomer,
  findPrimaryCustomer,
  listCustomers,
  listLiveSubscriptions,
} from './customers.ts';
