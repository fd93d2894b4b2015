-- Settlement, described: what time and burning have changed since an account was last written.
-- Readers add the changes up; ledger_settlement carries them out.

call florin.begin_migration();

create type credits.payer as (
  grant_id uuid, issued_no bigint, credits_left bigint, ends timestamptz, live boolean);
comment on type credits.payer is
  'A grant as it is while changes are worked out: what it has left, when it ends, whether its time has come.';

create type credits.stretch as (axis_from bigint, axis_to bigint, was_debt boolean);
comment on type credits.stretch is
  'A stretch of the axis that nobody pays for yet; was_debt says that the last settlement found nobody either.';

create type credits.instant as enum ('burned', 'release', 'start', 'expire');
comment on type credits.instant is
  'What happens at an instant. At one and the same time in this order.';

create function credits.payers_in_burn_order(p_account_id uuid, p_at timestamptz)
returns credits.payer[]
language plpgsql
stable
set search_path = ''
as $$
declare
  v_getting uuid[];
  v_payers credits.payer[];
begin
  -- Into a variable first: due_parts reads tables, and may not be called beside one (docs/scale.md).
  select array_agg(distinct d.grant_id) into v_getting
    from credits.due_parts(p_account_id, p_at) d;
  select array_agg(row(g.grant_id, g.issued_no, g.remaining, g.ends, g.effective)::credits.payer
           order by g.priority, g.ends, g.issued_no)
    into v_payers
    from (
      select n.grant_id, n.issued_no, n.remaining, n.priority, n.effective,
             coalesce(n.expires_at, 'infinity') as ends
        from credits.grants n
       where n.account_id = p_account_id and n.remaining > 0
      union all
      select n.grant_id, n.issued_no, n.remaining, n.priority, n.effective,
             coalesce(n.expires_at, 'infinity')
        from credits.grants n
       where n.account_id = p_account_id and n.remaining = 0
         and n.grant_id in (select unnest(v_getting))) g;
  return coalesce(v_payers, array[]::credits.payer[]);
end;
$$;
comment on function credits.payers_in_burn_order(uuid, timestamptz) is
  'The grants that have credits left, and those that get some back from holds that have expired by then.';

create function credits.unpaid_stretches(p_account credits.accounts)
returns credits.stretch[]
language plpgsql
stable
set search_path = ''
as $$
declare
  v_unpaid credits.stretch[];
begin
  if p_account.debt > 0 then
    select array_agg(row(c.axis_from, c.axis_to, true)::credits.stretch order by c.axis_from)
      into v_unpaid
      from credits.allocations c
     where c.account_id = p_account.account_id and c.grant_id is null;
  end if;
  v_unpaid := coalesce(v_unpaid, array[]::credits.stretch[]);
  if p_account.axis > p_account.settled then
    v_unpaid := v_unpaid || row(p_account.settled, p_account.axis, false)::credits.stretch;
  end if;
  return v_unpaid;
end;
$$;
comment on function credits.unpaid_stretches(credits.accounts) is
  'Debt, oldest first, and what was burned since the last settlement.';

create function credits.due_instants(p_account_id uuid, p_payers credits.payer[], p_at timestamptz)
returns table (
  at timestamptz, what credits.instant, id uuid, place int, axis_from bigint, axis_to bigint,
  parts credits.part[])
language plpgsql
stable
set search_path = ''
as $$
#variable_conflict use_column
declare
  v_holds uuid[];
  v_grants uuid[];
  v_amounts bigint[];
