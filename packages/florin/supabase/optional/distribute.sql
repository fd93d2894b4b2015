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

-- The inbox is claimed with skip locked, which a distributed table refuses: it stays on the coordinator
-- and is told to Citus, so that one transaction may write both.
select citus_add_local_table_to_metadata(format('billing.%I', name))
  from unnest(array['customers', 'events', 'payments', 'payment_aliases', 'subscriptions',
                    'checkout_sessions', 'open_checkouts', 'consumed_plan_sessions',
                    'stripe_accounts', 'alerts', 'low_balances', 'top_up_consents', 'top_ups', 'reconcile_runs',
                    'rates']) as name;

-- One statement may not lock or write rows of several nodes: here a batch goes account by account.
create or replace function credits.spend_batch(
  p_account_ids uuid[], p_amounts bigint[], p_idempotency_keys text[])
returns table (
  item int, account_id uuid, idempotency_key text, status text, entry_id uuid,
  posted bigint, held bigint, available bigint, replayed boolean)
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_count int := coalesce(cardinality(p_account_ids), 0);
  v_statuses text[] := array_fill(null::text, array[v_count]);
  v_balances credits.accounts[] := array_fill(null::credits.accounts, array[v_count]);
  v_entry_ids uuid[] := array_fill(null::uuid, array[v_count]);
  v_account credits.accounts;
  v_spent record;
  v_n int;
begin
  if v_count <> coalesce(cardinality(p_amounts), 0)
     or v_count <> coalesce(cardinality(p_idempotency_keys), 0) then
    raise exception 'The three lists must be of the same length.'
      using errcode = '22023', hint = 'Pass one account, one amount and one key for each spend.';
  end if;
  for v_n in 1..v_count loop
    perform credits.check_input(p_account_ids[v_n], p_amounts[v_n], p_idempotency_keys[v_n]);
  end loop;
  -- In the order of the accounts, so that batches never wait for each other in a circle.
  for v_n in
    select i.n from unnest(p_account_ids) with ordinality as i (id, n) order by i.id, i.n
  loop
    begin
      select * into v_spent
        from credits.spend(p_account_ids[v_n], p_amounts[v_n], p_idempotency_keys[v_n]);
      v_statuses[v_n] := case when v_spent.replayed then 'replayed' else 'spent' end;
      v_entry_ids[v_n] := v_spent.entry_id;
      v_account.posted := v_spent.posted;
      v_account.held := v_spent.held;
    exception
      when sqlstate 'CRINS' or sqlstate 'CRLIM' or sqlstate 'CRDUP' or sqlstate 'CRACC' then
        v_statuses[v_n] := case sqlstate
          when 'CRINS' then 'insufficient_credits'
          when 'CRLIM' then 'limit_reached'
          when 'CRDUP' then 'idempotency_key_reused'
          else 'account_closed' end;
        v_account := credits.lock_account(p_account_ids[v_n], false);
    end;
    v_balances[v_n] := v_account;
  end loop;
  return query
    select i.n::int, i.id, p_idempotency_keys[i.n], v_statuses[i.n], v_entry_ids[i.n],
           coalesce(v_balances[i.n].posted, 0), coalesce(v_balances[i.n].held::bigint, 0),
           coalesce(v_balances[i.n].posted - v_balances[i.n].held, 0),
           v_statuses[i.n] = 'replayed'
      from unnest(p_account_ids) with ordinality as i (id, n)
     order by i.n;
end;
$$;

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
