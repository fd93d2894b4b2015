-- Optional: spreads the ledger over a Citus cluster, by account. docs/scale.md says when, and walks
-- through it. On the coordinator, as a superuser, after all migrations and with the workers added:
--   psql -v ON_ERROR_STOP=1 -f supabase/optional/distribute.sql
-- Run again it ships what a worker lacks, such as one that was just added, and leaves the rest alone.
-- When it fails nothing has moved: mend what it says and run it again. Nobody can use the ledger while its
-- rows move. Back: undistribute.sql.

-- It waits this long for transactions that are open on the ledger; PGOPTIONS="-c lock_timeout=1min" for longer.
select set_config('lock_timeout', case current_setting('lock_timeout') when '0' then '10s' else current_setting('lock_timeout') end, false);
create extension if not exists citus;

-- What this script cannot do is refused in words, before anything changes.
do $$
declare
  -- The newest migration that this script was written for.
  v_newest constant text := '20261127000400';
  v_version text := (select extversion from pg_extension where extname = 'citus');
  v_ledger text;
  v_node record;
begin
  if split_part(v_version, '.', 1)::int < 13 then
    raise exception 'Citus % is too old: Florin was tried on 13.2.', v_version
      using hint = 'Upgrade Citus on all nodes, then run this script again.';
  end if;
  if to_regclass('credits.accounts') is not null
     and to_regclass('supabase_migrations.schema_migrations') is not null then
    select max(m.version) into v_ledger from supabase_migrations.schema_migrations m
     where m.version = v_newest;
  end if;
  if v_ledger is null then
    raise exception 'This database lacks migrations of Florin, up to %.', v_newest
      using hint = 'Run florin migrate on the coordinator, then this script again.';
  end if;
  if not exists (select from pg_dist_node where groupid = 0) then
    raise exception 'The cluster does not know its coordinator.'
      using hint = 'Name it with select citus_set_coordinator_host(host, port), then run this script again.';
  end if;
  if not exists (select from citus_get_active_worker_nodes()) then
    raise exception 'The cluster has no worker.'
      using hint = 'Add each with select citus_add_node(host, port), then run this script again.';
  end if;
  for v_node in
    select * from run_command_on_workers($sql$select extversion from pg_extension where extname = 'citus'$sql$)
  loop
    if not v_node.success then
      raise exception 'The worker %:% does not answer: %', v_node.nodename, v_node.nodeport, v_node.result
        using hint = 'Start it, or take it out with citus_remove_node, then run this script again.';
    elsif v_node.result <> v_version then
      raise exception 'The worker %:% has Citus %, the coordinator %.', v_node.nodename, v_node.nodeport,
          v_node.result, v_version
        using hint = 'Run alter extension citus update on all nodes, then this script again.';
    end if;
  end loop;
end;
$$;

set citus.enable_ddl_propagation to off;
create table if not exists florin.way_back (statement text primary key);
comment on table florin.way_back is 'What undistribute.sql runs, for what distribute.sql changed.';

\ir distribute-functions.sql

call florin.ship_roles();

insert into florin.way_back
select pg_get_functiondef('credits.current_account()'::regprocedure)
 where not exists (select from pg_dist_partition d where d.logicalrelid = 'credits.accounts'::regclass)
on conflict do nothing;

-- From here to commit all moves or nothing does. Nobody may be in the ledger meanwhile: waiting for them
-- is here, in words.
begin;
set local citus.multi_shard_modify_mode to 'sequential';
do $$
declare
  v_table regclass;
begin
  for v_table in
    select c.oid from pg_class c
     where c.relnamespace = 'credits'::regnamespace and c.relkind = 'r'
       and not exists (select from pg_dist_partition d where d.logicalrelid = c.oid)
  loop
    begin
      execute format('lock table %s in access exclusive mode', v_table);
    exception
      when lock_not_available then
        raise exception 'Other transactions are open on %: %.', v_table, (
            select string_agg(format('process %s (%s, since %s)', a.pid, a.application_name, a.xact_start), ', ')
              from pg_locks l join pg_stat_activity a on a.pid = l.pid
             where l.relation = v_table and l.pid <> pg_backend_pid())
          using errcode = '55P03', hint = 'Stop the service or let them end, then run this script again.';
    end;
  end loop;
end;
$$;

set local citus.enable_ddl_propagation to off;
-- A policy with a sub-select is refused on a distributed table.
do $$
declare
  v_policy record;
begin
  for v_policy in
    select format('alter policy %I on %I.%I using (%%s)', p.policyname, p.schemaname, p.tablename) as statement,
           p.qual
      from pg_policies p
     where p.schemaname = 'credits' and p.policyname like '%\_own\_rows' and p.qual ilike '%select%'
  loop
    insert into florin.way_back values (format(v_policy.statement, v_policy.qual)) on conflict do nothing;
    execute format(v_policy.statement, 'account_id = credits.current_account()');
  end loop;
end;
$$;

-- A buyer's claims do not reach the workers: row level security would find nothing there, and a
-- balance would read 0. So a read by claims is refused.
create or replace function credits.current_account()
returns uuid
language plpgsql
stable
set search_path = ''
as $$
begin
  raise exception 'The ledger is spread over a cluster, where a buyer cannot read its tables.'
    using errcode = '42501', hint = 'Read through Florin''s HTTP service.';
end;
$$;
set local citus.enable_ddl_propagation to on;

-- Every table of the ledger: the accounts first, for the others lie beside their account; what belongs to
-- no account is on every node. Billing stays on the coordinator: its inbox is claimed with skip locked,
-- which a distributed table refuses.
select case
         when not exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'account_id')
           then format('select create_reference_table(%L)', c.oid::regclass)
         else format('select create_distributed_table(%L, %L, colocate_with => %L)', c.oid::regclass,
                'account_id', case c.relname when 'accounts' then 'default' else 'credits.accounts' end) end
  from pg_class c
 where c.relnamespace = 'credits'::regnamespace and c.relkind = 'r'
   and not exists (select from pg_dist_partition d where d.logicalrelid = c.oid)
 order by c.relname <> 'accounts', c.relname
\gexec

-- But for the one row that statements over the ledger read beside it: every node has that.
select create_reference_table('billing.credit_decimals')
 where not exists (
   select from pg_dist_partition d where d.logicalrelid = 'billing.credit_decimals'::regclass);
-- A buyer's read is refused in words on the worker, which must find this table first.
grant usage on schema billing to authenticated;
grant select on billing.credit_decimals to authenticated;
insert into florin.way_back values
  ('revoke usage on schema billing from authenticated'),
  ('revoke select on billing.credit_decimals from authenticated')
on conflict do nothing;

set local citus.enable_ddl_propagation to off;
-- A generic plan of two distributed tables with an unbound parameter is not found.
do $$
declare
  v_function record;
begin
  for v_function in
    select p.oid::regprocedure as name, c.setting
      from pg_proc p cross join unnest(p.proconfig) as c (setting)
     where p.pronamespace in ('credits'::regnamespace, 'billing'::regnamespace)
       and c.setting like 'plan_cache_mode=%'
  loop
    insert into florin.way_back
      values (format('alter function %s set %s', v_function.name, v_function.setting)) on conflict do nothing;
    execute format('alter function %s reset plan_cache_mode', v_function.name);
  end loop;
end;
$$;
commit;

-- Again, for a node that has just come.
call florin.ship_roles();
call florin.ship_functions();

set citus.enable_ddl_propagation to on;