begin
  -- Into variables first: due_parts reads tables, and may not be called beside one (docs/scale.md).
  select array_agg(d.hold_id), array_agg(d.grant_id), array_agg(d.amount)
    into v_holds, v_grants, v_amounts
    from credits.due_parts(p_account_id, p_at) d;
  -- What was burned so far was burned before the first of these instants: whoever burns after one of
  -- them settles first.
  return query
    with
    payers as (
      select p.grant_id, p.issued_no, p.ends, p.place::int as place
        from unnest(p_payers) with ordinality
               as p (grant_id, issued_no, credits_left, ends, live, place)),
    paid as (
      select d.hold_id, array_agg(row(p.place, d.amount)::credits.part) as parts
        from unnest(v_holds, v_grants, v_amounts) as d (hold_id, grant_id, amount)
        join payers p on p.grant_id = d.grant_id
       group by d.hold_id)
    select i.at, i.what, i.id, i.place, i.axis_from, i.axis_to, i.parts
      from (
        select '-infinity'::timestamptz as at, 'burned'::credits.instant as what, null::uuid as id,
               null::int as place, null::bigint as axis_from, null::bigint as axis_to,
               null::credits.part[] as parts, null::bigint as issued_no
        union all
        select h.expires_at, 'release', h.hold_id, null, h.axis_from, h.axis_from + h.amount,
               d.parts, null
          from credits.holds h left join paid d on d.hold_id = h.hold_id
         where h.account_id = p_account_id and h.status = 'open' and h.expires_at <= p_at
        union all
        select g.effective_at, 'start', g.grant_id, p.place, null, null, null, g.issued_no
          from credits.grants g join payers p on p.grant_id = g.grant_id
         where g.account_id = p_account_id and not g.effective and g.remaining > 0
           and g.effective_at <= p_at
        union all
        select p.ends, 'expire', p.grant_id, p.place, null, null, null, p.issued_no from payers p
         where p.ends <= p_at) i
     order by i.at, i.what, i.issued_no, i.id;
end;
$$;
comment on function credits.due_instants(uuid, credits.payer[], timestamptz) is
  'When time alone has changed something up to p_at, in order: a hold ends (with who is recorded to pay for its stretch), a grant starts, a grant ends.';

create function credits.pay_unpaid(
  p_at timestamptz, p_payers inout credits.payer[], p_unpaid inout credits.stretch[],
  p_changes inout credits.change[])
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_stretch credits.stretch;
  v_payer credits.payer;
  v_take bigint;
  v_p int := 1;
begin
  for v_s in 1..cardinality(p_unpaid) loop
    v_stretch := p_unpaid[v_s];
    while v_stretch.axis_from < v_stretch.axis_to and v_p <= cardinality(p_payers) loop
      v_payer := p_payers[v_p];
      if not v_payer.live or v_payer.credits_left = 0 then
        v_p := v_p + 1;
        continue;
      end if;
      v_take := least(v_payer.credits_left, v_stretch.axis_to - v_stretch.axis_from);
      p_changes := p_changes || row('pay', p_at, v_stretch.axis_from, v_stretch.axis_from + v_take,
        v_payer.grant_id, null, v_take, v_stretch.was_debt)::credits.change;
      p_payers[v_p].credits_left := v_payer.credits_left - v_take;
      v_stretch.axis_from := v_stretch.axis_from + v_take;
    end loop;
    p_unpaid[v_s] := v_stretch;
  end loop;
  p_unpaid := array(
    select row(u.axis_from, u.axis_to, u.was_debt)::credits.stretch
      from unnest(p_unpaid) with ordinality as u (axis_from, axis_to, was_debt, n)
     where u.axis_from < u.axis_to
     order by u.n);
end;
$$;
comment on function credits.pay_unpaid(timestamptz, credits.payer[], credits.stretch[], credits.change[]) is
  'Pays as much of the stretches as the grants can, in burn order, and leaves the rest.';

create function credits.burned_changes(p_account credits.accounts, p_at timestamptz)
returns setof credits.change
language plpgsql
stable
set search_path = ''
as $$
declare
  v_from bigint := p_account.settled;
  v_payer credits.grants;
  v_take bigint;
