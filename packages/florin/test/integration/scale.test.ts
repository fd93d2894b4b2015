import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { issueGrant, spendBatch, verifyLedger } from '../../src/ledger/index.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';

/** Each rule of docs/scale.md that the catalogue can show, and what breaks it. */
const RULES: Record<string, string> = {
  'account_id is in every primary key and unique index of the ledger': `
    select i.indexrelid::regclass::text as broken
      from pg_index i join pg_class c on c.oid = i.indrelid
     where c.relnamespace = 'credits'::regnamespace and i.indisunique
       and not exists (select from pg_attribute a
         where a.attrelid = c.oid and a.attname = 'account_id' and a.attnum = any (i.indkey))`,
  'account_id is in every table of the ledger': `
    select c.oid::regclass::text as broken from pg_class c
     where c.relnamespace = 'credits'::regnamespace and c.relkind in ('r', 'p')
       and not exists (select from pg_attribute a
         where a.attrelid = c.oid and a.attname = 'account_id' and a.attnotnull)`,
  'no id comes from a sequence': `
    select c.oid::regclass::text as broken from pg_class c
     where c.relnamespace = 'credits'::regnamespace and c.relkind = 'S'`,
  'no foreign key': `
    select k.conname as broken from pg_constraint k
     where k.contype = 'f' and k.connamespace in ('credits'::regnamespace, 'billing'::regnamespace)`,
  'no trigger, no rule, no materialized view': `
    select t.tgname as broken from pg_trigger t join pg_class c on c.oid = t.tgrelid
     where c.relnamespace = 'credits'::regnamespace and not t.tgisinternal
    union all
    select c.relname from pg_class c where c.relnamespace = 'credits'::regnamespace and c.relkind = 'm'
    union all
    select r.rulename from pg_rewrite r join pg_class c on c.oid = r.ev_class
     where c.relnamespace = 'credits'::regnamespace and c.relkind in ('r', 'p')`,
  'no volatile call where a row is set': `
    select p.oid::regprocedure::text as broken from pg_proc p
     where p.pronamespace in ('credits'::regnamespace, 'billing'::regnamespace)
       and p.prosrc ~* '(update (credits|billing)\\.|do update)[^;]*\\mset\\M[^;]*(clock_timestamp|now|random|gen_random_uuid)\\('`,
  'no stable call over columns where a row is set': `
    select p.oid::regprocedure::text as broken from pg_proc p
     where p.pronamespace = 'credits'::regnamespace
       and p.prosrc ~* 'update credits\\.[^;]*\\mset\\M[^;]*(record_send|textsend|convert_to|enum_send)\\('`,
  'no row is inserted with a star': `
    select p.oid::regprocedure::text as broken from pg_proc p
     where p.pronamespace = 'credits'::regnamespace
       and p.prosrc ~* 'insert into credits\\.\\w+[^;]*select\\s+(\\w+\\.)?\\*'`,
  'no function is in the language sql': `
    select p.oid::regprocedure::text as broken from pg_proc p
      join pg_language l on l.oid = p.prolang
     where p.pronamespace in ('credits'::regnamespace, 'billing'::regnamespace)
       and l.lanname = 'sql'`,
  'every statement on the ledger says whose account, but for sweeps': `
    select distinct p.oid::regprocedure::text as broken
      from pg_proc p
     cross join lateral regexp_split_to_table(p.prosrc, ';') as statement
     where p.pronamespace = 'credits'::regnamespace
       and statement ~* '(from|join|update|into) credits\\.(accounts|entries|grants|holds|allocations|limits|limit_counters|usage_days|usage_marks)\\M'
       and statement !~* 'account_id'
       and p.proname not in ('expire_due', 'recompute_balances', 'verify_ledger')`,
  'every write takes the account': `
    select p.oid::regprocedure::text as broken from pg_proc p
     where p.pronamespace = 'credits'::regnamespace and p.provolatile = 'v' and p.prosecdef
       and has_function_privilege('service_role', p.oid, 'execute')
       and not coalesce(p.proargnames && array['p_account_id', 'p_account_ids'], false)
       and p.proname not in ('expire_due', 'recompute_balances', 'forget_counters', 'roll_up_usage')`,
};

