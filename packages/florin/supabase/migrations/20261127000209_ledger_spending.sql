-- Spending: one spend, and many in one call.

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
  end if;
  v_content := sha256(record_send(row(
    p_account_id, -p_amount, v_now, '\x7370656e64'::bytea, null::bytea, null::uuid, null::bigint,
    null::uuid, convert_to(p_idempotency_key, 'UTF8'), null::bytea,
    convert_to(v_metadata::text, 'UTF8'))) || v_usage);
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
       and (v_counted or not a.limited)
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
    -- What was metered is the input, and what it cost follows from the card of that day.
    v_entry := credits.replayed(p_account_id, p_idempotency_key, 'spend', v_metadata,
      p_amount => case when p_meter is null then -p_amount end);
    if v_entry.entry_no is not null then
      if (v_entry.actor, v_entry.feature, v_entry.meter, v_entry.quantity, v_entry.pricing -> 'usage')
         is distinct from (p_actor, p_feature, p_meter, p_quantity, p_pricing -> 'usage') then
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
    elsif v_account.limited then
      v_counted := credits.use_limits(p_account_id, p_actor, p_feature, p_amount, v_now, true);
    end if;
  end loop;
end;
$$;
comment on function credits.spend(uuid, bigint, text, jsonb, text, text, text, numeric, jsonb) is
  'Takes credits, from the grants in burn order: priority, then soonest expiry, then oldest. Never overdraws. The entry keeps who used them (actor), for what (feature), and of a charge the meter, the quantity and the pricing; a charge may cost 0. Idempotent by key: the same input returns the first result with replayed true; of a charge the amount and the rate are no input. Errors: CRINS (also for an unknown account), CRLIM, CRDUP, CRACC, CRAMT, CRKEY, 22004, 22023.';

create function credits.spend_batch(
  p_account_ids uuid[], p_amounts bigint[], p_idempotency_keys text[])
returns table (
  item int, account_id uuid, idempotency_key text, status text, entry_id uuid,
  posted bigint, held bigint, available bigint, replayed boolean)
language plpgsql
security definer
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  v_now timestamptz := clock_timestamp();
  v_count int := coalesce(cardinality(p_account_ids), 0);
  v_account credits.accounts;
  v_ids uuid[] := array[]::uuid[];
  v_posted bigint[] := array[]::bigint[];
  v_held bigint[] := array[]::bigint[];
  v_axis bigint[] := array[]::bigint[];
  v_no bigint[] := array[]::bigint[];
  v_chain bytea[] := array[]::bytea[];
  v_open boolean[] := array[]::boolean[];
  v_limited boolean[] := array[]::boolean[];
  v_item record;
  v_a int;
  v_first int;
  v_statuses text[] := array_fill(null::text, array[v_count]);
  v_nos bigint[] := array_fill(null::bigint, array[v_count]);
  v_item_posted bigint[] := array_fill(null::bigint, array[v_count]);
  v_item_held bigint[] := array_fill(null::bigint, array[v_count]);
  v_item_axis bigint[] := array_fill(null::bigint, array[v_count]);
  v_item_chain bytea[] := array_fill(null::bytea, array[v_count]);
