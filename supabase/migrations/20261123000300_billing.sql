-- Billing: what Stripe said. Customers, the event inbox, payments with what has gone back of them,
-- subscriptions, open checkouts, used plan sessions.
--
-- These tables stay local (docs/scale.md): the inbox is claimed with `skip locked`. The ledger's
-- tables are reached through the ledger's functions only.
--
-- Lock order: the event's row, then payments by id, then the ledger's account row.

select set_config('florin.migrator', current_user, false);
do $$
begin
  if current_setting('server_version_num')::int < 160000 then
    execute format('grant florin_owner to %I', current_user);
  end if;
end;
$$;
set role florin_owner;

-- ---------------------------------------------------------------------------------------------
-- Tables
-- ---------------------------------------------------------------------------------------------

create table billing.customers (
  customer_id text not null,
  account_id uuid not null,
  origin text not null,
  is_primary boolean not null default false,
  created_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint customers_pkey primary key (customer_id),
  constraint customers_origin_is_known
    check (origin in ('florin', 'client_reference_id', 'metadata', 'subscription')),
  constraint customers_only_our_own_are_primary check (origin = 'florin' or not is_primary)
);
create unique index customers_one_primary_per_account on billing.customers (account_id)
  where is_primary and deleted_at is null;
create index customers_by_account on billing.customers (account_id);
comment on table billing.customers is
  'Which Stripe customer belongs to which account. An account may have several; the primary one was made by Florin and is the only one that checkouts and the portal are opened for.';
comment on column billing.customers.origin is
  'How the link was learnt: florin (made by us), or what named the account. client_reference_id may be written by a buyer: it chooses who is credited, nothing else.';

create table billing.events (
  event_id text not null,
  type text not null,
  api_version text,
  livemode boolean not null,
  stripe_account text,
  object_id text,
  created_at timestamptz not null,
  received_at timestamptz not null default clock_timestamp(),
  status text not null,
  attempts integer not null default 0,
  next_attempt_at timestamptz,
  processed_at timestamptz,
  account_id uuid,
  customer_id text,
  reason text,
  error_code text,
  error text,
  needs_attention boolean not null default false,
  payload jsonb not null,
  constraint events_pkey primary key (event_id),
  constraint events_status_is_known
    check (status in ('received', 'processed', 'skipped', 'failed', 'dead')),
  constraint events_open_ones_have_a_next_attempt
    check ((status in ('received', 'failed')) = (next_attempt_at is not null))
);
create index events_due on billing.events (next_attempt_at) where status in ('received', 'failed');
create index events_by_arrival on billing.events (received_at);
create index events_unfinished_by_customer on billing.events (customer_id)
  where status in ('failed', 'dead') and customer_id is not null;
create index events_needing_attention on billing.events (received_at) where needs_attention;
comment on table billing.events is
  'The inbox: each Stripe event once, by its id, as it came. received → processed, skipped, failed (tried again) or dead (given up; replay it).';
comment on column billing.events.created_at is 'When it happened, by Stripe''s clock.';
comment on column billing.events.reason is 'What was done, or why nothing was.';
comment on column billing.events.needs_attention is
  'A person has to do something (error says what) before another attempt can succeed.';

create table billing.payments (
  payment_id uuid not null,
  version bigint not null,
  account_id uuid,
  subscription_id text,
  status text not null,
  next_due_at timestamptz,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp(),
  aliases text[] not null,
  state jsonb not null,
  constraint payments_pkey primary key (payment_id),
  constraint payments_status_is_known check (status in ('pending', 'failed', 'waiting', 'credited'))
);
create index payments_due on billing.payments (next_due_at) where next_due_at is not null;
create index payments_by_account on billing.payments (account_id, created_at);
create index payments_by_update on billing.payments using brin (updated_at);
comment on table billing.payments is
  'One row a payment: everything Stripe has said about it joined into one state, and what the ledger holds of it. Written with an expected version, in the same transaction as the ledger''s movements.';
