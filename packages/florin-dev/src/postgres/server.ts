import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmod,
  chown,
  mkdir,
  mkdtemp,
  open,
  readFile,
  rename,
  rm,
  writeFile,
} from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import { DevError } from '../surroundings.ts';
import { findBinaries, type ServerBinaries } from './binaries.ts';
import { isRunning } from './process-state.ts';
import { chooseServerUser, placeDataDirectory, type ServerUser } from './user.ts';

export type EmbeddedOptions = {
  /** Where the cluster's files are, made at the first start and kept. */
  dataDirectory: string;
  /** A fixed port; absent: any free one. */
  port?: number;
  /** False trades the durability of everything in the cluster for speed: throw-away tests only. */
  durable?: boolean;
  maxConnections?: number;
  /** The programs of another Postgres than the one that came with the package. */
  programs?: ServerBinaries;
};

export type EmbeddedPostgres = {
  /** As `postgres`: what Supabase gives its users, no superuser. */
  readonly url: string;
  /** As `supabase_admin`, the superuser. */
  readonly adminUrl: string;
  readonly port: number;
  readonly pid: number;
  /** Settles when the server has ended, by `stop` or by itself. */
  readonly ended: Promise<void>;
  /** Ends the server after its open transactions were rolled back and a checkpoint written. */
  stop(): Promise<void>;
};

const SUPERUSER = 'supabase_admin';
const HOST = '127.0.0.1';
const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 20_000;
const PORT_ATTEMPTS = 5;
/** Sorts the same on every machine, whatever its C library: from Postgres 17 on. */
const BUILTIN_LOCALE = ['--locale-provider=builtin', '--builtin-locale=C.UTF-8'];
const OWNER_FILE = 'florin-owner';

/**
 * Starts a Postgres that came with the package, on this machine only, in the shape of a Supabase
 * project: the superuser is `supabase_admin`, and `postgres` is an ordinary role that may create
 * roles and databases. The first start makes the cluster; later ones find its data again.
 */
export async function startEmbeddedPostgres(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const user = await chooseServerUser(options.dataDirectory);
  const binaries = options.programs ?? (await findBinaries(user));
  const dataDirectory = await placeDataDirectory(options.dataDirectory, user);
  await endLeftover(dataDirectory);
  const password = await ensureCluster({
    dataDirectory,
    user,
    binaries,
    locale: options.programs === undefined ? BUILTIN_LOCALE : [],
  });
  for (let attempt = 1; ; attempt += 1) {
    const port = options.port ?? (await findFreePort());
    try {
      return await startServer({ options, dataDirectory, user, binaries, password, port });
    } catch (error) {
      const mayRetry = options.port === undefined && attempt < PORT_ATTEMPTS;
      if (!(mayRetry && error instanceof PortTakenError)) {
        throw error;
      }
    }
  }
}

class PortTakenError extends DevError {
  constructor(port: number) {
    super('conflict', `The port ${port} for Postgres is taken by another program.`);
  }
}

/** Makes the cluster if it is not there, in one rename: an interrupted attempt leaves none. */
async function ensureCluster(place: {
  dataDirectory: string;
  user: ServerUser;
  binaries: ServerBinaries;
  locale: readonly string[];
}): Promise<string> {
  const { dataDirectory, user, binaries, locale } = place;
  const passwordFile = join(dataDirectory, 'florin-password');
  const known = await readFile(passwordFile, 'utf8').catch(() => undefined);
  if (known !== undefined) {
    return known.trim();
  }
  const parent = dirname(dataDirectory);
  await mkdir(parent, { recursive: true });
  const building = await mkdtemp(join(parent, 'postgres-new-'));
  try {
    const password = randomBytes(24).toString('base64url');
    const secret = join(building, 'password');
    const cluster = join(building, 'data');
    await writeFile(secret, `${password}\n`, { mode: 0o600 });
    await mkdir(cluster, { mode: 0o700 });
    for (const path of [building, secret, cluster]) {
      await give(path, user);
    }
    await initialise({ cluster, secret, user, binaries, locale });
    await writeFile(join(cluster, 'florin-password'), `${password}\n`, { mode: 0o600 });
    await give(join(cluster, 'florin-password'), user);
    await rm(dataDirectory, { recursive: true, force: true });
    await rename(cluster, dataDirectory);
    return password;
  } finally {
    await rm(building, { recursive: true, force: true });
  }
}

