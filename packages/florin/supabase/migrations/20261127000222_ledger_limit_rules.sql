-- Limits are set, removed and read.

call florin.begin_migration();

create function credits.limit_id(
  p_account_id uuid, p_actor text, p_feature text, p_per credits.limit_window, p_soft boolean)
returns uuid
language plpgsql
immutable
set search_path = ''
as $$
begin
  return md5(jsonb_build_array(p_account_id, p_actor, p_feature, p_per, p_soft)::text)::uuid;
end;
$$;
comment on function credits.limit_id(uuid, text, text, credits.limit_window, boolean) is
  'The id of the limit on this scope: setting it again changes it.';

create function credits.set_limit(
  p_account_id uuid,
  p_amount bigint,
  p_per credits.limit_window,
  p_actor text default null,
  p_feature text default null,
  p_soft boolean default false,
  p_time_zone text default 'UTC')
returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz;
  v_id uuid := credits.limit_id(
    p_account_id, coalesce(p_actor, ''), coalesce(p_feature, ''), p_per, coalesce(p_soft, false));
begin
  if p_account_id is null or p_per is null then
    raise exception 'The account id or the window is missing.'
      using errcode = '22004', hint = 'Nothing was written. Pass both.';
  end if;
  if p_amount is null or p_amount < 0 or p_amount > 9007199254740991 then
    raise exception 'The limit % is not allowed.', coalesce(p_amount::text, 'null')
      using errcode = 'CRAMT', hint = 'Pass a whole number of credits from 0 to 9007199254740991.';
  end if;
  if length(p_actor) not between 1 and 200 or length(p_feature) not between 1 and 200 then
    raise exception 'The names of actor and feature have 1 to 200 characters.'
      using errcode = '22023', hint = 'Nothing was written. Leave out what does not apply.';
  end if;
  perform credits.check_user_id(p_actor);
  if p_time_zone is null or not exists (
    select from pg_catalog.pg_timezone_names z where z.name = p_time_zone) then
    raise exception 'There is no time zone %.', coalesce(p_time_zone, 'null')
      using errcode = '22023', hint = 'Nothing was written. Pass a name such as UTC or Europe/Berlin.';
  end if;
  perform credits.lock_account(p_account_id, true);
  v_now := clock_timestamp();
  -- Counted anew from the entries: the window may have begun at another instant.
  delete from credits.limit_counters c where c.account_id = p_account_id and c.limit_id = v_id;
  insert into credits.limits (
    account_id, limit_id, actor, feature, per, soft, time_zone, amount, since)
  values (
    p_account_id, v_id, coalesce(p_actor, ''), coalesce(p_feature, ''), p_per,
    coalesce(p_soft, false), p_time_zone, p_amount, v_now)
  on conflict (account_id, limit_id)
    do update set amount = excluded.amount, time_zone = excluded.time_zone, since = excluded.since;
  update credits.accounts a set limited = true
   where a.account_id = p_account_id and not a.limited;
  if coalesce(p_actor, '') <> '*' and coalesce(p_feature, '') <> '*' then
    perform credits.count_usage(
      credits.limit_states(p_account_id, p_actor, p_feature, v_now), 0, v_now);
  end if;
end;
$$;
comment on function credits.set_limit(uuid, bigint, credits.limit_window, text, text, boolean, text) is
  'At most so many credits in each window: of the account, of an actor, of a feature, or of both; * stands for each one on its own. An actor that is a user id is in lower case. What was used in the running window counts. Setting it again changes it; a soft one alerts only. Makes a new account. Repeatable. Errors: CRAMT, 22004, 22023.';

create function credits.remove_limit(
  p_account_id uuid,
  p_per credits.limit_window,
  p_actor text default null,
  p_feature text default null,
  p_soft boolean default false)
returns boolean
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_id uuid := credits.limit_id(
    p_account_id, coalesce(p_actor, ''), coalesce(p_feature, ''), p_per, coalesce(p_soft, false));
  v_removed boolean;
begin
  perform credits.lock_account(p_account_id, false);
  delete from credits.limits l where l.account_id = p_account_id and l.limit_id = v_id;
  v_removed := found;
  delete from credits.limit_counters c where c.account_id = p_account_id and c.limit_id = v_id;
  update credits.accounts a set limited = false
   where a.account_id = p_account_id and a.limited
     and not exists (select from credits.limits l where l.account_id = p_account_id)
     and not exists (select from credits.members m where m.account_id = p_account_id);
  return v_removed;
