-- Alerts: what the app should hear of an account, kept until it is delivered. Written in the
-- transaction of their cause; delivered afterwards, at least once (docs/alerts.md).

call florin.begin_migration();

create table billing.alerts (
  alert_id uuid not null,
  account_id uuid not null,
  type text not null,
  data jsonb not null,
  attempts integer not null default 0,
  next_attempt_at timestamptz,
  delivered_at timestamptz,
  created_at timestamptz not null,
  constraint alerts_pkey primary key (alert_id),
  constraint alerts_type_is_known
    check (type in (
      'balance_low', 'limit_passed', 'top_up_paused', 'top_up_action_required')),
  constraint alerts_delivered_ones_are_not_tried_again
    check (delivered_at is null or next_attempt_at is null)
);
create index alerts_due on billing.alerts (next_attempt_at) where next_attempt_at is not null;
create index alerts_by_account on billing.alerts (account_id, created_at);
create index alerts_by_age on billing.alerts (created_at);
comment on table billing.alerts is
  'Notifications to the app about an account. Waiting while next_attempt_at is set; delivered_at null and no next attempt: given up.';

create table billing.low_balances (
  account_id uuid not null,
  available bigint not null,
  since timestamptz not null,
  constraint low_balances_pkey primary key (account_id)
);
comment on table billing.low_balances is
  'Accounts that got an alert balance_low and have not risen above lowBalance since: one alert per fall.';

create function billing.add_alert(p_account_id uuid, p_type text, p_data jsonb)
returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := clock_timestamp();
begin
  insert into billing.alerts (alert_id, account_id, type, data, next_attempt_at, created_at)
    values (gen_random_uuid(), p_account_id, p_type, p_data, v_now, v_now);
end;
$$;
comment on function billing.add_alert(uuid, text, jsonb) is
  'Keeps an alert until it is delivered. Internal: called in the transaction of its cause.';

create function billing.note_low_balances(p_below bigint, p_limit integer)
returns bigint
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_account_id uuid;
  v_available bigint;
  v_noted bigint := 0;
begin
  delete from billing.low_balances l
   where (select b.available from credits.read_balance(l.account_id) b) >= p_below;
  for v_account_id in
    with may_be_low as materialized (
      select a.account_id from credits.accounts a
       where a.posted - a.held < p_below or a.next_change_at <= v_now)
    select distinct c.account_id
      from billing.customers c
      join may_be_low m on m.account_id = c.account_id
     where not exists (
       select 1 from billing.low_balances l where l.account_id = c.account_id)
  loop
    exit when v_noted >= p_limit;
    select b.available into v_available from credits.read_balance(v_account_id) b;
    continue when v_available >= p_below;
    insert into billing.low_balances (account_id, available, since)
      values (v_account_id, v_available, v_now)
      on conflict do nothing;
    if found then
      v_noted := v_noted + 1;
      perform billing.add_alert(v_account_id, 'balance_low',
        jsonb_build_object('available', v_available, 'below', p_below));
    end if;
  end loop;
  return v_noted;
end;
$$;
comment on function billing.note_low_balances(bigint, integer) is
  'Writes an alert for each customer''s account that has fallen below p_below, once until it has risen above again; returns how many. Concurrent callers write only one.';

create function billing.note_passed_limits(p_limit integer)
returns bigint
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_passed record;
  v_noted bigint := 0;
begin
  for v_passed in
    select c.account_id, c.limit_id, c.actor, c.feature, c.window_start, c.used,
           l.actor as rule_actor, l.feature as rule_feature, l.per, l.amount
      from credits.limit_counters c
      join credits.limits l on l.account_id = c.account_id and l.limit_id = c.limit_id
     where c.passed_at is not null and c.noted_at is null
     order by c.passed_at
     limit p_limit
  loop
    update credits.limit_counters c set noted_at = v_now
     where c.account_id = v_passed.account_id and c.limit_id = v_passed.limit_id
       and c.actor = v_passed.actor and c.feature = v_passed.feature
       and c.window_start = v_passed.window_start and c.noted_at is null;
    if found then
      v_noted := v_noted + 1;
      perform billing.add_alert(v_passed.account_id, 'limit_passed', jsonb_build_object(
        'actor', nullif(coalesce(nullif(v_passed.actor, ''), v_passed.rule_actor), ''),
        'feature', nullif(coalesce(nullif(v_passed.feature, ''), v_passed.rule_feature), ''),
        'window', v_passed.per, 'limit', v_passed.amount, 'used', v_passed.used));
    end if;
  end loop;
  return v_noted;
end;
$$;
comment on function billing.note_passed_limits(integer) is
  'Writes an alert for each soft limit that was passed, once a window; returns how many. Any number of callers write one.';

create function billing.claim_alerts(p_limit integer, p_lease interval)
returns table (alert_id uuid, account_id uuid, type text, data jsonb, attempts integer,
  created_at timestamptz)
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := clock_timestamp();
begin
  return query
    update billing.alerts a
       set attempts = a.attempts + 1, next_attempt_at = v_now + p_lease
     where a.alert_id in (
       select d.alert_id from billing.alerts d
        where d.next_attempt_at <= v_now
        order by d.next_attempt_at
        limit p_limit
        for update skip locked)
    returning a.alert_id, a.account_id, a.type, a.data, a.attempts, a.created_at;
end;
$$;
comment on function billing.claim_alerts(integer, interval) is
  'Alerts that are due, leased to the caller; one whose sender dies is claimed again when the lease is over.';

create function billing.mark_alert_sent(p_alert_id uuid, p_delivered boolean, p_retry_in interval)
returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := clock_timestamp();
begin
  update billing.alerts a
     set delivered_at = case when p_delivered then v_now end,
         next_attempt_at = case when not p_delivered then v_now + p_retry_in end
   where a.alert_id = p_alert_id and a.delivered_at is null;
end;
$$;
comment on function billing.mark_alert_sent(uuid, boolean, interval) is
  'Delivered; or to be tried again after p_retry_in; or, without it, given up. Repeatable.';

create function billing.forget_alerts(p_limit integer)
returns bigint
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_count bigint;
begin
  delete from billing.alerts a
   where a.alert_id in (
     select d.alert_id from billing.alerts d
      where d.created_at < v_now - interval '30 days' limit p_limit);
  get diagnostics v_count = row_count;
  return v_count;
end;
$$;
comment on function billing.forget_alerts(integer) is 'Deletes alerts after 30 days; how many.';

call florin.end_migration();
