import { existsSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EmbeddedPostgres, startEmbeddedPostgres } from 'florin-dev';

/** Where Debian keeps initdb, postgres, psql, pg_dump and pg_restore of that version. */
export const PROGRAMS = '/usr/lib/postgresql/15/bin';

/** Whether Debian's Postgres 15, the oldest that is supported, is installed: in CI it is. */
export const hasPostgres15 = existsSync(join(PROGRAMS, 'initdb'));

/**
 * A throw-away cluster of Postgres 15 in Supabase's shape, with the extensions that Debian installs
 * beside it (pgtap, plpgsql_check); `stop` also removes its files.
 */
export async function startPostgres15(): Promise<EmbeddedPostgres> {
  const home = await mkdtemp(join(tmpdir(), `florin-test-${process.pid}-`));
  await chmod(home, 0o755);
  const server = await startEmbeddedPostgres({
    dataDirectory: join(home, 'postgres'),
    durable: false,
    programs: { initdb: join(PROGRAMS, 'initdb'), postgres: join(PROGRAMS, 'postgres') },
  });
  return {
    ...server,
    async stop() {
      await server.stop();
      await rm(home, { recursive: true, force: true });
    },
  };
}
