import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import {
  FlorinError,
  InvalidConfigurationError,
  type Logger,
  packageFile,
  silentLogger,
} from '../kernel/index.ts';
import { parseDatabaseUrl } from './address.ts';
import { isConnectionLost, toFlorinError } from './sqlstate.ts';

/** One file of supabase/migrations: `<version>_<name>.sql`. */
export type Migration = {
  readonly version: string;
  readonly name: string;
  readonly path: string;
};

export type MigrateOptions = {
  url: string;
  /** Default: the migrations that came with this Florin. */
  directory?: string;
  logger?: Logger;
};

export type MigrateResult = {
  /** Versions applied by this call, in order. */
  readonly applied: readonly string[];
  /** Versions that were there before. */
  readonly present: readonly string[];
};

const FILE_NAME = /^([0-9]+)_(.*)\.sql$/;
/** A migration of the schema that was never released; today's baseline does not continue it. */
const FIRST_EDITION = '20261123000200';
/** Any number will do, as long as every Florin takes the same. */
const LOCK = 0x666c6f72;
const LOCK_TIMEOUT = '60s';

/** The migrations shipped with this Florin. */
export function shippedMigrations(): string {
  return packageFile('supabase', 'migrations');
}

/** The migrations of a directory in order of version; files with other names are left alone, as the Supabase CLI does. */
export async function listMigrations(directory = shippedMigrations()): Promise<Migration[]> {
  const files = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') {
      return [];
    }
    throw error;
  });
  const migrations = files.sort().flatMap((file) => {
    const [, version, name] = FILE_NAME.exec(file) ?? [];
    return version === undefined || name === undefined
      ? []
      : [{ version, name, path: join(directory, file) }];
  });
  const doubled = migrations.find(({ version }, n) => migrations[n - 1]?.version === version);
  if (doubled !== undefined) {
    throw new InvalidConfigurationError([
      `Two migrations have the version ${doubled.version}, and only one of them would be applied: rename ${doubled.path}.`,
    ]);
  }
  return migrations;
}

/**
 * Applies the migrations that the database has not seen, each file in one transaction, and writes
 * the history that the Supabase CLI keeps, so that either tool continues where the other stopped.
 * Repeating does nothing; two at once wait for each other. Versions of others are left alone.
 */
export async function migrate(options: MigrateOptions): Promise<MigrateResult> {
  const logger = options.logger ?? silentLogger;
  const migrations = await listMigrations(options.directory);
  return await withClient(options.url, async (client) => {
    const applied: string[] = [];
    const present: string[] = [];
    for (const migration of migrations) {
      const isNew = await applyOnce(client, migration);
      (isNew ? applied : present).push(migration.version);
      if (isNew) {
        logger.info({ version: migration.version, name: migration.name }, 'migration applied');
      }
    }
    return { applied, present };
  });
}

/** The migrations that `url`'s database has not seen yet; reads only. */
export async function pendingMigrations(options: MigrateOptions): Promise<Migration[]> {
  const migrations = await listMigrations(options.directory);
  return await withClient(options.url, async (client) => {
    const known = new Set(await readHistory(client));
    return migrations.filter(({ version }) => !known.has(version));
  });
}

async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({
    connectionString: parseDatabaseUrl(url).connectionString,
    application_name: 'florin migrate',
    connectionTimeoutMillis: 10_000,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await work(client);
  } catch (error) {
    throw toFlorinError(error);
  } finally {
    await client.end().catch(() => undefined);
  }
}

async function readHistory(client: pg.Client): Promise<string[]> {
  const table = await client.query(
    "select to_regclass('supabase_migrations.schema_migrations') is not null as is_there",
  );
  if (table.rows[0]?.is_there !== true) {
    return [];
  }
  const result = await client.query<{ version: string }>(
    'select version from supabase_migrations.schema_migrations order by version',
  );
  const versions = result.rows.map((row) => row.version);
  if (versions.includes(FIRST_EDITION)) {
    throw new InvalidConfigurationError([
      'This database holds the schema of a Florin from before its first release, which cannot be upgraded: use an empty database (for `florin dev`: delete the folder .florin).',
    ]);
  }
  return versions;
}

/** The lock is held by the transaction, which a transaction-mode pooler keeps together. */
async function applyOnce(client: pg.Client, migration: Migration): Promise<boolean> {
  const sql = await readFile(migration.path, 'utf8');
  await client.query(
    `begin; set local statement_timeout = 0; set local idle_in_transaction_session_timeout = 0; set local lock_timeout = '${LOCK_TIMEOUT}'`,
  );
  try {
    await client.query('select pg_advisory_xact_lock($1)', [LOCK]);
    if ((await readHistory(client)).includes(migration.version)) {
      await client.query('commit');
      return false;
    }
    await client.query(ON_A_CLUSTER);
    await client.query(sql).catch((error: Error) => {
      throw explain({ error, sql, migration });
    });
    // What a file leaves set in the session does not reach the next one.
    await client.query('reset role; reset all');
    await client.query(ON_A_CLUSTER);
    await client.query(HISTORY_TABLE);
    await client.query(
      'insert into supabase_migrations.schema_migrations (version, name, statements) values ($1, $2, $3)',
      [migration.version, migration.name, [sql]],
    );
    await client.query('commit');
    return true;
  } catch (error) {
    await client.query('rollback').catch(() => undefined);
    throw error;
  }
}

/**
 * Where Citus is: before the ledger is distributed, nothing goes to the workers, which know none of its
 * roles; afterwards, statements go to one shard after another, as a change of tables and functions in one
 * transaction needs it.
 */
const ON_A_CLUSTER = `do $$ begin
  if to_regclass('pg_catalog.pg_dist_partition') is not null then
    perform set_config('citus.multi_shard_modify_mode', 'sequential', true);
    if not exists (
      select from pg_catalog.pg_dist_partition p where p.logicalrelid = to_regclass('credits.accounts')) then
      perform set_config('citus.enable_ddl_propagation', 'off', true);
    end if;
  end if;
end $$`;

/** As the Supabase CLI makes it. */
const HISTORY_TABLE = `
  set local client_min_messages = warning;
  create schema if not exists supabase_migrations;
  create table if not exists supabase_migrations.schema_migrations (version text not null primary key);
  alter table supabase_migrations.schema_migrations add column if not exists statements text[];
  alter table supabase_migrations.schema_migrations add column if not exists name text;
`;

function explain(failure: { error: Error; sql: string; migration: Migration }): Error {
  const { error, sql, migration } = failure;
  if (isConnectionLost(error)) {
    return error;
  }
  const { position, detail, hint, where, code } = error as pg.DatabaseError;
  const line =
    position === undefined ? '' : `:${sql.slice(0, Number(position)).split('\n').length}`;
  const more = [detail, hint, where].filter((text) => text !== undefined).join(' ');
  return new FlorinError(
    'internal',
    `${migration.version}_${migration.name}.sql${line}: ${error.message}. ${more} Nothing of this file was applied.`,
    { details: { version: migration.version, sqlstate: code }, cause: error },
  );
}
