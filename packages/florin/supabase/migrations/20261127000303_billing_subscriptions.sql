-- Subscriptions: what Stripe last said about each.

call florin.begin_migration();

create table billing.subscriptions (
  subscription_id text not null,
  customer_id text,
  account_id uuid,
  status text,
  ended boolean not null default false,
  as_of timestamptz,
  current_period_end timestamptz,
  fact jsonb,
  payments_version bigint not null default 0,
  kept_under text,
  updated_at timestamptz not null default clock_timestamp(),
  constraint subscriptions_pkey primary key (subscription_id)
);
create index subscriptions_by_account on billing.subscriptions (account_id);
create index subscriptions_kept_under on billing.subscriptions (kept_under)
  where kept_under is not null;
comment on table billing.subscriptions is
  'What Stripe last said about each subscription. The decision says which that is; nothing is written over an update that it did not see.';
comment on column billing.subscriptions.payments_version is
  'How often payments of it were written. Lines of one payment take back what others granted, so a decision is refused when any of them was written since it was read.';
comment on column billing.subscriptions.kept_under is
  'The subscription under whose id its payments are kept: one invoice has billed both, so lines of one may credit lines of the other''s payments. Null: its own.';

create function billing.write_subscription(p_subscription jsonb)
returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_fact jsonb := nullif(p_subscription -> 'fact', 'null');
begin
  perform billing.check_keys('the subscription', p_subscription,
    array['subscriptionId', 'customerId', 'accountId', 'fact', 'replaces']);
  insert into billing.subscriptions as s (subscription_id, customer_id, account_id)
    values (
      p_subscription ->> 'subscriptionId', p_subscription ->> 'customerId',
      (p_subscription ->> 'accountId')::uuid)
    on conflict (subscription_id) do update
      set customer_id = coalesce(excluded.customer_id, s.customer_id),
          account_id = coalesce(s.account_id, excluded.account_id),
          updated_at = excluded.updated_at;
  if v_fact is not null then
    update billing.subscriptions s
       set status = v_fact ->> 'status',
           ended = v_fact ->> 'endedAt' is not null or v_fact ->> 'status' = 'canceled',
           as_of = to_timestamp((v_fact ->> 'asOf')::double precision),
           current_period_end = to_timestamp((v_fact ->> 'currentPeriodEnd')::double precision),
           fact = v_fact
     where s.subscription_id = p_subscription ->> 'subscriptionId'
       and s.fact is not distinct from nullif(p_subscription -> 'replaces', 'null');
    if not found then
      perform billing.raise_stale();
    end if;
  end if;
end;
$$;
comment on function billing.write_subscription(jsonb) is
  'Keeps what was learnt about a subscription. Raises 40001 where another fact is stored than the one that it replaces: which of two is newer is decided on what stands.';

create function billing.claim_subscription(p_id text, p_version bigint)
returns void
language plpgsql
security definer
set search_path = ''
as $$
begin
  -- The row may not be there yet: its first payment often comes before any event about itself.
  insert into billing.subscriptions as s (subscription_id, payments_version)
    values (p_id, 1)
    on conflict (subscription_id) do update
      set payments_version = s.payments_version + 1
      where s.payments_version = p_version;
  if not found then
    perform billing.raise_stale();
  end if;
end;
$$;
comment on function billing.claim_subscription(text, bigint) is
  'Locks a subscription''s row, so that payments of it are decided on one after the other. Raises 40001 when one was written since it was read. Internal: part of apply_event.';

create function billing.claim_subscriptions(p_read jsonb)
returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_id text := p_read ->> 'id';
  v_joined text[];
begin
  perform billing.check_keys('the subscription as read', p_read,
    array['id', 'of', 'version', 'joined', 'ended']);
  if jsonb_array_length(coalesce(p_read -> 'joined', '[]')) = 0 then
    perform billing.claim_subscription(v_id, (p_read ->> 'version')::bigint);
    return;
  end if;
  -- In the order of their ids, as every writer does.
  perform billing.claim_subscription(r.id, r.version)
    from (select o.value ->> 'id' as id, (o.value ->> 'version')::bigint as version
            from jsonb_array_elements(p_read -> 'joined' || jsonb_build_array(p_read)) o
           order by 1) r;
  v_joined := array(select o.value ->> 'id' from jsonb_array_elements(p_read -> 'joined') o);
  update billing.subscriptions s set kept_under = v_id
   where s.subscription_id = any (v_joined) or s.kept_under = any (v_joined);
  update billing.payments p set subscription_id = v_id where p.subscription_id = any (v_joined);
end;
$$;
comment on function billing.claim_subscriptions(jsonb) is
  'Claims the subscriptions whose payments were read. Those that one invoice bills together are joined: their payments are kept under one id from then on, since lines of one may credit the other''s. Raises 40001 as claim_subscription does. Internal: part of apply_event.';

call florin.end_migration();
