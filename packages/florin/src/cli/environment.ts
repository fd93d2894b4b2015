import { existsSync, readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { connect, type Database } from '../db/index.ts';
import { InvalidConfigurationError } from '../kernel/index.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** The folder in which `florin dev` keeps its data, its secrets and what is running. */
export const DEV_FOLDER = '.florin';

/** What a running `florin dev` leaves for the other commands; gone when it stops. */
export type RunningDev = {
  readonly pid: number;
  readonly environment: Record<string, string>;
};

function runningDevFile(folder: string): string {
  return join(folder, 'running.json');
}

/** The environment, then the file `.env` of the working directory. Empty values count as absent. */
export function readGivenEnvironment(directory = process.cwd()): Environment {
  const file = join(directory, '.env');
  const fromFile = existsSync(file) ? parseEnv(readFileSync(file, 'utf8')) : {};
  const all = Object.entries({ ...fromFile, ...process.env });
  return Object.fromEntries(all.filter(([, value]) => value !== undefined && value !== ''));
}

/** The settings of a command: those given, and where they are silent those of a `florin dev` that runs here. */
export function readEnvironment(directory = process.cwd()): Environment {
  const running = readRunningDev(join(directory, DEV_FOLDER));
  return { ...running?.environment, ...readGivenEnvironment(directory) };
}

export function readRunningDev(folder: string): RunningDev | undefined {
  const file = runningDevFile(folder);
  if (!existsSync(file)) {
    return undefined;
  }
  const running = JSON.parse(readFileSync(file, 'utf8')) as RunningDev;
  try {
    process.kill(running.pid, 0);
    return running;
  } catch {
    return undefined;
  }
}

/** Tells other commands in this folder where everything is, until {@link forgetRunning}. */
export async function noteRunning(folder: string, running: RunningDev): Promise<void> {
  const text = `${JSON.stringify(running, undefined, 2)}\n`;
  await writeFile(runningDevFile(folder), text, { mode: 0o600 });
}

export async function forgetRunning(folder: string): Promise<void> {
  await rm(runningDevFile(folder), { force: true });
}

/** The database's address, or a fault that says where to get one. */
export function requireDatabaseUrl(environment: Environment): string {
  const url = environment['DATABASE_URL'];
  if (url === undefined) {
    throw new InvalidConfigurationError([
      'DATABASE_URL is missing: set it to your Postgres (Supabase: Project Settings, Database), or start `florin dev` in this folder.',
    ]);
  }
  return url;
}

/** Runs one command's work on the database and closes it, however the work ends. */
export async function withDatabase(work: (db: Database) => Promise<void>): Promise<void> {
  const db = connect({
    url: requireDatabaseUrl(readEnvironment()),
    maxConnections: 3,
    applicationName: 'florin cli',
  });
  try {
    await work(db);
  } finally {
    await db.close();
  }
}
