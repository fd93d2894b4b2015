-- What is read: balances, what they are made of, and holds, right to the instant. Writes nothing.

call florin.begin_migration();

create function credits.balance_after(
  p_account credits.accounts, p_due credits.change[], out posted bigint, out held bigint)
language plpgsql
immutable
set search_path = ''
as $$
begin
  select p_account.posted
           + coalesce(sum(c.amount) filter (where c.kind = 'start'), 0)
           - coalesce(sum(c.amount) filter (where c.kind = 'expire'), 0),
         p_account.held - coalesce(sum(c.amount) filter (where c.kind = 'release'), 0)
    into posted, held
    from unnest(p_due) c;
end;
$$;
comment on function credits.balance_after(credits.accounts, credits.change[]) is
  'The balance of an account once these changes of credits.due_changes were carried out.';

create function credits.balance_when_due(p_account_id uuid)
returns bigint[]
language plpgsql
stable
set search_path = ''
as $$
declare
  v_account credits.accounts;
  v_balance bigint[];
begin
  select * into v_account from credits.accounts a where a.account_id = p_account_id;
  select array[b.posted, b.held] into v_balance
    from credits.balance_after(
      v_account, array(select c from credits.due_changes(v_account, clock_timestamp()) c)) b;
  return v_balance;
end;
$$;
comment on function credits.balance_when_due(uuid) is
  'The balance of an account that time has changed since it was last written: what a sweep would write, without writing; posted and held. No composite type, since views use it (see credits.seal_in_view).';

create function credits.soonest_expiry(p_account_id uuid)
returns timestamptz
language plpgsql
stable
set search_path = ''
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_account credits.accounts;
  v_due credits.change[];
  v_expiry timestamptz;
begin
  select * into v_account from credits.accounts a where a.account_id = p_account_id;
  v_due := array(select c from credits.due_changes(v_account, v_now) c);
  select min(g.expires_at) into v_expiry
    from credits.grants g
   where g.account_id = p_account_id
     and g.expires_at > v_now
     and (g.effective or g.effective_at <= v_now)
     and g.remaining > coalesce((
       select sum(case c.kind when 'pay' then c.amount else -c.amount end) from unnest(v_due) c
        where c.grant_id = g.grant_id and c.kind in ('pay', 'free')), 0);
  return v_expiry;
end;
$$;
comment on function credits.soonest_expiry(uuid) is
  'When the next credits of the account expire, taking into account what is burned and not settled yet.';

create view credits.written_balances with (security_invoker = true) as
  select a.account_id,
         a.posted,
         a.held,
         a.next_expiry_at,
         a.next_change_at <= clock_timestamp()
           or a.next_expiry_at is not null and a.settled <> a.axis as is_due
    from credits.accounts a;
comment on view credits.written_balances is
  'The balance of each account as it was last written, and whether time has changed it since or its next expiry is not settled: then credits.read_balance says what it is.';

-- The clock is read once, in a subquery that the planner leaves whole for that reason. It reads the
-- table itself: a cluster refuses one beside the table (docs/scale.md).
create view credits.balances with (security_invoker = true) as
  select a.account_id,
         case when a.balance is null then a.posted else a.balance[1] end as posted,
         case when a.balance is null then a.held else a.balance[2] end as held,
         case when a.balance is null then a.posted - a.held
              else a.balance[1] - a.balance[2] end as available,
         case when a.balance is null and (a.next_expiry_at is null or a.settled = a.axis)
              then a.next_expiry_at
              else credits.soonest_expiry(a.account_id) end as next_expiry_at
    from (
      select w.account_id, w.posted, w.held, w.next_expiry_at, w.settled, w.axis,
             case when w.next_change_at <= clock_timestamp()
                  then credits.balance_when_due(w.account_id) end as balance
        from credits.accounts w) a;
comment on view credits.balances is
  'The balance of each account as of one instant: one row by primary key, whatever its history. Without next_expiry_at it does not look for that.';

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
declare
  v_account credits.accounts;
  v_is_due boolean;
begin
  select * into v_account from credits.accounts a where a.account_id = p_account_id;
  v_is_due := v_account.next_change_at <= clock_timestamp();
  posted := coalesce(v_account.posted, 0);
  held := coalesce(v_account.held, 0);
  if v_is_due then
    select b.balance[1], b.balance[2] into posted, held
      from credits.balance_when_due(p_account_id) as b (balance);
  end if;
  available := posted - held;
  if v_is_due or v_account.next_expiry_at is not null and v_account.settled <> v_account.axis then
    next_expiry_at := credits.soonest_expiry(p_account_id);
  else
    next_expiry_at := v_account.next_expiry_at;
  end if;
end;
$$;
comment on function credits.read_balance(uuid) is
  'Posted, held and available credits and the next expiry of an account; zeros for an unknown one. Writes nothing.';

create function credits.explain_balance(p_account_id uuid)
returns table (
  item text, grant_id uuid, source text, amount bigint, spent bigint, reserved bigint,
  expired bigint, voided bigint, reversed bigint, moved bigint, contributes bigint, expires_at timestamptz,
  issued_at timestamptz, metadata jsonb, priority integer, effective_at timestamptz,
  idempotency_key text)
language plpgsql
stable
security definer
set search_path = ''
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  v_now timestamptz := clock_timestamp();
  v_account credits.accounts;
  v_due credits.change[];
  v_paid credits.paid_stretch[];
  v_places bigint[];
  v_amounts bigint[];
  v_reserved credits.change[];
