-- How a hold is captured, also above what it reserved, and how its time is extended.

call florin.begin_migration();

create function credits.end_hold(
  p_account credits.accounts, p_hold credits.holds, p_captured bigint, p_at timestamptz)
returns credits.step
language plpgsql
set search_path = ''
as $$
declare
  v_end bigint := p_hold.axis_from + p_hold.amount;
  v_needed bigint := p_hold.axis_from + p_captured;
  v_gave_back boolean := false;
  v_entry credits.entries;
  v_step credits.step;
begin
  if v_needed < v_end then
    if p_account.axis = v_end and p_account.settled <= v_needed then
      -- Nothing came after it and nothing of it is settled: the axis simply ends earlier.
      p_account.axis := v_needed;
    else
      if p_account.settled < p_account.axis then
        p_account := credits.settle(p_account, p_at);
      end if;
      p_account := credits.free_stretch(p_account, v_needed, v_end);
      v_gave_back := true;
    end if;
  end if;
  p_account.held := p_account.held - p_hold.amount;
  if v_gave_back or (v_needed < v_end and p_account.debt > 0) then
    -- What came back may belong to a grant that has expired, or pay debt: before the entry, so that
    -- the balance that it answers with is what is there.
    p_account := credits.look_ahead(p_account);
    if p_account.next_change_at <= p_at or p_account.debt > 0 then
      p_account := credits.settle(p_account, p_at);
    end if;
  end if;
  v_entry.kind := case when p_captured > 0 then 'capture' else 'release' end::credits.entry_kind;
  v_entry.amount := -p_captured;
  v_entry.axis_from := case when p_captured > 0 then p_hold.axis_from end;
  v_entry.hold_id := p_hold.hold_id;
  v_entry.idempotency_key := 'florin:' || v_entry.kind || ':' || p_hold.hold_id;
  v_entry.subject_seal := credits.overage_seal(p_hold.overage, p_hold.uncovered);
  v_entry.created_at := p_at;
  v_entry.metadata := p_hold.metadata;
  v_entry.actor := p_hold.actor;
  v_entry.feature := p_hold.feature;
  v_step := credits.append(p_account, v_entry);
  v_entry := v_step.entry;
  update credits.holds h
     set status = case when p_captured > 0 then 'captured' else 'released' end::credits.hold_status,
         captured = p_captured,
         ended_no = v_entry.entry_no
   where h.account_id = p_hold.account_id and h.hold_id = p_hold.hold_id;
  if v_gave_back then
    v_step.account := credits.look_ahead(v_step.account);
  end if;
  return v_step;
end;
$$;
comment on function credits.end_hold(credits.accounts, credits.holds, bigint, timestamptz) is
  'Ends an open hold: spends p_captured of it and gives the rest back to the grants it came from.';

create function credits.room_above(
  p_account credits.accounts, p_hold credits.holds, p_excess bigint, p_debt_limit bigint,
  p_at timestamptz)
returns bigint
language plpgsql
stable
set search_path = ''
as $$
declare
  v_available bigint := p_account.posted - p_account.held;
  v_room bigint := p_excess;
begin
  if p_hold.overage = 'up_to_available' then
    if p_account.limited then
      select least(p_excess, min((s.rule).amount - s.used - s.reserved)) into v_room
        from unnest(credits.limit_states(
          p_account.account_id, p_hold.actor, p_hold.feature, p_at)) s
       where not (s.rule).soft;
    end if;
    return greatest(least(v_room, v_available), 0);
  end if;
  if v_available + coalesce(p_account.debt_limit, p_debt_limit, 0) < p_excess then
    perform credits.raise_insufficient(v_available, p_excess);
  end if;
  if p_account.limited then
    perform credits.check_limits(
      credits.limit_states(p_account.account_id, p_hold.actor, p_hold.feature, p_at), p_excess);
  end if;
  return p_excess;
end;
$$;
comment on function credits.room_above(credits.accounts, credits.holds, bigint, bigint, timestamptz) is
  'How much of the excess over a hold may be taken by its overage: what is available and within the limits; or all of it, as long as what is available stays within the debt limit, else CRINS, and no limit is passed, else CRLIM.';

create function credits.capture_excess(
  p_account credits.accounts, p_hold credits.holds, p_excess bigint, p_at timestamptz)
