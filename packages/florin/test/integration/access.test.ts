import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { migrate } from '../../src/db/index.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';

const LEDGER = [
  'accounts',
  'entries',
  'grants',
  'holds',
  'allocations',
  'balances',
  'written_balances',
  'entry_allocations',
];
const READ_OWN = [
  ...LEDGER.map((name) => `select credits.${name}`),
  'select credits.unit',
  'select credits_balance_mv',
  'select credits_transactions',
  'execute credits.balance_when_due(uuid)',
  'execute credits.current_account()',
  'execute credits.current_accounts()',
  'execute credits.due_changes(credits.accounts,timestamp with time zone)',
  'execute credits.entry_id(uuid,bigint)',
  'execute credits.balance_after(credits.accounts,credits.change[])',
  'execute credits.burned_changes(credits.accounts,timestamp with time zone)',
  'execute credits.due_parts(uuid,timestamp with time zone)',
  'execute credits.due_instants(uuid,credits.payer[],timestamp with time zone)',
  'execute credits.first_reaching(credits.paid_stretch[],bigint)',
  'execute credits.paid_for(uuid,bigint,bigint,credits.paid_stretch[])',
  'execute credits.paid_stretches(credits.change[],credits.payer[])',
  'execute credits.parts_of(credits.part[],credits.paid_stretch[],bigint,bigint)',
  'execute credits.return_parts(timestamp with time zone,credits.part[],credits.payer[],credits.change[])',
  'execute credits.pay_unpaid(timestamp with time zone,credits.payer[],credits.stretch[],credits.change[])',
  'execute credits.payers_in_burn_order(uuid,timestamp with time zone)',
  'execute credits.unpaid_stretches(credits.accounts)',
  'execute credits.without_stretch(credits.stretch[],bigint,bigint)',
  'execute credits.read_balance(uuid)',
  'execute credits.read_hold(uuid,uuid)',
  'execute credits.stretch_at(uuid,bigint)',
  'execute credits.soonest_expiry(uuid)',
  'execute get_user_credit_balance(uuid)',
  'execute get_user_credit_balance_fast(uuid)',
];

/** The invariants, a view each, and the functions that they hash with. */
const PROOF = [
  'select credits.broken_a_grants_allocations_are_what_it_has_burned',
  'select credits.broken_a_grants_claim_is_the_sum_of_its_entries',
  'select credits.broken_a_hold_ended_as_its_entry_says',
  'select credits.broken_all_that_is_settled_is_allocated',
  'select credits.broken_allocations_are_unaltered_and_do_not_overlap',
  'select credits.broken_closed_accounts_have_a_closing_entry',
  'select credits.broken_entries_are_numbered_without_gaps',
  'select credits.broken_entries_are_unaltered',
  'select credits.broken_entries_carry_the_balance_after_them',
  'select credits.broken_every_credit_of_a_grant_is_somewhere',
  'select credits.broken_every_entry_has_its_account',
  'select credits.broken_grants_are_unaltered',
  'select credits.broken_held_is_the_sum_of_open_holds',
  'select credits.broken_holds_are_unaltered',
  'select credits.broken_invariants',
  'select credits.broken_moved_credits_are_somewhere',
  'select credits.broken_moved_credits_have_a_home',
  'select credits.broken_what_was_erased_is_sealed',
  'select credits.erased_rows',
  'execute credits.erased_seal(uuid,jsonb,bytea,text,bytea)',
  'select credits.broken_posted_is_the_sum_of_entries',
  'select credits.broken_the_chain_ends_at_its_head',
  'select credits.broken_the_soonest_expiry_is_known',
  'select credits.broken_time_is_not_overlooked',
  'select credits.entries_in_order',
  'select credits.entry_totals',
  'execute credits.allocation_seal(uuid,bigint,bigint,uuid,uuid)',
  'execute credits.chain_after(credits.entries,bytea)',
  'execute credits.content_hash(credits.entries)',
  'execute credits.overage_seal(credits.overage,bigint)',
  'execute credits.seal_in_view(anyelement)',
  'execute credits.subject_seal(credits.grants)',
  'execute credits.subject_seal(credits.holds)',
];