comment on column billing.payments.status is
  'pending: a delayed method has not paid yet. failed: it will not. waiting: money is known, its purchase is not. credited: the ledger holds its grants.';
comment on column billing.payments.state is
  'src/fulfillment/state.ts describes it; the views billing.purchases, billing.refunds and billing.disputes show it as rows.';
comment on column billing.payments.next_due_at is 'When the next part of a dripped price is due.';

create table billing.payment_aliases (
  alias text not null,
  payment_id uuid not null,
  constraint payment_aliases_pkey primary key (alias)
);
comment on table billing.payment_aliases is
  'The names a payment is known by: session, payment intent, charge, invoice. A name belongs to one payment.';

create table billing.subscriptions (
  subscription_id text not null,
  customer_id text,
  account_id uuid,
  status text,
  ended boolean not null default false,
  as_of timestamptz,
  current_period_end timestamptz,
  fact jsonb,
  updated_at timestamptz not null default clock_timestamp(),
  constraint subscriptions_pkey primary key (subscription_id)
);
create index subscriptions_by_account on billing.subscriptions (account_id);
comment on table billing.subscriptions is
  'What Stripe last said about each subscription. Ended is for ever; else the later word counts.';

create table billing.open_checkouts (
  account_id uuid not null,
  fingerprint text not null,
  attempt_id uuid not null,
  checkout_session_id text,
  url text,
  created_at timestamptz not null default clock_timestamp(),
  expires_at timestamptz not null,
  constraint open_checkouts_pkey primary key (account_id, fingerprint)
);
create index open_checkouts_by_session on billing.open_checkouts (checkout_session_id);
comment on table billing.open_checkouts is
  'The checkout a buyer has open for a choice (fingerprint: price, quantity and the rest), so that a second click returns the first session.';

create table billing.consumed_plan_sessions (
  nonce text not null,
  account_id uuid not null,
  checkout_session_id text,
  consumed_at timestamptz not null default clock_timestamp(),
  expires_at timestamptz not null,
  constraint consumed_plan_sessions_pkey primary key (nonce)
);
create index consumed_plan_sessions_by_expiry on billing.consumed_plan_sessions (expires_at);
comment on table billing.consumed_plan_sessions is
  'Nonces of plan sessions that became a checkout: each once, whatever races.';

do $$
declare
  v_table text;
begin
  foreach v_table in array array[
    'customers', 'events', 'payments', 'payment_aliases', 'subscriptions', 'open_checkouts',
    'consumed_plan_sessions'
  ] loop
    execute format('alter table billing.%I enable row level security', v_table);
    execute format(
      'create policy %I on billing.%I for select to service_role using (true)',
      v_table || '_service_reads', v_table);
    execute format('comment on policy %I on billing.%I is %L',
      v_table || '_service_reads', v_table,
      'The service reads everything. Writing is for functions alone.');
  end loop;
end;
$$;

-- ---------------------------------------------------------------------------------------------
-- The payments' states as rows
-- ---------------------------------------------------------------------------------------------

create view billing.purchases with (security_invoker = true) as
  select p.payment_id,
         e.key as purchase_key,
         (e.value ->> 'accountId')::uuid as account_id,
         e.value ->> 'via' as via,
         e.value ->> 'priceId' as price_id,
         (e.value ->> 'quantity')::bigint as quantity,
         (e.value ->> 'credits')::bigint as credits,
         (e.value ->> 'reversed')::bigint as reversed,
         (e.value ->> 'amountMinor')::bigint as amount_minor,
         e.value ->> 'currency' as currency,
         e.value ->> 'source' as source,
         e.value ->> 'standing' as standing,
         to_timestamp((e.value ->> 'dueAt')::double precision) as due_at,
         (e.value ->> 'expiresAt')::timestamptz as expires_at,
         e.value ->> 'subscriptionId' as subscription_id,
         e.value -> 'metadata' as metadata
    from billing.payments p
   cross join lateral jsonb_each(p.state -> 'purchases') e;
