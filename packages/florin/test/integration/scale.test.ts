import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { listMigrations } from '../../src/db/index.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';

const TABLES =
  '(accounts|entries|grants|holds|allocations|limits|limit_counters|members|usage_days|usage_marks)\\M';

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
       and statement ~* '(from|join|update|into) credits\\.${TABLES}'
       and statement !~* 'account_id'
       and p.proname not in ('expire_due', 'recompute_balances', 'verify_ledger')`,
  // Citus ships the parameter of such an array without its type.
  'no array is made of a sub-select on the ledger': `
    select p.oid::regprocedure::text as broken from pg_proc p
     where p.pronamespace in ('credits'::regnamespace, 'billing'::regnamespace)
       and p.prosrc ~* 'array\\(\\s*select[^;]*\\mfrom\\s+credits\\.${TABLES}'`,
  // Citus sends its rows to the coordinator first: all of them, and a row without a column is refused.
  'nothing asks whether any account exists by a sub-select': `
    select p.oid::regprocedure::text as broken from pg_proc p
     where p.pronamespace in ('credits'::regnamespace, 'billing'::regnamespace)
       and p.prosrc ~* 'exists\\s*\\(\\s*select[^;)]*\\mfrom\\s+credits\\.${TABLES}[^;)]*account_id is not null'`,
  // A query on a worker may not read tables of others; credits.balances says so where it happens.
  'what reads the ledger is not called beside a table of it': `
    with recursive readers as (
      select p.oid, p.proname from pg_proc p
       where p.pronamespace = 'credits'::regnamespace
         and p.prosrc ~* '\\m(from|join|update|into)\\s+credits\\.${TABLES}'
      union
      select p.oid, p.proname
        from readers r
        join pg_proc p on p.pronamespace = 'credits'::regnamespace
         and p.prosrc ~ ('credits\\.' || r.proname || '\\(')),
    statements as (
      select p.oid::regprocedure::text as place, s as statement
        from pg_proc p cross join regexp_split_to_table(p.prosrc, ';|\\mloop\\M|\\mthen\\M|\\melse\\M', 'i') s
       where p.pronamespace in ('credits'::regnamespace, 'billing'::regnamespace)
      union all
      select c.oid::regclass::text, pg_get_viewdef(c.oid)
        from pg_class c
       where c.relkind = 'v' and c.relnamespace in ('credits'::regnamespace, 'public'::regnamespace)
         and c.oid <> 'credits.balances'::regclass)
    select distinct s.place as broken
      from statements s
     where s.statement ~* '\\m(from|join)\\s+credits\\.${TABLES}'
       and exists (select from readers r where s.statement ~ ('credits\\.' || r.proname || '\\('))`,
  // A query of the ledger that is materialized before the join is its own statement to Citus.
  'no statement joins tables of billing with the ledger': `
    select distinct p.oid::regprocedure::text as broken
      from pg_proc p
     cross join regexp_split_to_table(
             regexp_replace(p.prosrc, 'as materialized \\(([^()]|\\([^()]*\\))*\\)', '', 'gi'), ';') s
     where p.pronamespace in ('credits'::regnamespace, 'billing'::regnamespace)
       and s ~* '\\m(from|join|using|update)\\s+billing\\.\\w+(?!\\()\\M'
       and s ~* '\\m(from|join|using|update)\\s+credits\\.(${TABLES}|balances\\M|written_balances\\M)'
    union all
    select c.oid::regclass::text from pg_class c
     where c.relkind = 'v' and c.relnamespace = 'billing'::regnamespace
       and pg_get_viewdef(c.oid) ~* '\\m(from|join)\\s+\\(*credits\\.'`,
  // Citus finds a circle in it, and refuses a migration that makes the function again.
  'no view calls a function that takes or returns a row of what the view reads': `
    select distinct format('%s in %s', p.oid::regprocedure, r.ev_class::regclass) as broken
      from pg_rewrite r
      join pg_depend f on f.classid = 'pg_rewrite'::regclass and f.objid = r.oid
       and f.refclassid = 'pg_proc'::regclass
      join pg_proc p on p.oid = f.refobjid and p.pronamespace = 'credits'::regnamespace
      join pg_depend c on c.classid = 'pg_rewrite'::regclass and c.objid = r.oid
       and c.refclassid = 'pg_class'::regclass and c.refobjid <> r.ev_class and c.refobjsubid > 0
      join pg_type t on t.typrelid = c.refobjid
     where p.prorettype in (t.oid, t.typarray)
        or p.proargtypes::oid[] && array[t.oid, t.typarray]`,
  // Citus answers it for one account, and refuses it for all of them.
  'no view has a lateral sub-select that reads no table': `
    select c.oid::regclass::text as broken from pg_class c
     where c.relkind = 'v' and c.relnamespace in ('credits'::regnamespace, 'public'::regnamespace)
       and pg_get_viewdef(c.oid) ~* 'lateral \\( select((?!\\mfrom\\M).)*?\\) \\w+\\)*(;|\\s+(cross|join|left|where))'`,
  'every write takes the account': `
    select p.oid::regprocedure::text as broken from pg_proc p
     where p.pronamespace = 'credits'::regnamespace and p.provolatile = 'v' and p.prosecdef
       and has_function_privilege('service_role', p.oid, 'execute')
       and not coalesce(p.proargnames && array['p_account_id', 'p_account_ids'], false)
       and p.proname not in ('expire_due', 'recompute_balances', 'forget_counters', 'roll_up_usage',
                             'keep_decimals')`,
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

  it('every view that is made again from its definition is the same, as the way back makes it', async () => {
    const undo = new Error('undo');
    const again = database.db.transaction(async (tx) => {
      await tx.query('set local role florin_owner');
      const views = await tx.query<{ name: string; definition: string }>(
        `select c.oid::regclass::text as name, pg_get_viewdef(c.oid) as definition from pg_class c
          where c.relkind = 'v' and c.relnamespace in ('credits'::regnamespace, 'public'::regnamespace)`,
      );
      expect(views.length).toBeGreaterThan(20);
      for (const { name, definition } of views) {
        await tx.query(`create or replace temporary view again as ${definition}`);
        const [made] = await tx.query("select pg_get_viewdef('again'::regclass) as definition");
        expect(made, name).toEqual({ definition });
        await tx.query('drop view again');
      }
      throw undo;
    });
    await expect(again).rejects.toBe(undo);
  });

  it('the script that distributes asks for the newest migration', async () => {
    const script = await readFile('packages/florin/supabase/optional/distribute.sql', 'utf8');
    const migrations = await listMigrations();
    expect(script).toContain(`v_newest constant text := '${migrations.at(-1)?.version}';`);
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
          perform array(select a.posted from credits.accounts a where a.account_id = $1);
          perform exists (select from credits.accounts a where a.account_id is not null);
          perform credits.read_balance(a.account_id) from credits.accounts a where a.account_id = $1;
          perform from billing.customers c join credits.accounts a on a.account_id = c.account_id;
        end $$`);
      await tx.query(`create view credits.careless as
        select (credits.read_balance(a.account_id)).posted, (select credits.subject_seal(row(g.*)::credits.grants) from credits.grants g)
          from credits.accounts a cross join lateral (select a.posted) l`);
      await tx.query("create function credits.careless() returns int language sql as 'select 1'");
      const broken = [];
      for (const [rule, query] of Object.entries(RULES)) {
        if ((await tx.query(query)).length > 0) {
          broken.push(rule);
        }
      }
      await tx.query('drop table credits.global');
      await tx.query('drop view credits.careless');
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
      'no array is made of a sub-select on the ledger',
      'nothing asks whether any account exists by a sub-select',
      'what reads the ledger is not called beside a table of it',
      'no statement joins tables of billing with the ledger',
      'no view calls a function that takes or returns a row of what the view reads',
      'no view has a lateral sub-select that reads no table',
    ]);
  });
});