async function give(path: string, user: ServerUser): Promise<void> {
  if (user.uid !== undefined && user.gid !== undefined) {
    await chown(path, user.uid, user.gid);
  } else {
    await chmod(path, (await isDirectory(path)) ? 0o700 : 0o600);
  }
}

async function isDirectory(path: string): Promise<boolean> {
  const handle = await open(path, 'r');
  try {
    return (await handle.stat()).isDirectory();
  } finally {
    await handle.close();
  }
}

async function initialise(place: {
  cluster: string;
  secret: string;
  user: ServerUser;
  binaries: ServerBinaries;
  locale: readonly string[];
}): Promise<void> {
  const { cluster, secret, user, binaries, locale } = place;
  const child = spawn(
    binaries.initdb,
    [
      `--pgdata=${cluster}`,
      `--username=${SUPERUSER}`,
      `--pwfile=${secret}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--locale=C',
      ...locale,
      '--no-instructions',
    ],
    {
      ...user,
      cwd: dirname(cluster),
      stdio: ['ignore', 'ignore', 'pipe'],
      env: serverEnvironment(),
    },
  );
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => {
    errors += chunk.toString();
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  if (code !== 0) {
    throw new DevError('internal', `The embedded Postgres could not be made: ${errors.trim()}`);
  }
}

/** Nothing of the caller's Postgres settings (PGPORT, PGDATA, PGOPTIONS …) reaches the server. */
function serverEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !name.startsWith('PG') && !name.startsWith('LC_') && name !== 'LANG',
  );
  return { ...Object.fromEntries(kept), LC_ALL: 'C' };
}

async function startServer(place: {
  options: EmbeddedOptions;
  dataDirectory: string;
  user: ServerUser;
  binaries: ServerBinaries;
  password: string;
  port: number;
}): Promise<EmbeddedPostgres> {
  const { options, dataDirectory, user, binaries, password, port } = place;
  await writeFile(join(dataDirectory, OWNER_FILE), String(process.pid));
  const logPath = join(dataDirectory, 'florin-server.log');
  const log = await open(logPath, 'w', 0o600);
  const settings = {
    listen_addresses: HOST,
    port,
    unix_socket_directories: '',
    max_connections: options.maxConnections ?? 100,
    ...(options.durable === false
      ? { fsync: 'off', synchronous_commit: 'off', full_page_writes: 'off' }
      : {}),
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  // A group of its own: Ctrl-C in the terminal reaches Florin, which ends the server in its turn.
  const child = spawn(binaries.postgres, ['-D', dataDirectory, ...flags], {
    ...user,
    cwd: dataDirectory,
    detached: true,
    stdio: ['ignore', log.fd, log.fd],
    env: serverEnvironment(),
  });
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
  await log.close();
  const endWithProcess = () => child.kill('SIGINT');
  process.once('exit', endWithProcess);
  ended.then(() => process.removeListener('exit', endWithProcess));

  const urlFor = (role: string) =>
    `postgresql://${role}:${encodeURIComponent(password)}@${HOST}:${port}/postgres`;
  const stop = () => stopServer(child, ended);
  try {
    await untilItAnswers({ child, ended, adminUrl: urlFor(SUPERUSER), logPath, port });
    await ensureRoles(urlFor(SUPERUSER), password);
  } catch (error) {
    await stop();
    throw error;
  }
  child.unref();
  return {
    url: urlFor('postgres'),
    adminUrl: urlFor(SUPERUSER),
    port,
    pid: child.pid ?? 0,
    ended,
    stop,
  };
}

async function untilItAnswers(place: {
  child: ChildProcess;
  ended: Promise<void>;
  adminUrl: string;
  logPath: string;
  port: number;
}): Promise<void> {
  let over = false;
  place.ended.then(() => {
    over = true;
  });
  const deadline = Date.now() + START_TIMEOUT_MS;
  for (;;) {
    // Someone else's server could answer on the port: ours counts only while it runs.
    const failure = await tryConnection(place.adminUrl);
    if (over || Date.now() > deadline) {
      const log = await readFile(place.logPath, 'utf8').catch(() => '');
      if (/could not bind|Address already in use/.test(log)) {
        throw new PortTakenError(place.port);
      }
      throw new DevError(
        'internal',
        `The embedded Postgres did not start: ${failure?.message ?? ''}\n${log.split('\n').slice(-15).join('\n')}`,
        { cause: failure },
      );
    }
    if (failure === undefined) {
      return;
    }
    await wait(50);
  }
}

async function tryConnection(url: string): Promise<Error | undefined> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('select 1');
    return undefined;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** The role `postgres` as a hosted Supabase project has it: no superuser, owner of its database. */
async function ensureRoles(adminUrl: string, password: string): Promise<void> {
  const client = new pg.Client({ connectionString: adminUrl, connectionTimeoutMillis: 5_000 });
  client.on('error', () => undefined);
  await client.connect();
  try {
    const found = await client.query(
      "select 1 from pg_catalog.pg_roles where rolname = 'postgres'",
    );
    if (found.rowCount === 0) {
      await client.query(
        `begin;
         create role postgres login createrole createdb replication bypassrls
           password ${pg.escapeLiteral(password)};
         alter database postgres owner to postgres;
         commit;`,
      );
    }
  } finally {
    await client.end();
  }
}

async function stopServer(child: ChildProcess, ended: Promise<void>): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    child.ref();
    child.kill('SIGINT');
    const inTime = await Promise.race([
      ended.then(() => true),
      wait(STOP_TIMEOUT_MS, false, { ref: false }),
    ]);
    if (!inTime) {
      child.kill('SIGQUIT');
    }
  }
  await ended;
}

