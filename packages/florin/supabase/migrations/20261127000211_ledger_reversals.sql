-- Money that went back: reversals, and their undoing.

call florin.begin_migration();

create function credits.take_back(
  p_account inout credits.accounts, p_grant credits.grants, p_amount bigint, p_at timestamptz)
language plpgsql
set search_path = ''
as $$
declare
  v_from_remaining bigint := least(p_amount, p_grant.remaining);
  v_from_expired bigint := least(p_amount - v_from_remaining, p_grant.expired);
  v_from_voided bigint := least(p_amount - v_from_remaining - v_from_expired, p_grant.voided);
  v_displaced bigint := p_amount - v_from_remaining - v_from_expired - v_from_voided;
  v_left bigint := v_displaced;
  v_take bigint;
  v_row credits.allocations;
begin
  -- Credits that lapsed before are gone already: taking them back undoes their expiry or void first.
  if v_from_expired > 0 then
    p_account := (credits.move_on_grant(
      p_account, 'expiry', p_grant.grant_id, v_from_expired, v_from_expired, p_at, 'reversal')).account;
  end if;
  if v_from_voided > 0 then
    p_account := (credits.move_on_grant(
      p_account, 'void', p_grant.grant_id, v_from_voided,
      case when p_grant.effective then v_from_voided else 0 end, p_at, 'reversal')).account;
  end if;
  update credits.grants g
     set remaining = g.remaining - v_from_remaining,
         expired = g.expired - v_from_expired,
         voided = g.voided - v_from_voided,
         taken_from_voided = g.taken_from_voided + v_from_voided,
         burned = g.burned - v_displaced,
         reversed = g.reversed + p_amount
   where g.account_id = p_account.account_id and g.grant_id = p_grant.grant_id;
  -- What is spent or reserved already loses this payer, the latest stretch first, and is debt until
  -- other grants pay for it: at once those that are live, later the next one.
  while v_left > 0 loop
    select * into v_row from credits.allocations c
     where c.account_id = p_account.account_id and c.grant_id = p_grant.grant_id
     order by c.axis_from desc limit 1;
    v_take := least(v_left, v_row.axis_to - v_row.axis_from);
    perform credits.deallocate(p_account.account_id, v_row.axis_to - v_take, v_row.axis_to);
    perform credits.allocate(
      p_account.account_id, v_row.axis_to - v_take, v_row.axis_to, null, p_grant.grant_id);
    v_left := v_left - v_take;
  end loop;
  p_account.debt := p_account.debt + v_displaced;
end;
$$;
comment on function credits.take_back(credits.accounts, credits.grants, bigint, timestamptz) is
  'Takes credits of a grant back: from what it has left, then from what lapsed, then from what it paid for.';

create function credits.reverse(
  p_account_id uuid, p_grant_id uuid, p_amount bigint, p_idempotency_key text,
  p_metadata jsonb,
  p_cause credits.cause,
  p_locked uuid[] default null,
  out entry_id uuid,
  out posted bigint,
  out held bigint,
  out available bigint,
  out reversed bigint,
  out replayed boolean)
language plpgsql
set search_path = ''
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_account credits.accounts;
  v_grant credits.grants;
  v_pieces credits.piece[];
  v_beyond bigint;
  v_recalled bigint := 0;
  v_entry credits.entries;
  v_step credits.step;