comment on view billing.purchases is
  'One row a grant that money has earned: what for, how many credits, how many of them are taken back. purchase_key is the grant''s idempotency key.';

create view billing.refunds with (security_invoker = true) as
  select p.payment_id, p.account_id, e.key as refund_id, e.value ->> 'status' as status,
         (e.value ->> 'amount')::bigint as amount_minor, e.value ->> 'currency' as currency,
         e.value ->> 'chargeId' as charge_id, e.value ->> 'reason' as reason
    from billing.payments p
   cross join lateral jsonb_each(p.state -> 'refunds') e;
comment on view billing.refunds is 'Each refund with its furthest status.';

create view billing.disputes with (security_invoker = true) as
  select p.payment_id, p.account_id, e.key as dispute_id, e.value ->> 'status' as status,
         (e.value ->> 'amount')::bigint as amount_minor, e.value ->> 'currency' as currency,
         e.value ->> 'chargeId' as charge_id, e.value ->> 'reason' as reason
    from billing.payments p
   cross join lateral jsonb_each(p.state -> 'disputes') e;
comment on view billing.disputes is 'Each dispute and inquiry with its latest status.';

create view billing.pending_payments with (security_invoker = true) as
  select p.payment_id, p.account_id, e.key as checkout_session_id,
         (e.value ->> 'amount')::bigint as amount_minor, e.value ->> 'currency' as currency,
         p.created_at
    from billing.payments p
   cross join lateral jsonb_each(p.state -> 'sessions') e
   where p.status = 'pending';
comment on view billing.pending_payments is
  'Checkouts that are complete and whose money is still on its way (delayed payment methods).';

-- ---------------------------------------------------------------------------------------------
-- Reading before a decision, writing after it
-- ---------------------------------------------------------------------------------------------

create function billing.read_state(
  p_event_id text,
  p_aliases text[],
  p_customer_id text,
  p_subscription_id text,
  out event_status text,
  out event_attempts integer,
  out customer_account_id uuid,
  out subscription jsonb,
  out payments jsonb)
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_subscription_id text := p_subscription_id;
begin
  select e.status, e.attempts into event_status, event_attempts
    from billing.events e where e.event_id = p_event_id;

  if cardinality(p_aliases) > 0 then
    select jsonb_agg(jsonb_build_object(
             'id', p.payment_id, 'version', p.version, 'aliases', to_jsonb(p.aliases),
             'state', p.state) order by p.created_at, p.payment_id),
           coalesce(v_subscription_id, max(p.subscription_id))
      into payments, v_subscription_id
      from billing.payments p
     where p.payment_id in (
       select a.payment_id from billing.payment_aliases a where a.alias = any (p_aliases));
  end if;
  if p_customer_id is not null then
    select c.account_id into customer_account_id
      from billing.customers c where c.customer_id = p_customer_id;
  end if;
  if v_subscription_id is not null then
    select jsonb_build_object('id', s.subscription_id, 'accountId', s.account_id, 'fact', s.fact)
      into subscription
      from billing.subscriptions s where s.subscription_id = v_subscription_id;
  end if;
end;
$$;
comment on function billing.read_state(text, text[], text, text) is
  'All that a decision about one event needs to know, in one round trip. Locks nothing: apply_event checks the versions it was made from.';

create function billing.unspent_of_period(
  p_account_id uuid, p_subscription_id text, p_price_id text, p_period_end timestamptz)
returns bigint
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_account credits.accounts := credits.lock_account(p_account_id, true);
  v_unspent bigint;
begin
  if credits.needs_settling(v_account, clock_timestamp()) then
    v_account := credits.settle(v_account, clock_timestamp());
    perform credits.save_account(v_account);
  end if;
  select coalesce(sum(g.expired), 0) into v_unspent
    from credits.grants g
   where g.account_id = p_account_id
     and g.source in ('subscription', 'rollover')
     and g.metadata ->> 'stripe_subscription_id' = p_subscription_id
     and g.metadata ->> 'stripe_price_id' = p_price_id
     and g.expires_at between p_period_end - interval '1 day' and p_period_end + interval '1 day';
  return v_unspent;
