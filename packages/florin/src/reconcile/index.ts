export type { ReconcileDeps } from './deps.ts';
export { FINDING_KINDS, type Finding, type FindingKind } from './finding.ts';
export {
  type ReconcileOptions,
  type ReconcileReport,
  reconcile,
} from './reconcile.ts';
export { reconcileByHand, reconcileWhenDue } from './runs.ts';
export { keepFirstAccount } from './stripe-account.ts';
