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
    p_grant.grant_id, convert_to(p_grant.source, 'UTF8'), p_grant.priority, p_grant.amount,
    p_grant.effective_at, p_grant.expires_at, p_grant.created_at, p_grant.issued_no,
    convert_to(p_grant.idempotency_key, 'UTF8'), convert_to(p_grant.metadata::text, 'UTF8'))));
end;
$$;
comment on function credits.subject_seal(credits.grants) is
  'Hash of what may never change of a grant. In binary form: independent of time zone and encoding.';

create function credits.subject_seal(p_hold credits.holds)
returns bytea
language plpgsql
immutable
set search_path = ''
as $$
begin
  return sha256(record_send(row(
    p_hold.hold_id, p_hold.amount, p_hold.axis_from, p_hold.expires_at, p_hold.created_at,
    convert_to(p_hold.idempotency_key, 'UTF8'), convert_to(p_hold.metadata::text, 'UTF8'))));
end;
$$;
comment on function credits.subject_seal(credits.holds) is
  'Hash of what may never change of a hold.';

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

-- credits.spend writes this expression out by hand, because a call costs more than the hash.
create function credits.chain_after(p_entry credits.entries, p_chain_before bytea)
returns bytea
language plpgsql
immutable
set search_path = ''
as $$
begin
  return sha256(p_chain_before || record_send(row(
    p_entry.account_id, p_entry.entry_no, p_entry.amount, p_entry.axis_from, p_entry.posted_after,
    p_entry.held_after, p_entry.created_at, p_entry.kind::text::bytea, p_entry.grant_id,
    p_entry.grant_delta, p_entry.hold_id, convert_to(p_entry.idempotency_key, 'UTF8'),
    p_entry.subject_seal, convert_to(p_entry.metadata::text, 'UTF8'))));
end;
$$;
comment on function credits.chain_after(credits.entries, bytea) is
  'The chain''s value after an entry: sha256 of the value before and every column, in binary form.';

-- Everything but the spend works on a locked account in a variable: append entries to it, then save.
create function credits.append(p_account inout credits.accounts, p_entry credits.entries)
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
  insert into credits.entries select p_entry.*;
end;
$$;
comment on function credits.append(credits.accounts, credits.entries) is
  'Writes the next entry of a locked account and moves its number, posted balance and chain, in the variable. The caller sets held beforehand and saves afterwards.';

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
