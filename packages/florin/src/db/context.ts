import type { Clock, IdSource, Logger } from '../kernel/index.ts';
import type { Database } from './database.ts';

/**
 * What all work is done with, passed in: the database, the time, new ids, and where outcomes are logged.
 * A module's own deps add to it what that module needs besides.
 */
export type Context = {
  readonly db: Database;
  readonly clock: Clock;
  readonly ids: IdSource;
  readonly logger: Logger;
};