begin
  perform credits.check_input(p_account_id, p_amount, p_idempotency_key, p_cause);
  v_grant := credits.find_grant(p_account_id, p_grant_id);
  if v_grant.moved > 0 then
    v_pieces := credits.lock_pieces(p_account_id, p_grant_id, v_now, p_locked);
  end if;
  v_account := credits.open_account(p_account_id, v_now);
  v_grant := credits.find_home(p_account_id, p_grant_id);
  v_entry := credits.replayed(
    p_account_id, p_idempotency_key, 'reversal', p_metadata, p_grant_id, -p_amount);
  if v_entry.entry_no is not null then
    replayed := true;
  else
    if p_amount > v_grant.amount - v_grant.reversed then
      raise exception 'Only % of the grant''s % credits are left to take back; % were asked for.',
        v_grant.amount - v_grant.reversed, v_grant.amount, p_amount
        using errcode = 'CRAMT', hint = 'Nothing was written. Pass at most what is left.';
    end if;
    v_beyond := p_amount - v_grant.remaining - v_grant.expired - v_grant.voided;
    if v_beyond > 0 and v_grant.moved > 0 then
      if v_pieces is null then
        perform credits.raise_moving();
      end if;
      v_recalled := credits.recall(v_grant, v_pieces, v_beyond, v_now, p_cause, p_metadata);
    end if;
    if v_recalled > 0 then
      update credits.grants g
         set remaining = g.remaining + v_recalled, moved = g.moved - v_recalled
       where g.account_id = p_account_id and g.grant_id = p_grant_id;
      v_account := (credits.move_on_grant(
        v_account, 'transfer', p_grant_id, v_recalled, v_recalled, v_now, p_cause)).account;
      v_grant := credits.find_grant(p_account_id, p_grant_id);
    end if;
    v_account := credits.take_back(v_account, v_grant, p_amount, v_now);
    v_step := credits.move_on_grant(
      v_account, 'reversal', p_grant_id, -p_amount,
      case when v_grant.effective then -p_amount else 0 end, v_now, p_cause,
      p_idempotency_key, p_metadata);
    v_entry := v_step.entry;
    -- What is gone expires no more; what lost its payer is paid by others.
    v_account := credits.look_ahead(v_step.account);
    v_account := credits.settle(v_account, v_now);
    perform credits.save_account(v_account);
    replayed := false;
  end if;
  select w.* into entry_id, posted, held, available from credits.written(p_account_id, v_entry) w;
  reversed := p_amount;
end;
$$;
comment on function credits.reverse(uuid, uuid, bigint, text, jsonb, credits.cause, uuid[]) is
  'What credits.reverse_grant does, also for Florin itself (p_cause), whose transaction may lock no account but these. Internal.';

create function credits.reverse_grant(
  p_account_id uuid,
  p_grant_id uuid,
  p_amount bigint,
  p_idempotency_key text,
  p_metadata jsonb default '{}',
  out entry_id uuid,
  out posted bigint,
  out held bigint,
  out available bigint,
  out reversed bigint,
  out replayed boolean)
language plpgsql
security definer
set search_path = ''
as $$
begin
  select w.* into entry_id, posted, held, available, reversed, replayed
    from credits.reverse(p_account_id, p_grant_id, p_amount, p_idempotency_key, p_metadata, null) w;
end;
$$;
comment on function credits.reverse_grant(uuid, uuid, bigint, text, jsonb) is
  'Takes back credits of a grant whose money went back: from what it has left, here or where it was moved to, then from other live grants in burn order, then as debt that the next grant settles first. Credits of it that expired or were voided count as taken. Works on a closed account too. Idempotent by key. Errors: CRAMT (more than is left of the grant), CRGRN (also for credits that were moved here), CRKEY, CRDUP, 40001 (they are being moved: repeat).';

create function credits.give_back(
  p_account inout credits.accounts, p_grant credits.grants, p_amount bigint, p_at timestamptz)
language plpgsql
set search_path = ''
as $$
declare
  v_row credits.allocations;
  v_left bigint := p_amount;
  v_take bigint;
  v_voided bigint;
begin
  -- The grant pays again for what was taken from it: debt first, then what others pay in its place,
  -- unless theirs has expired meanwhile and would only lapse.
  for v_row in
    select c.* from credits.allocations c
      left join credits.grants g on g.account_id = c.account_id and g.grant_id = c.grant_id
     where c.account_id = p_account.account_id and c.displaced_from = p_grant.grant_id
       and (c.grant_id is null or g.expires_at is null or g.expires_at > p_at)
     order by c.grant_id is not null, c.axis_from
  loop
    exit when v_left = 0;
    v_take := least(v_left, v_row.axis_to - v_row.axis_from);
    perform credits.deallocate(p_account.account_id, v_row.axis_from, v_row.axis_from + v_take);
    perform credits.allocate(
      p_account.account_id, v_row.axis_from, v_row.axis_from + v_take, p_grant.grant_id, null);
    if v_row.grant_id is null then
      p_account.debt := p_account.debt - v_take;
    else
      update credits.grants g
         set remaining = g.remaining + v_take, burned = g.burned - v_take
       where g.account_id = p_account.account_id and g.grant_id = v_row.grant_id;
    end if;
    v_left := v_left - v_take;
  end loop;
  -- Voided credits that the reversal counted as taken become voided again: see take_back.
  v_voided := least(v_left, p_grant.taken_from_voided);
  update credits.grants g
     set reversed = g.reversed - p_amount,
         burned = g.burned + (p_amount - v_left),
         voided = g.voided + v_voided,
         taken_from_voided = g.taken_from_voided - v_voided,
         remaining = g.remaining + v_left - v_voided
   where g.account_id = p_account.account_id and g.grant_id = p_grant.grant_id;
  if v_voided > 0 then
    p_account := (credits.move_on_grant(
      p_account, 'void', p_grant.grant_id, -v_voided,
      case when p_grant.effective then -v_voided else 0 end, p_at, 'reversal')).account;
  end if;