/**
 * A server that outlived the Florin which started it (killed hard) is ended first; one whose Florin
 * still runs is in use, and the caller is told so.
 */
async function endLeftover(dataDirectory: string): Promise<void> {
  const pidFile = join(dataDirectory, 'postmaster.pid');
  const pid = Number((await readFile(pidFile, 'utf8').catch(() => '')).split('\n')[0]);
  if (!(pid > 1) || !(await isServerOf(pid, dataDirectory))) {
    return;
  }
  const owner = Number(await readFile(join(dataDirectory, OWNER_FILE), 'utf8').catch(() => ''));
  if (owner > 1 && isRunning(owner)) {
    throw new DevError(
      'conflict',
      `The database in ${dataDirectory} is in use by another Florin (process ${owner}). Stop that one first, or start in another directory.`,
    );
  }
  process.kill(pid, 'SIGINT');
  const deadline = Date.now() + STOP_TIMEOUT_MS;
  while (await isServerOf(pid, dataDirectory)) {
    if (Date.now() > deadline) {
      throw new DevError('conflict', `A leftover Postgres (process ${pid}) does not end.`);
    }
    await wait(50);
  }
}

/** Whether the process is a Postgres of this cluster, and not another that got its number later. */
async function isServerOf(pid: number, dataDirectory: string): Promise<boolean> {
  if (!isRunning(pid)) {
    return false;
  }
  const shown =
    process.platform === 'linux'
      ? await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')
      : showProcess(pid);
  return shown.includes(dataDirectory);
}

function showProcess(pid: number): string {
  try {
    return execFileSync('ps', ['-o', 'args=', '-p', String(pid)], { encoding: 'utf8' });
  } catch {
    return '';
  }
}

async function findFreePort(): Promise<number> {
  const probe = createServer();
  return await new Promise((resolve, reject) => {
    probe.once('error', reject);
    probe.listen(0, HOST, () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}