begin
  select * into v_account from credits.accounts a where a.account_id = p_account_id;
  v_due := array(select c from credits.due_changes(v_account, v_now) c);
  v_paid := credits.paid_stretches(v_due, null);
  -- Into variables first: paid_for reads tables, and may not be called from a row of another table
  -- (docs/scale.md).
  select array_agg(h.axis_from), array_agg(h.amount) into v_places, v_amounts
    from credits.holds h
   where h.account_id = p_account_id and h.status = 'open' and h.expires_at > v_now;
  v_reserved := array(
    select row('reserve', null, null, null, p.grant_id, null, sum(p.amount), null)::credits.change
      from unnest(v_places, v_amounts) as h (axis_from, amount)
     cross join lateral credits.paid_for(p_account_id, h.axis_from, h.axis_from + h.amount, v_paid) p
     group by p.grant_id);
  return query
    with due as (
      select c.grant_id,
             coalesce(sum(c.amount) filter (where c.kind = 'pay'), 0)
               - coalesce(sum(c.amount) filter (where c.kind = 'free'), 0) as burned,
             coalesce(sum(c.amount) filter (where c.kind = 'expire'), 0) as expired,
             bool_or(c.kind = 'start') as started
        from unnest(v_due) c
       where c.grant_id is not null
       group by c.grant_id),
    items as (
      select g.grant_id, g.issued_no, g.source, g.amount, g.expires_at, g.created_at, e.metadata,
             g.priority, g.effective_at, e.idempotency_key,
             g.effective or coalesce(d.started, false) as live,
             (g.burned + coalesce(d.burned, 0))::bigint as burned,
             (g.expired + coalesce(d.expired, 0))::bigint as expired,
             g.voided, g.reversed, g.moved, coalesce(r.amount, 0)::bigint as reserved
        from credits.grants g
        -- Why it is ordered: ledger_tables.
       cross join lateral (
               select n.metadata, n.idempotency_key from credits.entries n
                where n.account_id = p_account_id and n.entry_no >= g.issued_no
                order by n.entry_no limit 1) e
        left join due d on d.grant_id = g.grant_id
        left join unnest(v_reserved) r on r.grant_id = g.grant_id
       where g.account_id = p_account_id),
    counted as (
      select i.*, case when i.live
               then i.amount - i.burned - i.expired - i.voided - i.reversed - i.moved else 0 end as contributes
        from items i),
    debt as (
      select sum(c.contributes) - (b.posted - b.held) as amount
        from credits.balance_after(v_account, v_due) b left join counted c on true
       group by b.posted, b.held),
    listed as (
      select case when c.live then 'grant' else 'scheduled' end as item, c.grant_id, c.source, c.amount,
             c.burned - c.reserved as spent, c.reserved, c.expired, c.voided, c.reversed, c.moved,
             c.contributes, c.expires_at, c.created_at, c.metadata, c.priority, c.effective_at, c.idempotency_key,
             c.issued_no
        from counted c
      union all
      select 'debt', null, null, d.amount::bigint, null, null, null, null, null, null, -d.amount::bigint,
             null, null, null, null, null, null, null
        from debt d where d.amount > 0)
    select l.item, l.grant_id, l.source, l.amount, l.spent, l.reserved, l.expired, l.voided, l.reversed,
           l.moved, l.contributes, l.expires_at, l.created_at, l.metadata, l.priority, l.effective_at,
           l.idempotency_key
      from listed l
     order by l.issued_no nulls last;
end;
$$;
comment on function credits.explain_balance(uuid) is
  'Why the balance is what it is: a row for each grant with where its credits are, and one for debt; the column contributes adds up to available. Writes nothing, and waits for nobody.';

create function credits.read_hold(
  p_account_id uuid,
  p_hold_id uuid,
  out hold_id uuid,
  out amount bigint,
  out status text,
  out captured bigint,
  out expires_at timestamptz)
language plpgsql
stable
set search_path = ''
as $$
begin
  select h.hold_id, h.amount,
         case when h.status = 'open' and h.expires_at <= clock_timestamp() then 'expired'
              else h.status::text end,
         h.captured, h.expires_at
    into hold_id, amount, status, captured, expires_at
    from credits.holds h
   where h.account_id = p_account_id and h.hold_id = p_hold_id;
end;
$$;
comment on function credits.read_hold(uuid, uuid) is
  'How a hold stands in this instant; nulls when the account has none of this id. Writes nothing.';

create function credits.first_entry_at(p_account_id uuid, p_at timestamptz)
returns bigint
language plpgsql
stable
set search_path = ''
set enable_seqscan = off
as $$
declare
  v_low bigint := 1;
  v_high bigint := coalesce((
    select a.entry_no from credits.accounts a where a.account_id = p_account_id), 0) + 1;
  v_middle bigint;
begin
  while v_low < v_high loop
    v_middle := (v_low + v_high) / 2;
    -- Why it is ordered: ledger_tables.
    if (select e.created_at from credits.entries e
         where e.account_id = p_account_id and e.entry_no >= v_middle
         order by e.entry_no limit 1) >= p_at then
      v_high := v_middle;
    else
      v_low := v_middle + 1;
    end if;
  end loop;
  return v_low;
end;
$$;
comment on function credits.first_entry_at(uuid, timestamptz) is
  'The number of an account''s first entry of that time or later, found by halving: its cost does not grow with what lies elsewhere. Entries that waited for a lock may be out of order by as long as they waited: ask for a while earlier, and look at their times.';

call florin.end_migration();
