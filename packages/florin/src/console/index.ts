export { type AccountReport, type GrantReport, readAccountReport } from './account-report.ts';
export { type AccountHit, type Hold, showAccount } from './accounts.ts';
export type { ConsoleDeps } from './deps.ts';
export { type Found, findByText } from './find.ts';
export {
  type Backlog,
  type Health,
  isLedgerSmall,
  readBacklog,
  readHealth,
  readOverview,
} from './health.ts';
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
export { readSeats, type Seats } from './seats.ts';
export type { AccountTopUps } from './top-ups.ts';
