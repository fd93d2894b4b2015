-- Who pays for a stretch of the axis, counting what credits.due_changes would still pay, and what becomes
-- of it when a hold ends.

call florin.begin_migration();

create function credits.paid_stretches(p_changes credits.change[], p_payers credits.payer[])
returns credits.paid_stretch[]
language plpgsql
immutable
set search_path = ''
as $$
begin
  return array(
    select row(c.axis_from, c.axis_to, c.grant_id, p.place::int)::credits.paid_stretch
      from unnest(p_changes) c
      left join unnest(p_payers) with ordinality
             as p (grant_id, issued_no, credits_left, ends, live, place)
        on p.grant_id = c.grant_id
     where c.kind = 'pay'
     order by c.axis_from);
end;
$$;
comment on function credits.paid_stretches(credits.change[], credits.payer[]) is
  'The stretches that changes pay for, along the axis; without payers their places are null.';

create function credits.first_reaching(p_paid credits.paid_stretch[], p_axis bigint)
returns int
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_low int := 1;
  v_high int := coalesce(cardinality(p_paid), 0) + 1;
  v_middle int;
begin
  while v_low < v_high loop
    v_middle := (v_low + v_high) / 2;
    if (p_paid[v_middle]).axis_to > p_axis then
      v_high := v_middle;
    else
      v_low := v_middle + 1;
    end if;
  end loop;
  return v_low;
end;
$$;
comment on function credits.first_reaching(credits.paid_stretch[], bigint) is
  'The place of the first stretch that ends behind this point of the axis: found by halving, for they stand in order.';

create function credits.parts_of(
  p_recorded credits.part[], p_paid credits.paid_stretch[], p_axis_from bigint, p_axis_to bigint)
returns credits.part[]
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_parts credits.part[] := coalesce(p_recorded, array[]::credits.part[]);
  v_n int := credits.first_reaching(p_paid, p_axis_from);
begin
  while v_n <= cardinality(p_paid) and (p_paid[v_n]).axis_from < p_axis_to loop
    v_parts := v_parts || row(
      (p_paid[v_n]).place,
      least((p_paid[v_n]).axis_to, p_axis_to)
        - greatest((p_paid[v_n]).axis_from, p_axis_from))::credits.part;
    v_n := v_n + 1;
  end loop;
  if cardinality(v_parts) > 1 then
    v_parts := array(
      select row(p.place, sum(p.amount)::bigint)::credits.part from unnest(v_parts) p
       group by p.place order by p.place);
  end if;
  return v_parts;
end;
$$;
comment on function credits.parts_of(credits.part[], credits.paid_stretch[], bigint, bigint) is
  'Who pays for a stretch, in burn order: those recorded, and those that changes pay with.';

create function credits.paid_for(
  p_account_id uuid, p_axis_from bigint, p_axis_to bigint, p_paid credits.paid_stretch[])
returns table (grant_id uuid, amount bigint)
language plpgsql
stable
set search_path = ''
as $$
#variable_conflict use_column
declare
  v_near credits.paid_stretch[] :=
    p_paid[credits.first_reaching(p_paid, p_axis_from):credits.first_reaching(p_paid, p_axis_to)];
  v_first bigint := credits.stretch_at(p_account_id, p_axis_from);
begin
  return query
    select p.grant_id,
           sum(least(p.axis_to, p_axis_to) - greatest(p.axis_from, p_axis_from))::bigint
      from (
        select c.grant_id, c.axis_from, c.axis_to from credits.allocations c
         where c.account_id = p_account_id
           and c.axis_from >= v_first
           and c.axis_from < p_axis_to and c.axis_to > p_axis_from and c.grant_id is not null
        union all
        select d.grant_id, d.axis_from, d.axis_to from unnest(v_near) d
         where d.axis_from < p_axis_to and d.axis_to > p_axis_from) p
     group by p.grant_id;
end;
$$;
comment on function credits.paid_for(uuid, bigint, bigint, credits.paid_stretch[]) is
  'Which grants pay for a stretch of the axis, once the changes of credits.due_changes that paid these stretches were carried out; what is missing to its length is debt. Right for stretches that none of the changes frees.';

