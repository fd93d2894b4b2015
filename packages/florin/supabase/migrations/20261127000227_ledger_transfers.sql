-- Transfers: bought credits moved to another account.
--
-- What was bought has a home: the grant that billing knows by its purchase's key. What is moved away is
-- counted there as moved, and is a grant of its own where it is now, with the home's names in it: a piece.
-- Moved on, a piece keeps its home; moved back, its credits are the home's again. So pieces never hang
-- on other pieces, and a reversal of the home grant finds all of them in one look (docs/decisions/0135).
--
-- Lock order: whoever locks several accounts does so in the order of their ids.

call florin.begin_migration();

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
    if not credits.has_usage(v_entry, p_actor, null, null, null, null) then
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
    v_entry := v_said;
    v_entry.kind := 'transfer';
    v_entry.amount := v_take;
    v_entry.grant_delta := v_take;
    v_entry.created_at := v_now;
    if v_grant.home_account_id = p_to_account_id then
      update credits.grants g
         set remaining = g.remaining + v_take, moved = g.moved - v_take
       where g.account_id = p_to_account_id and g.grant_id = v_grant.home_grant_id;
      v_entry.grant_id := v_grant.home_grant_id;
    else
      v_grant.home_account_id := coalesce(v_grant.home_account_id, p_account_id);
      v_grant.home_grant_id := coalesce(v_grant.home_grant_id, v_grant.grant_id);
      v_grant.account_id := p_to_account_id;
      v_grant.grant_id := gen_random_uuid();
      v_grant.issued_no := v_taker.entry_no + 1;
      v_grant.amount := v_take;
      v_grant.effective_at := v_now;
      v_grant.created_at := v_now;
      insert into credits.grants (
        account_id, grant_id, issued_no, source, priority, amount, effective_at, expires_at,
        created_at, purchase_key, home_account_id, home_grant_id, effective, remaining)
      values (
        v_grant.account_id, v_grant.grant_id, v_grant.issued_no, v_grant.source, v_grant.priority,
        v_grant.amount, v_grant.effective_at, v_grant.expires_at, v_grant.created_at,
        v_grant.purchase_key, v_grant.home_account_id, v_grant.home_grant_id, true, v_grant.amount);
      v_entry.grant_id := v_grant.grant_id;
      v_entry.subject_seal := credits.subject_seal(v_grant);
    end if;
    v_taker := (credits.append(v_taker, v_entry)).account;
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

revoke all on function credits.transfer(uuid, uuid, bigint, text, text, text)
  from public, anon, authenticated, service_role;
grant execute on function credits.transfer(uuid, uuid, bigint, text, text, text) to service_role;

call florin.end_migration();