/** What each role may do, object by object; everything that is not here must be refused. */
const ALLOWED: Record<string, readonly string[]> = {
  anon: [],
  stranger: [],
  authenticated: READ_OWN,
  service_role: [
    ...READ_OWN,
    ...PROOF,
    'select credits.limits',
    'select credits.limit_counters',
    'select credits.members',
    'select credits.usage_days',
    'select credits.usage_marks',
    'select billing.alerts',
    'select billing.checkout_sessions',
    'select billing.consumed_plan_sessions',
    'select billing.credit_decimals',
    'select billing.low_balances',
    'select billing.customers',
    'select billing.disputes',
    'select billing.events',
    'select billing.open_checkouts',
    'select billing.payment_aliases',
    'select billing.payments',
    'select billing.pending_payments',
    'select billing.purchases',
    'select billing.rates',
    'select billing.reconcile_runs',
    'select billing.refunds',
    'select billing.stripe_accounts',
    'select billing.subscriptions',
    'select billing.top_up_consents',
    'select billing.top_ups',
    'select stripe_events_raw',
    'execute add_user_credits(uuid,integer,text,text,text,text,text)',
    'execute billing.accept_stripe_account(text,boolean,boolean)',
    'execute billing.apply_event(text,text,json,bytea,text,text,boolean,text,text,text,double precision,double precision,text,text,text,boolean,boolean,uuid,text,text,uuid,text,text,text,jsonb,jsonb,text,bigint,jsonb,text[],jsonb,text,uuid,text,double precision,jsonb,jsonb)',
    'execute billing.apply_events(jsonb)',
    'execute billing.abandon_checkout(uuid,text,uuid)',
    'execute billing.begin_checkout(uuid,text,interval)',
    'execute billing.begin_reconcile(text,integer,text,interval)',
    'execute billing.claim_events(integer,interval)',
    'execute billing.close_checkout(text)',
    'execute billing.consume_plan_session(text,uuid,timestamp with time zone)',
    'execute billing.due_payments(integer)',
    'execute billing.finish_reconcile(uuid,integer,jsonb,text,text)',
    'execute billing.forget_expired(integer)',
    'execute billing.keep_customer(uuid,text)',
    'execute billing.keep_rate(text,integer,text,jsonb)',
    'execute billing.erase_person(uuid)',
    'execute billing.read_seats(text[],uuid)',
    'execute billing.read_state(text,text[],text,text,text[],boolean)',
    'execute billing.note_checkout_session(uuid,text)',
    'execute billing.record_checkout(uuid,text,uuid,text,timestamp with time zone)',
    'execute billing.record_plan_checkout(text,text)',
    'execute billing.replay_event(text)',
    'execute billing.begin_top_up(uuid)',
    'execute billing.claim_top_ups(integer,interval)',
    'execute billing.close_credited_top_ups(integer)',
    'execute billing.consent_to_top_up(uuid,jsonb)',
    'execute billing.low_accounts(integer)',
    'execute billing.move_top_up(uuid,text,jsonb)',
    'execute billing.note_top_up_invoice(uuid,text)',
    'execute billing.resume_top_up(uuid,text,text)',
    'execute billing.stop_top_up(uuid)',
    'execute billing.note_low_balances(bigint,integer)',
    'execute billing.claim_alerts(integer,interval)',
    'execute billing.mark_alert_sent(uuid,boolean,interval)',
    'execute billing.forget_alerts(integer)',
    'execute billing.note_passed_limits(integer)',
    'execute credits.accounts_of(uuid,uuid,integer)',
    'execute credits.adjust(uuid,bigint,text,text,text,text)',
    'execute credits.app_keeps_members()',
    'execute credits.limits_by_actor(uuid,text[])',
    'execute credits.members_of(uuid,uuid,integer)',
    'execute credits.remove_member(uuid,uuid,uuid)',
    'execute credits.role_of(uuid,uuid)',
    'execute credits.set_member(uuid,uuid,text,uuid)',
    'execute credits.usage_seal(text,text,text,numeric,jsonb,bytea)',
    'execute credits.used_by(uuid,text[],date,date)',
    'execute credits.capture_hold(uuid,uuid,bigint,credits.overage,bigint,text,numeric,jsonb,jsonb)',
    'execute credits.close_account(uuid,text,jsonb)',
    'execute credits.ensure_account(uuid)',
    'execute credits.expire_due(integer)',
    'execute credits.extend_hold(uuid,uuid,interval,text)',
    'execute credits.allocations_now(uuid,bigint,bigint)',
    'execute credits.explain_balance(uuid)',
    'execute credits.forget_counters(integer)',
    'execute credits.daily_usage(uuid,timestamp with time zone,timestamp with time zone)',
    'execute credits.first_entry_at(uuid,timestamp with time zone)',
    'execute credits.keep_decimals(integer)',
    'execute credits.read_decimals()',
    'execute credits.roll_up_usage(bigint)',
    'execute credits.read_usage(uuid,date,date,text[],integer)',
    'execute credits.may_use(uuid,bigint,text,text)',
    'execute credits.granted_for(uuid,text)',
    'execute credits.issue_grant(uuid,bigint,text,text,integer,timestamp with time zone,timestamp with time zone,jsonb)',
    'execute credits.place_hold(uuid,bigint,text,interval,jsonb,text,text)',
    'execute credits.read_limits(uuid)',
    'execute credits.recompute_balances()',
    'execute credits.release_hold(uuid,uuid)',
    'execute credits.remove_limit(uuid,credits.limit_window,text,text,boolean)',
    'execute credits.restore_grant(uuid,uuid,bigint,text,jsonb)',
    'execute credits.reverse_grant(uuid,uuid,bigint,text,jsonb)',
    'execute credits.set_debt_limit(uuid,bigint)',
    'execute credits.set_limit(uuid,bigint,credits.limit_window,text,text,boolean,text)',
    'execute credits.settle_account(uuid)',
    'execute credits.spend(uuid,bigint,text,jsonb,text,text,text,numeric,jsonb)',
    'execute credits.spend_batch(uuid[],bigint[],text[],jsonb[],text[],text[],text[],numeric[],jsonb[],boolean)',
    'execute credits.erase_person(uuid,uuid)',
    'execute credits.transfer(uuid,uuid,bigint,text,text,text)',
    'execute credits.verify_ledger(uuid)',
    'execute credits.void_grant(uuid,uuid,text,jsonb)',
    'execute refresh_credits_balance()',
  ],
};