returns credits.step
language plpgsql
set search_path = ''
as $$
declare
  v_entry credits.entries;
begin
  v_entry.kind := 'capture';
  v_entry.amount := -p_excess;
  v_entry.axis_from := p_account.axis;
  v_entry.hold_id := p_hold.hold_id;
  v_entry.idempotency_key := 'florin:overage:' || p_hold.hold_id;
  v_entry.created_at := p_at;
  v_entry.metadata := p_hold.metadata;
  v_entry.actor := p_hold.actor;
  v_entry.feature := p_hold.feature;
  p_account.axis := p_account.axis + p_excess;
  return credits.append(p_account, v_entry);
end;
$$;
comment on function credits.capture_excess(credits.accounts, credits.holds, bigint, timestamptz) is
  'Takes what a capture needs above its hold, as a stretch of its own behind all that is reserved.';

create function credits.capture_hold(
  p_account_id uuid,
  p_hold_id uuid,
  p_amount bigint default null,
  p_overage credits.overage default 'refuse',
  p_debt_limit bigint default 0,
  out entry_id uuid,
  out captured bigint,
  out uncovered bigint,
  out posted bigint,
  out held bigint,
  out available bigint,
  out replayed boolean)
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_overage credits.overage := coalesce(p_overage, 'refuse');
  v_account credits.accounts;
  v_hold credits.holds;
  v_entry credits.entries;
  v_step credits.step;
  v_asked bigint;
  v_excess bigint;
begin
  if p_amount is not null then
    perform credits.check_input(p_account_id, p_amount, 'capture');
  end if;
  v_account := credits.lock_account(p_account_id, false);
  v_hold := credits.find_hold(p_account_id, p_hold_id);
  v_asked := coalesce(p_amount, v_hold.amount);
  if v_hold.status = 'captured' then
    if v_hold.captured + v_hold.uncovered <> v_asked or v_hold.overage <> v_overage then
      perform credits.raise_key_reused('capture of hold ' || p_hold_id);
    end if;
    replayed := true;
  elsif v_hold.status <> 'open' then
    perform credits.raise_hold_not_open(v_hold);
  elsif v_hold.expires_at <= v_now then
    v_hold.status := 'expired';
    perform credits.raise_hold_not_open(v_hold);
  else
    if v_asked > v_hold.amount and v_overage = 'refuse' then
      raise exception 'The hold reserves % credits; % cannot be captured.', v_hold.amount, v_asked
        using errcode = 'CRAMT',
              hint = 'Nothing was written. Capture at most what is held, or say what to do with the rest: up_to_available or debt.';
    end if;
    if v_account.next_change_at <= v_now then
      v_account := credits.settle(v_account, v_now);
    end if;
    v_excess := greatest(v_asked - v_hold.amount, 0);
    if v_excess > 0 then
      v_hold.overage := v_overage;
      v_excess := credits.room_above(v_account, v_hold, v_excess, p_debt_limit, v_now);
    end if;
    v_hold.captured := least(v_asked, v_hold.amount) + v_excess;
    v_hold.uncovered := v_asked - v_hold.captured;
    if v_account.limited then
      perform credits.count_usage(
        credits.limit_states(p_account_id, v_hold.actor, v_hold.feature, v_now),
        v_hold.captured, v_now);
    end if;
    v_step := credits.end_hold(v_account, v_hold, v_hold.captured - v_excess, v_now);
    if v_excess > 0 then
      v_step := credits.capture_excess(v_step.account, v_hold, v_excess, v_now);
    end if;
    v_hold.ended_no := (v_step.entry).entry_no;
    if v_hold.overage is not null then
      update credits.holds h
         set captured = v_hold.captured, uncovered = v_hold.uncovered, overage = v_hold.overage,
             ended_no = v_hold.ended_no
       where h.account_id = p_account_id and h.hold_id = p_hold_id;
    end if;
    perform credits.save_account(v_step.account);
    replayed := false;
  end if;
  captured := v_hold.captured;
  uncovered := v_hold.uncovered;
  select * into v_entry from credits.entries e
   where e.account_id = p_account_id and e.entry_no = v_hold.ended_no;
  select w.* into entry_id, posted, held, available from credits.written(p_account_id, v_entry) w;
