-- Auto top-up, carried out. A top-up is one row, one Stripe invoice, one payment; whoever repeats a
-- step repeats that one. Lock order: the consent, then the top-up.

call florin.begin_migration();

create table billing.top_ups (
  top_up_id uuid not null,
  account_id uuid not null,
  status text not null,
  price_id text not null,
  stripe_price_id text not null,
  quantity bigint not null,
  credits bigint not null,
  amount_minor bigint not null,
  currency text not null,
  customer_id text not null,
  payment_method_id text not null,
  consented_at timestamptz not null,
  invoice_id text,
  hosted_invoice_url text,
  failure_code text,
  failure text,
  attempts integer not null default 0,
  next_attempt_at timestamptz,
  created_at timestamptz not null,
  paid_at timestamptz,
  closed_at timestamptz,
  constraint top_ups_pkey primary key (top_up_id),
  constraint top_ups_status_is_known
    check (status in ('charging', 'needs_action', 'voiding', 'paid', 'credited', 'failed')),
  constraint top_ups_open_ones_have_a_next_attempt
    check ((status in ('credited', 'failed')) = (next_attempt_at is null)),
  constraint top_ups_closed_ones_say_when
    check ((status in ('credited', 'failed')) = (closed_at is not null))
);
create unique index top_ups_one_open_per_account on billing.top_ups (account_id)
  where closed_at is null;
create unique index top_ups_one_per_invoice on billing.top_ups (invoice_id);
create index top_ups_due on billing.top_ups (next_attempt_at) where closed_at is null;
create index top_ups_by_account on billing.top_ups (account_id, created_at);
comment on table billing.top_ups is
  'Each purchase that auto top-up made, with the terms it was made under. charging → paid → credited; or needs_action (the bank wants to see the buyer), voiding, failed: nothing was charged. An account has one that is not closed: until its credits are in the ledger nothing more is bought.';
comment on column billing.top_ups.payment_method_id is
  'Kept with the top-up, so that a repeated request to Stripe is the same request.';

create function billing.stop_top_up(p_account_id uuid)
returns boolean
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := clock_timestamp();
begin
  update billing.top_up_consents t
     set status = 'off', pause_reason = null, updated_at = v_now
   where t.account_id = p_account_id and t.status <> 'off';
  if not found then
    return false;
  end if;
  update billing.top_ups u
     set status = 'voiding', failure_code = 'stopped', failure = 'The buyer turned top-up off.',
         next_attempt_at = v_now
   where u.account_id = p_account_id and u.status = 'needs_action';
  return true;
end;
$$;
comment on function billing.stop_top_up(uuid) is
  'Ends the consent. What waits for the buyer is voided; what is being charged in this moment ends as it will. False when it was off. Repeatable.';

create function billing.low_accounts(p_limit integer)
returns setof uuid
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := clock_timestamp();
begin
  return query
    select t.account_id
      from billing.top_up_consents t
     cross join lateral credits.read_balance(t.account_id) b
     where t.status = 'active' and t.not_before <= v_now
       and b.available < t.threshold
       and not exists (
         select 1 from billing.top_ups u
          where u.account_id = t.account_id and u.closed_at is null)
     order by t.updated_at
     limit p_limit;
end;
$$;
comment on function billing.low_accounts(integer) is
  'Accounts whose available credits are below what they agreed to be topped up at, and that have no top-up under way. Writes nothing; begin_top_up looks again, under the lock.';

create function billing.begin_top_up(p_account_id uuid)
returns text
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_consent billing.top_up_consents;
  v_balance record;
begin
  select * into v_consent from billing.top_up_consents t
   where t.account_id = p_account_id for update skip locked;
  if v_consent.status is distinct from 'active' or v_consent.not_before > v_now then
    return null;
  end if;
  if exists (
       select 1 from billing.top_ups u
        where u.account_id = p_account_id and u.closed_at is null) then
    return null;
  end if;
  -- After that look: what closed a top-up saw its credits in the ledger, so this sees them too.
  select b.posted, b.available into v_balance from credits.read_balance(p_account_id) b;
  if v_balance.available >= v_consent.threshold then
    return null;
  end if;
  if exists (
       select 1 from credits.accounts a
        where a.account_id = p_account_id and a.closed_at is not null) then
    return billing.pause_top_up(p_account_id, 'account_closed');
  end if;
  if v_balance.posted < 0 then
    return billing.pause_top_up(p_account_id, 'debt');
  end if;
  if exists (
       select 1 from billing.disputes d
        where d.account_id = p_account_id
          and d.status not in ('won', 'prevented', 'warning_closed')) then
    return billing.pause_top_up(p_account_id, 'disputed');
  end if;
  if (select count(*) from billing.top_ups u
       where u.account_id = p_account_id and u.status <> 'failed'
         and u.created_at >= date_trunc('month', v_now at time zone 'utc') at time zone 'utc')
     >= v_consent.max_per_month then
    update billing.top_up_consents t
       set not_before = (date_trunc('month', v_now at time zone 'utc') + interval '1 month')
             at time zone 'utc'
     where t.account_id = p_account_id;
    return null;
  end if;
  insert into billing.top_ups (top_up_id, account_id, status, price_id, stripe_price_id, quantity,
      credits, amount_minor, currency, customer_id, payment_method_id, consented_at,
      next_attempt_at, created_at)
    values (gen_random_uuid(), p_account_id, 'charging', v_consent.price_id,
      v_consent.stripe_price_id, v_consent.quantity, v_consent.credits, v_consent.amount_minor,
      v_consent.currency, v_consent.customer_id, v_consent.payment_method_id,
      v_consent.consented_at, v_now, v_now);
  return 'begun';
