-- Erasure of a person: what entries and holds say of them goes, the movements of credits stay.
--
-- The chain and the seals are over digests of metadata and actor, so they hold without the words. What is
-- left in the rows is sealed by an entry of the kind erasure: nothing can be erased, or put in its place,
-- without one (docs/decisions/0137).

call florin.begin_migration();

create function credits.without_person(
  p_metadata jsonb, p_whole boolean, p_keep_reason boolean, p_person text, p_pseudonym text)
returns jsonb
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_left jsonb := p_metadata;
begin
  if p_metadata is null or jsonb_typeof(p_metadata) <> 'object' then
    return case when p_whole then null else p_metadata end;
  end if;
  if p_whole then
    select coalesce(jsonb_object_agg(m.key, m.value), '{}') into v_left
      from jsonb_each(p_metadata) m
     where m.key in ('stripe_event_id', 'stripe_payment_id', 'stripe_price_id',
             'stripe_subscription_id', 'plan_type', 'to', 'from', 'credits', 'actor')
        or m.key = 'reason' and p_keep_reason;
  end if;
  if v_left ->> 'actor' = p_person then
    v_left := v_left || jsonb_build_object('actor', p_pseudonym);
  end if;
  return nullif(v_left, '{}');
end;
$$;
comment on function credits.without_person(jsonb, boolean, boolean, text, text) is
  'Metadata without what an app or an operator wrote in it (p_whole), or with another name for the person who acted. Ids of Stripe''s objects and names of the catalogue''s stay: refunds, rollovers and reconcile go by them.';

create function credits.erase_person(
  p_account_id uuid,
  p_user_id uuid,
  out entries bigint,
  out holds bigint,
  out limits bigint)
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_person text := p_user_id::text;
  v_own boolean := p_account_id = p_user_id;
  v_pseudonym text := 'erased:' || gen_random_uuid();
  v_account credits.accounts;
  v_entry credits.entries;
  v_hold credits.holds;
  v_left jsonb;
  v_actor text;
  v_digest bytea;
  v_actor_digest bytea;
  v_actors text[] := array[v_person];
