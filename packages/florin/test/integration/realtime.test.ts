import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EmbeddedPostgres, startEmbeddedPostgres } from 'florin-dev';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { connect, type Database, migrate } from '../../src/db/index.ts';

const ADA = '6b3c0a52-7c1e-4f0f-9a55-0d8a5f0e7c11';
const BOB = '0f8d2a77-3b1c-4d5e-8f90-a1b2c3d4e5f6';

let folder: string;
let postgres: EmbeddedPostgres;
let db: Database;
let admin: pg.Client;
let turnOn: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'florin-realtime-'));
  await chmod(folder, 0o755);
  const dataDirectory = join(folder, 'data');
  const first = await startEmbeddedPostgres({ dataDirectory });
  await onServer(first.adminUrl, "alter system set wal_level = 'logical'");
  await first.stop();
  postgres = await startEmbeddedPostgres({ dataDirectory });
  await migrate({ url: postgres.url });
  db = connect({ url: postgres.url });
  admin = new pg.Client({ connectionString: postgres.adminUrl });
  await admin.connect();
  const guide = await readFile('docs/browser.md', 'utf8');
  turnOn = /```sql\n([\s\S]+?)```/.exec(guide)?.[1] ?? '';
});
afterAll(async () => {
  await admin?.end();
  await db?.close();
  await postgres?.stop();
  await rm(folder, { recursive: true, force: true });
});

async function onServer(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(statement);
  await client.end();
}

const published = () =>
  db.query(`select schemaname || '.' || tablename as name from pg_publication_tables
             where pubname = 'supabase_realtime' order by 1`);

/** Realtime's own question for a new row: may this user read it, by their role and claims? */
async function maySee(
  who: { role: string; sub?: string },
  row: { account: string; no: number },
): Promise<boolean | string> {
  await admin.query('begin');
  try {
    await admin.query("select set_config('role', $1, true)", [who.role]);
    await admin.query("select set_config('request.jwt.claims', $1, true)", [
      JSON.stringify({ role: who.role, ...(who.sub === undefined ? {} : { sub: who.sub }) }),
    ]);
    const { rows } = await admin.query(
      'select exists (select 1 from credits.entries where account_id = $1 and entry_no = $2)',
      [row.account, row.no],
    );
    return rows[0].exists;
  } catch (error) {
    return String((error as { code?: string }).code);
  } finally {
    await admin.query('rollback');
  }
}

/** What the publication hands to a subscriber: the tables of the rows that were inserted, changed, deleted. */
async function decoded(): Promise<string[]> {
  const { rows } = await admin.query(
    `select data from pg_logical_slot_get_binary_changes('realtime', null, null,
       'proto_version', '1', 'publication_names', 'supabase_realtime')`,
  );
  const tables = new Map<number, string>();
  const changes: string[] = [];
  for (const { data } of rows as { data: Buffer }[]) {
    const kind = String.fromCharCode(data[0] ?? 0);
    if (kind === 'R') {
      const [schema, table] = data.subarray(5).toString('latin1').split('\0');
      tables.set(data.readUInt32BE(1), `${schema}.${table}`);
    } else if ('IUD'.includes(kind)) {
      changes.push(`${kind} ${tables.get(data.readUInt32BE(1))}`);
    }
  }
  return changes;
}

describe('Supabase Realtime, turned on as docs/browser.md says', () => {
  it('publishes the entries and nothing else, where it was off before, however often', async () => {
    expect(await published()).toEqual([]);
    await db.query(turnOn);
    await db.query(turnOn);
    expect(await published()).toEqual([{ name: 'credits.entries' }]);
    // The right to do so was lent for a moment: whoever runs migrations owns nothing of the ledger.
    await expect(
      db.query('alter table credits.entries disable row level security'),
    ).rejects.toThrow('must be owner');
  });

  it('hands on one inserted row for each movement, and never a balance or a grant', async () => {
    await admin.query("select pg_create_logical_replication_slot('realtime', 'pgoutput')");
    await db.query("select credits.issue_grant($1, 50, 'g', 'bonus')", [ADA]);
    await db.query("select credits.spend($1, 8, 's')", [ADA]);
    await db.query("select credits.spend($1, 8, 's')", [ADA]);
    expect(await decoded()).toEqual(['I credits.entries', 'I credits.entries']);
  });

  it('tells a user of their own rows, another user and a visitor of none', async () => {
    await db.query("select credits.issue_grant($1, 5, 'g', 'bonus')", [BOB]);
    const own = { account: ADA, no: 1 };
    expect(await maySee({ role: 'authenticated', sub: ADA }, own)).toBe(true);
    expect(await maySee({ role: 'authenticated', sub: BOB }, own)).toBe(false);
    expect(await maySee({ role: 'authenticated' }, own)).toBe(false);
    expect(await maySee({ role: 'authenticated', sub: BOB }, { account: BOB, no: 1 })).toBe(true);
    expect(await maySee({ role: 'anon' }, own)).toBe('42501');
  });

  it('control: a table without row level security would be told to everybody', async () => {
    await admin.query('alter table credits.entries disable row level security');
    try {
      const told = await maySee({ role: 'authenticated', sub: BOB }, { account: ADA, no: 1 });
      expect(told).toBe(true);
    } finally {
      await admin.query('alter table credits.entries enable row level security');
    }
  });
});
