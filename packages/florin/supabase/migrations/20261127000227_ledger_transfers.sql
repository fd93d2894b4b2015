-- Transfers: bought credits moved to another account.
--
-- What was bought has a home: the grant that billing knows by its purchase's key. What is moved away is
-- counted there as moved, and is a grant of its own where it is now, with the home's names in it: a piece.
-- Moved on, a piece keeps its home; moved back, its credits are the home's again. So pieces never hang
-- on other pieces, and a reversal of the home grant finds all of them in one look (docs/decisions/0135).
--
-- Lock order: whoever locks several accounts does so in the order of their ids.

call florin.begin_migration();

create function credits.holders_of(p_account_id uuid, p_grant_id uuid)
returns uuid[]
language plpgsql
stable
set search_path = ''
as $$
declare
  v_holders uuid[];
begin
  select array_agg(distinct g.account_id) into v_holders
    from credits.grants g
   where g.home_account_id = p_account_id and g.home_grant_id = p_grant_id;
  return coalesce(v_holders, array[]::uuid[]);
end;
$$;
comment on function credits.holders_of(uuid, uuid) is
  'The accounts that credits of this grant were ever moved to. Locks nothing.';

create function credits.lock_pieces(
  p_account_id uuid, p_grant_id uuid, p_at timestamptz, p_locked uuid[] default null)
returns credits.piece[]
language plpgsql
set search_path = ''
as $$
declare
  v_locked uuid[] :=
    coalesce(p_locked, credits.holders_of(p_account_id, p_grant_id) || p_account_id);
  v_accounts uuid[];
  v_grants uuid[];
  v_grant credits.grants;
  v_elsewhere bigint := 0;
  v_pieces credits.piece[] := array[]::credits.piece[];
begin
  -- Who holds locks already takes no more: that could be out of order.
  if p_locked is null then
    perform credits.lock_in_order(v_locked);
  end if;
  select array_agg(g.account_id order by g.account_id, g.grant_id),
         array_agg(g.grant_id order by g.account_id, g.grant_id)
    into v_accounts, v_grants
    from credits.grants g
   where g.home_account_id = p_account_id and g.home_grant_id = p_grant_id;
  for v_n in 1..coalesce(cardinality(v_grants), 0) loop
    continue when v_accounts[v_n] <> all (v_locked);
    if v_accounts[v_n] is distinct from v_accounts[v_n - 1] then
      perform credits.open_account(v_accounts[v_n], p_at);
    end if;
    v_grant := credits.find_grant(v_accounts[v_n], v_grants[v_n]);
    v_elsewhere := v_elsewhere + v_grant.amount - v_grant.reversed - v_grant.moved;
    v_pieces := v_pieces || row(
      v_grant.account_id, v_grant.grant_id,
      v_grant.remaining + v_grant.expired + v_grant.voided, v_grant.burned,
      v_grant.reversed)::credits.piece;
  end loop;
  v_grant := credits.find_grant(p_account_id, p_grant_id);
  -- They went on to an account that is not locked, or another node has not committed yet.
  if v_elsewhere <> v_grant.moved then
    perform credits.raise_moving();
  end if;
  return v_pieces;
end;
$$;
comment on function credits.lock_pieces(uuid, uuid, timestamptz, uuid[]) is
  'Locks the account of a grant and all that hold credits moved out of it (p_locked: what the caller has locked of them, and no more), settles the holders, and returns what they hold. Raises 40001 while credits of it are on their way, CRGRN.';

create function credits.find_home(p_account_id uuid, p_grant_id uuid)
returns credits.grants
language plpgsql
stable
set search_path = ''
as $$
declare
  v_grant credits.grants := credits.find_grant(p_account_id, p_grant_id);
begin
  if v_grant.home_grant_id is not null then
    raise exception 'The credits of grant % were moved here from grant % of account %.',
      p_grant_id, v_grant.home_grant_id, v_grant.home_account_id
      using errcode = 'CRGRN', hint = 'Nothing was written. Name that grant: what it takes or gives back follows its credits.';
  end if;
  return v_grant;
end;
$$;
comment on function credits.find_home(uuid, uuid) is
  'The grant that money bought, or CRGRN for credits that were moved here; 22004 when an id is missing.';

create function credits.recall(
  p_grant credits.grants, p_pieces credits.piece[], p_amount bigint, p_at timestamptz,
  p_cause credits.cause, p_metadata jsonb)
returns bigint
language plpgsql
set search_path = ''
as $$
declare
  v_left bigint := p_amount;
  v_takes bigint[];
  v_take bigint;
  v_account credits.accounts;
  v_recalled bigint := 0;
