-- Limits: how many credits an account, one of its actors or a feature may use in an hour, a day, a month
-- or ever. They are kept in the transaction of each spend, under the lock of the account's row.
--
-- What counts is what was spent or captured in the window, by the instant of the entry, and what open
-- holds reserve now: a hold is refused when it is placed, not when its work is done. A capture moves its
-- amount from reserved to used, in the window of the capture.

call florin.begin_migration();

create type credits.limit_window as enum ('hour', 'day', 'month', 'lifetime');
comment on type credits.limit_window is
  'How long a limit counts: a calendar hour, day or month of its time zone, or for ever.';

create table credits.limits (
  account_id uuid not null,
  limit_id uuid not null,
  actor text not null,
  feature text not null,
  per credits.limit_window not null,
  soft boolean not null,
  time_zone text not null,
  amount bigint not null,
  since timestamptz not null,
  constraint limits_pkey primary key (account_id, limit_id),
  constraint limits_amount_zero_or_more check (amount >= 0)
);
comment on table credits.limits is
  'Rules: at most so many credits in each window. One a scope, window and softness; soft ones alert and refuse nothing.';
comment on column credits.limits.limit_id is 'Derived from the account and what the rule is about.';
comment on column credits.limits.actor is 'Of this actor; *: of each actor on its own; empty: whoever it was.';
comment on column credits.limits.feature is 'Of this feature; *: of each feature on its own; empty: whatever for.';
comment on column credits.limits.since is 'When it was set: a window that began before is counted from its entries once.';

create table credits.limit_counters (
  account_id uuid not null,
  limit_id uuid not null,
  actor text not null,
  feature text not null,
  window_start timestamptz not null,
  used bigint not null,
  passed_at timestamptz,
  noted_at timestamptz,
  constraint limit_counters_pkey primary key (account_id, limit_id, actor, feature, window_start),
  constraint limit_counters_used_zero_or_more check (used >= 0)
);
create index limit_counters_passed on credits.limit_counters (passed_at)
  where passed_at is not null and noted_at is null;
create index limit_counters_by_age on credits.limit_counters (window_start)
  where window_start > '-infinity';
comment on table credits.limit_counters is
  'Credits used in each window of a limit: the sum of the entries that it is about.';
comment on column credits.limit_counters.actor is 'Which actor, where the limit is for each; else empty.';
comment on column credits.limit_counters.feature is 'Which feature, where the limit is for each; else empty.';
comment on column credits.limit_counters.passed_at is 'When a soft limit was passed in this window.';
comment on column credits.limit_counters.noted_at is 'When an alert was written for it.';

alter table credits.limits enable row level security;
alter table credits.limit_counters enable row level security;
create policy limits_service_reads on credits.limits for select to service_role using (true);
comment on policy limits_service_reads on credits.limits is
  'The service reads every account. Writing is for functions alone.';
create policy limit_counters_service_reads on credits.limit_counters
  for select to service_role using (true);
comment on policy limit_counters_service_reads on credits.limit_counters is
  'The service reads every account. Writing is for functions alone.';
revoke all on credits.limits, credits.limit_counters from public, anon, authenticated, service_role;
grant select on credits.limits, credits.limit_counters to service_role;

create type credits.limit_state as (
  rule credits.limits,
  actor text,
  feature text,
  window_start timestamptz,
  resets_at timestamptz,
  used bigint,
  reserved bigint
);
comment on type credits.limit_state is
  'How a limit stands for one actor and feature: the window, what was used in it, and what open holds reserve.';

create function credits.midnight(p_local timestamp, p_time_zone text)
returns timestamptz
language plpgsql
stable
set search_path = ''
as $$
declare
  v_at timestamptz := p_local at time zone p_time_zone;
begin
  return case when (v_at - interval '1 hour') at time zone p_time_zone = p_local
    then v_at - interval '1 hour' else v_at end;
end;
$$;
comment on function credits.midnight(timestamp, text) is
  'The instant of a midnight of the time zone; where clocks go back across it and it comes twice, the first.';

create function credits.window_start(
  p_per credits.limit_window, p_at timestamptz, p_time_zone text)
returns timestamptz
language plpgsql
stable
set search_path = ''
as $$
begin
  return case p_per
    when 'lifetime' then '-infinity'::timestamptz
    when 'hour' then date_trunc('hour', p_at, p_time_zone)
    else credits.midnight(date_trunc(p_per::text, p_at at time zone p_time_zone), p_time_zone)
  end;
end;
$$;
comment on function credits.window_start(credits.limit_window, timestamptz, text) is
  'When the window began in which the instant lies; -infinity for the one that never ends.';

create function credits.window_end(
  p_per credits.limit_window, p_start timestamptz, p_time_zone text)
returns timestamptz
language plpgsql
stable
set search_path = ''
as $$
begin
  return case p_per
    when 'lifetime' then null
    when 'hour' then p_start + interval '1 hour'
    else credits.midnight(
      date_trunc(p_per::text, p_start at time zone p_time_zone) + ('1 ' || p_per)::interval,
      p_time_zone)
  end;
end;
$$;
comment on function credits.window_end(credits.limit_window, timestamptz, text) is
  'When the next window begins, by the calendar of the time zone; null for the one that never ends.';

create function credits.limit_states(
  p_account_id uuid, p_actor text, p_feature text, p_at timestamptz)
returns credits.limit_state[]
language plpgsql
stable
set search_path = ''
set enable_seqscan = off
as $$
declare
  v_rule credits.limits;
  v_state credits.limit_state;
  v_states credits.limit_state[] := array[]::credits.limit_state[];