end;
$$;
comment on function billing.unspent_of_period(uuid, text, text, timestamptz) is
  'The credits of a subscription''s price that expired unspent when a period ended. Writes down what has expired, with the account locked. Internal.';

create function billing.apply_commands(p_commands jsonb)
returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_command jsonb;
  v_account_id uuid;
  v_grant_id uuid;
  v_amount bigint;
begin
  for v_command in select c.value from jsonb_array_elements(p_commands) c loop
    v_account_id := (v_command ->> 'accountId')::uuid;
    v_amount := (v_command ->> 'amount')::bigint;
    if v_command ->> 'do' = 'rollover' then
      v_amount := least(v_amount, billing.unspent_of_period(v_account_id,
        v_command #>> '{metadata,stripe_subscription_id}',
        v_command #>> '{metadata,stripe_price_id}',
        to_timestamp((v_command ->> 'periodEnd')::double precision)));
      continue when v_amount < 1;
    end if;
    if v_command ->> 'do' in ('issue', 'rollover') then
      perform credits.issue_grant(
        p_account_id => v_account_id,
        p_amount => v_amount,
        p_idempotency_key => v_command ->> 'key',
        p_source => v_command ->> 'source',
        p_priority => (v_command ->> 'priority')::integer,
        p_expires_at => (v_command ->> 'expiresAt')::timestamptz,
        p_metadata => v_command -> 'metadata');
    else
      select e.grant_id into strict v_grant_id
        from credits.entries e
       where e.account_id = v_account_id and e.idempotency_key = v_command ->> 'grantKey';
      if v_command ->> 'do' = 'reverse' then
        perform credits.reverse_grant(v_account_id, v_grant_id, v_amount, v_command ->> 'key',
          v_command -> 'metadata');
      else
        perform credits.restore_grant(v_account_id, v_grant_id, v_amount, v_command ->> 'key',
          v_command -> 'metadata');
      end if;
    end if;
  end loop;
end;
$$;
comment on function billing.apply_commands(jsonb) is
  'Carries out the commands of one plan on the ledger, in order. Internal: called in the transaction of its event.';

create function billing.write_payment(p_payment jsonb)
returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_id uuid := (p_payment ->> 'id')::uuid;
  v_aliases text[] := array(
    select a.value from jsonb_array_elements_text(p_payment -> 'aliases') a order by 1);
  v_others uuid[];
  v_found bigint;
begin
  if p_payment ->> 'version' is null then
    insert into billing.payments as p (payment_id, version, account_id, subscription_id, status,
        next_due_at, aliases, state)
      values (v_id, 1, (p_payment ->> 'accountId')::uuid, p_payment ->> 'subscriptionId',
        p_payment ->> 'status', to_timestamp((p_payment ->> 'nextDueAt')::double precision),
        v_aliases, p_payment -> 'state');
  else
    -- In the order of their ids, as every writer does.
    perform 1 from billing.payments p
      where p.payment_id = v_id
         or p.payment_id in (
           select (o.value ->> 'id')::uuid from jsonb_array_elements(p_payment -> 'absorbs') o)
      order by p.payment_id for update;
    update billing.payments p
       set version = p.version + 1,
           account_id = coalesce((p_payment ->> 'accountId')::uuid, p.account_id),
           subscription_id = coalesce(p_payment ->> 'subscriptionId', p.subscription_id),
           status = p_payment ->> 'status',
           next_due_at = to_timestamp((p_payment ->> 'nextDueAt')::double precision),
           updated_at = clock_timestamp(),
           aliases = v_aliases,
           state = p_payment -> 'state'
     where p.payment_id = v_id and p.version = (p_payment ->> 'version')::bigint;
    if not found then
      perform billing.raise_stale();
    end if;
    with gone as (
      delete from billing.payments p
       using jsonb_array_elements(p_payment -> 'absorbs') o
       where p.payment_id = (o.value ->> 'id')::uuid
         and p.version = (o.value ->> 'version')::bigint
      returning p.payment_id
    )
    select array_agg(g.payment_id) into v_others from gone g;
    if coalesce(cardinality(v_others), 0) <> jsonb_array_length(p_payment -> 'absorbs') then
      perform billing.raise_stale();
    end if;
    if v_others is not null then
      update billing.payment_aliases a set payment_id = v_id
       where a.alias = any (v_aliases) and a.payment_id = any (v_others);
    end if;
  end if;

  insert into billing.payment_aliases (alias, payment_id)
    select a.alias, v_id from unnest(v_aliases) with ordinality as a (alias, place)
     order by a.place
    on conflict do nothing;
  get diagnostics v_found = row_count;
  if v_found < cardinality(v_aliases) then
    select count(*) into v_found from billing.payment_aliases a
     where a.alias = any (v_aliases) and a.payment_id = v_id;
    if v_found < cardinality(v_aliases) then
      perform billing.raise_stale();
    end if;
  end if;
