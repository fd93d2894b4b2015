export {
  type AccountHit,
  findAccounts,
  type Hold,
  listHolds,
  showAccount,
  toSearch,
} from './accounts.ts';
export { type Overview, readOverview } from './health.ts';
