-- Optional: spreads the ledger over a Citus cluster, by account. docs/scale.md says when, and why each
-- step. Run once on the coordinator, as a superuser, after all migrations:
--   psql -v ON_ERROR_STOP=1 -f supabase/optional/distribute.sql
-- It blocks writes to each table while its rows move. Back: undistribute_table, table by table.

create extension if not exists citus;

-- Everyone who reaches a distributed table must be able to log in on every node, the owner of the
-- functions too. Limit from where in pg_hba.conf: this opens the role, not the network.
alter role florin_owner login;

-- A policy with a sub-select is refused on a distributed table.
do $$
declare
  v_table text;
begin
  foreach v_table in array array['accounts', 'entries', 'grants', 'holds', 'allocations'] loop
    execute format('alter policy %I on credits.%I using (account_id = credits.current_account())',
      v_table || '_own_rows', v_table);
  end loop;
end;
$$;

select create_distributed_table('credits.accounts', 'account_id');
select create_distributed_table('credits.entries', 'account_id', colocate_with => 'credits.accounts');
select create_distributed_table('credits.grants', 'account_id', colocate_with => 'credits.accounts');
select create_distributed_table('credits.holds', 'account_id', colocate_with => 'credits.accounts');
select create_distributed_table('credits.allocations', 'account_id', colocate_with => 'credits.accounts');
select create_distributed_table('credits.limits', 'account_id', colocate_with => 'credits.accounts');
select create_distributed_table('credits.limit_counters', 'account_id', colocate_with => 'credits.accounts');
select create_distributed_table('credits.usage_days', 'account_id', colocate_with => 'credits.accounts');
select create_distributed_table('credits.usage_marks', 'account_id', colocate_with => 'credits.accounts');

-- The inbox is claimed with skip locked, which a distributed table refuses: it stays on the coordinator
-- and is told to Citus, so that one transaction may write both.
select citus_add_local_table_to_metadata(format('billing.%I', name))
  from unnest(array['customers', 'events', 'payments', 'payment_aliases', 'subscriptions',
                    'checkout_sessions', 'open_checkouts', 'consumed_plan_sessions',
                    'stripe_accounts', 'alerts', 'low_balances', 'top_up_consents', 'top_ups', 'reconcile_runs',
                    'rates']) as name;

-- A call with the account as argument, outside a transaction block, is handed over whole to the node
-- that holds the account. Elsewhere it is as right, only slower. Not for functions that are called with
-- a column as argument (that has crashed a coordinator), so not for the batch.
select create_distributed_function(
  'credits.spend(uuid, bigint, text, jsonb, text, text, text, numeric, jsonb)', 'p_account_id',
  colocate_with => 'credits.accounts');
select create_distributed_function(
  'credits.place_hold(uuid, bigint, text, interval, jsonb, text, text)', 'p_account_id',
  colocate_with => 'credits.accounts');
select create_distributed_function(
  'credits.capture_hold(uuid, uuid, bigint, credits.overage, bigint)', 'p_account_id',
  colocate_with => 'credits.accounts');
select create_distributed_function(
  'credits.extend_hold(uuid, uuid, interval, text)', 'p_account_id',
  colocate_with => 'credits.accounts');
select create_distributed_function(
  'credits.release_hold(uuid, uuid)', 'p_account_id', colocate_with => 'credits.accounts');
