-- Entries: their ids and seals, the hash chain, and how one is appended to a locked account.

call florin.begin_migration();

create function credits.entry_id(p_account_id uuid, p_entry_no bigint)
returns uuid
language plpgsql
immutable
set search_path = ''
as $$
begin
  return md5(p_account_id::text || ':' || p_entry_no)::uuid;
end;
$$;
comment on function credits.entry_id(uuid, bigint) is
  'The public id of an entry: derived from its account and number, so that nothing is stored or indexed for it.';

create function credits.subject_seal(p_grant credits.grants)
returns bytea
language plpgsql
immutable
set search_path = ''
as $$
begin
  return sha256(record_send(row(
    p_grant.grant_id, convert_to(p_grant.source, 'UTF8'), p_grant.priority, p_grant.amount::bigint,
    p_grant.effective_at, p_grant.expires_at, p_grant.created_at, p_grant.issued_no,
    convert_to(p_grant.purchase_key, 'UTF8'), p_grant.home_account_id, p_grant.home_grant_id)));
end;
$$;
comment on function credits.subject_seal(credits.grants) is
  'Hash of what may never change of a grant; its key and metadata are its entry''s. In binary form: independent of time zone and encoding.';

create function credits.subject_seal(p_hold credits.holds)
returns bytea
language plpgsql
immutable
set search_path = ''
as $$
begin
  return sha256(record_send(row(
    p_hold.hold_id, p_hold.amount, p_hold.axis_from, p_hold.expires_at, p_hold.placed_until,
    p_hold.created_at,
    convert_to(p_hold.idempotency_key, 'UTF8'),
    coalesce(p_hold.metadata_digest, sha256(convert_to(p_hold.metadata::text, 'UTF8')))))
    || credits.usage_seal(p_hold.actor, p_hold.feature, null, null, null, p_hold.actor_digest));
end;
$$;
comment on function credits.subject_seal(credits.holds) is
  'Hash of what may never change of a hold, but by an extension, which seals it anew.';

-- A function that takes a row of a table and is called in a view of that table is a circle to Citus,
-- which then refuses to make it again in a migration. This one takes any row.
create function credits.seal_in_view(p_subject anyelement)
returns bytea
language plpgsql
immutable
set search_path = ''
as $$
declare
  v_seal bytea;
begin
  execute format('select credits.subject_seal($1::%s)', pg_typeof(p_subject))
    into v_seal using p_subject;
  return v_seal;
end;
$$;
comment on function credits.seal_in_view(anyelement) is 'credits.subject_seal, for views of the table that the row is of.';

create function credits.overage_seal(p_overage credits.overage, p_uncovered bigint)
returns bytea
language plpgsql
immutable
set search_path = ''
as $$
begin
  if p_overage is null and p_uncovered = 0 then
    return null;
  end if;
  return sha256(record_send(row(p_overage::text::bytea, p_uncovered)));
end;
$$;
comment on function credits.overage_seal(credits.overage, bigint) is
  'Hash of what a capture above its hold was asked to do and left uncovered; null for any other hold.';

create function credits.allocation_seal(
  p_account_id uuid, p_axis_from bigint, p_axis_to bigint, p_grant_id uuid, p_displaced_from uuid)
returns bytea
language plpgsql
immutable
set search_path = ''
as $$
begin
  return sha256(record_send(row(p_account_id, p_axis_from, p_axis_to, p_grant_id, p_displaced_from)));
end;
$$;
comment on function credits.allocation_seal(uuid, bigint, bigint, uuid, uuid) is 'Hash of a row of allocations.';

create function credits.usage_seal(
  p_actor text, p_feature text, p_meter text, p_quantity numeric, p_pricing jsonb,
  p_actor_digest bytea default null)
returns bytea
language plpgsql
immutable
set search_path = ''
as $$
begin
  if num_nonnulls(p_actor, p_feature, p_meter, p_quantity, p_pricing) = 0 then
    return '\x'::bytea;
  end if;
  return sha256(record_send(row(
    coalesce(p_actor_digest, sha256(convert_to(p_actor, 'UTF8'))), convert_to(p_feature, 'UTF8'), convert_to(p_meter, 'UTF8'),
    p_quantity, convert_to(p_pricing::text, 'UTF8'))));
end;
$$;
comment on function credits.usage_seal(text, text, text, numeric, jsonb, bytea) is
  'Hash of who used how much of what at which rate; empty where the entry says nothing of it.';

create function credits.erased_seal(
  p_id uuid, p_metadata jsonb, p_metadata_digest bytea, p_actor text, p_actor_digest bytea)
returns bytea
language plpgsql
immutable
set search_path = ''
as $$
begin
  return sha256(record_send(row(
    p_id, convert_to(p_metadata::text, 'UTF8'), p_metadata_digest, convert_to(p_actor, 'UTF8'),
    p_actor_digest)));
end;
$$;
comment on function credits.erased_seal(uuid, jsonb, bytea, text, bytea) is
  'Hash of what is left in a row after a person in it was erased.';

-- credits.spend, spend_batch and give write these two hashes out by hand: a call costs more than
-- the hash. What depends on the account's row is hashed by immutable functions alone (docs/scale.md).
create function credits.content_hash(p_entry credits.entries)
returns bytea
language plpgsql
immutable
set search_path = ''
as $$
begin
  return sha256(record_send(row(
    p_entry.account_id, p_entry.amount, p_entry.created_at, p_entry.kind::text::bytea,
    p_entry.cause::text::bytea, p_entry.grant_id, p_entry.grant_delta, p_entry.hold_id,
    convert_to(p_entry.idempotency_key, 'UTF8'), p_entry.subject_seal,
    coalesce(p_entry.metadata_digest, sha256(convert_to(p_entry.metadata::text, 'UTF8')))))
    || credits.usage_seal(
      p_entry.actor, p_entry.feature, p_entry.meter, p_entry.quantity, p_entry.pricing,
      p_entry.actor_digest));
