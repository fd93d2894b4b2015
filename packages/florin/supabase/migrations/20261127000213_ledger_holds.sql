-- Holds: credits reserved for work whose price is not known yet; how one gets more time, and is given back.

call florin.begin_migration();

create function credits.place_hold(
  p_account_id uuid,
  p_amount bigint,
  p_idempotency_key text,
  p_expires_in interval default '15 minutes',
  p_metadata jsonb default '{}',
  p_actor text default null,
  p_feature text default null,
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
  v_account credits.accounts;
  v_entry credits.entries;
  v_hold credits.holds;
  v_step credits.step;
begin
  perform credits.check_input(p_account_id, p_amount, p_idempotency_key);
  perform credits.check_usage(p_actor, p_feature, null, null, null);
  if p_expires_in is null or v_now + p_expires_in <= v_now then
    raise exception 'A hold must expire in the future.'
      using errcode = '22023', hint = 'Pass an interval above zero, a little longer than the job takes.';
  end if;
  v_account := credits.lock_account(p_account_id, false);
  v_entry := credits.replayed(p_account_id, p_idempotency_key, 'hold', p_metadata);
  if v_entry.entry_no is not null then
    select * into v_hold from credits.holds h
     where h.account_id = p_account_id and h.hold_id = v_entry.hold_id;
    if v_hold.amount <> p_amount or v_hold.placed_until <> v_hold.created_at + p_expires_in
       or not credits.has_usage(v_entry, p_actor, p_feature, null, null, null) then
      perform credits.raise_key_reused(p_idempotency_key);
    end if;
    replayed := true;
  elsif v_account.closed_at is not null then
    perform credits.raise_closed(p_account_id);
  else
    if v_account.next_change_at <= v_now then
      v_account := credits.settle(v_account, v_now);
    end if;
    if v_account.account_id is null or v_account.posted - v_account.held < p_amount then
      perform credits.raise_insufficient(
        coalesce(v_account.posted - v_account.held, 0), p_amount);
    end if;
    if v_account.limited or credits.app_keeps_members() then
      perform credits.check_actor(p_account_id, p_actor);
    end if;
    if v_account.limited then
      perform credits.check_limits(
        credits.limit_states(p_account_id, p_actor, p_feature, v_now), p_amount);
    end if;
    v_hold.account_id := p_account_id;
    v_hold.hold_id := gen_random_uuid();
    v_hold.amount := p_amount;
    v_hold.axis_from := v_account.axis;
    v_hold.expires_at := v_now + p_expires_in;
    v_hold.placed_until := v_hold.expires_at;
    v_hold.created_at := v_now;
    v_hold.idempotency_key := p_idempotency_key;
    v_hold.metadata := nullif(p_metadata, '{}');
    v_hold.actor := p_actor;
    v_hold.feature := p_feature;
    insert into credits.holds (
      account_id, hold_id, amount, axis_from, expires_at, placed_until, created_at, idempotency_key,
      metadata, actor, feature)
    values (
      p_account_id, v_hold.hold_id, p_amount, v_hold.axis_from, v_hold.expires_at,
      v_hold.placed_until, v_now, p_idempotency_key, v_hold.metadata, p_actor, p_feature);
    v_account.axis := v_account.axis + p_amount;
    v_account.held := v_account.held + p_amount;
    v_account.next_change_at := least(v_account.next_change_at, v_hold.expires_at);
    v_entry.kind := 'hold';
    v_entry.amount := 0;
    v_entry.axis_from := v_hold.axis_from;
    v_entry.hold_id := v_hold.hold_id;
    v_entry.idempotency_key := p_idempotency_key;
    v_entry.subject_seal := credits.subject_seal(v_hold);
    v_entry.created_at := v_now;
    v_entry.metadata := v_hold.metadata;
    v_entry.actor := p_actor;
    v_entry.feature := p_feature;
    v_step := credits.append(v_account, v_entry);
    v_entry := v_step.entry;
    perform credits.save_account(v_step.account);
    replayed := false;
  end if;
  hold_id := v_hold.hold_id;
  expires_at := v_hold.expires_at;
  select w.* into entry_id, posted, held, available from credits.written(p_account_id, v_entry) w;
end;
$$;
comment on function credits.place_hold(uuid, bigint, text, interval, jsonb, text, text) is
  'Reserves credits until they are captured, released, or the hold expires. Reserved credits do not expire with their grant; while they are reserved they count towards the limits of the account, the actor and the feature. Idempotent by key. Errors: CRINS, CRLIM, CRMEM, CRROL, CRDUP, CRACC, CRAMT, CRKEY, 22023.';

create function credits.find_hold(p_account_id uuid, p_hold_id uuid)
returns credits.holds
language plpgsql
stable
set search_path = ''
as $$
declare
  v_hold credits.holds;
begin
  if p_account_id is null or p_hold_id is null then
    raise exception 'The account id or the hold id is missing.'
      using errcode = '22004', hint = 'Nothing was written. Pass both.';
  end if;
  select * into v_hold from credits.holds h
   where h.account_id = p_account_id and h.hold_id = p_hold_id;
  if not found then
    raise exception 'The account % has no hold %.', p_account_id, p_hold_id
      using errcode = 'CRHLD', hint = 'Nothing was written. Check the account and the hold id.';
  end if;
  return v_hold;
end;
$$;
comment on function credits.find_hold(uuid, uuid) is 'The hold, or CRHLD; 22004 when an id is missing.';

create function credits.raise_hold_not_open(p_hold credits.holds)
returns void
language plpgsql
set search_path = ''
as $$
begin
  raise exception 'The hold % is not open: it %.', p_hold.hold_id,
    case when p_hold.status = 'expired' then 'has expired' else 'was ' || p_hold.status end
    using errcode = 'CRHLD',
          detail = json_build_object('status', p_hold.status, 'captured', p_hold.captured)::text,
          hint = 'Nothing was written. Place a new hold.';
end;
$$;
comment on function credits.raise_hold_not_open(credits.holds) is 'Raises CRHLD and says how the hold ended.';

create function credits.release_hold(
  p_account_id uuid,
  p_hold_id uuid,
  out entry_id uuid,
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
  v_account credits.accounts;
  v_hold credits.holds;
  v_entry credits.entries;
begin
  v_account := credits.lock_account(p_account_id, false);
  v_hold := credits.find_hold(p_account_id, p_hold_id);
  if v_hold.status = 'captured' then
    perform credits.raise_hold_not_open(v_hold);
  end if;
  -- A hold that is over has ended by itself, whether or not it is written down yet.
  replayed := v_hold.status <> 'open' or v_hold.expires_at <= v_now;
  if v_hold.status = 'open' then
    if v_account.next_change_at <= v_now then
      v_account := credits.settle(v_account, v_now);
    end if;
    if not replayed then
      v_account := (credits.end_hold(v_account, v_hold, 0, v_now)).account;
    end if;
    perform credits.save_account(v_account);
  end if;
  select e.* into v_entry from credits.holds h
    join credits.entries e on e.account_id = h.account_id and e.entry_no = h.ended_no
   where h.account_id = p_account_id and h.hold_id = p_hold_id;
  select w.* into entry_id, posted, held, available from credits.written(p_account_id, v_entry) w;
end;
$$;
comment on function credits.release_hold(uuid, uuid) is
  'Gives a hold back. A repeat, or a release of a hold that expired, returns the first result with replayed true. Errors: CRHLD (captured before, or unknown).';

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

call florin.end_migration();
