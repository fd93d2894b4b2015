-- Many spends in one call and one commit.

call florin.begin_migration();

create type credits.batch_result as (
  status text, entry_no bigint, posted bigint, held bigint, reached jsonb);
comment on type credits.batch_result is
  'How one spend of a batch ended; the entry of its key and the balance after it, else the balance as it is, and the limit that was reached.';

create function credits.spend_batch(
  p_account_ids uuid[],
  p_amounts bigint[],
  p_idempotency_keys text[],
  p_metadata jsonb[] default null,
  p_actors text[] default null,
  p_features text[] default null,
  p_meters text[] default null,
  p_quantities numeric[] default null,
  p_pricings jsonb[] default null,
  p_wait boolean default true)
returns table (
  item int, account_id uuid, idempotency_key text, status text, entry_id uuid,
  posted bigint, held bigint, available bigint, replayed boolean, reached jsonb)
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
  v_says_who boolean :=
    num_nonnulls(p_actors, p_features, p_meters, p_quantities, p_pricings) > 0;
  v_as_users boolean := p_actors is not null and credits.app_keeps_members();
  v_n int;
  v_group record;
  v_busy boolean;
  v_account credits.accounts;
  v_metadata jsonb;
  v_usage bytea := '\x'::bytea;
  v_chain bytea;
  v_payable boolean;
  v_refused text;
  v_reached jsonb;
  v_written boolean;
  v_entry credits.entries;
  v_result credits.batch_result;
  v_results credits.batch_result[] := array[]::credits.batch_result[];
