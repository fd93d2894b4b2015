export type { Command, CommandMetadata } from './command.ts';
export { aliasesOf, decide, subjectsOf } from './decide.ts';
export type { MoneyBack } from './money-back.ts';
export { convergePayment } from './payment.ts';
export type {
  Answer,
  Answers,
  CustomerLink,
  Decision,
  DecisionInput,
  Details,
  KnownState,
  Need,
  Obstacle,
  PaymentWrite,
  Plan,
  StoredSubscription,
  SubscriptionLink,
} from './plan.ts';
export { mayReturn } from './returns.ts';
export { EMPTY_PAYMENT, mergePayments, type PaymentState, type Purchase } from './state.ts';