begin
  if p_account_id is null or p_user_id is null then
    raise exception 'The account id or the user id is missing.'
      using errcode = '22004', hint = 'Nothing was written. Pass both.';
  end if;
  entries := 0;
  holds := 0;
  limits := 0;
  v_account := credits.open_account(p_account_id, v_now);
  if v_account.account_id is null then
    return;
  end if;
  for v_entry in
    select e.* from credits.entries e
     where e.account_id = p_account_id and e.kind <> 'erasure'
       and (v_own or e.actor = v_person or e.metadata ->> 'actor' = v_person)
     order by e.entry_no
  loop
    v_left := credits.without_person(v_entry.metadata, v_own or v_entry.actor = v_person,
      v_entry.cause is not null, v_person, v_pseudonym);
    v_actor := credits.actor_without(v_entry.actor, v_own, v_person, v_pseudonym);
    continue when v_left is not distinct from v_entry.metadata
      and v_actor is not distinct from v_entry.actor;
    v_digest := v_entry.metadata_digest;
    if v_left is distinct from v_entry.metadata then
      v_digest := coalesce(v_digest, sha256(convert_to(v_entry.metadata::text, 'UTF8')));
    end if;
    v_actor_digest := v_entry.actor_digest;
    if v_actor is distinct from v_entry.actor then
      v_actor_digest := coalesce(v_actor_digest, sha256(convert_to(v_entry.actor, 'UTF8')));
      v_actors := v_actors || v_entry.actor;
    end if;
    update credits.entries e
       set metadata = v_left, actor = v_actor, metadata_digest = v_digest,
           actor_digest = v_actor_digest
     where e.account_id = p_account_id and e.entry_no = v_entry.entry_no;
    entries := entries + 1;
  end loop;
  for v_hold in
    select h.* from credits.holds h
     where h.account_id = p_account_id and (v_own or h.actor = v_person)
     order by h.hold_id
  loop
    v_left := credits.without_person(v_hold.metadata, true, false, v_person, v_pseudonym);
    v_actor := credits.actor_without(v_hold.actor, v_own, v_person, v_pseudonym);
    continue when v_left is not distinct from v_hold.metadata
      and v_actor is not distinct from v_hold.actor;
    v_digest := v_hold.metadata_digest;
    if v_left is distinct from v_hold.metadata then
      v_digest := coalesce(v_digest, sha256(convert_to(v_hold.metadata::text, 'UTF8')));
    end if;
    v_actor_digest := v_hold.actor_digest;
    if v_actor is distinct from v_hold.actor then
      v_actor_digest := coalesce(v_actor_digest, sha256(convert_to(v_hold.actor, 'UTF8')));
      v_actors := v_actors || v_hold.actor;
    end if;
    update credits.holds h
       set metadata = v_left, actor = v_actor, metadata_digest = v_digest,
           actor_digest = v_actor_digest
     where h.account_id = p_account_id and h.hold_id = v_hold.hold_id;
    holds := holds + 1;
  end loop;

  -- The rollup goes on with the name that its entries have now.
  insert into credits.usage_marks (account_id, entry_no) values (p_account_id, 0)
  on conflict (account_id) do nothing;
  perform 1 from credits.usage_marks m where m.account_id = p_account_id for update;
  insert into credits.usage_days (account_id, day, meter, feature, actor, spent, quantity)
  select d.account_id, d.day, d.meter, d.feature, v_pseudonym, sum(d.spent), sum(d.quantity)
    from credits.usage_days d
   where d.account_id = p_account_id and d.actor = any (v_actors)
   group by d.account_id, d.day, d.meter, d.feature;
  delete from credits.usage_days d
   where d.account_id = p_account_id and d.actor = any (v_actors);
  delete from credits.limit_counters c
   where c.account_id = p_account_id and c.actor = any (v_actors);
  delete from credits.limits l where l.account_id = p_account_id and l.actor = any (v_actors);
  get diagnostics limits = row_count;

  if entries + holds > 0 then
    v_entry := null;
    v_entry.kind := 'erasure';
    v_entry.amount := 0;
    v_entry.idempotency_key := 'florin:erasure:' || (v_account.entry_no + 1);
    v_entry.created_at := v_now;
    v_entry.metadata := jsonb_build_object('entries', entries, 'holds', holds);
    select sha256(string_agg(r.seal, '\x'::bytea order by r.id)) into v_entry.subject_seal
      from credits.erased_rows r where r.account_id = p_account_id;
    perform credits.save_account((credits.append(v_account, v_entry)).account);
  end if;
end;
$$;
comment on function credits.erase_person(uuid, uuid) is
  'Takes a person out of an account''s entries, holds, limits and usage: all words of the app in their own account, their name and what was written beside it in others; how many rows. Amounts, times, keys and Stripe''s ids stay, and so does proof: an entry of the kind erasure seals what is left. Repeatable: what is erased is not erased again. Errors: 22004.';

create function credits.actor_without(
  p_actor text, p_own boolean, p_person text, p_pseudonym text)
returns text
language plpgsql
immutable
set search_path = ''
as $$
begin
  -- In their own account a name that is no other user's and no pseudonym may be theirs: an address, a key.
  if p_actor = p_person
     or p_own and not starts_with(p_actor, 'erased:')
        and not credits.is_user_id(p_actor) then
    return p_pseudonym;
  end if;
  return p_actor;
end;
$$;
comment on function credits.actor_without(text, boolean, text, text) is
  'The actor, or the pseudonym where it names the person.';

revoke all on function
  credits.without_person(jsonb, boolean, boolean, text, text),
  credits.erase_person(uuid, uuid),
  credits.actor_without(text, boolean, text, text)
  from public, anon, authenticated, service_role;
grant execute on function credits.erase_person(uuid, uuid) to service_role;

call florin.end_migration();
