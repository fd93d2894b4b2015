import { randomBytes } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import { inject } from 'vitest';
import { connect, type Database, withDatabase } from '../../src/db/index.ts';
import { createOnCluster, dropOnCluster } from './citus.ts';

export type FreshDatabase = {
  /** As `postgres`, the role that migrations and the app use; no superuser. May lead through a pooler. */
  readonly url: string;
  /** The same database as the superuser `supabase_admin`; empty when DATABASE_URL is used. */
  readonly adminUrl: string;
  readonly db: Database;
  /** Closes the connections and drops the database. */
  close(): Promise<void>;
};

export type FreshOptions = {
  /** True for a database without Florin's migrations. */
  empty?: boolean;
  maxConnections?: number;
  statementTimeoutMs?: number;
};

/** A pooler in transaction mode shares sessions: tests about one session are not for it. */
export const isPooled = inject('pooledUrl') !== '';

/** Whether the ledger is spread over the nodes of a cluster. */
export const isOnCluster = inject('citus') !== null;

/** Rows of pg_stat_activity that wait for a lock; on a cluster the lock is on a worker. To select from. */
export const LOCK_WAITS = isOnCluster
  ? `(select a.* from pg_stat_activity a join citus_lock_waits w on w.waiting_gpid % 10000000000 = a.pid)`
  : `(select * from pg_stat_activity where wait_event_type = 'Lock')`;

/** A database of its own for one test file: a copy of the migrated template, made in milliseconds. */
export async function freshDatabase(options: FreshOptions = {}): Promise<FreshDatabase> {
  const failure = inject('migrationFailure');
  if (failure !== '' && options.empty !== true) {
    throw new Error(`The migrations failed: ${failure}`);
  }
  const template = inject('template');
  const name = template.replace('template', randomBytes(6).toString('hex'));
  const citus = inject('citus');
  if (citus === null) {
    await onServer(`create database ${name}${options.empty ? '' : ` template ${template}`}`);
  } else {
    await createOnCluster(citus, { name, template: options.empty ? null : template });
  }
  const url = withDatabase(inject('pooledUrl') || inject('serverUrl'), name);
  const adminUrl = inject('adminUrl');
  const { empty: _, maxConnections = 10, ...limits } = options;
  const db = connect({ url, maxConnections, ...limits });
  return {
    url,
    adminUrl: adminUrl === '' ? '' : withDatabase(adminUrl, name),
    db,
    async close() {
      await db.close();
      await (citus === null ? drop(name) : dropOnCluster(citus, name));
    },
  };
}

const DROP_ATTEMPTS = 20;
const DROP_PAUSE_MS = 250;

/** A vacuum that runs in it by itself is the superuser's, and may not be ended by others: it is waited for. */
async function drop(name: string): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      await onServer(`drop database if exists ${name} with (force)`);
      return;
    } catch (error) {
      if ((error as { code?: string }).code !== '42501' || attempt === DROP_ATTEMPTS) {
        throw error;
      }
      await wait(DROP_PAUSE_MS);
    }
  }
}

/** The key of the lock that copies of one template take in turn: Postgres allows one at a time. */
const COPY_LOCK = 0x7465;

async function onServer(statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: inject('serverUrl') });
  await client.connect();
  try {
    await client.query('select pg_advisory_lock($1)', [COPY_LOCK]);
    await client.query(statement);
  } finally {
    await client.end();
  }
}