begin
  if v_count <> coalesce(cardinality(p_amounts), 0)
     or v_count <> coalesce(cardinality(p_idempotency_keys), 0) then
    raise exception 'The three lists must be of the same length.'
      using errcode = '22023', hint = 'Pass one account, one amount and one key for each spend.';
  end if;
  for v_a in 1..v_count loop
    if p_account_ids[v_a] is null or p_amounts[v_a] is null or p_amounts[v_a] < 1
       or p_amounts[v_a] > 9007199254740991 or p_idempotency_keys[v_a] is null
       or length(p_idempotency_keys[v_a]) not between 1 and 255
       or starts_with(p_idempotency_keys[v_a], 'florin:') then
      perform credits.check_input(p_account_ids[v_a], p_amounts[v_a], p_idempotency_keys[v_a]);
    end if;
  end loop;

  -- Accounts are locked in one order, so that batches never wait for each other in a circle.
  for v_account in
    select a.* from credits.accounts a
     where a.account_id = any (p_account_ids)
     order by a.account_id
       for update
  loop
    if v_account.next_change_at <= v_now then
      v_account := credits.settle(v_account, v_now);
      perform credits.save_account(v_account);
    end if;
    v_ids := v_ids || v_account.account_id;
    v_posted := v_posted || v_account.posted;
    v_held := v_held || v_account.held;
    v_axis := v_axis || v_account.axis;
    v_no := v_no || v_account.entry_no;
    v_chain := v_chain || v_account.chain;
    v_open := v_open || (v_account.closed_at is null);
    v_limited := v_limited || v_account.limited;
  end loop;

  for v_item in
    select i.account_id, i.amount, i.key, i.n::int as n, k.place::int as place,
           (min(i.n) over (partition by i.account_id, i.key))::int as first_n,
           e.entry_no, e.kind, e.amount as entry_amount,
           num_nonnulls(e.metadata, e.actor, e.feature, e.meter) as said,
           e.posted_after, e.held_after
      from unnest(p_account_ids, p_amounts, p_idempotency_keys)
             with ordinality as i (account_id, amount, key, n)
      left join unnest(v_ids) with ordinality as k (account_id, place)
        on k.account_id = i.account_id
      left join credits.entries e
        on e.account_id = i.account_id and e.idempotency_key = i.key
     order by i.n
  loop
    v_a := v_item.place;
    v_first := null;
    if v_item.first_n < v_item.n then
      select i.n into v_first
        from generate_series(v_item.first_n, v_item.n - 1) as i (n)
       where v_statuses[i.n] = 'spent' and p_account_ids[i.n] = v_item.account_id
         and p_idempotency_keys[i.n] = v_item.key;
    end if;
    if v_first is not null and p_amounts[v_first] = v_item.amount then
      -- The same intent twice in one call.
      v_statuses[v_item.n] := 'replayed';
      v_nos[v_item.n] := v_nos[v_first];
      v_item_posted[v_item.n] := v_item_posted[v_first];
      v_item_held[v_item.n] := v_item_held[v_first];
    elsif v_first is not null then
      v_statuses[v_item.n] := 'idempotency_key_reused';
      v_item_posted[v_item.n] := v_posted[v_a];
      v_item_held[v_item.n] := v_held[v_a];
    elsif v_item.entry_no is not null then
      if v_item.kind = 'spend' and v_item.entry_amount = -v_item.amount
         and v_item.said = 0 then
        v_statuses[v_item.n] := 'replayed';
        v_nos[v_item.n] := v_item.entry_no;
        v_item_posted[v_item.n] := v_item.posted_after;
        v_item_held[v_item.n] := v_item.held_after;
      else
        v_statuses[v_item.n] := 'idempotency_key_reused';
        v_item_posted[v_item.n] := v_posted[v_a];
        v_item_held[v_item.n] := v_held[v_a];
      end if;
    elsif v_a is null then
      v_statuses[v_item.n] := 'insufficient_credits';
      v_item_posted[v_item.n] := 0;
      v_item_held[v_item.n] := 0;
    elsif not v_open[v_a] then
      v_statuses[v_item.n] := 'account_closed';
      v_item_posted[v_item.n] := v_posted[v_a];
      v_item_held[v_item.n] := v_held[v_a];
    elsif v_posted[v_a] - v_held[v_a] < v_item.amount then
      v_statuses[v_item.n] := 'insufficient_credits';
      v_item_posted[v_item.n] := v_posted[v_a];
      v_item_held[v_item.n] := v_held[v_a];
    elsif v_limited[v_a] and not credits.use_limits(
        v_item.account_id, null, null, v_item.amount, v_now, false) then
      v_statuses[v_item.n] := 'limit_reached';
      v_item_posted[v_item.n] := v_posted[v_a];
      v_item_held[v_item.n] := v_held[v_a];
    else
      v_posted[v_a] := v_posted[v_a] - v_item.amount;
      v_no[v_a] := v_no[v_a] + 1;
      v_chain[v_a] := sha256(v_chain[v_a] || int8send(v_no[v_a]) || int8send(v_axis[v_a])
        || int8send(v_posted[v_a]) || int8send(v_held[v_a]) || sha256(record_send(row(
          v_item.account_id, -v_item.amount, v_now, '\x7370656e64'::bytea, null::bytea, null::uuid,
          null::bigint, null::uuid, convert_to(v_item.key, 'UTF8'), null::bytea, null::bytea))));
      v_statuses[v_item.n] := 'spent';
      v_nos[v_item.n] := v_no[v_a];
      v_item_posted[v_item.n] := v_posted[v_a];
      v_item_held[v_item.n] := v_held[v_a];
      v_item_axis[v_item.n] := v_axis[v_a];
      v_item_chain[v_item.n] := v_chain[v_a];
      v_axis[v_a] := v_axis[v_a] + v_item.amount;
    end if;
  end loop;

  insert into credits.entries (
    account_id, entry_no, amount, axis_from, posted_after, held_after, created_at, kind,
    idempotency_key, chain)
  select i.account_id, i.no, -i.amount, i.axis_from, i.posted, i.held, v_now, 'spend', i.key, i.chain
    from unnest(p_account_ids, p_amounts, p_idempotency_keys, v_statuses, v_nos, v_item_posted,
                v_item_held, v_item_axis, v_item_chain)
           as i (account_id, amount, key, status, no, posted, held, axis_from, chain)
   where i.status = 'spent';
  update credits.accounts a
     set posted = i.posted, axis = i.axis, entry_no = i.no, chain = i.chain
    from unnest(v_ids, v_posted, v_axis, v_no, v_chain) as i (account_id, posted, axis, no, chain)
   where a.account_id = i.account_id and a.entry_no <> i.no;

  return query
    select i.n::int, i.account_id, i.key, i.status,
           case when i.no is not null then md5(i.account_id::text || ':' || i.no)::uuid end,
           i.posted, i.held, i.posted - i.held, i.status = 'replayed'
      from unnest(p_account_ids, p_idempotency_keys, v_statuses, v_nos, v_item_posted, v_item_held)
             with ordinality as i (account_id, key, status, no, posted, held, n)
     order by i.n;
end;
$$;
comment on function credits.spend_batch(uuid[], bigint[], text[]) is
  'Many spends in one call and one commit, each accepted or refused on its own and in order: status is spent, replayed, insufficient_credits, limit_reached, idempotency_key_reused or account_closed. Malformed input (CRAMT, CRKEY, 22004, 22023) refuses the whole call.';

call florin.end_migration();