end;
$$;
comment on function credits.content_hash(credits.entries) is
  'Hash of all of an entry that is known before the account''s row is, in binary form.';

create function credits.chain_after(p_entry credits.entries, p_chain_before bytea)
returns bytea
language plpgsql
immutable
set search_path = ''
as $$
begin
  return sha256(p_chain_before || int8send(p_entry.entry_no)
    || int8send(coalesce(p_entry.axis_from, -1)) || int8send(p_entry.posted_after)
    || int8send(p_entry.held_after) || credits.content_hash(p_entry));
end;
$$;
comment on function credits.chain_after(credits.entries, bytea) is
  'The chain''s value after an entry: sha256 of the value before and every column. Each part has a fixed length, so no two entries read alike.';

create type credits.step as (account credits.accounts, entry credits.entries);
comment on type credits.step is 'What appending leaves: the account, not saved yet, and the entry as it was written.';

-- credits.spend, spend_batch, give and give_batch insert their entries themselves. Everything else
-- works on a locked account in a variable: append entries to it, then save.
create function credits.append(p_account credits.accounts, p_entry credits.entries)
returns credits.step
language plpgsql
set search_path = ''
as $$
begin
  p_account.entry_no := p_account.entry_no + 1;
  p_account.posted := p_account.posted + p_entry.amount;
  p_entry.account_id := p_account.account_id;
  p_entry.entry_no := p_account.entry_no;
  p_entry.posted_after := p_account.posted;
  p_entry.held_after := p_account.held;
  p_entry.chain := credits.chain_after(p_entry, p_account.chain);
  p_account.chain := p_entry.chain;
  insert into credits.entries (
    account_id, entry_no, amount, axis_from, posted_after, held_after, created_at, kind, cause,
    grant_id, grant_delta, hold_id, idempotency_key, subject_seal, metadata, actor, feature, meter, quantity,
    pricing, chain)
  values (
    p_entry.account_id, p_entry.entry_no, p_entry.amount, p_entry.axis_from, p_entry.posted_after,
    p_entry.held_after, p_entry.created_at, p_entry.kind, p_entry.cause, p_entry.grant_id,
    p_entry.grant_delta, p_entry.hold_id, p_entry.idempotency_key, p_entry.subject_seal,
    p_entry.metadata, p_entry.actor, p_entry.feature, p_entry.meter, p_entry.quantity,
    p_entry.pricing, p_entry.chain);
  return row(p_account, p_entry);
end;
$$;
comment on function credits.append(credits.accounts, credits.entries) is
  'Writes the next entry of a locked account and moves its number, posted balance and chain, in the variable. The caller sets held beforehand and saves afterwards.';

create function credits.has_metadata(p_entry credits.entries, p_metadata jsonb)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  return coalesce(p_entry.metadata_digest, sha256(convert_to(p_entry.metadata::text, 'UTF8')))
    is not distinct from sha256(convert_to(nullif(p_metadata, '{}')::text, 'UTF8'));
end;
$$;
comment on function credits.has_metadata(credits.entries, jsonb) is
  'Whether the entry was written with this metadata, also where a person was erased from it since.';

create function credits.has_usage(
  p_entry credits.entries, p_actor text, p_feature text, p_meter text, p_quantity numeric,
  p_pricing jsonb)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  return (coalesce(p_entry.actor_digest, sha256(convert_to(p_entry.actor, 'UTF8'))), p_entry.feature,
          p_entry.meter, p_entry.quantity, p_entry.pricing -> 'usage')
    is not distinct from (sha256(convert_to(p_actor, 'UTF8')), p_feature, p_meter, p_quantity,
          p_pricing -> 'usage');
end;
$$;
comment on function credits.has_usage(credits.entries, text, text, text, numeric, jsonb) is
  'Whether the entry was written by this actor for this use, also where the actor was erased since. What was metered is compared, not what it cost: that follows from the card of that day.';

create function credits.replayed(
  p_account_id uuid,
  p_idempotency_key text,
  p_kind credits.entry_kind,
  p_metadata jsonb,
  p_grant_id uuid default null,
  p_grant_delta bigint default null,
  p_amount bigint default null)
returns credits.entries
language plpgsql
stable
set search_path = ''
as $$
declare
  v_entry credits.entries;
begin
  select * into v_entry from credits.entries e
   where e.account_id = p_account_id and e.idempotency_key = p_idempotency_key;
  if found and (v_entry.kind <> p_kind
       or not credits.has_metadata(v_entry, p_metadata)
       or v_entry.grant_id <> p_grant_id or v_entry.grant_delta <> p_grant_delta
       or v_entry.amount <> p_amount) then
    perform credits.raise_key_reused(p_idempotency_key);
  end if;
  return v_entry;
end;
$$;
comment on function credits.replayed(uuid, text, credits.entry_kind, jsonb, uuid, bigint, bigint) is
  'The entry that was written under this key, or a row of nulls. Raises CRDUP when it is of another kind or input; what is null is not compared. Call it with the account locked.';

create function credits.written(
  p_account_id uuid, p_entry credits.entries,
  out entry_id uuid, out posted bigint, out held bigint, out available bigint)
language plpgsql
immutable
set search_path = ''
as $$
begin
  entry_id := credits.entry_id(p_account_id, p_entry.entry_no);
  posted := p_entry.posted_after;
  held := p_entry.held_after;
  available := posted - held;
end;
$$;
comment on function credits.written(uuid, credits.entries) is
  'What every write answers about the entry it made, the first time and on every replay.';

call florin.end_migration();
