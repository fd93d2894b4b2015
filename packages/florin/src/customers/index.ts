export {
  type AccountSubscription,
  type EnsureCustomer,
  ensureCustomer,
  findAccountByCustomer,
  findPrimaryCustomer,
  listLiveSubscriptions,
} from './customers.ts';
