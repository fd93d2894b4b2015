import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EmbeddedPostgres, startEmbeddedPostgres } from 'florin-dev';
import { POSTGRES_15 } from './installed.ts';

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
    programs: { initdb: join(POSTGRES_15, 'initdb'), postgres: join(POSTGRES_15, 'postgres') },
  });
  return {
    ...server,
    async stop() {
      await server.stop();
      await rm(home, { recursive: true, force: true });
    },
  };
}