end;
$$;
comment on function credits.capture_hold(uuid, uuid, bigint, credits.overage, bigint) is
  'Spends all of a hold, or the given part, and releases the rest. More than it reserves only by p_overage: up_to_available takes what is available, and within the limits, and answers what was left uncovered; debt takes all, as long as what is available stays above minus the account''s debt limit, or minus p_debt_limit where the account has none. A repeat with the same amount and policy returns the first result with replayed true. Errors: CRHLD (not open, or unknown), CRAMT, CRINS (more debt than allowed), CRLIM (debt above a limit), CRDUP (captured before with another amount or policy).';

create function credits.extend_hold(
  p_account_id uuid,
  p_hold_id uuid,
  p_expires_in interval,
  p_idempotency_key text,
  out hold_id uuid,
  out entry_id uuid,
  out expires_at timestamptz,
  out posted bigint,
  out held bigint,
  out available bigint,
  out replayed boolean)
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := clock_timestamp();
  -- In seconds: as an interval it would be written in the session's style.
  v_metadata jsonb := jsonb_build_object(
    'hold_id', p_hold_id, 'expires_in', extract(epoch from p_expires_in));
  v_account credits.accounts;
  v_hold credits.holds;
  v_entry credits.entries;
  v_step credits.step;
begin
  perform credits.check_input(p_account_id, 1, p_idempotency_key);
  if p_expires_in is null or v_now + p_expires_in <= v_now
     or v_now + p_expires_in > v_now + interval '30 days' then
    raise exception 'A hold can be extended to at most 30 days from now.'
      using errcode = '22023', hint = 'Pass an interval above zero and up to 30 days, and extend again later.';
  end if;
  v_account := credits.lock_account(p_account_id, false);
  v_hold := credits.find_hold(p_account_id, p_hold_id);
  v_entry := credits.replayed(p_account_id, p_idempotency_key, 'extension', v_metadata);
  if v_entry.entry_no is not null then
    replayed := true;
  elsif v_hold.status <> 'open' or v_hold.expires_at <= v_now then
    if v_hold.status = 'open' then
      v_hold.status := 'expired';
    end if;
    perform credits.raise_hold_not_open(v_hold);
  else
    if v_account.next_change_at <= v_now then
      v_account := credits.settle(v_account, v_now);
    end if;
    v_hold.expires_at := greatest(v_hold.expires_at, v_now + p_expires_in);
    update credits.holds h set expires_at = v_hold.expires_at
     where h.account_id = p_account_id and h.hold_id = p_hold_id;
    v_entry.kind := 'extension';
    v_entry.amount := 0;
    v_entry.hold_id := p_hold_id;
    v_entry.idempotency_key := p_idempotency_key;
    v_entry.subject_seal := credits.subject_seal(v_hold);
    v_entry.created_at := v_now;
    v_entry.metadata := v_metadata;
    v_step := credits.append(v_account, v_entry);
    v_entry := v_step.entry;
    perform credits.save_account(v_step.account);
    replayed := false;
  end if;
  hold_id := p_hold_id;
  expires_at := v_hold.expires_at;
  select w.* into entry_id, posted, held, available from credits.written(p_account_id, v_entry) w;
end;
$$;
comment on function credits.extend_hold(uuid, uuid, interval, text) is
  'Moves the expiry of an open hold to p_expires_in from now, at most 30 days; never nearer than it was. Idempotent by key; a repeat answers with the hold''s expiry as it is now. Errors: CRHLD (not open, or unknown), CRDUP, CRKEY, 22023.';

revoke all on function
  credits.end_hold(credits.accounts, credits.holds, bigint, timestamptz),
  credits.room_above(credits.accounts, credits.holds, bigint, bigint, timestamptz),
  credits.capture_excess(credits.accounts, credits.holds, bigint, timestamptz),
  credits.capture_hold(uuid, uuid, bigint, credits.overage, bigint),
  credits.extend_hold(uuid, uuid, interval, text)
  from public, anon, authenticated, service_role;
grant execute on function
  credits.capture_hold(uuid, uuid, bigint, credits.overage, bigint),
  credits.extend_hold(uuid, uuid, interval, text)
  to service_role;

call florin.end_migration();