begin
  -- What nobody has used goes first, wherever it is; then what the buyer has used, then what others have.
  for v_n in 1..cardinality(p_pieces) loop
    v_takes[v_n] := least(v_left, (p_pieces[v_n]).unused);
    v_left := v_left - v_takes[v_n];
  end loop;
  v_left := greatest(0, v_left - p_grant.burned);
  for v_n in 1..cardinality(p_pieces) loop
    v_take := least(v_left, (p_pieces[v_n]).used);
    v_left := v_left - v_take;
    v_take := v_takes[v_n] + v_take;
    continue when v_take = 0;
    v_account := credits.lock_account((p_pieces[v_n]).account_id, false);
    v_account := credits.take_back(
      v_account, credits.find_grant((p_pieces[v_n]).account_id, (p_pieces[v_n]).grant_id), v_take,
      p_at);
    v_account := (credits.move_on_grant(
      v_account, 'reversal', (p_pieces[v_n]).grant_id, -v_take, -v_take, p_at, p_cause, null,
      p_metadata)).account;
    perform credits.save_account(credits.settle(credits.look_ahead(v_account), p_at));
    v_recalled := v_recalled + v_take;
  end loop;
  return v_recalled;
end;
$$;
comment on function credits.recall(credits.grants, credits.piece[], bigint, timestamptz, credits.cause, jsonb) is
  'Takes moved credits back where they are now, so that the home grant can be reversed by p_amount more than it has unused; what is spent becomes debt there. Returns how many, which the caller books at home.';

create function credits.return_pieces(
  p_pieces credits.piece[], p_amount bigint, p_at timestamptz, p_cause credits.cause,
  p_metadata jsonb)
returns bigint
language plpgsql
set search_path = ''
as $$
declare
  v_left bigint := p_amount;
  v_give bigint;
  v_account credits.accounts;
begin
  for v_n in reverse cardinality(p_pieces)..1 loop
    v_give := least(v_left, (p_pieces[v_n]).reversed);
    continue when v_give = 0;
    v_account := credits.lock_account((p_pieces[v_n]).account_id, false);
    v_account := credits.give_back(
      v_account, credits.find_grant((p_pieces[v_n]).account_id, (p_pieces[v_n]).grant_id), v_give,
      p_at);
    v_account := (credits.move_on_grant(
      v_account, 'reversal', (p_pieces[v_n]).grant_id, v_give, v_give, p_at, p_cause, null,
      p_metadata)).account;
    perform credits.save_account(credits.settle(credits.look_ahead(v_account), p_at));
    v_left := v_left - v_give;
  end loop;
  return p_amount - v_left;
end;
$$;
comment on function credits.return_pieces(credits.piece[], bigint, timestamptz, credits.cause, jsonb) is
  'Gives back what credits.recall took, where it took it; returns how many of p_amount that are.';