begin
  if v_count <> any (array[
       coalesce(cardinality(p_amounts), 0), coalesce(cardinality(p_idempotency_keys), 0),
       coalesce(cardinality(p_metadata), v_count), coalesce(cardinality(p_actors), v_count),
       coalesce(cardinality(p_features), v_count), coalesce(cardinality(p_meters), v_count),
       coalesce(cardinality(p_quantities), v_count), coalesce(cardinality(p_pricings), v_count)])
  then
    raise exception 'The lists must be of the same length.'
      using errcode = '22023', hint = 'Pass one account, one amount and one key for each spend.';
  end if;
  -- A distributed table refuses skip locked (docs/scale.md).
  if not p_wait and to_regclass('pg_catalog.pg_dist_partition') is not null then
    raise exception 'On a cluster a batch cannot pass over locked accounts.'
      using errcode = '0A000', hint = 'Send the spends of each account in a call of their own, with p_wait.';
  end if;
  for v_n in 1..v_count loop
    if p_account_ids[v_n] is null or p_amounts[v_n] is null or p_amounts[v_n] < 1
       or p_amounts[v_n] > 9007199254740991 or p_idempotency_keys[v_n] is null
       or length(p_idempotency_keys[v_n]) not between 1 and 255
       or starts_with(p_idempotency_keys[v_n], 'florin:') then
      -- What a meter counts may cost nothing.
      perform credits.check_input(p_account_ids[v_n],
        case when p_meters[v_n] is not null and p_amounts[v_n] = 0 then 1 else p_amounts[v_n] end,
        p_idempotency_keys[v_n]);
    end if;
    if v_says_who then
      perform credits.check_usage(p_actors[v_n], p_features[v_n], p_meters[v_n],
        p_quantities[v_n], p_pricings[v_n]);
    end if;
  end loop;

  -- Accounts are locked in one order, so that batches never wait for each other in a circle. Each
  -- statement is about one account, so that the accounts may lie on several nodes (docs/scale.md).
  for v_group in
    select i.account_id, min(i.amount) as least, array_agg(i.n::int order by i.n) as places
      from unnest(p_account_ids, p_amounts) with ordinality as i (account_id, amount, n)
     group by i.account_id
     order by i.account_id
  loop
    v_busy := false;
    if p_wait then
      select * into v_account from credits.accounts a
       where a.account_id = v_group.account_id for update;
      if v_account.next_change_at <= v_now then
        v_account := credits.settle(v_account, v_now);
        perform credits.save_account(v_account);
      elsif v_account.account_id is null and v_group.least = 0 then
        v_account := credits.lock_account(v_group.account_id, true);
      end if;
    else
      select * into v_account from credits.accounts a
       where a.account_id = v_group.account_id for update skip locked;
      if v_account.account_id is null then
        v_busy := v_group.least = 0 or exists (
          select from credits.accounts a where a.account_id = v_group.account_id);
      else
        v_busy := v_account.next_change_at <= v_now;
      end if;
    end if;
    if v_busy then
      foreach v_n in array v_group.places loop
        v_results[v_n] := row('busy', null, null, null, null);
      end loop;
      continue;
    end if;
    foreach v_n in array v_group.places loop
      v_written := false;
      v_refused := null;
      v_reached := null;
      v_metadata := nullif(p_metadata[v_n], '{}');
      v_payable := v_account.closed_at is null
        and (v_account.posted - v_account.held >= p_amounts[v_n] or p_amounts[v_n] = 0);
      if v_payable and (v_account.limited or v_as_users) and not exists (
          select from credits.entries e
           where e.account_id = v_group.account_id and e.idempotency_key = p_idempotency_keys[v_n])
      then
        v_refused := credits.refused_actor(v_group.account_id, p_actors[v_n]);
        if v_refused is null then
          v_reached := credits.use_limits(v_group.account_id, p_actors[v_n], p_features[v_n],
            p_amounts[v_n], v_now, false);
          v_refused := case when v_reached is not null then 'limit_reached' end;
        end if;
      end if;
      if v_payable and v_refused is null then
        if v_says_who then
          v_usage := credits.usage_seal(p_actors[v_n], p_features[v_n], p_meters[v_n],
            p_quantities[v_n], p_pricings[v_n]);
        end if;
        v_chain := sha256(v_account.chain || int8send(v_account.entry_no + 1)
          || int8send(v_account.axis) || int8send(v_account.posted - p_amounts[v_n])
          || int8send(v_account.held::bigint) || sha256(record_send(row(
            v_account.account_id, -p_amounts[v_n], v_now, '\x7370656e64'::bytea /* spend */, null::bytea,
            null::uuid, null::bigint, null::uuid, convert_to(p_idempotency_keys[v_n], 'UTF8'),
            null::bytea, sha256(convert_to(v_metadata::text, 'UTF8')))) || v_usage));
        insert into credits.entries (
          account_id, entry_no, amount, axis_from, posted_after, held_after, created_at, kind,
          idempotency_key, metadata, actor, feature, meter, quantity, pricing, chain)
        values (
          v_account.account_id, v_account.entry_no + 1, -p_amounts[v_n], v_account.axis,
          v_account.posted - p_amounts[v_n], v_account.held, v_now, 'spend',
          p_idempotency_keys[v_n], v_metadata, p_actors[v_n], p_features[v_n], p_meters[v_n],
          p_quantities[v_n], p_pricings[v_n], v_chain)
        on conflict (account_id, idempotency_key) do nothing;
        v_written := found;
      end if;
      if v_written then
        v_account.posted := v_account.posted - p_amounts[v_n];
        v_account.axis := v_account.axis + p_amounts[v_n];
        v_account.entry_no := v_account.entry_no + 1;
        v_account.chain := v_chain;
        v_result := row('spent', v_account.entry_no, v_account.posted, v_account.held, null);
      else
        select * into v_entry from credits.entries e
         where e.account_id = v_group.account_id and e.idempotency_key = p_idempotency_keys[v_n];
        if v_entry.kind = 'spend' and (p_meters[v_n] is not null or v_entry.amount = -p_amounts[v_n])
           and credits.has_metadata(v_entry, v_metadata)
           and credits.has_usage(v_entry, p_actors[v_n], p_features[v_n], p_meters[v_n],
             p_quantities[v_n], p_pricings[v_n]) then
          v_result :=
            row('replayed', v_entry.entry_no, v_entry.posted_after, v_entry.held_after, null);
        else
          v_result := row(
            case when v_entry.entry_no is not null then 'idempotency_key_reused'
                 when v_account.closed_at is not null then 'account_closed'
                 else coalesce(v_refused, 'insufficient_credits') end,
            null, coalesce(v_account.posted, 0), coalesce(v_account.held, 0), v_reached);
        end if;
      end if;
      v_results[v_n] := v_result;
    end loop;
    update credits.accounts a
       set posted = v_account.posted,
           axis = v_account.axis,
           entry_no = v_account.entry_no,
           chain = v_account.chain
     where a.account_id = v_account.account_id and a.entry_no < v_account.entry_no;
  end loop;

  return query
    select r.n::int, p_account_ids[r.n], p_idempotency_keys[r.n], r.status,
           case when r.entry_no is not null
                then md5(p_account_ids[r.n]::text || ':' || r.entry_no)::uuid end,
           r.posted, r.held, r.posted - r.held,
           r.status = 'replayed', r.reached
      from unnest(v_results) with ordinality as r (status, entry_no, posted, held, reached, n)
     order by r.n;
end;
$$;
comment on function credits.spend_batch(uuid[], bigint[], text[], jsonb[], text[], text[], text[], numeric[], jsonb[], boolean) is
  'Many spends in one call and one commit, each accepted or refused on its own and in order: status is spent, replayed, insufficient_credits, limit_reached (reached says which, as the detail of CRLIM does), idempotency_key_reused, account_closed, not_a_member or role_too_low. The other lists say for each spend what credits.spend takes; a list that is null says nothing. With p_wait false nobody is waited for: the spends of an account that another holds, or whose grants or holds time has changed, are answered busy, and nothing is done for them; a cluster refuses it (0A000). Malformed input (CRAMT, CRKEY, 22004, 22023) refuses the whole call.';

revoke all on function
  credits.spend_batch(uuid[], bigint[], text[], jsonb[], text[], text[], text[], numeric[], jsonb[], boolean)
  from public, anon, authenticated, service_role;
grant execute on function
  credits.spend_batch(uuid[], bigint[], text[], jsonb[], text[], text[], text[], numeric[], jsonb[], boolean)
  to service_role;

call florin.end_migration();
