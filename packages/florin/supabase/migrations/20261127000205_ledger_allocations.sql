-- Which grant pays for which stretch of the burn axis.

call florin.begin_migration();

create function credits.allocate(
  p_account_id uuid, p_axis_from bigint, p_axis_to bigint, p_grant_id uuid, p_displaced_from uuid)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_before credits.allocations;
begin
  -- A stretch that goes on where the same payer's last one ended makes it longer: rows stay few.
  select * into v_before from credits.allocations c
   where c.account_id = p_account_id and c.axis_from < p_axis_from
   order by c.axis_from desc limit 1;
  if v_before.axis_to = p_axis_from
     and v_before.grant_id is not distinct from p_grant_id
     and v_before.displaced_from is not distinct from p_displaced_from then
    update credits.allocations c
       set axis_to = p_axis_to,
           seal = credits.allocation_seal(
             p_account_id, v_before.axis_from, p_axis_to, p_grant_id, p_displaced_from)
     where c.account_id = p_account_id and c.axis_from = v_before.axis_from;
  else
    insert into credits.allocations (account_id, axis_from, axis_to, grant_id, displaced_from, seal)
    values (p_account_id, p_axis_from, p_axis_to, p_grant_id, p_displaced_from,
            credits.allocation_seal(p_account_id, p_axis_from, p_axis_to, p_grant_id, p_displaced_from));
  end if;
end;
$$;
comment on function credits.allocate(uuid, bigint, bigint, uuid, uuid) is
  'Records who pays for a stretch that nobody is recorded for.';

create function credits.deallocate(p_account_id uuid, p_axis_from bigint, p_axis_to bigint)
returns setof credits.allocations
language plpgsql
set search_path = ''
as $$
declare
  v_row credits.allocations;
  v_first bigint := credits.stretch_at(p_account_id, p_axis_from);
begin
  for v_row in
    delete from credits.allocations c
     where c.account_id = p_account_id
       and c.axis_from >= v_first
       and c.axis_from < p_axis_to and c.axis_to > p_axis_from
    returning c.*
  loop
    if v_row.axis_from < p_axis_from then
      perform credits.allocate(
        p_account_id, v_row.axis_from, p_axis_from, v_row.grant_id, v_row.displaced_from);
      v_row.axis_from := p_axis_from;
    end if;
    if v_row.axis_to > p_axis_to then
      perform credits.allocate(
        p_account_id, p_axis_to, v_row.axis_to, v_row.grant_id, v_row.displaced_from);
      v_row.axis_to := p_axis_to;
    end if;
    return next v_row;
  end loop;
end;
$$;
comment on function credits.deallocate(uuid, bigint, bigint) is
  'Removes what is recorded for exactly this stretch, splitting what reaches beyond it, and returns the removed pieces.';

create function credits.free_stretch(
  p_account inout credits.accounts, p_axis_from bigint, p_axis_to bigint)
language plpgsql
set search_path = ''
as $$
declare
  v_piece record;
begin
  for v_piece in
    select u.grant_id, sum(u.axis_to - u.axis_from)::bigint as credits
      from credits.deallocate(p_account.account_id, p_axis_from, p_axis_to) u
     group by u.grant_id
  loop
    if v_piece.grant_id is null then
      p_account.debt := p_account.debt - v_piece.credits;
    else
      update credits.grants g
         set remaining = g.remaining + v_piece.credits, burned = g.burned - v_piece.credits
       where g.account_id = p_account.account_id and g.grant_id = v_piece.grant_id;
    end if;
  end loop;
end;
$$;
comment on function credits.free_stretch(credits.accounts, bigint, bigint) is
  'Gives a settled stretch that is not needed after all back to the grants that paid for it.';

create type credits.change as (
  kind text,
  at timestamptz,
  axis_from bigint,
  axis_to bigint,
  grant_id uuid,
  hold_id uuid,
  amount bigint,
  was_debt boolean
);
comment on type credits.change is
  'One step of a settlement: pay (a stretch by a grant), owe (a stretch by nobody), release (a hold whose time is up), free (what that gives back to a grant), start (a grant becomes effective), expire (what a grant has left).';

