export type { Command, CommandMetadata } from './command.ts';
export { aliasesOf, decide, subjectsOf } from './decide.ts';
export {
  type Answer,
  type Answers,
  type CustomerLink,
  type Decision,
  type DecisionInput,
  type Details,
  type Effects,
  type KnownState,
  type Need,
  type Obstacle,
  type PaymentWrite,
  type StoredSubscription,
  type SubscriptionLink,
  toEffects,
} from './decision.ts';
export type { MoneyBack } from './money-back.ts';
export { convergePayment } from './payment.ts';
export { mayReturn, takenByReturns } from './returns.ts';
export { EMPTY_PAYMENT, mergePayments, type PaymentState, type Purchase } from './state.ts';