create function credits.transfer(
  p_account_id uuid,
  p_to_account_id uuid,
  p_amount bigint,
  p_idempotency_key text,
  p_reason text,
  p_actor text default null,
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
  v_now timestamptz;
  v_metadata jsonb := jsonb_build_object(
    'to', p_to_account_id, 'credits', p_amount, 'reason', p_reason);
  v_giver credits.accounts;
  v_taker credits.accounts;
  v_movable bigint;
  v_left bigint := p_amount;
  v_take bigint;
  v_grant credits.grants;
  v_entry credits.entries;
  v_said credits.entries;
  v_step credits.step;
begin
  perform credits.check_input(p_account_id, p_amount, p_idempotency_key);
  perform credits.check_usage(p_actor, null, null, null, null);
  if p_to_account_id is null or coalesce(p_reason, '') = '' then
    raise exception 'A transfer needs the account that gets the credits, and a reason.'
      using errcode = '22004', hint = 'Nothing was written. Pass both: they stay in the ledger.';
  end if;
  if p_account_id = p_to_account_id then
    raise exception 'A transfer needs two accounts.'
      using errcode = '22023', hint = 'Nothing was written. Name another account to move to.';
  end if;
  if p_to_account_id < p_account_id then
    v_taker := credits.lock_account(p_to_account_id, true);
  end if;
  v_giver := credits.lock_account(p_account_id, false);
  v_entry := credits.replayed(p_account_id, p_idempotency_key, 'transfer', v_metadata);
  if v_entry.entry_no is not null then
    if v_entry.actor is distinct from p_actor then
      perform credits.raise_key_reused(p_idempotency_key);
    end if;
    replayed := true;
    select w.* into entry_id, posted, held, available
      from credits.written(p_account_id, v_entry) w;
    return;
  end if;
  if v_taker.account_id is null then
    v_taker := credits.lock_account(p_to_account_id, true);
  end if;
  if v_giver.closed_at is not null then
    perform credits.raise_closed(p_account_id);
  elsif v_taker.closed_at is not null then
    perform credits.raise_closed(p_to_account_id);
  end if;
  v_now := clock_timestamp();
  if v_giver.account_id is not null and credits.needs_settling(v_giver, v_now) then
    v_giver := credits.settle(v_giver, v_now);
  end if;
  if credits.needs_settling(v_taker, v_now) then
    v_taker := credits.settle(v_taker, v_now);
  end if;
  select coalesce(sum(g.remaining), 0) into v_movable from credits.grants g
   where g.account_id = p_account_id and g.remaining > 0 and g.effective
     and g.purchase_key is not null and g.source <> 'trial';
  if v_movable < p_amount then
    raise exception 'Only % credits can be moved, % were to be.', v_movable, p_amount
      using errcode = 'CRINS',
            detail = json_build_object(
              'available', v_movable, 'required', p_amount, 'of', 'movable')::text,
            hint = 'Nothing was written. Credits that were paid for through Stripe can be moved, as far as they are neither spent nor reserved.';
  end if;

  v_said.actor := p_actor;
  v_said.metadata := jsonb_build_object('from', p_account_id, 'reason', p_reason);
  for v_grant in
    select g.* from credits.grants g
     where g.account_id = p_account_id and g.remaining > 0 and g.effective
       and g.purchase_key is not null and g.source <> 'trial'
     order by g.priority, coalesce(g.expires_at, 'infinity'), g.issued_no
  loop
    v_take := least(v_left, v_grant.remaining);
    v_left := v_left - v_take;
    update credits.grants g
       set remaining = g.remaining - v_take, moved = g.moved + v_take
     where g.account_id = p_account_id and g.grant_id = v_grant.grant_id;
    -- The last of them has the caller's key: it carries the balance after all of them.
    v_entry := null;
    v_entry.kind := 'transfer';
    v_entry.amount := -v_take;
    v_entry.grant_id := v_grant.grant_id;
    v_entry.grant_delta := -v_take;
    v_entry.created_at := v_now;
    v_entry.actor := p_actor;
    v_entry.metadata := v_metadata;
    v_entry.idempotency_key := case when v_left = 0 then p_idempotency_key
      else 'florin:transfer:' || (v_giver.entry_no + 1) end;
    v_step := credits.append(v_giver, v_entry);
    v_giver := v_step.account;
    v_said.idempotency_key := 'florin:transfer:' || p_account_id || ':' || v_giver.entry_no;
    if v_grant.home_account_id = p_to_account_id then
      update credits.grants g
         set remaining = g.remaining + v_take, moved = g.moved - v_take
       where g.account_id = p_to_account_id and g.grant_id = v_grant.home_grant_id;
      v_entry := v_said;
      v_entry.kind := 'transfer';
      v_entry.amount := v_take;
      v_entry.grant_id := v_grant.home_grant_id;
      v_entry.grant_delta := v_take;
      v_entry.created_at := v_now;
      v_taker := (credits.append(v_taker, v_entry)).account;
    else
      v_grant.home_account_id := coalesce(v_grant.home_account_id, p_account_id);
      v_grant.home_grant_id := coalesce(v_grant.home_grant_id, v_grant.grant_id);
      v_grant.amount := v_take;
      v_grant.effective_at := v_now;
      v_grant.idempotency_key := v_said.idempotency_key;
      v_taker := (credits.issue(v_taker, v_grant, 'transfer', null, v_now, v_said)).account;
    end if;
    exit when v_left = 0;
  end loop;
  perform credits.save_account(credits.look_ahead(v_giver));
  v_taker := credits.look_ahead(v_taker);
  if v_taker.debt > 0 then
    v_taker := credits.settle(v_taker, v_now);
  end if;
  perform credits.save_account(v_taker);
  v_entry := v_step.entry;
  replayed := false;
  select w.* into entry_id, posted, held, available
    from credits.written(p_account_id, v_entry) w;
end;
$$;
comment on function credits.transfer(uuid, uuid, bigint, text, text, text) is
  'Moves credits that were bought through Stripe to another account, in burn order; each part keeps its expiry, priority, source and purchase, so that a refund finds it. Trials, gifts, adjustments and what is reserved stay. The balance is that of the account which gave. Makes the receiving account if it is new. Idempotent by the giver''s key: the same input returns the first result with replayed true. Errors: CRINS with what could be moved, CRACC (either is closed), CRDUP, CRAMT, CRKEY, 22004, 22023.';

revoke all on function
  credits.holders_of(uuid, uuid),
  credits.lock_pieces(uuid, uuid, timestamptz, uuid[]),
  credits.find_home(uuid, uuid),
  credits.recall(credits.grants, credits.piece[], bigint, timestamptz, credits.cause, jsonb),
  credits.return_pieces(credits.piece[], bigint, timestamptz, credits.cause, jsonb),
  credits.transfer(uuid, uuid, bigint, text, text, text)
  from public, anon, authenticated, service_role;
grant execute on function credits.transfer(uuid, uuid, bigint, text, text, text) to service_role;

call florin.end_migration();
