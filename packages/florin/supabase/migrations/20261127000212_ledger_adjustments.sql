-- Adjustments: balances corrected by hand.

call florin.begin_migration();

create function credits.adjust(
  p_account_id uuid,
  p_amount bigint,
  p_idempotency_key text,
  p_reason text,
  p_actor text,
  p_internal_note text default null,
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
  v_metadata jsonb := jsonb_strip_nulls(jsonb_build_object(
    'reason', p_reason, 'actor', p_actor, 'internal_note', p_internal_note));
  v_account credits.accounts;
  v_entry credits.entries;
  v_step credits.step;
  v_given credits.given;
begin
  -- The smallest bigint has no absolute value.
  perform credits.check_input(
    p_account_id, case when p_amount >= -9007199254740991 then abs(p_amount) else p_amount end,
    p_idempotency_key);
  if coalesce(p_reason, '') = '' or coalesce(p_actor, '') = '' then
    raise exception 'An adjustment needs a reason and who made it.'
      using errcode = '22004', hint = 'Pass both: they stay in the ledger.';
  end if;
  v_account := credits.lock_account(p_account_id, p_amount > 0);
  v_entry := credits.replayed(
    p_account_id, p_idempotency_key, 'adjustment', v_metadata, p_amount => p_amount);
  if v_entry.entry_no is not null then
    replayed := true;
  elsif p_amount > 0 then
    v_given := credits.give(p_account_id, p_amount, p_idempotency_key, 'adjustment', 0, null, null,
      v_metadata, null, null, 'adjustment');
    entry_id := credits.entry_id(p_account_id, v_given.entry_no);
    posted := v_given.posted;
    held := v_given.held;
    available := posted - held;
    replayed := v_given.replayed;
    return;
  elsif v_account.closed_at is not null then
    perform credits.raise_closed(p_account_id);
  else
    if v_account.account_id is null then
      perform credits.raise_insufficient(0, -p_amount);
    end if;
    if credits.needs_settling(v_account, v_now) then
      v_account := credits.settle(v_account, v_now);
    end if;
    if v_account.posted - v_account.held < -p_amount then
      perform credits.raise_insufficient(v_account.posted - v_account.held, -p_amount);
    end if;
    v_entry.kind := 'adjustment';
    v_entry.amount := p_amount;
    v_entry.axis_from := v_account.axis;
    v_entry.idempotency_key := p_idempotency_key;
    v_entry.created_at := v_now;
    v_entry.metadata := v_metadata;
    v_account.axis := v_account.axis - p_amount;
    v_step := credits.append(v_account, v_entry);
    v_entry := v_step.entry;
    perform credits.save_account(v_step.account);
    replayed := false;
  end if;
  select w.* into entry_id, posted, held, available from credits.written(p_account_id, v_entry) w;
end;
$$;
comment on function credits.adjust(uuid, bigint, text, text, text, text) is
  'Corrects a balance by hand: a positive amount gives credits, a negative one takes available ones. The buyer reads the reason; the actor and the internal note are for operators. All stay in the entry. Idempotent by key. Errors: CRINS, CRAMT, CRKEY, CRDUP, CRACC, 22004.';

call florin.end_migration();
