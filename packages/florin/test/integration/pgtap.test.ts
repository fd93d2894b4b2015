import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { EmbeddedPostgres } from 'florin-dev';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect, migrate } from '../../src/db/index.ts';
import { isInstalled } from '../support/installed.ts';
import { startPostgres15 } from '../support/postgres-15.ts';

const run = promisify(execFile);
const folder = new URL('../../supabase/tests/', import.meta.url);
const files = (await readdir(folder)).filter((name) => name.endsWith('_test.sql'));

/** The tests that a user may run with `supabase test db`; pg_prove does what it does, without Docker. */
describe.runIf(isInstalled('pgTap'))('supabase/tests, in pgTAP', () => {
  let server: EmbeddedPostgres;
  beforeAll(async () => {
    server = await startPostgres15();
    await migrate({ url: server.url });
    const admin = connect({ url: server.adminUrl, maxConnections: 1 });
    await admin.query('create extension pgtap');
    await admin.close();
  });
  afterAll(() => server.stop());

  it.each(files)('%s', async (file) => {
    const proof = run('pg_prove', ['--dbname', server.adminUrl, file], { cwd: folder });
    const { stdout } = await proof.catch((failure: { stdout: string }) => failure);
    expect(stdout).toMatch(/Result: PASS/);
  });
});
