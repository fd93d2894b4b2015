import { parseDatabaseUrl } from './address.ts';
import { connect } from './connect.ts';
import type { Database } from './database.ts';

/** What `florin doctor` needs to know of a database; reads only. */
export type DatabaseReport = {
  /** As in `170004`. */
  readonly versionNumber: number;
  readonly role: string;
  readonly isSuperuser: boolean;
  readonly transactionPooler: boolean;
  readonly encrypted: boolean;
  /** Of the roles that Florin's rights name, those that are missing. */
  readonly missingRoles: readonly string[];
  /** Whether the ledger's functions are there and `role` may call them. */
  readonly mayWrite: boolean;
  /** Private schemas that the project's API serves to the outside. */
  readonly exposedSchemas: readonly string[];
  /** Functions and tables of the private schemas that `anon` may use: none when all is well. */
  readonly openToAnon: readonly string[];
  /** Milliseconds that the database's clock is ahead of this machine's. */
  readonly clockAheadMs: number;
};

const SERVER = `
  select current_setting('server_version_num')::int as version_number,
         current_user as role,
         (select rolsuper from pg_catalog.pg_roles where rolname = current_user) as is_superuser,
         coalesce((select ssl from pg_catalog.pg_stat_ssl where pid = pg_backend_pid()), false) as encrypted,
         clock_timestamp() as now`;

const MISSING_ROLES = `
  select name from unnest(array['anon', 'authenticated', 'service_role', 'florin_owner']) name
   where not exists (select 1 from pg_catalog.pg_roles where rolname = name)`;

const MAY_WRITE = `
  select coalesce(bool_and(has_function_privilege(p.oid, 'execute')
                           and has_schema_privilege(p.pronamespace, 'usage')), false) as may
    from pg_catalog.pg_proc p
   where p.pronamespace = to_regnamespace('credits') and p.proname in ('issue_grant', 'spend')`;

const EXPOSED_SCHEMAS = `
  select distinct trim(schema_name) as name
    from pg_catalog.pg_db_role_setting s
    join pg_catalog.pg_roles r on r.oid = s.setrole and r.rolname = 'authenticator',
         unnest(s.setconfig) setting,
         unnest(string_to_array(split_part(setting, '=', 2), ',')) schema_name
   where setting like 'pgrst.db_schemas=%' and trim(schema_name) in ('credits', 'billing')`;

const OPEN_TO_ANON = `
  select p.oid::regprocedure::text as name
    from pg_catalog.pg_proc p
   where p.pronamespace in (to_regnamespace('credits'), to_regnamespace('billing'))
     and has_function_privilege('anon', p.oid, 'execute')
  union all
  select c.oid::regclass::text
    from pg_catalog.pg_class c
   where c.relnamespace in (to_regnamespace('credits'), to_regnamespace('billing'))
     and c.relkind in ('r', 'v', 'm', 'p')
     and has_table_privilege('anon', c.oid, 'select, insert, update, delete, truncate')
   order by 1`;

/** Connects, looks, and disconnects. Throws `database_unavailable` when it cannot be reached. */
export async function inspectDatabase(url: string): Promise<DatabaseReport> {
  const db = connect({ url, maxConnections: 1, applicationName: 'florin doctor' });
  try {
    return await inspect(db, parseDatabaseUrl(url).transactionPooler);
  } finally {
    await db.close();
  }
}

async function inspect(db: Database, transactionPooler: boolean): Promise<DatabaseReport> {
  const [server] = await db.query<{
    versionNumber: number;
    role: string;
    isSuperuser: boolean;
    encrypted: boolean;
    now: Date;
  }>(SERVER);
  if (server === undefined) {
    throw new Error('The database answered without a row.');
  }
  const clockAheadMs = server.now.getTime() - Date.now();
  const names = async (question: string) =>
    (await db.query<{ name: string }>(question)).map((row) => row.name);
  const missingRoles = await names(MISSING_ROLES);
  const [rights] = await db.query<{ may: boolean }>(MAY_WRITE);
  return {
    versionNumber: server.versionNumber,
    role: server.role,
    isSuperuser: server.isSuperuser,
    encrypted: server.encrypted,
    transactionPooler,
    missingRoles,
    mayWrite: rights?.may ?? false,
    exposedSchemas: await names(EXPOSED_SCHEMAS),
    openToAnon: missingRoles.includes('anon') ? [] : await names(OPEN_TO_ANON),
    clockAheadMs,
  };
}
