import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { lstat, mkdir, readlink, realpath, stat, symlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { DevError } from '../surroundings.ts';

/** Whom the server runs as: empty means the caller; Postgres refuses to run as root. */
export type ServerUser = { readonly uid?: number; readonly gid?: number };

/** Where root's clusters live when the checkout is closed to everyone else. */
const ROOT_DATA_HOME = '/var/lib/florin';

/**
 * As an ordinary user, the caller. As root: whoever owns the existing cluster, else the system's
 * `postgres`, else `nobody`; no user is ever created on the machine.
 */
export async function chooseServerUser(dataDirectory: string): Promise<ServerUser> {
  if (process.getuid?.() !== 0) {
    return {};
  }
  const existing = await stat(join(dataDirectory, 'PG_VERSION')).catch(() => undefined);
  if (existing !== undefined && existing.uid !== 0) {
    return { uid: existing.uid, gid: existing.gid };
  }
  for (const name of ['postgres', 'nobody']) {
    const found = lookUp(name);
    if (found !== undefined) {
      return found;
    }
  }
  throw new DevError(
    'invalid_configuration',
    'Postgres cannot run as root, and this system has neither a user `postgres` nor `nobody`. Run Florin as an ordinary user, or set DATABASE_URL.',
  );
}

function lookUp(name: string): { uid: number; gid: number } | undefined {
  try {
    const id = (flag: string) =>
      Number(
        execFileSync('id', [flag, name], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }),
      );
    return { uid: id('-u'), gid: id('-g') };
  } catch {
    return undefined;
  }
}

/** Whether `user` may enter every directory from the root down to `path`. */
export async function canReach(path: string, user: ServerUser): Promise<boolean> {
  if (user.uid === undefined) {
    return true;
  }
  for (let directory = resolve(path); ; directory = dirname(directory)) {
    const found = await stat(directory).catch(() => undefined);
    if (found?.isDirectory() && !mayEnter(found, user)) {
      return false;
    }
    if (directory === dirname(directory)) {
      return true;
    }
  }
}

function mayEnter(found: { mode: number; uid: number; gid: number }, user: ServerUser): boolean {
  if (found.uid === user.uid) {
    return (found.mode & 0o100) !== 0;
  }
  return (found.mode & (found.gid === user.gid ? 0o010 : 0o001)) !== 0;
}

/**
 * Where the cluster really lives. Normally the path asked for; when the server's user cannot get
 * there (a checkout below /root), a directory under /var/lib, with a symbolic link in its place.
 */
export async function placeDataDirectory(wanted: string, user: ServerUser): Promise<string> {
  await mkdir(dirname(wanted), { recursive: true });
  const link = await lstat(wanted).catch(() => undefined);
  if (link?.isSymbolicLink()) {
    const target = resolve(dirname(wanted), await readlink(wanted));
    await mkdir(dirname(target), { recursive: true });
    return target;
  }
  if (await canReach(dirname(wanted), user)) {
    return join(await realpath(dirname(wanted)), wanted.slice(dirname(wanted).length + 1));
  }
  if (link !== undefined) {
    throw new DevError(
      'invalid_configuration',
      `Postgres runs as another user than root and cannot reach ${wanted}. Move the checkout, or open the directories above it (chmod a+x).`,
    );
  }
  const target = join(ROOT_DATA_HOME, `postgres-${randomBytes(6).toString('hex')}`);
  await mkdir(ROOT_DATA_HOME, { recursive: true, mode: 0o755 });
  await symlink(target, wanted);
  return target;
}