create type credits.part as (place int, amount bigint);
comment on type credits.part is
  'What one grant pays of a stretch: its place among the payers, and how much.';

create type credits.paid_stretch as (axis_from bigint, axis_to bigint, grant_id uuid, place int);
comment on type credits.paid_stretch is
  'A stretch of the axis that a change pays for, and by which grant.';

create function credits.stretch_at(p_account_id uuid, p_axis bigint)
returns bigint
language plpgsql
stable
set search_path = ''
as $$
begin
  return coalesce((
    select max(c.axis_from) from credits.allocations c
     where c.account_id = p_account_id and c.axis_from <= p_axis), 0);
end;
$$;
comment on function credits.stretch_at(uuid, bigint) is
  'Where the allocation begins that holds a place of the axis. The lower bound of every look along the axis: without it an index scan reads the account''s whole past.';

create view credits.entry_allocations with (security_invoker = true) as
  select e.account_id,
         e.entry_no,
         e.kind,
         c.grant_id,
         least(c.axis_to, e.axis_from - e.amount) - greatest(c.axis_from, e.axis_from) as amount
    from credits.entries e
   cross join lateral (
           select n.grant_id, n.axis_from, n.axis_to from credits.allocations n
            where n.account_id = e.account_id
              and n.axis_from >= coalesce((
                    select max(b.axis_from) from credits.allocations b
                     where b.account_id = e.account_id and b.axis_from <= e.axis_from), 0)
              and n.axis_from < e.axis_from - e.amount
              and n.axis_to > e.axis_from
            order by n.axis_from) c
   where e.axis_from is not null and e.amount < 0;
comment on view credits.entry_allocations is
  'Which grant paid for which spend, capture or negative adjustment, and how much; without a grant: debt. Complete up to the last settlement; credits.allocations_now is complete.';

create function credits.allocations_now(p_account_id uuid, p_from_no bigint, p_to_no bigint)
returns table (entry_no bigint, grant_id uuid, amount bigint)
language plpgsql
stable
security definer
set search_path = ''
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  v_account credits.accounts;
  v_paid credits.paid_stretch[];
  v_numbers bigint[];
  v_places bigint[];
  v_amounts bigint[];
begin
  select * into v_account from credits.accounts a where a.account_id = p_account_id;
  v_paid := credits.paid_stretches(
    array(select c from credits.due_changes(v_account, clock_timestamp()) c), null);
  -- Into variables first: paid_for reads tables, and may not be called from a row of another table
  -- (docs/scale.md).
  select array_agg(e.entry_no), array_agg(e.axis_from), array_agg(-e.amount)
    into v_numbers, v_places, v_amounts
    from (
      -- Why it is ordered: ledger_tables.
      select n.entry_no, n.axis_from, n.amount from credits.entries n
       where n.account_id = p_account_id and n.entry_no between p_from_no and p_to_no
         and n.axis_from is not null and n.amount < 0
       order by n.entry_no) e;
  return query
    with paid as (
      select e.entry_no, e.needed, p.grant_id, p.amount
        from unnest(v_numbers, v_places, v_amounts) as e (entry_no, axis_from, needed)
        left join lateral credits.paid_for(p_account_id, e.axis_from, e.axis_from + e.needed, v_paid) p
          on true)
    select p.entry_no, p.grant_id, p.amount from paid p where p.grant_id is not null
    union all
    select p.entry_no, null, (p.needed - coalesce(sum(p.amount), 0))::bigint
      from paid p
     group by p.entry_no, p.needed
    having p.needed > coalesce(sum(p.amount), 0)
     order by 1 desc;
end;
$$;
comment on function credits.allocations_now(uuid, bigint, bigint) is
  'Which grants paid for the account''s entries of a range of numbers, and how much; without a grant: debt. Complete in this instant. Writes nothing, and waits for nobody.';

call florin.end_migration();