begin
  v_payer.priority := -2147483648;
  v_payer.expires_at := '-infinity';
  v_payer.issued_no := 0;
  while v_from < p_account.axis loop
    -- One at a time, from the index of the burn order: what lies behind the last one is not read.
    select * into v_payer from credits.grants g
     where g.account_id = p_account.account_id and g.remaining > 0 and g.effective
       and (g.priority, coalesce(g.expires_at, 'infinity'), g.issued_no)
           > (v_payer.priority, coalesce(v_payer.expires_at, 'infinity'), v_payer.issued_no)
     order by g.priority, coalesce(g.expires_at, 'infinity'), g.issued_no
     limit 1;
    exit when not found;
    v_take := least(v_payer.remaining, p_account.axis - v_from);
    return next row('pay', '-infinity'::timestamptz, v_from, v_from + v_take, v_payer.grant_id,
                    null, v_take, false)::credits.change;
    v_from := v_from + v_take;
  end loop;
  if v_from < p_account.axis then
    return next row('owe', p_at, v_from, p_account.axis, null, null, p_account.axis - v_from,
                    false)::credits.change;
  end if;
end;
$$;
comment on function credits.burned_changes(credits.accounts, timestamptz) is
  'The common case of due_changes: nothing but spends since the last settlement.';

create function credits.due_changes(p_account credits.accounts, p_at timestamptz)
returns setof credits.change
language plpgsql
stable
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_payers credits.payer[];
  v_unpaid credits.stretch[];
  v_paid credits.paid_stretch[];
  v_changes credits.change[] := array[]::credits.change[];
  v_due record;
  v_left bigint;
begin
  if p_account.debt = 0 and p_account.next_change_at > p_at then
    return query select c.* from credits.burned_changes(p_account, p_at) c;
    return;
  end if;
  v_payers := credits.payers_in_burn_order(p_account.account_id, p_at);
  v_unpaid := credits.unpaid_stretches(p_account);
  for v_due in
    select d.* from credits.due_instants(p_account.account_id, v_payers, p_at) d
  loop
    if v_due.what = 'release' then
      v_changes := v_changes || row('release', v_due.at, null, null, null, v_due.id,
        v_due.axis_to - v_due.axis_from, null)::credits.change;
      select r.* into v_payers, v_changes
        from credits.return_parts(
          v_due.at, credits.parts_of(v_due.parts, v_paid, v_due.axis_from, v_due.axis_to),
          v_payers, v_changes) r;
      if cardinality(v_unpaid) > 0 then
        v_unpaid := credits.without_stretch(v_unpaid, v_due.axis_from, v_due.axis_to);
      end if;
    elsif v_due.what in ('start', 'expire') then
      v_left := (v_payers[v_due.place]).credits_left;
      if v_due.what = 'start' or v_left > 0 then
        v_changes := v_changes || row(
          v_due.what, v_due.at, null, null, v_due.id, null, v_left, null)::credits.change;
      end if;
      v_payers[v_due.place].live := v_due.what = 'start';
      if v_due.what = 'expire' then
        v_payers[v_due.place].credits_left := 0;
      end if;
    end if;
    if cardinality(v_unpaid) > 0 then
      select r.* into v_payers, v_unpaid, v_changes
        from credits.pay_unpaid(v_due.at, v_payers, v_unpaid, v_changes) r;
      v_paid := credits.paid_stretches(v_changes, v_payers);
    end if;
  end loop;
  return query select c.* from unnest(v_changes) c;
  return query
    select 'owe', p_at, u.axis_from, u.axis_to, null::uuid, null::uuid, u.axis_to - u.axis_from, false
      from unnest(v_unpaid) u
     where not u.was_debt and u.axis_from < u.axis_to;
end;
$$;
comment on function credits.due_changes(credits.accounts, timestamptz) is
  'What settling the account at an instant would do, step by step in order, without doing it. Readers add it up, credits.settle carries it out: so a balance is the same before and after a sweep.';

call florin.end_migration();