type Probe = { readonly name: string; readonly statement: string };

// Trying what a superuser may and others may not needs one.
describe.skipIf(inject('adminUrl') === '').each(['private', 'exposed'] as const)(
  'who may do what, schemas %s',
  (shape) => {
    let database: FreshDatabase;
    let client: pg.Client;
    beforeAll(async () => {
      database = await freshDatabase({ empty: true });
      const admin = new pg.Client({ connectionString: database.adminUrl });
      await admin.connect();
      await admin.query(
        `do $$ begin create role stranger nologin; exception when duplicate_object then null; end $$`,
      );
      if (shape === 'exposed') {
        // As self-hosted and older projects do, for everything that postgres makes in public.
        await admin.query(
          `alter default privileges for role postgres in schema public
           grant all on tables to anon, authenticated, service_role`,
        );
        await admin.query(
          `alter default privileges for role postgres in schema public
           grant all on functions to anon, authenticated, service_role`,
        );
      }
      await migrate({ url: database.url });
      if (shape === 'exposed') {
        await admin.query('grant usage on schema credits, billing to anon, authenticated');
      }
      await admin.end();
      client = new pg.Client({ connectionString: database.adminUrl });
      await client.connect();
    });
    afterAll(async () => {
      await client.end();
      await database.close();
    });

    it.each(Object.keys(ALLOWED))('%s', async (role) => {
      expect(await granted(client, role)).toEqual([...(ALLOWED[role] ?? [])].sort());
    });

    it('a signed-in user sees their own rows and nobody else’s, by every name', async ({
      skip,
    }) => {
      skip(inject('citus') !== null, 'refused on a cluster: test/integration/cluster');
      const [own, other] = [randomUUID(), randomUUID()];
      for (const account of [own, other]) {
        await client.query("select credits.issue_grant($1, 10, 'g', 'test')", [account]);
        await client.query("select credits.spend($1, 2, 's')", [account]);
        await client.query("select credits.place_hold($1, 3, 'h')", [account]);
        await client.query('select credits.settle_account($1)', [account]);
      }
      await client.query('begin');
      await client.query('set local role authenticated');
      await client.query("select set_config('request.jwt.claims', $1, true)", [
        JSON.stringify({ sub: own, role: 'authenticated' }),
      ]);
      for (const name of LEDGER) {
        const rows = await client.query(`select distinct account_id as id from credits.${name}`);
        expect([name, rows.rows]).toEqual([name, [{ id: own }]]);
      }
      for (const name of ['credits_transactions', 'credits_balance_mv']) {
        const rows = await client.query(`select distinct user_id as id from public.${name}`);
        expect([name, rows.rows]).toEqual([name, [{ id: own }]]);
      }
      const { rows } = await client.query(
        `select (credits.read_balance($1)).posted as own, (credits.read_balance($2)).posted as other,
              public.get_user_credit_balance($1) as mine`,
        [own, other],
      );
      expect(rows).toEqual([{ own: '8', other: '0', mine: '8' }]);
      await expect(
        client.query('select public.get_user_credit_balance($1)', [other]),
      ).rejects.toMatchObject({ code: '42501' });
      await client.query('rollback');
    });

    it('a right given by mistake is noticed', async () => {
      await client.query('begin');
      await client.query('grant insert on credits.entries to anon');
      await client.query('grant usage on schema credits to anon');
      expect(await granted(client, 'anon')).toContain('insert credits.entries');
      await client.query('rollback');
    });
  },
);

