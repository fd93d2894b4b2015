-- What members used, and may use: for a page of members at a time, by index, however many there are.

call florin.begin_migration();

create index usage_days_by_actor on credits.usage_days (account_id, actor, day) include (spent);

create function credits.used_by(p_account_id uuid, p_actors text[], p_from date, p_to date)
returns table (actor text, spent bigint)
language plpgsql
stable
security definer
set search_path = ''
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  v_mark bigint := coalesce((
    select m.entry_no from credits.usage_marks m where m.account_id = p_account_id), 0);
begin
  return query
    select u.actor, sum(u.spent)::bigint
      from (
        select d.actor, d.spent from credits.usage_days d
         where d.account_id = p_account_id and d.actor = any (p_actors)
           and d.day >= p_from and d.day <= p_to
        union all
        select e.actor, -e.amount from credits.entries e
         where e.account_id = p_account_id and e.entry_no > v_mark
           and e.actor = any (p_actors) and e.kind in ('spend', 'capture')
           and e.created_at >= p_from::timestamp at time zone 'UTC'
           and e.created_at < (p_to + 1)::timestamp at time zone 'UTC') u
     group by u.actor;
end;
$$;
comment on function credits.used_by(uuid, text[], date, date) is
  'Credits that these actors spent and captured from p_from to p_to (UTC, both included), exact to the last entry; no row for an actor who used nothing.';

create function credits.limits_by_actor(p_account_id uuid, p_actors text[])
returns table (
  whose text, actor text, feature text, per credits.limit_window, amount bigint, soft boolean,
  time_zone text, used bigint, resets_at timestamptz)
language plpgsql
stable
security definer
set search_path = ''
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  v_now timestamptz := clock_timestamp();
  v_rule credits.limits;
  v_whose text[];
  v_uncounted text[];
  v_start timestamptz;
  v_end timestamptz;
  v_first_no bigint;
begin
  for v_rule in
    select l.* from credits.limits l
     where l.account_id = p_account_id and (l.actor = '*' or l.actor = any (p_actors))
       and l.feature <> '*'
     order by l.actor, l.feature, l.per, l.soft
  loop
    v_start := credits.window_start(v_rule.per, v_now, v_rule.time_zone);
    v_end := credits.window_end(v_rule.per, v_start, v_rule.time_zone);
    select array_agg(a.actor) into v_whose from unnest(p_actors) as a (actor)
     where v_rule.actor in ('*', a.actor);
    -- An actor who used something in a window that began before the limit has no counter in it yet.
    v_uncounted := null;
    if v_rule.actor = '*' and v_start < v_rule.since then
      select array_agg(a.actor) into v_uncounted from unnest(v_whose) as a (actor)
       where not exists (
         select from credits.limit_counters c
          where c.account_id = p_account_id and c.limit_id = v_rule.limit_id
            and c.actor = a.actor and c.feature = '' and c.window_start = v_start);
      v_first_no := credits.first_entry_at(p_account_id, v_start - interval '1 minute');
    end if;
    return query
      select a.actor, nullif(v_rule.actor, ''), nullif(v_rule.feature, ''), v_rule.per,
             v_rule.amount, v_rule.soft, v_rule.time_zone,
             (coalesce(c.used, e.used, 0) + coalesce(h.reserved, 0))::bigint, v_end
        from unnest(v_whose) as a (actor)
        left join (
          select c.actor, c.used from credits.limit_counters c
           where c.account_id = p_account_id and c.limit_id = v_rule.limit_id
             and c.actor = any (array_append(v_whose, '')) and c.feature = '' and c.window_start = v_start) c
          on c.actor = case when v_rule.actor = '*' then a.actor else '' end
        left join (
          select e.actor, -sum(e.amount) as used from credits.entries e
           where v_uncounted is not null and e.account_id = p_account_id and e.entry_no >= v_first_no
             and e.actor = any (v_uncounted) and e.kind in ('spend', 'capture')
             and e.created_at >= v_start and (v_end is null or e.created_at < v_end)
             and v_rule.feature in ('', e.feature)
           group by e.actor) e
          on e.actor = a.actor
        left join (
          select h.actor, sum(h.amount) as reserved from credits.holds h
           where h.account_id = p_account_id and h.status = 'open' and h.expires_at > v_now
             and h.actor = any (v_whose) and v_rule.feature in ('', h.feature)
           group by h.actor) h
          on h.actor = a.actor;
  end loop;
end;
$$;
comment on function credits.limits_by_actor(uuid, text[]) is
  'The limits that hold for each of these actors, theirs alone or for each actor (*), and how they stand: used counts what open holds reserve. Without limits for each feature. Writes and locks nothing.';

revoke all on function
  credits.used_by(uuid, text[], date, date),
  credits.limits_by_actor(uuid, text[])
  from public, anon, authenticated, service_role;
grant execute on function
  credits.used_by(uuid, text[], date, date),
  credits.limits_by_actor(uuid, text[])
  to service_role;

call florin.end_migration();
