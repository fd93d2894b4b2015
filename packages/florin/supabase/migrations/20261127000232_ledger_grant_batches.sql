-- The grants of one purchase of many lines. On a cluster a statement costs more than what it writes:
-- all grants are written by one, and all their entries by another.

call florin.begin_migration();

create function credits.give_batch(
  p_account_id uuid,
  p_amounts bigint[],
  p_idempotency_keys text[],
  p_sources text[],
  p_priorities integer[],
  p_expires_at timestamptz[],
  p_metadata jsonb[],
  p_causes credits.cause[],
  p_purchase_keys text[])
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_account credits.accounts;
  v_each record;
  v_grant credits.grants;
  v_entry credits.entries;
  v_grants credits.grants[] := array[]::credits.grants[];
  v_entries credits.entries[] := array[]::credits.entries[];
begin
  perform credits.check_input(p_account_id, i.amount, i.key, i.cause)
     from unnest(p_amounts, p_idempotency_keys, p_causes) as i (amount, key, cause);
  v_account := credits.lock_account(p_account_id, true);
  -- What is settled, replayed or refused along the way is for each to find.
  if v_account.closed_at is not null or v_account.debt > 0
     or credits.needs_settling(v_account, v_now)
     or v_now >= any (p_expires_at) or '' = any (array_replace(p_sources, null, ''))
     or cardinality(p_idempotency_keys) <> (
       select count(distinct k.key) from unnest(p_idempotency_keys) as k (key))
     or exists (
       select from credits.entries e
        where e.account_id = p_account_id and e.idempotency_key = any (p_idempotency_keys)) then
    for v_n in 1..cardinality(p_amounts) loop
      perform credits.give(p_account_id, p_amounts[v_n], p_idempotency_keys[v_n], p_sources[v_n],
        p_priorities[v_n], null, p_expires_at[v_n], p_metadata[v_n], p_causes[v_n], p_purchase_keys[v_n]);
    end loop;
    return;
  end if;
  for v_each in
    select * from unnest(p_amounts, p_idempotency_keys, p_sources, p_priorities, p_expires_at, p_metadata,
        p_causes, p_purchase_keys)
      as i (amount, idempotency_key, source, priority, expires_at, metadata, cause, purchase_key)
  loop
    v_account.entry_no := v_account.entry_no + 1;
    v_account.posted := v_account.posted + v_each.amount;
    v_account.next_change_at := least(v_account.next_change_at, v_each.expires_at);
    v_account.next_expiry_at := least(v_account.next_expiry_at, v_each.expires_at);
    v_grant.grant_id := gen_random_uuid();
    v_grant.issued_no := v_account.entry_no;
    v_grant.source := v_each.source;
    v_grant.priority := coalesce(v_each.priority, 0);
    v_grant.amount := v_each.amount;
    v_grant.effective_at := v_now;
    v_grant.expires_at := v_each.expires_at;
    v_grant.created_at := v_now;
    v_grant.purchase_key := v_each.purchase_key;
    v_grants := v_grants || v_grant;
    v_entry.account_id := p_account_id;
    v_entry.entry_no := v_account.entry_no;
    v_entry.amount := v_each.amount;
    v_entry.posted_after := v_account.posted;
    v_entry.held_after := v_account.held;
    v_entry.created_at := v_now;
    v_entry.kind := 'grant';
    v_entry.cause := v_each.cause;
    v_entry.grant_id := v_grant.grant_id;
    v_entry.grant_delta := v_each.amount;
    v_entry.idempotency_key := v_each.idempotency_key;
    v_entry.subject_seal := credits.subject_seal(v_grant);
    v_entry.metadata := nullif(v_each.metadata, '{}');
    v_entry.chain := credits.chain_after(v_entry, v_account.chain);
    v_account.chain := v_entry.chain;
    v_entries := v_entries || v_entry;
  end loop;
  insert into credits.grants (
    account_id, grant_id, issued_no, source, priority, amount, effective_at, expires_at, created_at,
    purchase_key, effective, remaining)
  select p_account_id, g.grant_id, g.issued_no, g.source, g.priority, g.amount, g.effective_at,
         g.expires_at, g.created_at, g.purchase_key, true, g.amount
    from unnest(v_grants) g;
  insert into credits.entries (
    account_id, entry_no, amount, posted_after, held_after, created_at, kind, cause, grant_id,
    grant_delta, idempotency_key, subject_seal, metadata, chain)
  select p_account_id, e.entry_no, e.amount, e.posted_after, e.held_after, e.created_at, e.kind,
         e.cause, e.grant_id, e.grant_delta, e.idempotency_key, e.subject_seal, e.metadata, e.chain
    from unnest(v_entries) e;
  perform credits.save_account(v_account);
end;
$$;
comment on function credits.give_batch(uuid, bigint[], text[], text[], integer[], timestamptz[], jsonb[], credits.cause[], text[]) is
  'What credits.give does for each, in order, all effective at once: by one statement a table where nothing of the account is to be settled and no key is used. Internal.';

revoke all on function
  credits.give_batch(uuid, bigint[], text[], text[], integer[], timestamptz[], jsonb[], credits.cause[], text[])
  from public, anon, authenticated, service_role;

call florin.end_migration();