begin
  for v_rule in
    select l.* from credits.limits l
     where l.account_id = p_account_id
       and (l.actor in ('', p_actor) or (l.actor = '*' and p_actor is not null))
       and (l.feature in ('', p_feature) or (l.feature = '*' and p_feature is not null))
     order by l.limit_id
  loop
    v_state.rule := v_rule;
    v_state.actor := case when v_rule.actor = '*' then p_actor else '' end;
    v_state.feature := case when v_rule.feature = '*' then p_feature else '' end;
    v_state.window_start := credits.window_start(v_rule.per, p_at, v_rule.time_zone);
    v_state.resets_at := credits.window_end(v_rule.per, v_state.window_start, v_rule.time_zone);
    select c.used into v_state.used from credits.limit_counters c
     where c.account_id = p_account_id and c.limit_id = v_rule.limit_id
       and c.actor = v_state.actor and c.feature = v_state.feature
       and c.window_start = v_state.window_start;
    if v_state.used is null and v_state.window_start < v_rule.since then
      select -sum(e.amount) into v_state.used from credits.entries e
       where e.account_id = p_account_id and e.kind in ('spend', 'capture')
         and e.created_at >= v_state.window_start
         and (v_state.resets_at is null or e.created_at < v_state.resets_at)
         and (v_rule.actor = '' or e.actor = p_actor)
         and (v_rule.feature = '' or e.feature = p_feature);
    end if;
    v_state.used := coalesce(v_state.used, 0);
    select coalesce(sum(h.amount), 0) into v_state.reserved from credits.holds h
     where h.account_id = p_account_id and h.status = 'open' and h.expires_at > p_at
       and (v_rule.actor = '' or h.actor = p_actor)
       and (v_rule.feature = '' or h.feature = p_feature);
    v_states := v_states || v_state;
  end loop;
  return v_states;
end;
$$;
comment on function credits.limit_states(uuid, text, text, timestamptz) is
  'The limits that a use by this actor in this feature counts towards, and how each stands at that instant. Call it with the account locked.';

create function credits.reached_limit(p_states credits.limit_state[], p_amount bigint)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return (
    select jsonb_build_object(
             'rule', jsonb_build_object(
               'actor', nullif((s.rule).actor, ''), 'feature', nullif((s.rule).feature, ''),
               'window', (s.rule).per, 'timeZone', (s.rule).time_zone),
             'used', s.used + s.reserved, 'limit', (s.rule).amount,
             'resetsAt', to_char(s.resets_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'))
      from unnest(p_states) s
     where not (s.rule).soft and p_amount > 0
       and s.used + s.reserved + p_amount > (s.rule).amount
     order by s.resets_at desc nulls first
     limit 1);
end;
$$;
comment on function credits.reached_limit(credits.limit_state[], bigint) is
  'The limit that this amount would pass, of several the one that lasts longest; null when there is none.';

create function credits.check_limits(p_states credits.limit_state[], p_amount bigint)
returns void
language plpgsql
stable
set search_path = ''
as $$
declare
  v_reached jsonb := credits.reached_limit(p_states, p_amount);
begin
  if v_reached is not null then
    raise exception 'The limit of % credits (%) is reached: % are used or reserved, % more are asked for.',
      v_reached ->> 'limit', v_reached #>> '{rule,window}', v_reached ->> 'used', p_amount
      using errcode = 'CRLIM', detail = v_reached::text,
            hint = 'Nothing was written. Wait until the window ends, or set another limit.';
  end if;
end;
$$;
comment on function credits.check_limits(credits.limit_state[], bigint) is
  'Raises CRLIM, with rule, used, limit and resetsAt as JSON in the detail, when this amount would pass a limit.';

create function credits.count_usage(
  p_states credits.limit_state[], p_amount bigint, p_at timestamptz)
returns void
language plpgsql
set search_path = ''
as $$
begin
  insert into credits.limit_counters as c (
    account_id, limit_id, actor, feature, window_start, used, passed_at)
  select (s.rule).account_id, (s.rule).limit_id, s.actor, s.feature, s.window_start,
         s.used + p_amount,
         case when (s.rule).soft and s.used + p_amount > (s.rule).amount then p_at end
    from unnest(p_states) s
  on conflict (account_id, limit_id, actor, feature, window_start)
    do update set used = excluded.used, passed_at = coalesce(c.passed_at, excluded.passed_at);
end;
$$;
comment on function credits.count_usage(credits.limit_state[], bigint, timestamptz) is
  'Adds what is spent or captured to every limit that it counts towards. Call it with the account locked, before its entry is written.';

create function credits.use_limits(
  p_account_id uuid, p_actor text, p_feature text, p_amount bigint, p_at timestamptz,
  p_raise boolean)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
  v_states credits.limit_state[] := credits.limit_states(p_account_id, p_actor, p_feature, p_at);
  v_reached jsonb := case when not p_raise then credits.reached_limit(v_states, p_amount) end;
begin
  if p_raise then
    perform credits.check_limits(v_states, p_amount);
  end if;
  if v_reached is null then
    perform credits.count_usage(v_states, p_amount, p_at);
  end if;
  return v_reached;
end;
$$;
comment on function credits.use_limits(uuid, text, text, bigint, timestamptz, boolean) is
  'Checks an amount against the limits that it counts towards, and counts it. When one would be passed it counts nothing and raises CRLIM, or returns that limit.';

call florin.end_migration();
