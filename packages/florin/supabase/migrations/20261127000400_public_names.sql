-- The seed's names in public, for code written against it with supabase-js or plain SQL: views over
-- the ledger under row level security, and thin functions. Nothing here is executable by anon.
--
-- Made by whoever migrates, without florin.begin_migration: florin_owner may not create in public.
--
-- Credits are whole numbers here. Where they have decimals, a balance is rounded down to what can be
-- spent, and a movement is by how much that changed: the deltas of a user add up to their balance.

create view public.credits_transactions with (security_invoker = true) as
  select credits.entry_id(e.account_id, e.entry_no) as id,
         e.account_id as user_id,
         e.metadata ->> 'stripe_event_id' as stripe_event_id,
         e.metadata ->> 'stripe_payment_id' as stripe_payment_id,
         e.metadata ->> 'stripe_price_id' as stripe_price_id,
         case when (select u.per_credit from credits.unit u) = 1 then e.amount
              else (floor(e.posted_after / (select u.per_credit from credits.unit u)::numeric)
                - floor((e.posted_after - e.amount) / (select u.per_credit from credits.unit u)::numeric))::bigint
         end as delta,
         coalesce(e.metadata ->> 'reason', e.kind::text) as reason,
         coalesce(e.metadata ->> 'plan_type', 'credits') as plan_type,
         coalesce(e.metadata, '{}') - array['actor', 'internal_note'] as metadata,
         e.created_at,
         e.created_at as updated_at
    from credits.entries e
   where e.amount <> 0;
comment on view public.credits_transactions is
  'Every movement of credits, as the seed named it; delta in whole credits, and 0 where a movement of fractions changed none. A signed-in user sees their own rows, without who made a change by hand and the operators'' internal note.';

create view public.credits_balance_mv with (security_invoker = true) as
  select b.account_id as user_id,
         case when (select u.per_credit from credits.unit u) = 1 then b.posted
              else floor(b.posted / (select u.per_credit from credits.unit u)::numeric)::bigint
         end as balance,
         (select count(*) from public.credits_transactions t where t.user_id = b.account_id)
           as transaction_count,
         (select max(t.created_at) from public.credits_transactions t where t.user_id = b.account_id)
           as last_transaction,
         (select min(t.created_at) from public.credits_transactions t where t.user_id = b.account_id)
           as first_transaction
    from credits.balances b;
comment on view public.credits_balance_mv is
  'The balance of each account in whole credits, rounded down, always current; the name is the seed''s. Reading only balance costs one row.';

create view public.stripe_events_raw with (security_invoker = true) as
  select e.event_id as id,
         e.event_id,
         e.type as event_type,
         e.payload::jsonb as event_data,
         e.status in ('processed', 'skipped') as processed,
         e.processed_at,
         e.error as error_message,
         e.received_at as created_at
    from billing.events e;
comment on view public.stripe_events_raw is 'The event inbox, as the seed named it. For service_role only.';

create function public.get_user_credit_balance(target_user_id uuid)
returns bigint
language plpgsql
stable
set search_path = ''
as $$
declare
  v_posted bigint;
  v_units bigint := (select u.per_credit from credits.unit u);
begin
  if current_user = 'authenticated'
     and (target_user_id = any (credits.current_accounts())) is not true then
    raise exception 'You may read the balance of your own accounts only.'
      using errcode = '42501', hint = 'Pass the signed-in user''s id, or an account that they are a member of.';
  end if;
  select b.posted into v_posted from credits.read_balance(target_user_id) b;
  return floor(v_posted / v_units::numeric);
end;
$$;
comment on function public.get_user_credit_balance(uuid) is
  'Posted credits of a user, whole, rounded down; 0 for a new one. A signed-in user may ask for themselves, and for accounts that they are a member of (else 42501).';

create function public.get_user_credit_balance_fast(target_user_id uuid)
returns bigint
language plpgsql
stable
set search_path = ''
as $$
begin
  return public.get_user_credit_balance(target_user_id);
end;
$$;
comment on function public.get_user_credit_balance_fast(uuid) is
  'The same as get_user_credit_balance: every read is fast and current.';

create function public.add_user_credits(
  target_user_id uuid,
  credit_amount integer,
  stripe_event_id text,
  stripe_payment_id text,
  stripe_price_id text,
  transaction_reason text,
  transaction_plan_type text)
returns boolean
language plpgsql
set search_path = ''
as $$
declare
  v_units bigint := (select u.per_credit from credits.unit u);
begin
  if coalesce(stripe_event_id, '') = '' then
    raise exception 'The stripe_event_id is missing.'
      using errcode = 'CRKEY', hint = 'Pass the id of the Stripe object that was paid: it makes the call repeatable.';
  end if;
  perform 1 from credits.issue_grant(
    p_account_id => target_user_id,
    p_amount => credit_amount * v_units,
    -- As a list: whatever characters are in them, no two calls about different payments share a key.
    p_idempotency_key => 'add_user_credits:' || md5(jsonb_build_array(
      stripe_event_id, coalesce(stripe_payment_id, ''), coalesce(stripe_price_id, ''))::text),
    p_source => 'purchase',
    p_metadata => jsonb_strip_nulls(jsonb_build_object(
      'stripe_event_id', stripe_event_id,
      'stripe_payment_id', stripe_payment_id,
      'stripe_price_id', stripe_price_id,
      'reason', transaction_reason,
      'plan_type', transaction_plan_type)));
  return true;
end;
$$;
comment on function public.add_user_credits(uuid, integer, text, text, text, text, text) is
  'Gives credits once for an event, payment and price, under a key made of the three: true when credited or credited before. Errors are raised: CRAMT for amounts below 1 (money that goes back is credits.reverse_grant), CRDUP for other input under the same names, CRACC.';

create function public.refresh_credits_balance()
returns bigint
language plpgsql
set search_path = ''
as $$
begin
  return credits.recompute_balances();
end;
$$;
comment on function public.refresh_credits_balance() is
  'Recomputes stored balances from the entries and returns how many differed: 0 when sound.';

revoke all on public.credits_transactions, public.credits_balance_mv, public.stripe_events_raw
  from public, anon, authenticated, service_role;
grant select on public.credits_transactions, public.credits_balance_mv to authenticated, service_role;
grant select on public.stripe_events_raw to service_role;

revoke all on function
  public.get_user_credit_balance(uuid),
  public.get_user_credit_balance_fast(uuid),
  public.add_user_credits(uuid, integer, text, text, text, text, text),
  public.refresh_credits_balance()
  from public, anon, authenticated, service_role;
grant execute on function
  public.get_user_credit_balance(uuid),
  public.get_user_credit_balance_fast(uuid)
  to authenticated, service_role;
grant execute on function
  public.add_user_credits(uuid, integer, text, text, text, text, text),
  public.refresh_credits_balance()
  to service_role;
