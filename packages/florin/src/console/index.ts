export {
  type AccountHit,
  findAccounts,
  type Hold,
  listHolds,
  showAccount,
} from './accounts.ts';
export { type Backlog, isLedgerSmall, type Overview, readBacklog, readOverview } from './health.ts';
export {
  type KeptFinding,
  type ReconcileFigures,
  type ReconcileRun,
  type ReconcileSummary,
  readReconcileRuns,
  reconcileFigures,
  summarizeReconcile,
} from './reconcile.ts';
export {
  type AskStripe,
  findWhereabouts,
  readSearch,
  type SearchText,
  type Whereabouts,
} from './search.ts';
export { showTopUps } from './top-ups.ts';
