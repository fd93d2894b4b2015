-- How a hold is captured, also above what it reserved, and by what was metered.

call florin.begin_migration();

create function credits.end_hold(
  p_account credits.accounts, p_hold credits.holds, p_captured bigint, p_at timestamptz,
  p_meter text default null, p_quantity numeric default null, p_pricing jsonb default null)
returns credits.step
language plpgsql
set search_path = ''
as $$
declare
  v_end bigint := p_hold.axis_from + p_hold.amount;
  v_needed bigint := p_hold.axis_from + p_captured;
  v_gave_back boolean := false;
  -- What was metered is written down, also when it cost nothing.
  v_is_capture boolean := p_captured > 0 or p_meter is not null;
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
  v_entry.kind := case when v_is_capture then 'capture' else 'release' end::credits.entry_kind;
  v_entry.amount := -p_captured;
  v_entry.axis_from := case when p_captured > 0 then p_hold.axis_from end;
  v_entry.hold_id := p_hold.hold_id;
  v_entry.idempotency_key := 'florin:' || v_entry.kind || ':' || p_hold.hold_id;
  v_entry.subject_seal := credits.overage_seal(p_hold.overage, p_hold.uncovered);
  v_entry.created_at := p_at;
  v_entry.metadata := p_hold.metadata;
  v_entry.actor := p_hold.actor;
  v_entry.feature := p_hold.feature;
  v_entry.meter := p_meter;
  v_entry.quantity := p_quantity;
  v_entry.pricing := p_pricing;
  v_step := credits.append(p_account, v_entry);
  v_entry := v_step.entry;
  update credits.holds h
     set status = case when v_is_capture then 'captured' else 'released' end::credits.hold_status,
         captured = p_captured,
         ended_no = v_entry.entry_no
   where h.account_id = p_hold.account_id and h.hold_id = p_hold.hold_id;
  if v_gave_back then
    v_step.account := credits.look_ahead(v_step.account);
  end if;
  return v_step;
end;
$$;
comment on function credits.end_hold(
  credits.accounts, credits.holds, bigint, timestamptz, text, numeric, jsonb) is
  'Ends an open hold: spends p_captured of it and gives the rest back to the grants it came from. What was metered stays in the entry, which is a capture then, also of 0 credits.';

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
  p_account credits.accounts, p_hold credits.holds, p_excess bigint, p_at timestamptz, p_meter text)
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
  v_entry.meter := p_meter;
  p_account.axis := p_account.axis + p_excess;
  return credits.append(p_account, v_entry);
end;
$$;
comment on function credits.capture_excess(
  credits.accounts, credits.holds, bigint, timestamptz, text) is
  'Takes what a capture needs above its hold, as a stretch of its own behind all that is reserved. Quantity and pricing stand in the entry before it.';

create function credits.capture_hold(
  p_account_id uuid,
  p_hold_id uuid,
  p_amount bigint default null,
  p_overage credits.overage default 'refuse',
  p_debt_limit bigint default 0,
  p_meter text default null,
  p_quantity numeric default null,
  p_pricing jsonb default null,
  p_metadata jsonb default '{}',
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
  perform credits.check_usage(null, null, p_meter, p_quantity, p_pricing);
  if p_amount is not null or p_meter is not null then
    -- What a meter counts may cost nothing.
    perform credits.check_input(p_account_id,
      case when p_meter is not null and p_amount = 0 then 1 else p_amount end, 'capture');
  end if;
  v_account := credits.lock_account(p_account_id, false);
  v_hold := credits.find_hold(p_account_id, p_hold_id);
  v_asked := coalesce(p_amount, v_hold.amount);
  if v_hold.status = 'captured' then
    select * into v_entry from credits.entries e
     where e.account_id = p_account_id and e.idempotency_key = 'florin:capture:' || p_hold_id;
    -- What was metered is the input, and what it cost follows from the card of that day.
    if (v_entry.meter, v_entry.quantity, v_entry.pricing -> 'usage')
         is distinct from (p_meter, p_quantity, p_pricing -> 'usage')
       or (p_meter is null and v_hold.captured + v_hold.uncovered <> v_asked)
       or v_hold.overage <> v_overage then
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
    -- For the entries alone: the hold's own row keeps what it was placed with.
    v_hold.metadata :=
      nullif(coalesce(v_hold.metadata || p_metadata, p_metadata, v_hold.metadata), '{}');
    if v_account.limited then
      perform credits.count_usage(
        credits.limit_states(p_account_id, v_hold.actor, v_hold.feature, v_now),
        v_hold.captured, v_now);
    end if;
    v_step := credits.end_hold(
      v_account, v_hold, v_hold.captured - v_excess, v_now, p_meter, p_quantity, p_pricing);
    if v_excess > 0 then
      v_step := credits.capture_excess(v_step.account, v_hold, v_excess, v_now, p_meter);
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
comment on function credits.capture_hold(
  uuid, uuid, bigint, credits.overage, bigint, text, numeric, jsonb, jsonb) is
  'Spends all of a hold, or the given part, and releases the rest. Of a charge the entry keeps meter, quantity and pricing, and it may cost 0. More than it reserves only by p_overage: up_to_available takes what is available, and within the limits, and answers what was left uncovered; debt takes all, as long as what is available stays above minus the account''s debt limit, or minus p_debt_limit where the account has none. The entry keeps the hold''s metadata with p_metadata over it. A repeat with the same amount and policy returns the first result with replayed true, and p_metadata is not compared; of a charge the amount and the rate are no input. Errors: CRHLD (not open, or unknown), CRAMT, CRINS (more debt than allowed), CRLIM (debt above a limit), CRDUP (captured before with another amount or policy).';

revoke all on function
  credits.end_hold(credits.accounts, credits.holds, bigint, timestamptz, text, numeric, jsonb),
  credits.room_above(credits.accounts, credits.holds, bigint, bigint, timestamptz),
  credits.capture_excess(credits.accounts, credits.holds, bigint, timestamptz, text),
  credits.capture_hold(uuid, uuid, bigint, credits.overage, bigint, text, numeric, jsonb, jsonb)
  from public, anon, authenticated, service_role;
grant execute on function
  credits.capture_hold(uuid, uuid, bigint, credits.overage, bigint, text, numeric, jsonb, jsonb)
  to service_role;

call florin.end_migration();