end;
$$;
comment on function credits.remove_limit(uuid, credits.limit_window, text, text, boolean) is
  'Removes the limit on this scope; false when there was none. Repeatable.';

create function credits.read_limits(p_account_id uuid)
returns table (
  actor text, feature text, per credits.limit_window, amount bigint, soft boolean,
  time_zone text, used bigint, resets_at timestamptz)
language plpgsql
stable
security definer
set search_path = ''
as $$
#variable_conflict use_column
declare
  v_now timestamptz := clock_timestamp();
  v_rule credits.limits;
begin
  -- One by one: limit_states reads tables, and may not be called from a row of another table
  -- (docs/scale.md).
  for v_rule in
    select l.* from credits.limits l
     where l.account_id = p_account_id
     order by l.actor, l.feature, l.per, l.soft
  loop
    return query
      select nullif(v_rule.actor, ''), nullif(v_rule.feature, ''), v_rule.per, v_rule.amount,
             v_rule.soft, v_rule.time_zone,
             (select s.used + s.reserved
                from unnest(credits.limit_states(
                  p_account_id, nullif(v_rule.actor, ''), nullif(v_rule.feature, ''), v_now)) s
               where (s.rule).limit_id = v_rule.limit_id
                 and v_rule.actor <> '*' and v_rule.feature <> '*'),
             credits.window_end(v_rule.per,
               credits.window_start(v_rule.per, v_now, v_rule.time_zone), v_rule.time_zone);
  end loop;
end;
$$;
comment on function credits.read_limits(uuid) is
  'The limits of the account and how they stand: used counts what open holds reserve; null where a limit is for each actor or feature.';

create function credits.may_use(
  p_account_id uuid, p_amount bigint, p_actor text default null, p_feature text default null)
returns boolean
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  -- One by one, as in read_limits.
  if exists (
    select from credits.accounts a
     where a.account_id = p_account_id and a.closed_at is not null) then
    return false;
  elsif credits.refused_actor(p_account_id, p_actor) is not null then
    return false;
  end if;
  return credits.reached_limit(
    credits.limit_states(p_account_id, p_actor, p_feature, clock_timestamp()), p_amount) is null;
end;
$$;
comment on function credits.may_use(uuid, bigint, text, text) is
  'Whether a use of this amount would be refused by nothing but the balance in this instant: the account is open, the actor may use its credits, and no limit would be passed. Writes and locks nothing, so that it promises nothing either. Errors: 22023.';

create function credits.forget_counters(p_limit integer)
returns bigint
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_before timestamptz := clock_timestamp() - interval '40 days';
  v_old credits.limit_counters;
  v_count bigint := 0;
begin
  for v_old in
    select c.* from credits.limit_counters c
     where c.window_start > '-infinity' and c.window_start < v_before
     limit p_limit
  loop
    delete from credits.limit_counters c
     where c.account_id = v_old.account_id and c.limit_id = v_old.limit_id
       and c.actor = v_old.actor and c.feature = v_old.feature
       and c.window_start = v_old.window_start;
    v_count := v_count + 1;
  end loop;
  return v_count;
end;
$$;
comment on function credits.forget_counters(integer) is
  'Deletes counters of windows that ended long ago; returns how many. Overlapping runs delete nothing twice.';

revoke all on function
  credits.midnight(timestamp, text),
  credits.window_start(credits.limit_window, timestamptz, text),
  credits.window_end(credits.limit_window, timestamptz, text),
  credits.limit_states(uuid, text, text, timestamptz),
  credits.reached_limit(credits.limit_state[], bigint),
  credits.check_limits(credits.limit_state[], bigint),
  credits.count_usage(credits.limit_state[], bigint, timestamptz),
  credits.use_limits(uuid, text, text, bigint, timestamptz, boolean),
  credits.limit_id(uuid, text, text, credits.limit_window, boolean),
  credits.set_limit(uuid, bigint, credits.limit_window, text, text, boolean, text),
  credits.remove_limit(uuid, credits.limit_window, text, text, boolean),
  credits.read_limits(uuid),
  credits.may_use(uuid, bigint, text, text),
  credits.forget_counters(integer)
  from public, anon, authenticated, service_role;
grant execute on function
  credits.set_limit(uuid, bigint, credits.limit_window, text, text, boolean, text),
  credits.remove_limit(uuid, credits.limit_window, text, text, boolean),
  credits.read_limits(uuid),
  credits.may_use(uuid, bigint, text, text),
  credits.forget_counters(integer)
  to service_role;

call florin.end_migration();
