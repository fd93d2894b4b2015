-- What credits were used for, by day, meter, feature and actor. Kept outside the spend path: a job adds
-- the entries that came since, and a reader adds those that the job has not seen. Both go by the number
-- of the entry, so that each is counted once, whatever its time and however far the job is behind.

call florin.begin_migration();

create table credits.usage_days (
  account_id uuid not null,
  day date not null,
  meter text not null,
  feature text not null,
  actor text not null,
  spent bigint not null,
  quantity numeric not null,
  constraint usage_days_pkey primary key (account_id, day, meter, feature, actor)
);
comment on table credits.usage_days is
  'Credits spent and captured on a day (UTC), by what was measured, what for and by whom, up to the entry in credits.usage_marks. Empty: the entry did not say.';
comment on column credits.usage_days.quantity is 'The meter''s units; 0 where nothing was measured.';

create table credits.usage_marks (
  account_id uuid not null,
  entry_no bigint not null,
  constraint usage_marks_pkey primary key (account_id)
);
comment on table credits.usage_marks is
  'Up to which entry an account''s usage is in credits.usage_days.';

alter table credits.usage_days enable row level security;
alter table credits.usage_marks enable row level security;
create policy usage_days_service_reads on credits.usage_days
  for select to service_role using (true);
comment on policy usage_days_service_reads on credits.usage_days is
  'The service reads every account. Writing is for functions alone.';
create policy usage_marks_service_reads on credits.usage_marks
  for select to service_role using (true);
comment on policy usage_marks_service_reads on credits.usage_marks is
  'The service reads every account. Writing is for functions alone.';
revoke all on credits.usage_days, credits.usage_marks
  from public, anon, authenticated, service_role;
grant select on credits.usage_days, credits.usage_marks to service_role;

create function credits.roll_up_account(
  p_account_id uuid, p_last_no bigint, p_limit bigint)
returns bigint
language plpgsql
set search_path = ''
set enable_seqscan = off
as $$
declare
  v_from bigint;
  v_to bigint;
begin
  insert into credits.usage_marks (account_id, entry_no) values (p_account_id, 0)
  on conflict (account_id) do nothing;
  select m.entry_no into v_from from credits.usage_marks m
   where m.account_id = p_account_id for update;
  v_to := least(p_last_no, v_from + p_limit);
  if v_to <= v_from then
    return 0;
  end if;
  insert into credits.usage_days as d (account_id, day, meter, feature, actor, spent, quantity)
  select p_account_id, (e.created_at at time zone 'UTC')::date, coalesce(e.meter, ''),
         coalesce(e.feature, ''), coalesce(e.actor, ''), -sum(e.amount),
         coalesce(sum(e.quantity), 0)
    from credits.entries e
   where e.account_id = p_account_id and e.entry_no > v_from and e.entry_no <= v_to
     and e.kind in ('spend', 'capture')
   group by 2, 3, 4, 5
  on conflict (account_id, day, meter, feature, actor)
    do update set spent = d.spent + excluded.spent, quantity = d.quantity + excluded.quantity;
  update credits.usage_marks m set entry_no = v_to where m.account_id = p_account_id;
  return v_to - v_from;
end;
$$;
comment on function credits.roll_up_account(uuid, bigint, bigint) is
  'Adds at most p_limit entries that come after the account''s mark, as far as the entry p_last_no, to its days; returns how many it looked at. Locks the mark, never the account''s row.';

create function credits.roll_up_usage(p_limit bigint)
returns bigint
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_behind record;
  v_count bigint := 0;
begin
  for v_behind in
    select a.account_id, a.entry_no from credits.accounts a
      left join credits.usage_marks m on m.account_id = a.account_id
     where a.entry_no > coalesce(m.entry_no, 0)
     limit p_limit
  loop
    v_count := v_count + credits.roll_up_account(
      v_behind.account_id, v_behind.entry_no, p_limit - v_count);
    exit when v_count >= p_limit;
  end loop;
  return v_count;
