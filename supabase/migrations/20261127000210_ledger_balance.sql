-- Balances, right to the instant, and what they are made of.

call florin.begin_migration();

create function credits.balance_when_due(p_account_id uuid, out posted bigint, out held bigint)
language plpgsql
stable
set search_path = ''
as $$
begin
  select a.posted
           + coalesce(sum(c.amount) filter (where c.kind = 'start'), 0)
           - coalesce(sum(c.amount) filter (where c.kind = 'expire'), 0),
         a.held - coalesce(sum(c.amount) filter (where c.kind = 'release'), 0)
    into posted, held
    from credits.accounts a
    left join lateral credits.due_changes(a, clock_timestamp()) c on true
   where a.account_id = p_account_id
   group by a.account_id;
end;
$$;
comment on function credits.balance_when_due(uuid) is
  'The balance of an account that time has changed since it was last written: what a sweep would write, without writing.';

create function credits.soonest_expiry(p_account_id uuid)
returns timestamptz
language plpgsql
stable
set search_path = ''
as $$
declare
  v_expiry timestamptz;
begin
  with changes as (
    select c.grant_id, c.kind, c.amount
      from credits.accounts a
     cross join lateral credits.due_changes(a, clock_timestamp()) c
     where a.account_id = p_account_id
  )
  select min(g.expires_at) into v_expiry
    from credits.grants g
   where g.account_id = p_account_id
     and g.expires_at > clock_timestamp()
     and (g.effective or g.effective_at <= clock_timestamp())
     and g.remaining > coalesce((
       select sum(case c.kind when 'pay' then c.amount else -c.amount end) from changes c
        where c.grant_id = g.grant_id and c.kind in ('pay', 'free')), 0);
  return v_expiry;
end;
$$;
comment on function credits.soonest_expiry(uuid) is
  'When the next credits of the account expire, taking into account what is burned and not settled yet.';

create view credits.balances with (security_invoker = true) as
  select a.account_id,
         case when a.next_change_at > clock_timestamp() then a.posted
              else (credits.balance_when_due(a.account_id)).posted end as posted,
         case when a.next_change_at > clock_timestamp() then a.held
              else (credits.balance_when_due(a.account_id)).held end as held,
         case when a.next_change_at > clock_timestamp() then a.posted - a.held
              else (credits.balance_when_due(a.account_id)).posted
                   - (credits.balance_when_due(a.account_id)).held end as available,
         case when a.next_change_at > clock_timestamp()
                   and (a.next_expiry_at is null or a.settled = a.axis) then a.next_expiry_at
              else credits.soonest_expiry(a.account_id) end as next_expiry_at
    from credits.accounts a;
comment on view credits.balances is
  'The balance of each account, right to the instant: one row by primary key, whatever its history. Reading one column costs only that column.';

create function credits.read_balance(
  p_account_id uuid,
  out posted bigint,
  out held bigint,
  out available bigint,
  out next_expiry_at timestamptz)
language plpgsql
stable
set search_path = ''
as $$
begin
  select b.posted, b.held, b.available, b.next_expiry_at
    into posted, held, available, next_expiry_at
    from credits.balances b
   where b.account_id = p_account_id;
  if not found then
    posted := 0;
    held := 0;
    available := 0;
  end if;
end;
$$;
comment on function credits.read_balance(uuid) is
  'Posted, held and available credits and the next expiry of an account; zeros for an unknown one. Writes nothing.';

create function credits.explain_balance(p_account_id uuid)
returns table (
  item text, grant_id uuid, source text, amount bigint, spent bigint, reserved bigint,
  expired bigint, voided bigint, reversed bigint, contributes bigint, expires_at timestamptz,
  issued_at timestamptz, metadata jsonb)
language plpgsql
security definer
set search_path = ''
as $$
#variable_conflict use_column
begin
  perform credits.settle_account(p_account_id);
  return query
    select case when g.effective then 'grant' else 'scheduled' end, g.grant_id, g.source, g.amount,
           g.burned - r.reserved, r.reserved, g.expired, g.voided, g.reversed,
           case when g.effective then g.remaining else 0 end, g.expires_at, g.created_at, g.metadata
      from credits.grants g
     cross join lateral (
       select coalesce(sum(least(c.axis_to, h.axis_from + h.amount)
                           - greatest(c.axis_from, h.axis_from)), 0)::bigint as reserved
         from credits.holds h
         join credits.allocations c
           on c.account_id = h.account_id and c.grant_id = g.grant_id
          and c.axis_from < h.axis_from + h.amount and c.axis_to > h.axis_from
        where h.account_id = p_account_id and h.status = 'open') r
     where g.account_id = p_account_id
    union all
    select 'debt', null, null, a.debt, null, null, null, null, null, -a.debt, null, null, null
      from credits.accounts a
     where a.account_id = p_account_id and a.debt > 0
     order by 12 nulls last;
end;
$$;
comment on function credits.explain_balance(uuid) is
  'Why the balance is what it is: a row for each grant with where its credits are, and one for debt; the column contributes adds up to available. Settles the account first.';

call florin.end_migration();
