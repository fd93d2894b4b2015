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
begin
  return array(
    select row(g.grant_id, g.issued_no, g.remaining, coalesce(g.expires_at, 'infinity'),
               g.effective)::credits.payer
      from credits.grants g
     where g.account_id = p_account_id
       and (g.remaining > 0 or g.grant_id in (
              select c.grant_id
                from credits.holds h
                join credits.allocations c
                  on c.account_id = p_account_id
                 and c.axis_from >= credits.stretch_at(p_account_id, h.axis_from)
                 and c.axis_from < h.axis_from + h.amount and c.axis_to > h.axis_from
               where h.account_id = p_account_id and h.status = 'open' and h.expires_at <= p_at))
     order by g.priority, coalesce(g.expires_at, 'infinity'), g.issued_no);
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
  v_unpaid credits.stretch[] := array[]::credits.stretch[];
begin
  if p_account.debt > 0 then
    v_unpaid := array(
      select row(c.axis_from, c.axis_to, true)::credits.stretch
        from credits.allocations c
       where c.account_id = p_account.account_id and c.grant_id is null
       order by c.axis_from);
  end if;
  if p_account.axis > p_account.settled then
    v_unpaid := v_unpaid || row(p_account.settled, p_account.axis, false)::credits.stretch;
  end if;
  return v_unpaid;
end;
$$;
comment on function credits.unpaid_stretches(credits.accounts) is
  'Debt, oldest first, and what was burned since the last settlement.';

create function credits.due_instants(p_account_id uuid, p_payers credits.payer[], p_at timestamptz)
returns table (at timestamptz, what credits.instant, id uuid)
language plpgsql
stable
set search_path = ''
as $$
begin
  -- What was burned so far was burned before the first of these instants: whoever burns after one of
  -- them settles first.
  return query
    select i.at, i.what, i.id
      from (
        select '-infinity'::timestamptz as at, 'burned'::credits.instant as what, null::uuid as id,
               null::bigint as issued_no
        union all
        select h.expires_at, 'release', h.hold_id, null from credits.holds h
         where h.account_id = p_account_id and h.status = 'open' and h.expires_at <= p_at
        union all
        select g.effective_at, 'start', g.grant_id, g.issued_no from credits.grants g
         where g.account_id = p_account_id and not g.effective and g.remaining > 0
           and g.effective_at <= p_at
        union all
        select p.ends, 'expire', p.grant_id, p.issued_no from unnest(p_payers) p
         where p.ends <= p_at) i
     order by i.at, i.what, i.issued_no, i.id;
end;
$$;
comment on function credits.due_instants(uuid, credits.payer[], timestamptz) is
  'When time alone has changed something up to p_at, in order: a hold ends, a grant starts, a grant ends.';

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

create function credits.release_due(
  p_account_id uuid, p_hold_id uuid, p_at timestamptz, p_payers inout credits.payer[],
  p_unpaid inout credits.stretch[], p_changes inout credits.change[])
language plpgsql
stable
set search_path = ''
as $$
declare
  v_hold credits.holds;
  v_end bigint;
  v_freed record;
  v_stretch credits.stretch;
begin
  select * into v_hold from credits.holds h
   where h.account_id = p_account_id and h.hold_id = p_hold_id;
  v_end := v_hold.axis_from + v_hold.amount;
  p_changes := p_changes
    || row('release', p_at, null, null, null, p_hold_id, v_hold.amount, null)::credits.change;
  for v_freed in
    select p.place, p.grant_id, p.ends, p.credits_left + f.amount as credits_left, f.amount
      from credits.paid_for(p_account_id, v_hold.axis_from, v_end, p_changes) f
      join unnest(p_payers) with ordinality as p (grant_id, issued_no, credits_left, ends, live, place)
        on p.grant_id = f.grant_id
     order by p.place
  loop
    p_changes := p_changes
      || row('free', p_at, null, null, v_freed.grant_id, null, v_freed.amount, null)::credits.change;
    if v_freed.ends <= p_at then
      p_changes := p_changes || row('expire', p_at, null, null, v_freed.grant_id, null,
        v_freed.credits_left, null)::credits.change;
      v_freed.credits_left := 0;
    end if;
    p_payers[v_freed.place].credits_left := v_freed.credits_left;
  end loop;
  -- What nobody paid for yet and the hold no longer needs is owed no more.
  for v_s in 1..cardinality(p_unpaid) loop
    v_stretch := p_unpaid[v_s];
    if v_hold.axis_from < v_stretch.axis_to and v_end > v_stretch.axis_from then
      if v_end < v_stretch.axis_to then
        p_unpaid := p_unpaid || row(greatest(v_end, v_stretch.axis_from), v_stretch.axis_to,
          v_stretch.was_debt)::credits.stretch;
      end if;
      p_unpaid[v_s].axis_to := greatest(v_stretch.axis_from, v_hold.axis_from);
    end if;
  end loop;
end;
$$;
comment on function credits.release_due(uuid, uuid, timestamptz, credits.payer[], credits.stretch[], credits.change[]) is
  'Gives what a hold reserved back to who paid for it; what comes back to a grant that has ended expires at once.';

create function credits.burned_changes(p_account credits.accounts, p_at timestamptz)
returns setof credits.change
language plpgsql
stable
set search_path = ''
as $$
declare
  v_from bigint := p_account.settled;
  v_payer record;
  v_take bigint;
begin
  for v_payer in
    select g.grant_id, g.remaining from credits.grants g
     where g.account_id = p_account.account_id and g.remaining > 0 and g.effective
     order by g.priority, coalesce(g.expires_at, 'infinity'), g.issued_no
  loop
    exit when v_from = p_account.axis;
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
  v_changes credits.change[] := array[]::credits.change[];
  v_due record;
  v_p int;
begin
  if p_account.debt = 0 and p_account.next_change_at > p_at then
    return query select c.* from credits.burned_changes(p_account, p_at) c;
    return;
  end if;
  v_payers := credits.payers_in_burn_order(p_account.account_id, p_at);
  v_unpaid := credits.unpaid_stretches(p_account);
  for v_due in
    select d.at, d.what, d.id from credits.due_instants(p_account.account_id, v_payers, p_at) d
  loop
    if v_due.what = 'release' then
      select r.* into v_payers, v_unpaid, v_changes
        from credits.release_due(
          p_account.account_id, v_due.id, v_due.at, v_payers, v_unpaid, v_changes) r;
    elsif v_due.what in ('start', 'expire') then
      select p.place into v_p
        from unnest(v_payers) with ordinality as p (grant_id, issued_no, credits_left, ends, live, place)
       where p.grant_id = v_due.id;
      if v_due.what = 'start' or (v_payers[v_p]).credits_left > 0 then
        v_changes := v_changes || row(v_due.what, v_due.at, null, null, v_due.id, null,
          (v_payers[v_p]).credits_left, null)::credits.change;
      end if;
      v_payers[v_p].live := v_due.what = 'start';
      if v_due.what = 'expire' then
        v_payers[v_p].credits_left := 0;
      end if;
    end if;
    select r.* into v_payers, v_unpaid, v_changes
      from credits.pay_unpaid(v_due.at, v_payers, v_unpaid, v_changes) r;
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