create function credits.due_parts(p_account_id uuid, p_at timestamptz)
returns table (hold_id uuid, grant_id uuid, amount bigint)
language plpgsql
stable
set search_path = ''
as $$
#variable_conflict use_column
begin
  -- The inner order keeps the planner from joining every hold with every allocation of the account.
  return query
    select h.hold_id, c.grant_id,
           least(c.axis_to, h.axis_from + h.amount) - greatest(c.axis_from, h.axis_from)
      from credits.holds h
     cross join lateral (
             select a.grant_id, a.axis_from, a.axis_to from credits.allocations a
              where a.account_id = p_account_id
                and a.axis_from >= coalesce((
                      select max(b.axis_from) from credits.allocations b
                       where b.account_id = p_account_id and b.axis_from <= h.axis_from), 0)
                and a.axis_from < h.axis_from + h.amount and a.axis_to > h.axis_from
              order by a.axis_from) c
     where h.account_id = p_account_id and h.status = 'open' and h.expires_at <= p_at
       and c.grant_id is not null;
end;
$$;
comment on function credits.due_parts(uuid, timestamptz) is
  'Which grants are recorded to pay for holds that have expired by then, and how much of each.';

create function credits.return_parts(
  p_at timestamptz, p_parts credits.part[],
  p_payers inout credits.payer[], p_changes inout credits.change[])
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_part credits.part;
  v_payer credits.payer;
begin
  foreach v_part in array p_parts loop
    v_payer := p_payers[v_part.place];
    p_changes := p_changes || row(
      'free', p_at, null, null, v_payer.grant_id, null, v_part.amount, null)::credits.change;
    v_payer.credits_left := v_payer.credits_left + v_part.amount;
    -- What comes back to a grant that has ended expires at once.
    if v_payer.ends <= p_at then
      p_changes := p_changes || row(
        'expire', p_at, null, null, v_payer.grant_id, null, v_payer.credits_left, null)::credits.change;
      v_payer.credits_left := 0;
    end if;
    p_payers[v_part.place].credits_left := v_payer.credits_left;
  end loop;
end;
$$;
comment on function credits.return_parts(timestamptz, credits.part[], credits.payer[], credits.change[]) is
  'Gives the grants back what a hold had reserved of each.';

create function credits.without_stretch(
  p_unpaid credits.stretch[], p_axis_from bigint, p_axis_to bigint)
returns credits.stretch[]
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_stretch credits.stretch;
  v_left credits.stretch[] := array[]::credits.stretch[];
begin
  foreach v_stretch in array p_unpaid loop
    if v_stretch.axis_from < least(v_stretch.axis_to, p_axis_from) then
      v_left := v_left || row(v_stretch.axis_from, least(v_stretch.axis_to, p_axis_from),
        v_stretch.was_debt)::credits.stretch;
    end if;
    if v_stretch.axis_to > greatest(v_stretch.axis_from, p_axis_to) then
      v_left := v_left || row(greatest(v_stretch.axis_from, p_axis_to), v_stretch.axis_to,
        v_stretch.was_debt)::credits.stretch;
    end if;
  end loop;
  return v_left;
end;
$$;
comment on function credits.without_stretch(credits.stretch[], bigint, bigint) is
  'What is left unpaid once a hold no longer needs its stretch.';

revoke all on function
  credits.due_parts(uuid, timestamptz),
  credits.paid_stretches(credits.change[], credits.payer[]),
  credits.first_reaching(credits.paid_stretch[], bigint),
  credits.parts_of(credits.part[], credits.paid_stretch[], bigint, bigint),
  credits.paid_for(uuid, bigint, bigint, credits.paid_stretch[]),
  credits.return_parts(timestamptz, credits.part[], credits.payer[], credits.change[]),
  credits.without_stretch(credits.stretch[], bigint, bigint)
  from public, anon, authenticated, service_role;
grant execute on function
  credits.due_parts(uuid, timestamptz),
  credits.paid_stretches(credits.change[], credits.payer[]),
  credits.first_reaching(credits.paid_stretch[], bigint),
  credits.parts_of(credits.part[], credits.paid_stretch[], bigint, bigint),
  credits.paid_for(uuid, bigint, bigint, credits.paid_stretch[]),
  credits.return_parts(timestamptz, credits.part[], credits.payer[], credits.change[]),
  credits.without_stretch(credits.stretch[], bigint, bigint)
  to authenticated, service_role;

call florin.end_migration();
