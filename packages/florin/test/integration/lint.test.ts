import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import type { EmbeddedPostgres } from 'florin-dev';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect, migrate } from '../../src/db/index.ts';
import { isInstalled } from '../support/installed.ts';
import { startPostgres15 } from '../support/postgres-15.ts';

const run = promisify(execFile);

/** Supabase's own linters, from its CLI, on the whole schema; `plpgsql_check` comes with Debian's Postgres. */
describe.runIf(isInstalled('plpgsqlCheck'))('what Supabase lints', { timeout: 120_000 }, () => {
  let server: EmbeddedPostgres;
  beforeAll(async () => {
    server = await startPostgres15();
    await migrate({ url: server.url });
    await asSuperuser(
      'create schema if not exists extensions',
      'grant usage on schema extensions to public',
      'create extension plpgsql_check schema extensions',
      'alter database postgres set search_path = public, extensions',
    );
  });
  afterAll(() => server.stop());

  async function asSuperuser(...statements: string[]): Promise<void> {
    const db = connect({ url: server.adminUrl, maxConnections: 1 });
    for (const statement of statements) {
      await db.query(statement);
    }
    await db.close();
  }

  /** What the CLI printed: JSON where it found something, words only where not. */
  async function findings(...command: string[]): Promise<unknown[]> {
    const { stdout } = await run('npx', ['supabase', 'db', ...command, `--remote=${server.url}`]);
    const json = stdout.slice(Math.max(stdout.indexOf('[\n'), 0));
    return json.startsWith('[\n') ? JSON.parse(json) : [];
  }
  const lint = () => findings('lint', '--schema', 'credits,billing,public', '--level', 'warning');
  const advise = () => findings('advisors', '--type', 'all', '--level', 'warn');

  it('its linter and its advisors find nothing, in a private schema and in an exposed one', async () => {
    expect([await lint(), await advise()]).toEqual([[], []]);
    await asSuperuser(
      "alter database postgres set pgrst.db_schemas = 'public, credits, billing'",
      'grant usage on schema credits, billing to anon, authenticated',
    );
    expect([await lint(), await advise()]).toEqual([[], []]);
  });

  it('they do look: a careless table and function are found', async () => {
    await asSuperuser(
      'create table public.careless (secret text)',
      `create function public.careless() returns int language plpgsql
         as $$ declare v text := 1; begin return missing from nowhere; end $$`,
    );
    expect(JSON.stringify(await lint())).toContain('nowhere');
    expect(JSON.stringify(await advise())).toContain('function_search_path_mutable');
  });
});
