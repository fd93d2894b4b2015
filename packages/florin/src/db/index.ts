export { type DatabaseAddress, withDatabase } from './address.ts';
export { inspectWorkers, type WorkerReport } from './cluster.ts';
export { type ConnectOptions, connect } from './connect.ts';
export type { Context } from './context.ts';
export type {
  Database,
  Executor,
  PoolFigures,
  QueryOptions,
  Row,
  SqlValue,
  Statement,
} from './database.ts';
export { type DatabaseReport, inspectDatabase } from './inspect.ts';
export {
  listMigrations,
  type MigrateOptions,
  type MigrateResult,
  type Migration,
  migrate,
  pendingMigrations,
  shippedMigrations,
} from './migrate.ts';
export { isPoolerRefusal } from './sqlstate.ts';
