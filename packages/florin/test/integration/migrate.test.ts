import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  listMigrations,
  migrate,
  pendingMigrations,
  shippedMigrations,
} from '../../src/db/index.ts';
import { type FreshDatabase, freshDatabase, isPooled } from '../support/postgres.ts';

const run = promisify(execFile);

const TRICKY = `-- a comment; with a semicolon
create table "odd;name" (a text default ';', b text default E'it\\'s; so'); /* one /* two; */ three; */
create function public.one() returns int language sql begin atomic select 1; select case when true then 2 else 3 end; end;
create function two() returns int language plpgsql as $body$ begin return 1; end; $body$;;
;
-- only a comment;
do $$ begin null; end $$ ;
create rule twice as on insert to "odd;name" do also (select 1; select 2);
insert into "odd;name" values ('a;b''c;');
select 1
-- the end
`;

describe('migrations', () => {
  let fresh: FreshDatabase;
  let directory: string;
  let project: string;

  beforeEach(async () => {
    fresh = await freshDatabase({ empty: true });
    project = await mkdtemp(join(tmpdir(), 'florin-migrations-'));
    directory = join(project, 'supabase', 'migrations');
    await mkdir(directory, { recursive: true });
  });
  afterEach(async () => {
    await fresh.close();
    await rm(project, { recursive: true, force: true });
  });

  const write = (name: string, sql: string) => writeFile(join(directory, name), sql);
  const apply = () => migrate({ url: fresh.url, directory });
  const history = () =>
    fresh.db.query('select * from supabase_migrations.schema_migrations order by version');

  it('brings an empty database to the newest version, as an ordinary role', async () => {
    const shipped = (await listMigrations()).map((migration) => migration.version);
    expect(shipped.length).toBeGreaterThan(0);
    expect(await migrate({ url: fresh.url })).toEqual({ applied: shipped, present: [] });
    expect(await pendingMigrations({ url: fresh.url })).toEqual([]);
  });

  it('does nothing the second time', async () => {
    const { applied } = await migrate({ url: fresh.url });
    expect(await migrate({ url: fresh.url })).toEqual({ applied: [], present: applied });
  });

  it('applies each file once when several start at the same time', async () => {
    const results = await Promise.all([1, 2, 3, 4].map(() => migrate({ url: fresh.url })));
    const applied = results.flatMap((result) => result.applied);
    expect(applied.toSorted()).toEqual((await listMigrations()).map((one) => one.version));
  });

  it('has nothing to do in a directory without migrations, or without a directory', async () => {
    expect(await apply()).toEqual({ applied: [], present: [] });
    const nowhere = join(directory, 'nowhere');
    expect(await migrate({ url: fresh.url, directory: nowhere })).toEqual({
      applied: [],
      present: [],
    });
  });

  it('undoes a file that fails as a whole, names the line, and goes on after it is mended', async () => {
    await write('1_first.sql', 'create table first (n int);');
    await write(
      '2_second.sql',
      'create table second (n int);\n\ninsert into missing values (1);\n',
    );
    await expect(apply()).rejects.toThrow('2_second.sql:3: relation "missing" does not exist');
    expect(
      await fresh.db.query("select to_regclass('first') as a, to_regclass('second') as b"),
    ).toEqual([{ a: 'first', b: null }]);
    await write('2_second.sql', 'create table second (n int);');
    expect(await apply()).toEqual({ applied: ['2'], present: ['1'] });
  });

  it('lets no setting of one file reach the next', async () => {
    await write(
      '1_role.sql',
      "set search_path = pg_catalog; select set_config('work_mem', '1MB', false);",
    );
    await write('2_after.sql', 'create table here (n int);');
    await apply();
    expect(await fresh.db.query("select to_regclass('public.here') as found")).toEqual([
      { found: 'here' },
    ]);
  });

  it('keeps to one noun a file: none has more than 300 lines', async () => {
    for (const { path, name } of await listMigrations()) {
      const lines = (await readFile(path, 'utf8')).split('\n').length;
      expect(lines, name).toBeLessThanOrEqual(300);
    }
  });

  it('refuses two files of one version, of which only one would be applied', async () => {
    await writeFile(join(directory, '20260101000000_one.sql'), 'select 1;');
    await writeFile(join(directory, '20260101000000_two.sql'), 'select 2;');
    await expect(migrate({ url: fresh.url, directory })).rejects.toThrow(
      /Two migrations have the version 20260101000000, .* rename .*_two\.sql/,
    );
  });

  it('refuses a database of the first edition, and says what to do', async () => {
    await write('20261123000200_ledger.sql', 'create table ledger (n int);');
    await apply();
    const refusal = 'use an empty database (for `florin dev`: delete the folder .florin)';
    await expect(migrate({ url: fresh.url })).rejects.toThrow(refusal);
    await expect(pendingMigrations({ url: fresh.url })).rejects.toThrow(refusal);
    expect(await fresh.db.query("select to_regnamespace('florin') as schema")).toEqual([
      { schema: null },
    ]);
  });

  it('applies a file that comes later with an older version, and leaves the versions of others alone', async () => {
    await write('20300101000000_theirs.sql', 'select 1;');
    await apply();
    await rm(join(directory, '20300101000000_theirs.sql'));
    await write('20200101000000_ours.sql', 'select 2;');
    expect(await apply()).toEqual({ applied: ['20200101000000'], present: [] });
    expect((await history()).map((row) => row['version'])).toEqual([
      '20200101000000',
      '20300101000000',
    ]);
  });

  it.skipIf(isPooled)(
    'keeps the history of the Supabase CLI: either tool finds nothing left to do after the other',
    async () => {
      await write('20260101000000_tricky.sql', TRICKY);
      await write('notes.txt', 'not a migration');
      await copyShipped(directory);
      const other = await freshDatabase({ empty: true });
      try {
        await apply();
        expect(await push(project, fresh.url)).toContain('up to date');
        expect(await push(project, other.url)).toContain('Finished');
        expect((await migrate({ url: other.url, directory })).applied).toEqual([]);
        const ours = (await listMigrations(directory)).map(({ version, name }) => ({
          version,
          name,
        }));
        const columns =
          'select version, name from supabase_migrations.schema_migrations order by 1';
        expect(await other.db.query(columns)).toEqual(ours);
        expect(await fresh.db.query(columns)).toEqual(ours);
      } finally {
        await other.close();
      }
    },
    120_000,
  );
});

async function copyShipped(directory: string): Promise<void> {
  for (const { path } of await listMigrations(shippedMigrations())) {
    await copyFile(path, join(directory, basename(path)));
  }
}

/** What `supabase db push` says, run in a project against a database. */
async function push(project: string, url: string): Promise<string> {
  await writeFile(join(project, 'supabase', 'config.toml'), 'project_id = "florin-test"\n');
  const cli = join(process.cwd(), 'node_modules', '.bin', 'supabase');
  const { stdout, stderr } = await run(cli, ['db', 'push', '--yes', '--remote', url], {
    cwd: project,
    env: { ...process.env, SUPABASE_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1' },
  });
  return stdout + stderr;
}
