-- Spending: one spend.

call florin.begin_migration();

create function credits.spend(
  p_account_id uuid,
  p_amount bigint,
  p_idempotency_key text,
  p_metadata jsonb default '{}',
  p_actor text default null,
  p_feature text default null,
  p_meter text default null,
  p_quantity numeric default null,
  p_pricing jsonb default null,
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
  v_metadata jsonb := nullif(p_metadata, '{}');
  v_entry_no bigint;
  v_axis bigint;
  v_chain bytea;
  v_content bytea;
  v_usage bytea := '\x'::bytea;
  v_counted boolean := false;
  v_as_user boolean := false;
  v_account credits.accounts;
  v_entry credits.entries;
begin
  if p_account_id is null or p_amount is null or p_amount < 1 or p_amount > 9007199254740991
     or p_idempotency_key is null or p_idempotency_key = '' or length(p_idempotency_key) > 255
     or starts_with(p_idempotency_key, 'florin:') then
    -- What a meter counts may cost nothing.
    perform credits.check_input(p_account_id,
      case when p_meter is not null and p_amount = 0 then 1 else p_amount end, p_idempotency_key);
  end if;
  if num_nonnulls(p_actor, p_feature, p_meter, p_quantity, p_pricing) > 0 then
    perform credits.check_usage(p_actor, p_feature, p_meter, p_quantity, p_pricing);
    v_usage := credits.usage_seal(p_actor, p_feature, p_meter, p_quantity, p_pricing);
    v_as_user := coalesce(length(p_actor) = 36 and credits.app_keeps_members(), false);
  end if;
  v_content := sha256(record_send(row(
    p_account_id, -p_amount, v_now, '\x7370656e64'::bytea /* spend */, null::bytea, null::uuid, null::bigint,
    null::uuid, convert_to(p_idempotency_key, 'UTF8'), null::bytea,
    sha256(convert_to(v_metadata::text, 'UTF8')))) || v_usage);
  loop
    -- The common case is these two statements: the account's row with everything that must hold in
    -- its where clause, and the entry. The key decides last, under the row's lock.
    update credits.accounts a
       set posted = a.posted - p_amount,
           axis = a.axis + p_amount,
           entry_no = a.entry_no + 1,
           chain = sha256(a.chain || int8send(a.entry_no + 1) || int8send(a.axis)
             || int8send(a.posted - p_amount) || int8send(a.held::bigint) || v_content)
     where a.account_id = p_account_id
       and (a.posted - a.held >= p_amount or p_amount = 0)
       and a.next_change_at > v_now
       and a.closed_at is null
       and (v_counted or not (a.limited or v_as_user))
    returning a.posted, a.held, a.entry_no, a.axis, a.chain
      into posted, held, v_entry_no, v_axis, v_chain;
    if found then
      insert into credits.entries (
        account_id, entry_no, amount, axis_from, posted_after, held_after, created_at, kind,
        idempotency_key, metadata, actor, feature, meter, quantity, pricing, chain)
      values (
        p_account_id, v_entry_no, -p_amount, v_axis - p_amount, posted, held, v_now, 'spend',
        p_idempotency_key, v_metadata, p_actor, p_feature, p_meter, p_quantity, p_pricing, v_chain)
      on conflict (account_id, idempotency_key) do nothing;
      if found then
        entry_id := md5(p_account_id::text || ':' || v_entry_no)::uuid;
        available := posted - held;
        replayed := false;
        return;
      end if;
      -- The key was there: take the update back, still under its lock.
      select * into v_entry from credits.entries e
       where e.account_id = p_account_id and e.entry_no = v_entry_no - 1;
      update credits.accounts a
         set posted = a.posted + p_amount,
             axis = a.axis - p_amount,
             entry_no = a.entry_no - 1,
             chain = v_entry.chain
       where a.account_id = p_account_id;
    end if;

    v_account := credits.lock_account(p_account_id, p_amount = 0);
    v_entry := credits.replayed(p_account_id, p_idempotency_key, 'spend', v_metadata,
      p_amount => case when p_meter is null then -p_amount end);
    if v_entry.entry_no is not null then
      if not credits.has_usage(v_entry, p_actor, p_feature, p_meter, p_quantity, p_pricing) then
        perform credits.raise_key_reused(p_idempotency_key);
      end if;
      entry_id := credits.entry_id(p_account_id, v_entry.entry_no);
      posted := v_entry.posted_after;
      held := v_entry.held_after;
      available := posted - held;
      replayed := true;
      return;
    end if;

    if v_account.account_id is null then
      perform credits.raise_insufficient(0, p_amount);
    elsif v_account.closed_at is not null then
      perform credits.raise_closed(p_account_id);
    elsif v_account.next_change_at <= v_now then
      v_account := credits.settle(v_account, v_now);
      perform credits.save_account(v_account);
    elsif v_account.posted - v_account.held < p_amount and p_amount > 0 then
      perform credits.raise_insufficient(v_account.posted - v_account.held, p_amount);
    elsif v_account.limited or v_as_user then
      perform credits.check_actor(p_account_id, p_actor);
      perform credits.use_limits(p_account_id, p_actor, p_feature, p_amount, v_now, true);
      v_counted := true;
    end if;
  end loop;
end;
$$;
comment on function credits.spend(uuid, bigint, text, jsonb, text, text, text, numeric, jsonb) is
  'Takes credits, from the grants in burn order: priority, then soonest expiry, then oldest. Never overdraws. The entry keeps who used them (actor), for what (feature), and of a charge the meter, the quantity and the pricing; a charge may cost 0. Idempotent by key: the same input returns the first result with replayed true; of a charge the amount and the rate are no input. An actor that is a user''s id must be a member where the account has members. Errors: CRINS (also for an unknown account), CRLIM, CRMEM, CRROL, CRDUP, CRACC, CRAMT, CRKEY, 22004, 22023.';

call florin.end_migration();
