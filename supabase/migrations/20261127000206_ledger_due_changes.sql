-- Settlement, described: what time and burning have changed since an account was last written.
-- Readers add the changes up; ledger_settlement carries them out.

call florin.begin_migration();

create function credits.due_changes(p_account credits.accounts, p_at timestamptz)
returns setof credits.change
language plpgsql
stable
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_account_id uuid := p_account.account_id;
  v_from bigint := p_account.settled;
  v_ids uuid[] := array[]::uuid[];
  v_left bigint[] := array[]::bigint[];
  v_ends timestamptz[] := array[]::timestamptz[];
  v_live boolean[] := array[]::boolean[];
  v_owed_from bigint[] := array[]::bigint[];
  v_owed_to bigint[] := array[]::bigint[];
  v_owed_before boolean[] := array[]::boolean[];
  v_owed int := 1;
  v_paid credits.change[] := array[]::credits.change[];
  v_piece record;
  v_due record;
  v_change credits.change;
  v_take bigint;
  v_g int;
begin
  -- The common case: nothing but spends since the last settlement.
  if p_account.debt = 0 and p_account.next_change_at > p_at then
    for v_piece in
      select g.grant_id, g.remaining from credits.grants g
       where g.account_id = v_account_id and g.remaining > 0 and g.effective
       order by g.priority, coalesce(g.expires_at, 'infinity'), g.issued_no
    loop
      exit when v_from = p_account.axis;
      v_take := least(v_piece.remaining, p_account.axis - v_from);
      return next row('pay', '-infinity'::timestamptz, v_from, v_from + v_take, v_piece.grant_id,
                      null, v_take, false)::credits.change;
      v_from := v_from + v_take;
    end loop;
    if v_from < p_account.axis then
      return next row('owe', p_at, v_from, p_account.axis, null, null, p_account.axis - v_from,
                      false)::credits.change;
    end if;
    return;
  end if;

  for v_piece in
    select g.grant_id, g.remaining, coalesce(g.expires_at, 'infinity') as ends, g.effective
      from credits.grants g
     where g.account_id = v_account_id
       and (g.remaining > 0 or g.grant_id in (
              select c.grant_id
                from credits.holds h
                join credits.allocations c
                  on c.account_id = v_account_id
                 and c.axis_from >= credits.stretch_at(v_account_id, h.axis_from)
                 and c.axis_from < h.axis_from + h.amount and c.axis_to > h.axis_from
               where h.account_id = v_account_id and h.status = 'open' and h.expires_at <= p_at))
     order by g.priority, coalesce(g.expires_at, 'infinity'), g.issued_no
  loop
    v_ids := v_ids || v_piece.grant_id;
    v_left := v_left || v_piece.remaining;
    v_ends := v_ends || v_piece.ends;
    v_live := v_live || v_piece.effective;
  end loop;

  if p_account.debt > 0 then
    for v_piece in
      select c.axis_from, c.axis_to from credits.allocations c
       where c.account_id = v_account_id and c.grant_id is null
       order by c.axis_from
    loop
      v_owed_from := v_owed_from || v_piece.axis_from;
      v_owed_to := v_owed_to || v_piece.axis_to;
      v_owed_before := v_owed_before || true;
    end loop;
  end if;
  if p_account.axis > p_account.settled then
    v_owed_from := v_owed_from || p_account.settled;
    v_owed_to := v_owed_to || p_account.axis;
    v_owed_before := v_owed_before || false;
  end if;

  -- What was burned so far was burned before the first of these instants: whoever burns after one of
  -- them settles first.
  for v_due in
    select '-infinity'::timestamptz as at, 0 as turn, null::uuid as id, null::bigint as no
    union all
    select h.expires_at, 1, h.hold_id, null from credits.holds h
     where h.account_id = v_account_id and h.status = 'open' and h.expires_at <= p_at
    union all
    select g.effective_at, 2, g.grant_id, g.issued_no from credits.grants g
     where g.account_id = v_account_id and not g.effective and g.remaining > 0
       and g.effective_at <= p_at
    union all
    select g.expires_at, 3, g.grant_id, g.issued_no from credits.grants g
     where g.account_id = v_account_id and g.grant_id = any (v_ids) and g.expires_at <= p_at
     order by 1, 2, 4, 3
  loop
    v_g := array_position(v_ids, v_due.id);
    if v_due.turn = 1 then
      v_change := row('release', v_due.at, null, null, null, v_due.id, null, null);
      select h.amount into v_change.amount from credits.holds h
       where h.account_id = v_account_id and h.hold_id = v_due.id;
      return next v_change;
      for v_piece in
        select p.grant_id,
               least(p.axis_to, h.axis_from + h.amount) - greatest(p.axis_from, h.axis_from) as credits
          from credits.holds h
          cross join lateral (
            select c.grant_id, c.axis_from, c.axis_to from credits.allocations c
             where c.account_id = v_account_id
               and c.axis_from >= credits.stretch_at(v_account_id, h.axis_from)
               and c.axis_from < h.axis_from + h.amount
            union all
            select u.grant_id, u.axis_from, u.axis_to from unnest(v_paid) u) p
         where h.account_id = v_account_id and h.hold_id = v_due.id and p.grant_id is not null
           and p.axis_from < h.axis_from + h.amount and p.axis_to > h.axis_from
      loop
        v_g := array_position(v_ids, v_piece.grant_id);
        v_left[v_g] := v_left[v_g] + v_piece.credits;
        return next row('free', v_due.at, null, null, v_ids[v_g], null, v_piece.credits, null)::credits.change;
        if v_ends[v_g] <= v_due.at then
          return next row('expire', v_due.at, null, null, v_ids[v_g], null, v_left[v_g], null)::credits.change;
          v_left[v_g] := 0;
        end if;
      end loop;
      -- What nobody paid for yet and the hold no longer needs is owed no more.
      for v_i in v_owed..coalesce(array_length(v_owed_from, 1), 0) loop
        for v_piece in
          select h.axis_from as f, h.axis_from + h.amount as t from credits.holds h
           where h.account_id = v_account_id and h.hold_id = v_due.id
             and h.axis_from < v_owed_to[v_i] and h.axis_from + h.amount > v_owed_from[v_i]
        loop
          if v_piece.t < v_owed_to[v_i] then
            v_owed_from := v_owed_from || greatest(v_piece.t, v_owed_from[v_i]);
            v_owed_to := v_owed_to || v_owed_to[v_i];
            v_owed_before := v_owed_before || v_owed_before[v_i];
          end if;
          v_owed_to[v_i] := greatest(v_owed_from[v_i], v_piece.f);
        end loop;
      end loop;
    elsif v_due.turn = 2 then
      v_live[v_g] := true;
      return next row('start', v_due.at, null, null, v_due.id, null, v_left[v_g], null)::credits.change;
    elsif v_due.turn = 3 and v_left[v_g] > 0 then
      return next row('expire', v_due.at, null, null, v_due.id, null, v_left[v_g], null)::credits.change;
      v_left[v_g] := 0;
    end if;

    while v_owed <= coalesce(array_length(v_owed_from, 1), 0) loop
      if v_owed_from[v_owed] >= v_owed_to[v_owed] then
        v_owed := v_owed + 1;
        continue;
      end if;
      v_g := null;
      for v_i in 1..coalesce(array_length(v_ids, 1), 0) loop
        if v_live[v_i] and v_left[v_i] > 0 then
          v_g := v_i;
          exit;
        end if;
      end loop;
      exit when v_g is null;
      v_take := least(v_left[v_g], v_owed_to[v_owed] - v_owed_from[v_owed]);
      v_change := row('pay', v_due.at, v_owed_from[v_owed], v_owed_from[v_owed] + v_take,
                      v_ids[v_g], null, v_take, v_owed_before[v_owed]);
      return next v_change;
      v_paid := v_paid || v_change;
      v_left[v_g] := v_left[v_g] - v_take;
      v_owed_from[v_owed] := v_owed_from[v_owed] + v_take;
    end loop;
  end loop;

  for v_i in v_owed..coalesce(array_length(v_owed_from, 1), 0) loop
    if not v_owed_before[v_i] and v_owed_from[v_i] < v_owed_to[v_i] then
      return next row('owe', p_at, v_owed_from[v_i], v_owed_to[v_i], null, null,
                      v_owed_to[v_i] - v_owed_from[v_i], false)::credits.change;
    end if;
  end loop;
end;
$$;
comment on function credits.due_changes(credits.accounts, timestamptz) is
  'What settling the account at an instant would do, step by step in order, without doing it. Readers add it up, credits.settle carries it out: so a balance is the same before and after a sweep.';

call florin.end_migration();
