import { chmod, mkdtemp, readdir, readFile, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { isRunning, startEmbeddedPostgres } from 'florin-dev';
import pg from 'pg';
import type { TestProject } from 'vitest/node';
import { migrate, withDatabase } from '../../src/db/index.ts';
import { type CitusCluster, makeTemplate, openCitus } from './citus.ts';
import { isInstalled } from './installed.ts';
import { type Pooler, startPgBouncer } from './pgbouncer.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** A role that may create databases, connected to none of Florin's. */
    serverUrl: string;
    /** The same behind PgBouncer in transaction mode, where FLORIN_TEST_POOLED asks for it; else empty. */
    pooledUrl: string;
    /** The superuser of the embedded cluster; empty when DATABASE_URL is used. */
    adminUrl: string;
    /** The migrated database that fresh ones are copied from. */
    template: string;
    /** Why the template could not be migrated; empty when it was. */
    migrationFailure: string;
    /** The cluster of FLORIN_CITUS_URL, on which each file has a distributed database; else null. */
    citus: CitusCluster | null;
    /** A folder of this run's own, removed at its end. */
    runFolder: string;
  }
}

const PREFIX = 'florin-test-';
/** Where Linux keeps files in memory. */
const IN_MEMORY = '/dev/shm';
/** Many times what a run takes, in bytes. */
const ROOM = 2 * 1024 ** 3;

/**
 * One Postgres a run: an embedded cluster that is thrown away, or the server of DATABASE_URL, on
 * which only databases of this run's own are made and dropped. FLORIN_TEST_POSTGRES names the folder
 * with the programs of another version for the cluster.
 */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  const isPooled = Boolean(process.env['FLORIN_TEST_POOLED']);
  if (isPooled && !isInstalled('pgBouncer')) {
    throw new Error(
      'FLORIN_TEST_POOLED asks for tests behind PgBouncer, which is not installed: apt-get install pgbouncer.',
    );
  }
  const clusterUrl = process.env['FLORIN_CITUS_URL'];
  const citus = clusterUrl ? await openCitus(clusterUrl) : null;
  const own = citus?.serverUrl ?? process.env['DATABASE_URL'];
  const cluster = own === undefined || own === '' ? await startThrowAway() : undefined;
  const serverUrl = cluster?.url ?? String(own);
  const template = `florin_test_${process.pid}_template`;
  let pooler: Pooler | undefined;
  try {
    pooler = isPooled ? await startPgBouncer(serverUrl, 8) : undefined;
    if (citus === null) {
      await onServer(serverUrl, async (client) => {
        await client.query(`drop database if exists ${template}`);
        await client.query(`create database ${template}`);
      });
    } else {
      await makeTemplate(citus, template);
    }
  } catch (error) {
    await stopAll(pooler, cluster);
    throw error;
  }
  const failure = citus === null ? await tryMigrations(withDatabase(serverUrl, template)) : '';
  project.provide('migrationFailure', failure);
  const runFolder = await mkdtemp(join(tmpdir(), `${PREFIX}${process.pid}-run-`));
  project.provide('runFolder', runFolder);
  project.provide('serverUrl', serverUrl);
  project.provide('pooledUrl', pooler?.url ?? '');
  project.provide('adminUrl', citus?.adminUrl ?? cluster?.adminUrl ?? '');
  project.provide('citus', citus);
  project.provide('template', template);
  return async () => {
    await rm(runFolder, { recursive: true, force: true });
    if (cluster === undefined) {
      for (const url of citus ? [citus.adminUrl, ...citus.workerUrls] : [serverUrl]) {
        await onServer(url, (client) => dropOwn(client));
      }
    }
    await stopAll(pooler, cluster);
  };
}

async function stopAll(...running: (Pick<Pooler, 'stop'> | undefined)[]): Promise<void> {
  for (const one of running) {
    await one?.stop();
  }
}

/** Fails no test that needs no ledger: those that do fail with this message. */
async function tryMigrations(url: string): Promise<string> {
  try {
    await migrate({ url });
    return '';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

async function startThrowAway() {
  await sweep();
  const programs = process.env['FLORIN_TEST_POSTGRES'];
  const home = await mkdtemp(join(await placeOfClusters(), `${PREFIX}${process.pid}-`));
  // Where we are root Postgres is another user; closed out it would keep its files elsewhere, for ever.
  await chmod(home, 0o755);
  const server = await startEmbeddedPostgres({
    dataDirectory: join(home, 'postgres'),
    durable: false,
    maxConnections: 200,
    ...(programs ? { programs: programsOf(programs) } : {}),
  });
  return {
    ...server,
    async stop() {
      await server.stop();
      await rm(home, { recursive: true, force: true });
    },
  };
}

/** Each test file makes and drops a database of hundreds of files: in memory, where there is room. */
async function placeOfClusters(): Promise<string> {
  const space = await statfs(IN_MEMORY).catch(() => undefined);
  const hasRoom = space !== undefined && space.bavail * space.bsize >= ROOM;
  return hasRoom ? IN_MEMORY : tmpdir();
}

function programsOf(folder: string): { initdb: string; postgres: string } {
  return { initdb: join(folder, 'initdb'), postgres: join(folder, 'postgres') };
}

/** Clusters of runs that were killed: their servers are ended and their files removed. */
async function sweep(): Promise<void> {
  const foldersOf = async (place: string) =>
    (await readdir(place).catch(() => [])).map((name) => join(place, name));
  for (const home of (await Promise.all([tmpdir(), IN_MEMORY].map(foldersOf))).flat()) {
    const owner = Number(new RegExp(`^${PREFIX}([0-9]+)-`).exec(basename(home))?.[1]);
    if (!Number.isInteger(owner) || isRunning(owner)) {
      continue;
    }
    const pidFile = await readFile(join(home, 'postgres', 'postmaster.pid'), 'utf8').catch(
      () => '',
    );
    const server = Number(pidFile.split('\n')[0]);
    if (server > 1 && isRunning(server) && pidFile.includes(home)) {
      process.kill(server, 'SIGQUIT');
    }
    await rm(home, { recursive: true, force: true }).catch(() => undefined);
  }
}

async function onServer<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

async function dropOwn(client: pg.Client): Promise<void> {
  const own = await client.query<{ datname: string }>(
    'select datname from pg_catalog.pg_database where datname like $1',
    [`florin_test_${process.pid}_%`],
  );
  for (const { datname } of own.rows) {
    await client.query(`drop database if exists ${pg.escapeIdentifier(datname)} with (force)`);
  }
}
