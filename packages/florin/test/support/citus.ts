import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import pg from 'pg';
import { migrate, withDatabase } from '../../src/db/index.ts';

/** The key of the lock that databases are made under. */
const TURN = 0x7465;
const ROLE = 'florin_test';
/** Through it the role may act as florin_owner: a membership of its own ends with each migration. */
const OWNERS = 'florin_test_owners';
const SCRIPT = 'packages/florin/supabase/optional/distribute.sql';

/** The nodes of the cluster whose coordinator FLORIN_CITUS_URL names, and the role that tests use. */
export type CitusCluster = {
  /** The coordinator as a superuser. */
  readonly adminUrl: string;
  readonly workerUrls: readonly string[];
  /** The coordinator as a role like the one that apps use. */
  readonly serverUrl: string;
};

/** Looks for the workers, and makes the tests' role on every node. */
export async function openCitus(adminUrl: string): Promise<CitusCluster> {
  const workers = await runOn<{ nodename: string; nodeport: number }>(
    adminUrl,
    'select nodename, nodeport from pg_dist_node where isactive and shouldhaveshards and groupid > 0',
  );
  if (workers.length === 0) {
    throw new Error(
      'FLORIN_CITUS_URL leads to a database without workers: add them with citus_add_node.',
    );
  }
  const workerUrls = workers.map(({ nodename, nodeport }) => {
    const url = new URL(adminUrl);
    url.hostname = nodename;
    url.port = String(nodeport);
    return url.href;
  });
  const password = new URL(adminUrl).password;
  for (const url of [adminUrl, ...workerUrls]) {
    await runOn(
      url,
      `set citus.enable_ddl_propagation to off; do $$ begin
      if not exists (select from pg_roles where rolname = '${ROLE}') then
        create role ${ROLE} login noinherit createrole createdb bypassrls;
      end if;
      if not exists (select from pg_roles where rolname = '${OWNERS}') then
        create role ${OWNERS} nologin;
      end if;
    end $$; grant ${OWNERS} to ${ROLE}; ${password === '' ? '' : `alter role ${ROLE} password ${pg.escapeLiteral(decodeURIComponent(password))}`}`,
    );
  }
  const server = new URL(adminUrl);
  server.username = ROLE;
  return { adminUrl, workerUrls, serverUrl: server.href };
}

/** A migrated and distributed database on every node, closed to connections, so that it can be copied. */
export async function makeTemplate(cluster: CitusCluster, name: string): Promise<void> {
  const { adminUrl, serverUrl } = cluster;
  await createEmpty(cluster, name);
  await migrate({ url: withDatabase(serverUrl, name) });
  const admin = withDatabase(adminUrl, name);
  await runOn(admin, `grant florin_owner to ${OWNERS}`);
  await distribute(admin);
  await closeToConnections(cluster, name);
}

/** A database of this name on every node: a copy of the template, or a cluster without a ledger. */
export async function createOnCluster(
  cluster: CitusCluster,
  options: { name: string; template: string | null },
): Promise<void> {
  await using _turn = await takeTurn(cluster.adminUrl);
  if (options.template === null) {
    await createEmpty(cluster, options.name);
    return;
  }
  const { name, template } = options;
  await onEach(cluster, `create database ${name} template ${template} owner ${ROLE}`);
}

async function createEmpty({ adminUrl, workerUrls }: CitusCluster, name: string): Promise<void> {
  for (const url of [adminUrl, ...workerUrls]) {
    await runOn(url, `create database ${name} owner ${ROLE}`);
    await runOn(
      withDatabase(url, name),
      `create extension citus; set citus.enable_ddl_propagation to off; alter schema public owner to ${ROLE}`,
    );
  }
  const admin = withDatabase(adminUrl, name);
  const { hostname, port } = new URL(adminUrl);
  await runOn(admin, `select citus_set_coordinator_host('${hostname}', ${port || 5432})`);
  for (const url of workerUrls.map((worker) => new URL(worker))) {
    await runOn(admin, `select citus_add_node('${url.hostname}', ${url.port || 5432})`);
  }
}

/** Roles belong to all databases of a node, which refuses two that write to one at once. */
async function takeTurn(adminUrl: string): Promise<AsyncDisposable> {
  const client = new pg.Client({ connectionString: adminUrl });
  await client.connect();
  await client.query('select pg_advisory_lock($1)', [TURN]);
  return { [Symbol.asyncDispose]: () => client.end() };
}

/** Runs the script that users run. */
export async function distribute(adminUrl: string, script = SCRIPT): Promise<void> {
  const settings = { PGOPTIONS: '-c citus.shard_count=4 -c client_min_messages=warning' };
  await promisify(execFile)(
    'psql',
    ['--quiet', '--no-psqlrc', '--set', 'ON_ERROR_STOP=1', '--file', script, adminUrl],
    { env: { ...process.env, ...settings } },
  );
}

export async function dropOnCluster(cluster: CitusCluster, name: string): Promise<void> {
  await closeToConnections(cluster, name);
  await onEach(cluster, `drop database if exists ${name} with (force)`);
}

/** Citus keeps connections and a process of its own in each database that it knows, from every node. */
async function closeToConnections(cluster: CitusCluster, name: string): Promise<void> {
  await onEach(cluster, `alter database ${name} allow_connections false`);
  await onEach(
    cluster,
    `select pg_terminate_backend(pid, 10000) from pg_stat_activity where datname = '${name}'`,
  );
}

/** Runs statements, in one transaction and as a role, in a database of every worker. */
export async function onWorkers(
  { workerUrls }: CitusCluster,
  options: { name: string; role: string; statements: readonly string[] },
): Promise<void> {
  const { name, role, statements } = options;
  const sql = ['begin', `set local role ${role}`, ...statements, 'commit'].join('; ');
  await Promise.all(workerUrls.map((url) => runOn(withDatabase(url, name), sql)));
}

async function onEach({ adminUrl, workerUrls }: CitusCluster, sql: string): Promise<void> {
  await Promise.all([adminUrl, ...workerUrls].map((url) => runOn(url, sql)));
}

/** Runs one text of statements at this address. */
export async function runOn<R extends pg.QueryResultRow>(url: string, sql: string): Promise<R[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<R>(sql)).rows;
  } finally {
    await client.end();
  }
}