end;
$$;
comment on function credits.give_back(credits.accounts, credits.grants, bigint, timestamptz) is
  'Gives back to a grant what credits.take_back took: it pays again, or has its credits again.';

create function credits.restore(
  p_account_id uuid, p_grant_id uuid, p_amount bigint, p_idempotency_key text,
  p_metadata jsonb,
  p_cause credits.cause,
  p_locked uuid[] default null,
  out entry_id uuid,
  out posted bigint,
  out held bigint,
  out available bigint,
  out restored bigint,
  out replayed boolean)
language plpgsql
set search_path = ''
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_account credits.accounts;
  v_grant credits.grants;
  v_entry credits.entries;
  v_step credits.step;
  v_pieces credits.piece[];
  v_away bigint := 0;
begin
  perform credits.check_input(p_account_id, p_amount, p_idempotency_key, p_cause);
  v_pieces := credits.lock_pieces(p_account_id, p_grant_id, v_now, p_locked);
  v_account := credits.open_account(p_account_id, v_now);
  v_grant := credits.find_home(p_account_id, p_grant_id);
  v_entry := credits.replayed(
    p_account_id, p_idempotency_key, 'reversal', p_metadata, p_grant_id, p_amount);
  if v_entry.entry_no is not null then
    replayed := true;
  else
    if p_amount > v_grant.reversed then
      raise exception 'Only % credits of the grant were taken back; % were to be restored.',
        v_grant.reversed, p_amount
        using errcode = 'CRAMT', hint = 'Nothing was written. Pass at most what was taken back.';
    end if;
    if cardinality(v_pieces) > 0 then
      v_away := credits.return_pieces(v_pieces, p_amount, v_now, p_cause, p_metadata);
    end if;
    if v_away > 0 then
      update credits.grants g
         set reversed = g.reversed - v_away, moved = g.moved + v_away
       where g.account_id = p_account_id and g.grant_id = p_grant_id;
      v_account := (credits.move_on_grant(
        v_account, 'transfer', p_grant_id, -v_away, -v_away, v_now, p_cause)).account;
    end if;
    v_account := credits.give_back(v_account, v_grant, p_amount - v_away, v_now);
    v_step := credits.move_on_grant(
      v_account, 'reversal', p_grant_id, p_amount,
      case when v_grant.effective then p_amount else 0 end, v_now, p_cause,
      p_idempotency_key, p_metadata);
    v_account := v_step.account;
    v_entry := v_step.entry;
    -- What came back may expire, or have expired.
    v_account := credits.look_ahead(v_account);
    v_account := credits.settle(v_account, v_now);
    perform credits.save_account(v_account);
    replayed := false;
  end if;
  select w.* into entry_id, posted, held, available from credits.written(p_account_id, v_entry) w;
  restored := p_amount;
end;
$$;
comment on function credits.restore(uuid, uuid, bigint, text, jsonb, credits.cause, uuid[]) is
  'What credits.restore_grant does, also for Florin itself (p_cause), whose transaction may lock no account but these. Internal.';

create function credits.restore_grant(
  p_account_id uuid,
  p_grant_id uuid,
  p_amount bigint,
  p_idempotency_key text,
  p_metadata jsonb default '{}',
  out entry_id uuid,
  out posted bigint,
  out held bigint,
  out available bigint,
  out restored bigint,
  out replayed boolean)
language plpgsql
security definer
set search_path = ''
as $$
begin
  select w.* into entry_id, posted, held, available, restored, replayed
    from credits.restore(p_account_id, p_grant_id, p_amount, p_idempotency_key, p_metadata, null) w;
end;
$$;
comment on function credits.restore_grant(uuid, uuid, bigint, text, jsonb) is
  'Undoes earlier reversals of a grant, in part or whole, and gives exactly what they took. Idempotent by key. Errors: CRAMT (more than was taken), CRGRN, CRKEY, CRDUP.';

call florin.end_migration();
