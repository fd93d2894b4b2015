import { randomUUID } from 'node:crypto';
import { chmod, mkdtemp, open, rm } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { migrate, withDatabase } from '../packages/florin/src/db/index.ts';
import { startEmbeddedPostgres } from '../packages/florin-dev/src/index.ts';
import { median } from './load.ts';

/** A durable Postgres for one run: fsync and synchronous_commit are on. */
export type Cluster = {
  readonly version: string;
  readonly settings: string;
  /** Milliseconds of one write of 8 kB and its fdatasync, where the database keeps its files. */
  readonly syncMs: number;
  /** The machine's load average of the last minute when the run began. */
  readonly load: number;
  /** A new migrated database. */
  database(): Promise<BenchDatabase>;
  stop(): Promise<void>;
};

export type BenchDatabase = {
  /** As `postgres`, the role that the service uses. */
  readonly url: string;
  readonly adminUrl: string;
  clients(count: number): Promise<pg.Client[]>;
  /** As superuser: filling tables directly. */
  asAdmin(...statements: readonly string[]): Promise<void>;
  close(): Promise<void>;
};

export const ACCOUNTS = 10_000;

export async function startCluster(): Promise<Cluster> {
  const [load = Number.NaN] = loadavg();
  const directory = await mkdtemp(join(tmpdir(), 'florin-bench-'));
  // Where we are root Postgres is another user; closed out it would keep its files elsewhere, for ever.
  await chmod(directory, 0o755);
  const server = await startEmbeddedPostgres({
    dataDirectory: join(directory, 'postgres'),
    maxConnections: 200,
  });
  let made = 0;
  const [about] = await query(
    server.adminUrl,
    `select current_setting('server_version') as version,
            format('fsync %s, synchronous_commit %s, shared_buffers %s', current_setting('fsync'),
              current_setting('synchronous_commit'), current_setting('shared_buffers')) as settings`,
  );
  return {
    version: String(about?.['version']),
    settings: String(about?.['settings']),
    syncMs: await measureSync(directory),
    load,
    async database() {
      made += 1;
      const name = `bench_${made}`;
      await query(server.url, `create database ${name}`);
      const url = withDatabase(server.url, name);
      await migrate({ url });
      return benchDatabase(url, withDatabase(server.adminUrl, name));
    },
    async stop() {
      await server.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

function benchDatabase(url: string, adminUrl: string): BenchDatabase {
  const open: pg.Client[] = [];
  return {
    url,
    adminUrl,
    async clients(count) {
      const clients = Array.from({ length: count }, () => new pg.Client({ connectionString: url }));
      await Promise.all(clients.map((client) => client.connect()));
      open.push(...clients);
      return clients;
    },
    async asAdmin(...statements) {
      for (const statement of statements) {
        await query(adminUrl, statement);
      }
    },
    async close() {
      await Promise.all(open.map((client) => client.end()));
    },
  };
}

async function query(url: string, statement: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(statement)).rows;
  } finally {
    await client.end();
  }
}

async function measureSync(directory: string): Promise<number> {
  const path = join(directory, 'sync-probe');
  const file = await open(path, 'w');
  const page = Buffer.alloc(8192, 1);
  const times: number[] = [];
  for (let turn = 0; turn < 200; turn += 1) {
    const start = performance.now();
    await file.write(page, 0, page.length, turn * page.length);
    await file.datasync();
    times.push(performance.now() - start);
  }
  await file.close();
  await rm(path);
  return median(times);
}

/** New accounts, each with a grant that no run uses up. */
export async function openAccounts(db: BenchDatabase, count = ACCOUNTS): Promise<string[]> {
  const ids = Array.from({ length: count }, () => randomUUID());
  const [client] = await db.clients(1);
  await client?.query(
    `select credits.issue_grant(id, 1000000000000, 'opening', 'bench') from unnest($1::uuid[]) as id`,
    [ids],
  );
  await db.asAdmin('vacuum analyze', 'checkpoint');
  return ids;
}

export function oneOf<T>(items: readonly T[]): T {
  return items[Math.floor(Math.random() * items.length)] as T;
}

let keys = 0;

/** A new key of the length that an application's would have. */
export function newKey(): string {
  keys += 1;
  return `scan:job_${keys}`;
}
