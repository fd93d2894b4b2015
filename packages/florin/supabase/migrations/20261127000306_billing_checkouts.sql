-- Checkout sessions by account, those that buyers have open, and the plan sessions that became one.

call florin.begin_migration();

create table billing.checkout_sessions (
  checkout_session_id text not null,
  account_id uuid not null,
  created_at timestamptz not null default clock_timestamp(),
  constraint checkout_sessions_pkey primary key (checkout_session_id)
);
create index checkout_sessions_by_age on billing.checkout_sessions (created_at);
comment on table billing.checkout_sessions is
  'Every checkout session that Florin has asked Stripe for, for 30 days: whose it is, without asking Stripe.';

create function billing.note_checkout_session(p_account_id uuid, p_checkout_session_id text)
returns void
language plpgsql
security definer
set search_path = ''
as $$
begin
  insert into billing.checkout_sessions (checkout_session_id, account_id)
    values (p_checkout_session_id, p_account_id)
    on conflict do nothing;
end;
$$;
comment on function billing.note_checkout_session(uuid, text) is
  'Notes which account a session of Stripe''s was made for. The first one stays. Repeatable.';

create table billing.open_checkouts (
  account_id uuid not null,
  slot text not null,
  attempt_id uuid not null,
  checkout_session_id text,
  created_at timestamptz not null default clock_timestamp(),
  expires_at timestamptz not null,
  constraint open_checkouts_pkey primary key (account_id, slot)
);
create index open_checkouts_by_session on billing.open_checkouts (checkout_session_id);
comment on table billing.open_checkouts is
  'The checkout a buyer has open for a choice (slot: a fingerprint of price, quantity and settings, or subscription, which all plans share), so that a second click returns the first session.';

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

create function billing.begin_checkout(
  p_account_id uuid,
  p_slot text,
  p_valid_for interval,
  out attempt_id uuid,
  out checkout_session_id text)
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := clock_timestamp();
begin
  if exists (select from credits.accounts a
              where a.account_id = p_account_id and a.closed_at is not null) then
    perform credits.raise_closed(p_account_id);
  end if;
  insert into billing.open_checkouts as o (account_id, slot, attempt_id, expires_at)
    values (p_account_id, p_slot, gen_random_uuid(), v_now + p_valid_for)
    on conflict (account_id, slot) do update
      set attempt_id = excluded.attempt_id, checkout_session_id = null,
          created_at = excluded.created_at, expires_at = excluded.expires_at
      where o.expires_at <= excluded.created_at;
  select o.attempt_id, o.checkout_session_id into attempt_id, checkout_session_id
    from billing.open_checkouts o
   where o.account_id = p_account_id and o.slot = p_slot;
end;
$$;
comment on function billing.begin_checkout(uuid, text, interval) is
  'Starts a checkout, or finds the one that the account has open for the same choice: two clicks get one attempt_id, which names the request to Stripe. Raises CRACC: nothing that is paid could be credited.';

create function billing.record_checkout(
  p_account_id uuid, p_slot text, p_attempt_id uuid, p_checkout_session_id text,
  p_expires_at timestamptz)
returns void
language plpgsql
security definer
set search_path = ''
as $$
begin
  perform billing.note_checkout_session(p_account_id, p_checkout_session_id);
  update billing.open_checkouts o
     set checkout_session_id = p_checkout_session_id, expires_at = p_expires_at
   where o.account_id = p_account_id and o.slot = p_slot
     and o.attempt_id = p_attempt_id;
end;
$$;
comment on function billing.record_checkout(uuid, text, uuid, text, timestamptz) is
  'Keeps the session that Stripe made for an attempt. Repeatable.';

create function billing.abandon_checkout(p_account_id uuid, p_slot text, p_attempt_id uuid)
returns void
language plpgsql
security definer
set search_path = ''
as $$
begin
  delete from billing.open_checkouts o
   where o.account_id = p_account_id and o.slot = p_slot and o.attempt_id = p_attempt_id
     and o.checkout_session_id is null;
end;
$$;
comment on function billing.abandon_checkout(uuid, text, uuid) is
  'Ends an attempt that Stripe has refused: the next one is made under another attempt_id. Repeatable.';

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
  v_now timestamptz := clock_timestamp();
  v_sessions bigint;
  v_checkouts bigint;
  v_made bigint;
begin
  delete from billing.consumed_plan_sessions s
   where s.nonce in (
     select d.nonce from billing.consumed_plan_sessions d
      where d.expires_at < v_now - interval '1 day' limit p_limit);
  get diagnostics v_sessions = row_count;
  delete from billing.open_checkouts o
   where (o.account_id, o.slot) in (
     select d.account_id, d.slot from billing.open_checkouts d
      where d.expires_at < v_now - interval '1 day' limit p_limit);
  get diagnostics v_checkouts = row_count;
  delete from billing.checkout_sessions c
   where c.checkout_session_id in (
     select d.checkout_session_id from billing.checkout_sessions d
      where d.created_at < v_now - interval '30 days' limit p_limit);
  get diagnostics v_made = row_count;
  return v_sessions + v_checkouts + v_made;
end;
$$;
comment on function billing.forget_expired(integer) is
  'Deletes used plan sessions and open checkouts a day after they expired, and checkout sessions 30 days after they were made; returns how many.';

call florin.end_migration();
