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
  updated_at timestamptz not null default clock_timestamp(),
  constraint subscriptions_pkey primary key (subscription_id)
);
create index subscriptions_by_account on billing.subscriptions (account_id);
comment on table billing.subscriptions is
  'What Stripe last said about each subscription. Which word that is, the decision says; none is written over one that it did not see.';
comment on column billing.subscriptions.payments_version is
  'How often payments of it were written. Lines of one payment take back what others granted, so a decision is refused when any of them was written since it was read.';

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

create function billing.claim_subscription(p_read jsonb)
returns void
language plpgsql
security definer
set search_path = ''
as $$
begin
  perform billing.check_keys('the subscription as read', p_read, array['id', 'version']);
  -- The row may not be there yet: its first payment often comes before any event about itself.
  insert into billing.subscriptions as s (subscription_id, payments_version)
    values (p_read ->> 'id', 1)
    on conflict (subscription_id) do update
      set payments_version = s.payments_version + 1
      where s.payments_version = (p_read ->> 'version')::bigint;
  if not found then
    perform billing.raise_stale();
  end if;
end;
$$;
comment on function billing.claim_subscription(jsonb) is
  'Locks a subscription''s row, so that payments of it are decided on one after the other. Raises 40001 when one was written since it was read. Internal: part of apply_event.';

call florin.end_migration();