/** What the role was not refused, found by really trying each verb on each object. */
async function granted(client: pg.Client, role: string): Promise<string[]> {
  const probes = await allProbes(client);
  const found: string[] = [];
  for (const { name, statement } of probes) {
    await client.query('savepoint probe').catch(() => client.query('begin; savepoint probe'));
    await client.query(`set local role ${role}`);
    const refused = await client.query(statement).then(
      () => false,
      (error: pg.DatabaseError) => isRefusal(error),
    );
    await client.query('rollback to savepoint probe');
    if (!refused) {
      found.push(name);
    }
  }
  return found.sort();
}

/** Refused the object itself; what a function then finds forbidden inside is another matter. */
function isRefusal(error: pg.DatabaseError): boolean {
  return (
    error.code === '42501' &&
    error.where === undefined &&
    /^permission denied for (table|view|function|procedure|schema|sequence)/.test(error.message)
  );
}

async function allProbes(client: pg.Client): Promise<Probe[]> {
  // A view that no statement can write through has no column to try it on.
  const relations = await client.query<{ name: string; column: string | null; kind: string }>(
    `select c.oid::regclass::text as name, c.relkind as kind,
            (select quote_ident(i.column_name) from information_schema.columns i
              where format('%I.%I', i.table_schema, i.table_name)::regclass = c.oid
                and i.is_updatable = 'YES' order by i.ordinal_position limit 1) as column
       from pg_class c
      where c.relnamespace in ('credits'::regnamespace, 'billing'::regnamespace, 'public'::regnamespace)
        and c.relkind in ('r', 'v', 'm', 'p', 'S', 'f')
        and not exists (
          select from pg_depend d
           where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')`,
  );
  const functions = await client.query<{ name: string; kind: string; call: string }>(
    `select p.oid::regprocedure::text as name, p.prokind as kind,
            format('%I.%I(%s)', n.nspname, p.proname, (
              select string_agg(format('null::%s',
                       case t.oid when 'anyelement'::regtype then 'text' else format_type(t.oid, null) end),
                     ', ' order by t.place)
                from unnest(p.proargtypes) with ordinality as t (oid, place))) as call
       from pg_proc p join pg_namespace n on n.oid = p.pronamespace
      where n.nspname in ('credits', 'billing', 'public')`,
  );
  return [
    ...relations.rows.flatMap(({ name, column, kind }) => [
      { name: `select ${name}`, statement: `select from ${name} limit 0` },
      ...(column === null
        ? []
        : [
            {
              name: `insert ${name}`,
              statement: `insert into ${name} (${column}) values (default)`,
            },
            {
              name: `update ${name}`,
              statement: `update ${name} set ${column} = null where false`,
            },
            { name: `delete ${name}`, statement: `delete from ${name} where false` },
          ]),
      ...(kind === 'v' ? [] : [{ name: `truncate ${name}`, statement: `truncate ${name}` }]),
    ]),
    ...functions.rows.map(({ name, kind, call }) => ({
      name: `execute ${name}`,
      statement: `${kind === 'p' ? 'call' : 'select'} ${call}`,
    })),
  ];
}