end;
$$;
comment on function billing.write_payment(jsonb) is
  'Writes a payment''s state if nobody has written it since it was read; takes in payments that turned out to be the same. Raises 40001 when it is stale: read again and decide again.';

create function billing.raise_stale()
returns void
language plpgsql
set search_path = ''
as $$
begin
  raise exception 'The payment has changed since it was read.'
    using errcode = '40001', hint = 'Nothing was written. Read its state and decide again.';
end;
$$;
comment on function billing.raise_stale() is 'Raises 40001.';

create function billing.write_subscription(p_subscription jsonb)
returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_fact jsonb := nullif(p_subscription -> 'fact', 'null');
begin
  insert into billing.subscriptions as s (subscription_id, customer_id, account_id, status, ended,
      as_of, current_period_end, fact)
    values (
      p_subscription ->> 'subscriptionId', p_subscription ->> 'customerId',
      (p_subscription ->> 'accountId')::uuid, v_fact ->> 'status',
      coalesce(v_fact ->> 'endedAt' is not null or v_fact ->> 'status' = 'canceled', false),
      to_timestamp((v_fact ->> 'asOf')::double precision),
      to_timestamp((v_fact ->> 'currentPeriodEnd')::double precision), v_fact)
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
       and (s.as_of is null
            or (v_fact ->> 'endedAt' is not null or v_fact ->> 'status' = 'canceled',
                to_timestamp((v_fact ->> 'asOf')::double precision)) >= (s.ended, s.as_of));
  end if;
end;
$$;
comment on function billing.write_subscription(jsonb) is
  'Keeps what was learnt about a subscription; an older word never replaces a newer one, and ended stays ended.';

create function billing.apply_event(p_event jsonb, p_plan jsonb)
returns text
language plpgsql
security definer
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_status text := p_plan ->> 'status';
  v_open boolean := v_status in ('received', 'failed');
  v_next timestamptz := case when v_open
    then clock_timestamp() + make_interval(secs => (p_plan ->> 'retryInSeconds')::double precision)
    end;
  v_claimed boolean := coalesce((p_plan ->> 'claimed')::boolean, false);
  v_new boolean := false;
  v_known text;