end;
$$;
comment on function credits.roll_up_usage(bigint) is
  'Adds at most p_limit new entries of any accounts to credits.usage_days; returns how many. Repeatable; overlapping runs count nothing twice.';

create function credits.read_usage(
  p_account_id uuid, p_from date, p_to date, p_by text[], p_limit integer default 10000)
returns table (
  day date, meter text, feature text, actor text, spent bigint, quantity numeric)
language plpgsql
stable
set search_path = ''
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  v_mark bigint := coalesce((
    select m.entry_no from credits.usage_marks m where m.account_id = p_account_id), 0);
begin
  return query
    select case when 'day' = any (p_by) then u.day end as day,
           case when 'meter' = any (p_by) then nullif(u.meter, '') end as meter,
           case when 'feature' = any (p_by) then nullif(u.feature, '') end as feature,
           case when 'actor' = any (p_by) then nullif(u.actor, '') end as actor,
           sum(u.spent)::bigint, sum(u.quantity)
      from (
        select d.day, d.meter, d.feature, d.actor, d.spent, d.quantity
          from credits.usage_days d
         where d.account_id = p_account_id and d.day >= p_from and d.day <= p_to
        union all
        select (e.created_at at time zone 'UTC')::date, coalesce(e.meter, ''),
               coalesce(e.feature, ''), coalesce(e.actor, ''), -e.amount, coalesce(e.quantity, 0)
          from credits.entries e
         where e.account_id = p_account_id and e.entry_no > v_mark
           and e.kind in ('spend', 'capture')
           and e.created_at >= p_from::timestamp at time zone 'UTC'
           and e.created_at < (p_to + 1)::timestamp at time zone 'UTC') u
     group by 1, 2, 3, 4
     order by 1, 2, 3, 4
     limit p_limit;
end;
$$;
comment on function credits.read_usage(uuid, date, date, text[], integer) is
  'Credits spent and captured from p_from to p_to (UTC, both included), grouped by any of day, meter, feature and actor; exact to the last entry, however far the rollup is behind. Null: not asked for, or the entry did not say. quantity adds up units: ask by meter to tell them apart.';

create function credits.daily_usage(p_account_id uuid, p_from timestamptz, p_to timestamptz)
returns table (day text, spent bigint, granted bigint)
language plpgsql
stable
set search_path = ''
set enable_seqscan = off
as $$
declare
  -- An entry's time may be out of order by as long as it waited for its account's lock.
  v_first bigint := credits.first_entry_at(p_account_id, p_from - interval '1 hour');
  v_last bigint := credits.first_entry_at(p_account_id, p_to + interval '1 hour');
begin
  return query
    select to_char(e.created_at at time zone 'UTC', 'YYYY-MM-DD'),
           coalesce(-sum(e.amount) filter (where e.kind in ('spend', 'capture')), 0)::bigint,
           coalesce(sum(e.amount) filter (where e.kind = 'grant'), 0)::bigint
      from (
        -- Why it is ordered: ledger_tables.
        select n.created_at, n.kind, n.amount from credits.entries n
         where n.account_id = p_account_id and n.entry_no >= v_first and n.entry_no < v_last
         order by n.entry_no) e
     where e.created_at >= p_from and e.created_at < p_to
     group by 1
     order by 1;
end;
$$;
comment on function credits.daily_usage(uuid, timestamptz, timestamptz) is
  'Credits spent and captured, and granted, on each day (UTC) with movement, from p_from up to but without p_to. Reads little beside the entries of that time.';

revoke all on function
  credits.roll_up_account(uuid, bigint, bigint),
  credits.roll_up_usage(bigint),
  credits.read_usage(uuid, date, date, text[], integer),
  credits.daily_usage(uuid, timestamptz, timestamptz)
  from public, anon, authenticated, service_role;
grant execute on function
  credits.roll_up_usage(bigint),
  credits.read_usage(uuid, date, date, text[], integer),
  credits.daily_usage(uuid, timestamptz, timestamptz)
  to service_role;

call florin.end_migration();