describe('the ledger can be distributed by account', () => {
  let database: FreshDatabase;
  beforeAll(async () => {
    database = await freshDatabase();
  });
  afterAll(() => database.close());

  it.each(Object.entries(RULES))('%s', async (_rule, query) => {
    expect(await database.db.query(query)).toEqual([]);
  });

  it('the rules notice what breaks them', async () => {
    const seen = await database.db.transaction(async (tx) => {
      await tx.query('set local role florin_owner');
      await tx.query(
        'create table credits.global (id bigint generated always as identity primary key)',
      );
      await tx.query(`create function credits.careless(p_entry credits.entries) returns void
        language plpgsql as $$ begin
          update credits.accounts set closed_at = now();
          update credits.accounts a set chain = record_send(row(a.posted)) where a.account_id = $1;
          insert into credits.entries select p_entry.*;
        end $$`);
      await tx.query("create function credits.careless() returns int language sql as 'select 1'");
      const broken = [];
      for (const [rule, query] of Object.entries(RULES)) {
        if ((await tx.query(query)).length > 0) {
          broken.push(rule);
        }
      }
      await tx.query('drop table credits.global');
      await tx.query('drop function credits.careless(), credits.careless(credits.entries)');
      return broken;
    });
    expect(seen).toEqual([
      'account_id is in every primary key and unique index of the ledger',
      'account_id is in every table of the ledger',
      'no id comes from a sequence',
      'no volatile call where a row is set',
      'no stable call over columns where a row is set',
      'no row is inserted with a star',
      'no function is in the language sql',
      'every statement on the ledger says whose account, but for sweeps',
    ]);
  });
});

/** Citus' own functions are stood in for: what plain Postgres can show of the script. */
const STAND_INS = `
  create table public.told (what text not null);
  grant all on public.told to public;
  create function public.create_distributed_table(t regclass, c text, colocate_with text default null)
    returns void language sql as $$ insert into public.told values (t || ' by ' || c) $$;
  create function public.citus_add_local_table_to_metadata(t regclass)
    returns void language sql as $$ insert into public.told values (t || ' local') $$;
  create function public.create_distributed_function(f regprocedure, a text, colocate_with text)
    returns void language sql as $$ insert into public.told values (f || ' by ' || a) $$;`;

describe.skipIf(inject('adminUrl') === '')('supabase/optional/distribute.sql', () => {
  let plain: FreshDatabase;
  let spread: FreshDatabase;
  let admin: pg.Client;
  let script: string;
  beforeAll(async () => {
    [plain, spread] = await Promise.all([freshDatabase(), freshDatabase()]);
    admin = new pg.Client({ connectionString: spread.adminUrl });
    await admin.connect();
    script = await readFile('packages/florin/supabase/optional/distribute.sql', 'utf8');
    await admin.query(STAND_INS);
    // The extension is not here, and roles belong to every test of the cluster.
    await admin.query(
      script.replace(
        /^(create extension if not exists citus|alter role florin_owner login);$/gm,
        '',
      ),
    );
  });
  afterAll(async () => {
    await admin.end();
    await Promise.all([plain.close(), spread.close()]);
  });

  it('distributes every table of the ledger and keeps every table of billing in one place', async () => {
    const tables = await admin.query<{ told: string }>(
      `select c.oid::regclass || case when c.relnamespace = 'credits'::regnamespace
                then ' by account_id' else ' local' end as told
         from pg_class c where c.relkind = 'r'
          and c.relnamespace in ('credits'::regnamespace, 'billing'::regnamespace)`,
    );
    const told = await admin.query<{ what: string }>('select what from public.told');
    expect(told.rows.map(({ what }) => what)).toEqual(
      expect.arrayContaining(tables.rows.map((table) => table.told)),
    );
  });

  it('gives no function a second body', () => {
    expect(script).not.toMatch(/create\s+(or\s+replace\s+)?(function|procedure)/i);
  });

  it('leaves spends, batches and the proof as they were', async () => {
    const [rich, poor] = [randomUUID(), randomUUID()];
    const answers = [];
    for (const { db } of [plain, spread]) {
      await issueGrant(db, { accountId: rich, amount: 5, idempotencyKey: 'g', source: 'test' });
      const batch = [rich, poor, rich].map((accountId, n) => {
        return { accountId, amount: 3, idempotencyKey: `${n}` };
      });
      answers.push([await spendBatch(db, batch), await spendBatch(db, batch)]);
      expect(await verifyLedger(db)).toEqual([]);
    }
    expect(answers[1]).toEqual(answers[0]);
  });
});