begin
  if coalesce((p_plan ->> 'firstWord')::boolean, false) and exists (
       select 1 from billing.customers c
        where c.customer_id = p_plan ->> 'customerId'
          and c.account_id is distinct from (p_plan ->> 'accountId')::uuid) then
    perform billing.raise_stale();
  end if;
  if p_event is not null then
    if not v_claimed then
      insert into billing.events (event_id, type, api_version, livemode, stripe_account, object_id,
          created_at, status, attempts, next_attempt_at, processed_at, account_id, customer_id, reason,
          error_code, error, needs_attention, payload)
        values (
          p_event ->> 'id', p_event ->> 'type', p_event ->> 'api_version',
          coalesce(p_event -> 'livemode' = 'true', false), p_event ->> 'account',
          p_event #>> '{data,object,id}', to_timestamp((p_event ->> 'created')::double precision),
          v_status, 1, v_next, case when not v_open then clock_timestamp() end,
          (p_plan ->> 'accountId')::uuid, p_plan ->> 'customerId', p_plan ->> 'reason',
          p_plan ->> 'errorCode', p_plan ->> 'error',
          coalesce((p_plan ->> 'needsAttention')::boolean, false), p_event)
        on conflict (event_id) do nothing;
      v_new := found;
    end if;
    if not v_new then
      select e.status into v_known
        from billing.events e where e.event_id = p_event ->> 'id' for update;
      if v_known in ('processed', 'skipped') then
        return 'duplicate';
      end if;
      update billing.events e
         set status = v_status,
             attempts = e.attempts + case when v_claimed then 0 else 1 end,
             next_attempt_at = v_next,
             processed_at = case when v_status in ('processed', 'skipped') then clock_timestamp() end,
             account_id = coalesce((p_plan ->> 'accountId')::uuid, e.account_id),
             customer_id = coalesce(p_plan ->> 'customerId', e.customer_id),
             reason = p_plan ->> 'reason',
             error_code = p_plan ->> 'errorCode',
             error = p_plan ->> 'error',
             needs_attention = coalesce((p_plan ->> 'needsAttention')::boolean, false)
       where e.event_id = p_event ->> 'id';
    end if;
  end if;

  if jsonb_typeof(p_plan -> 'payment') = 'object' then
    perform billing.write_payment(p_plan -> 'payment');
  end if;
  if jsonb_typeof(p_plan -> 'subscription') = 'object' then
    perform billing.write_subscription(p_plan -> 'subscription');
  end if;
  if jsonb_typeof(p_plan -> 'customer') = 'object' then
    insert into billing.customers (customer_id, account_id, origin)
      values (p_plan #>> '{customer,customerId}', (p_plan #>> '{customer,accountId}')::uuid,
        p_plan #>> '{customer,origin}')
      on conflict do nothing;
    if found then
      -- Events of this customer that waited for their account are tried again at once.
      update billing.events e set status = 'failed', next_attempt_at = clock_timestamp()
       where e.customer_id = p_plan #>> '{customer,customerId}' and e.status in ('failed', 'dead')
         and e.event_id is distinct from p_event ->> 'id';
    end if;
  end if;
  if p_plan ->> 'deletedCustomerId' is not null then
    update billing.customers c set deleted_at = clock_timestamp(), is_primary = false
     where c.customer_id = p_plan ->> 'deletedCustomerId' and c.deleted_at is null;
  end if;
  if p_plan ->> 'closedSessionId' is not null then
    delete from billing.open_checkouts o
     where o.checkout_session_id = p_plan ->> 'closedSessionId';
  end if;
  if jsonb_array_length(coalesce(p_plan -> 'commands', '[]')) > 0 then
    perform billing.apply_commands(p_plan -> 'commands');
  end if;
  return 'applied';
end;
$$;
comment on function billing.apply_event(jsonb, jsonb) is
  'One event and all it brings about, in one transaction: its inbox row, the payment''s state, links, and the ledger''s movements. Returns applied, or duplicate when the event was finished before: then nothing is written. Without an event: the same for a job. Errors: 40001 when the state it was decided from has changed, and the ledger''s own.';

create function billing.claim_events(p_limit integer, p_lease interval)
returns table (event_id text, attempts integer, payload jsonb)
language plpgsql
security definer
set search_path = ''
as $$
begin
  return query
    update billing.events e
       set attempts = e.attempts + 1, next_attempt_at = clock_timestamp() + p_lease
     where e.event_id in (
       select d.event_id from billing.events d
        where d.status in ('received', 'failed') and d.next_attempt_at <= clock_timestamp()
        order by d.next_attempt_at
        limit p_limit
        for update skip locked)
    returning e.event_id, e.attempts, e.payload;
end;
$$;
comment on function billing.claim_events(integer, interval) is
  'Events that are due, leased to the caller: no other worker gets them until the lease is over, and one whose worker dies is claimed again then.';

create function billing.replay_event(p_event_id text)
returns boolean
language plpgsql
security definer
set search_path = ''
as $$
begin
  update billing.events e
     set status = 'received', attempts = 0, next_attempt_at = clock_timestamp(), processed_at = null
   where e.event_id = p_event_id;
  return found;
end;
$$;
comment on function billing.replay_event(text) is
  'Puts an event back to be processed, whatever became of it; harmless, since what it granted is granted once. False when there is no such event.';

create function billing.due_payments(p_limit integer)
returns table (payment_id uuid, aliases text[])
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  return query
    select p.payment_id, p.aliases from billing.payments p
     where p.next_due_at <= clock_timestamp()
     order by p.next_due_at
     limit p_limit;
end;
$$;
comment on function billing.due_payments(integer) is
  'Payments of dripped prices whose next part is due.';

-- ---------------------------------------------------------------------------------------------
-- Customers, checkouts, plan sessions
-- ---------------------------------------------------------------------------------------------

create function billing.keep_customer(p_account_id uuid, p_customer_id text)
returns text
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_customer_id text;
begin
  perform credits.ensure_account(p_account_id);
  insert into billing.customers as c (customer_id, account_id, origin, is_primary)
    values (p_customer_id, p_account_id, 'florin', true)
    on conflict do nothing;
  update billing.customers c set is_primary = true, origin = 'florin'
   where c.customer_id = p_customer_id and c.account_id = p_account_id and not c.is_primary
     and c.deleted_at is null
     and not exists (
       select 1 from billing.customers o
        where o.account_id = p_account_id and o.is_primary and o.deleted_at is null);
  select c.customer_id into v_customer_id
    from billing.customers c
   where c.account_id = p_account_id and c.is_primary and c.deleted_at is null;
  return v_customer_id;
end;
$$;
comment on function billing.keep_customer(uuid, text) is
  'Records the Stripe customer that Florin made for an account, unless another call was first; returns the one that counts.';

create function billing.begin_checkout(
  p_account_id uuid,
  p_fingerprint text,
  p_valid_for interval,
  out attempt_id uuid,
  out checkout_session_id text,
  out url text)
language plpgsql
security definer
set search_path = ''
as $$
begin
  insert into billing.open_checkouts as o (account_id, fingerprint, attempt_id, expires_at)
    values (p_account_id, p_fingerprint, gen_random_uuid(), clock_timestamp() + p_valid_for)
    on conflict (account_id, fingerprint) do update
      set attempt_id = excluded.attempt_id, checkout_session_id = null, url = null,
          created_at = excluded.created_at, expires_at = excluded.expires_at
      where o.expires_at <= excluded.created_at;
  select o.attempt_id, o.checkout_session_id, o.url
    into attempt_id, checkout_session_id, url
    from billing.open_checkouts o
   where o.account_id = p_account_id and o.fingerprint = p_fingerprint;
end;
$$;
comment on function billing.begin_checkout(uuid, text, interval) is
  'Starts a checkout, or finds the one that the account has open for the same choice: two clicks get one attempt_id, which names the request to Stripe.';

create function billing.record_checkout(
  p_account_id uuid, p_fingerprint text, p_attempt_id uuid, p_checkout_session_id text, p_url text,
  p_expires_at timestamptz)
returns void
language plpgsql
security definer
set search_path = ''
as $$
begin
  update billing.open_checkouts o
     set checkout_session_id = p_checkout_session_id, url = p_url, expires_at = p_expires_at
   where o.account_id = p_account_id and o.fingerprint = p_fingerprint
     and o.attempt_id = p_attempt_id;
end;
$$;
comment on function billing.record_checkout(uuid, text, uuid, text, text, timestamptz) is
  'Keeps the session that Stripe made for an attempt. Repeatable.';

create function billing.close_checkout(p_checkout_session_id text)
returns void
language plpgsql
security definer
set search_path = ''
as $$
begin
  delete from billing.open_checkouts o where o.checkout_session_id = p_checkout_session_id;
end;
$$;
comment on function billing.close_checkout(text) is
  'Forgets an open checkout that was paid, expired or replaced. Repeatable.';

create function billing.consume_plan_session(
  p_nonce text,
  p_account_id uuid,
  p_expires_at timestamptz,
  out consumed boolean,
  out account_id uuid,
  out checkout_session_id text)
language plpgsql
security definer
set search_path = ''
as $$
begin
  insert into billing.consumed_plan_sessions as s (nonce, account_id, expires_at)
    values (p_nonce, p_account_id, p_expires_at)
    on conflict do nothing;
  consumed := found;
  select s.account_id, s.checkout_session_id into account_id, checkout_session_id
    from billing.consumed_plan_sessions s where s.nonce = p_nonce;
end;
$$;
comment on function billing.consume_plan_session(text, uuid, timestamptz) is
  'Uses a plan session''s nonce: consumed is true for exactly one caller; the others learn whose it was and which checkout it became.';

create function billing.record_plan_checkout(p_nonce text, p_checkout_session_id text)
returns void
language plpgsql
security definer
set search_path = ''
as $$
begin
  update billing.consumed_plan_sessions s set checkout_session_id = p_checkout_session_id
   where s.nonce = p_nonce and s.checkout_session_id is null;
end;
$$;
comment on function billing.record_plan_checkout(text, text) is
  'Notes which checkout a used plan session became. The first one stays.';

create function billing.forget_expired(p_limit integer)
returns bigint
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_sessions bigint;
  v_checkouts bigint;
begin
  delete from billing.consumed_plan_sessions s
   where s.nonce in (
     select d.nonce from billing.consumed_plan_sessions d
      where d.expires_at < clock_timestamp() - interval '1 day' limit p_limit);
  get diagnostics v_sessions = row_count;
  delete from billing.open_checkouts o
   where (o.account_id, o.fingerprint) in (
     select d.account_id, d.fingerprint from billing.open_checkouts d
      where d.expires_at < clock_timestamp() - interval '1 day' limit p_limit);
  get diagnostics v_checkouts = row_count;
  return v_sessions + v_checkouts;
end;
$$;
comment on function billing.forget_expired(integer) is
  'Deletes used plan sessions and open checkouts a day after they expired; how many.';

-- ---------------------------------------------------------------------------------------------
-- Rights: by name, for the service alone
-- ---------------------------------------------------------------------------------------------

revoke all on all tables in schema billing from public, anon, authenticated, service_role;
revoke all on all functions in schema billing from public, anon, authenticated, service_role;
grant select on billing.customers, billing.events, billing.payments, billing.payment_aliases,
  billing.subscriptions, billing.open_checkouts, billing.consumed_plan_sessions,
  billing.purchases, billing.refunds, billing.disputes, billing.pending_payments to service_role;
grant execute on function
  billing.read_state(text, text[], text, text),
  billing.apply_event(jsonb, jsonb),
  billing.claim_events(integer, interval),
  billing.replay_event(text),
  billing.due_payments(integer),
  billing.keep_customer(uuid, text),
  billing.begin_checkout(uuid, text, interval),
  billing.record_checkout(uuid, text, uuid, text, text, timestamptz),
  billing.close_checkout(text),
  billing.consume_plan_session(text, uuid, timestamptz),
  billing.record_plan_checkout(text, text),
  billing.forget_expired(integer)
  to service_role;

call credits.share_service_rights(current_setting('florin.migrator'));

select set_config('role', current_setting('florin.migrator'), false);
do $$
begin
  if current_setting('server_version_num')::int < 160000 then
    execute format('revoke florin_owner from %I', current_user);
  end if;
end;
$$;