end;
$$;
comment on function billing.begin_top_up(uuid) is
  'Starts one top-up if all still holds under the lock: active, below the threshold, none under way, fewer than agreed this month (UTC), account open, no debt, no dispute. Returns begun, paused, or null. Any number of callers start one.';

create function billing.claim_top_ups(p_limit integer, p_lease interval)
returns setof uuid
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := clock_timestamp();
begin
  return query
    update billing.top_ups u
       set attempts = u.attempts + 1, next_attempt_at = v_now + p_lease
     where u.top_up_id in (
       select d.top_up_id from billing.top_ups d
        where d.closed_at is null and d.next_attempt_at <= v_now
        order by d.next_attempt_at
        limit p_limit
        for update skip locked)
    returning u.top_up_id;
end;
$$;
comment on function billing.claim_top_ups(integer, interval) is
  'Top-ups that are due, leased to the caller. One whose worker dies is claimed again when the lease is over, and goes on where it was.';

create function billing.note_top_up_invoice(p_top_up_id uuid, p_invoice_id text)
returns text
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_invoice_id text;
begin
  update billing.top_ups u set invoice_id = coalesce(u.invoice_id, p_invoice_id)
   where u.top_up_id = p_top_up_id
   returning u.invoice_id into v_invoice_id;
  return v_invoice_id;
end;
$$;
comment on function billing.note_top_up_invoice(uuid, text) is
  'Keeps the invoice of a top-up, before anything is charged: the first one stays, and is returned.';

create function billing.move_top_up(p_top_up_id uuid, p_from text, p_move jsonb)
returns boolean
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_to text := p_move ->> 'to';
  v_now timestamptz := clock_timestamp();
  v_closed boolean := v_to in ('credited', 'failed');
  v_account_id uuid;
begin
  perform billing.check_keys('the move', p_move, array['to', 'failureCode', 'failure',
    'hostedInvoiceUrl', 'inSeconds', 'notBeforeSeconds', 'pause']);
  if p_from is null or v_to is null or not (p_from, v_to) in (
       ('charging', 'charging'), ('charging', 'paid'), ('charging', 'needs_action'),
       ('charging', 'voiding'), ('charging', 'failed'),
       ('needs_action', 'needs_action'), ('needs_action', 'paid'), ('needs_action', 'voiding'),
       ('voiding', 'voiding'), ('voiding', 'paid'), ('voiding', 'failed'),
       ('paid', 'paid')) then
    raise exception 'A top-up does not go from % to %.', p_from, v_to using errcode = '22023';
  end if;
  select u.account_id into v_account_id from billing.top_ups u where u.top_up_id = p_top_up_id;
  perform 1 from billing.top_up_consents t where t.account_id = v_account_id for update;
  update billing.top_ups u
     set status = v_to,
         failure_code = coalesce(p_move ->> 'failureCode', u.failure_code),
         failure = coalesce(p_move ->> 'failure', u.failure),
         hosted_invoice_url = coalesce(p_move ->> 'hostedInvoiceUrl', u.hosted_invoice_url),
         paid_at = case when v_to = 'paid' then coalesce(u.paid_at, v_now) end,
         attempts = case when v_to = p_from then u.attempts else 0 end,
         closed_at = case when v_closed then v_now end,
         next_attempt_at = case when not v_closed
           then v_now + make_interval(secs => (p_move ->> 'inSeconds')::double precision) end
   where u.top_up_id = p_top_up_id and u.status = p_from;
  if not found then
    return false;
  end if;
  if v_to = 'needs_action' and p_from <> v_to then
    perform billing.add_alert(v_account_id, 'top_up_action_required',
      jsonb_build_object('topUpId', p_top_up_id, 'payUrl', p_move ->> 'hostedInvoiceUrl'));
  end if;
  if v_to = 'failed' then
    update billing.top_up_consents t
       set declines = t.declines + 1,
           not_before = v_now
             + make_interval(secs => (p_move ->> 'notBeforeSeconds')::double precision),
           updated_at = v_now
     where t.account_id = v_account_id;
    if p_move ->> 'pause' is not null then
      perform billing.pause_top_up(v_account_id, p_move ->> 'pause');
    end if;
  end if;
  return true;
end;
$$;
comment on function billing.move_top_up(uuid, text, jsonb) is
  'One step of a top-up and what it means for the consent, together. False when it is no longer where the caller saw it: then nothing is written. Errors: 22023 for a step that there is not.';

create function billing.close_credited_top_ups(p_limit integer)
returns bigint
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_top_up record;
  v_closed bigint := 0;
begin
  for v_top_up in
    select u.top_up_id, u.account_id from billing.top_ups u
      join billing.payment_aliases a on a.alias = u.invoice_id
      join billing.payments p on p.payment_id = a.payment_id
     where u.closed_at is null and p.status = 'credited'
     limit p_limit
  loop
    perform 1 from billing.top_up_consents t
      where t.account_id = v_top_up.account_id for update;
    update billing.top_ups u
       set status = 'credited', closed_at = v_now, next_attempt_at = null,
           paid_at = coalesce(u.paid_at, v_now), failure_code = null, failure = null
     where u.top_up_id = v_top_up.top_up_id and u.closed_at is null;
    if found then
      v_closed := v_closed + 1;
      update billing.top_up_consents t
         set declines = 0, not_before = '-infinity', updated_at = v_now
       where t.account_id = v_top_up.account_id;
    end if;
  end loop;
  return v_closed;
end;
$$;
comment on function billing.close_credited_top_ups(integer) is
  'Closes top-ups whose credits the ledger holds, however they were paid: by us, or by the buyer on the invoice''s page. Returns how many.';

call florin.end_migration();
