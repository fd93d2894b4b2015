-- Grants: credits given, and cancelled.

call florin.begin_migration();

create type credits.piece as (
  account_id uuid, grant_id uuid, unused bigint, used bigint, reversed bigint);
comment on type credits.piece is
  'Credits that were moved out of a grant, where they are: not used (some may have lapsed), spent or reserved, and taken back.';

create type credits.given as (
  grant_id uuid, entry_no bigint, posted bigint, held bigint, replayed boolean);
comment on type credits.given is
  'A grant as credits.give wrote it, or found it under its key (replayed), and the balance after its entry.';

-- Nearly every purchase ends here, so it is written out: calls that pass whole rows on cost three times as
-- much. test/property/grants.test.ts compares each row with what the ledger's general steps would leave.
create function credits.give(
  p_account_id uuid,
  p_amount bigint,
  p_idempotency_key text,
  p_source text,
  p_priority integer,
  p_effective_at timestamptz,
  p_expires_at timestamptz,
  p_metadata jsonb,
  p_cause credits.cause,
  p_purchase_key text,
  p_kind credits.entry_kind default 'grant')
returns credits.given
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_now timestamptz := clock_timestamp();
  -- The default is now(), a new value on every retry: it means "at once", and is no part of the input.
  v_at_once boolean := p_effective_at is null or p_effective_at = now();
  v_effective_at timestamptz := case when v_at_once then v_now else p_effective_at end;
  v_effective boolean := v_effective_at <= v_now;
  v_priority integer := coalesce(p_priority, 0);
  v_metadata jsonb := nullif(p_metadata, '{}');
  v_kind credits.entry_kind := case when v_effective then p_kind else 'schedule' end;
  v_moved bigint := case when v_effective then p_amount else 0 end;
  v_grant_id uuid := gen_random_uuid();
  v_account credits.accounts;
  v_entry credits.entries;
  v_grant credits.grants;
  v_seal bytea;
begin
  -- A condition costs less than a statement of its own (docs/decisions/0174).
  if not credits.check_input(p_account_id, p_amount, p_idempotency_key, p_cause)
     or coalesce(p_source, '') = '' then
    raise exception 'The source of the grant is missing.'
      using errcode = '22004', hint = 'Say where the credits come from, for example purchase or bonus.';
  end if;
  select * into v_account from credits.accounts a where a.account_id = p_account_id for update;
  if not found then
    v_account := credits.lock_account(p_account_id, true);
  end if;

  select * into v_entry from credits.entries e
   where e.account_id = p_account_id and e.idempotency_key = p_idempotency_key;
  if found then
    select * into v_grant from credits.grants g
     where g.account_id = p_account_id and g.grant_id = v_entry.grant_id;
    if v_entry.kind not in ('grant', 'schedule')
       or not credits.has_metadata(v_entry, v_metadata)
       or v_grant.amount <> p_amount
       or v_grant.source <> p_source
       or v_grant.priority <> v_priority
       or v_grant.expires_at is distinct from p_expires_at
       or v_grant.purchase_key is distinct from p_purchase_key
       or v_grant.effective_at is distinct from
          (case when v_at_once then v_grant.created_at else p_effective_at end) then
      perform credits.raise_key_reused(p_idempotency_key);
    end if;
    return row(
      v_grant.grant_id, v_entry.entry_no, v_entry.posted_after, v_entry.held_after, true);
  end if;

  if v_account.closed_at is not null then
    perform credits.raise_closed(p_account_id);
  end if;
  if p_expires_at <= v_effective_at then
    raise exception 'The grant would expire at %, not after it becomes effective at %.',
      p_expires_at, v_effective_at
      using errcode = '22023', hint = 'Pass an expiry after the effective time, or none.';
  end if;
  if v_account.settled < v_account.axis or v_account.next_change_at <= v_now then
    v_account := credits.settle(v_account, v_now);
    perform credits.save_account(v_account);
  end if;

  v_account.entry_no := v_account.entry_no + 1;
  v_account.posted := v_account.posted + v_moved;
  v_account.next_change_at := least(v_account.next_change_at, p_expires_at,
    case when v_effective then 'infinity' else v_effective_at end);
  if v_effective then
    v_account.next_expiry_at := least(v_account.next_expiry_at, p_expires_at);
  end if;
  v_seal := sha256(record_send(row(
    v_grant_id, convert_to(p_source, 'UTF8'), v_priority, p_amount, v_effective_at, p_expires_at, v_now,
    v_account.entry_no, convert_to(p_purchase_key, 'UTF8'), null::uuid, null::uuid)));
  v_account.chain := sha256(v_account.chain || int8send(v_account.entry_no) || int8send(-1)
    || int8send(v_account.posted) || int8send(v_account.held::bigint)
    || sha256(record_send(row(
      p_account_id, v_moved, v_now, v_kind::text::bytea, p_cause::text::bytea, v_grant_id, p_amount,
      null::uuid, convert_to(p_idempotency_key, 'UTF8'), v_seal,
      sha256(convert_to(v_metadata::text, 'UTF8'))))));
  insert into credits.grants (
    account_id, grant_id, issued_no, source, priority, amount, effective_at, expires_at, created_at,
    purchase_key, effective, remaining)
  values (
    p_account_id, v_grant_id, v_account.entry_no, p_source, v_priority, p_amount, v_effective_at,
    p_expires_at, v_now, p_purchase_key, v_effective, p_amount);
  if not v_effective and credits.scheduled(p_account_id) > 4503599627370495 then
    raise exception 'Too many credits would wait for their time.'
      using errcode = 'CRAMT',
            hint = 'Nothing was written. Grants of the future add up to at most 4503599627370495 credits.';
  end if;
  insert into credits.entries (
    account_id, entry_no, amount, posted_after, held_after, created_at, kind, cause, grant_id,
    grant_delta, idempotency_key, subject_seal, metadata, chain)
  values (
    p_account_id, v_account.entry_no, v_moved, v_account.posted, v_account.held, v_now, v_kind,
    p_cause, v_grant_id, p_amount, p_idempotency_key, v_seal, v_metadata, v_account.chain);
  if abs(v_account.posted) > 4503599627370495 then
    perform credits.check_range(v_account);
  end if;
  update credits.accounts a
     set next_change_at = v_account.next_change_at,
         next_expiry_at = v_account.next_expiry_at,
         posted = v_account.posted,
         entry_no = v_account.entry_no,
         chain = v_account.chain
   where a.account_id = p_account_id;
  -- Debt is paid from it first.
  if v_account.debt > 0 then
    perform credits.save_account(credits.settle(v_account, v_now));
  end if;
  return row(v_grant_id, v_account.entry_no, v_account.posted, v_account.held::bigint, false);
end;
$$;
comment on function credits.give(uuid, bigint, text, text, integer, timestamptz, timestamptz, jsonb, credits.cause, text, credits.entry_kind) is
  'What credits.issue_grant does, also for Florin itself (p_cause), for a purchase (p_purchase_key) and for an adjustment (p_kind). Internal.';

create function credits.issue_grant(
  p_account_id uuid,
  p_amount bigint,
  p_idempotency_key text,
  p_source text,
  p_priority integer default 0,
  p_effective_at timestamptz default now(),
  p_expires_at timestamptz default null,
  p_metadata jsonb default '{}',
  out grant_id uuid,
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
  v_given credits.given := credits.give(p_account_id, p_amount, p_idempotency_key, p_source, p_priority,
    p_effective_at, p_expires_at, p_metadata, null, null);
begin
  grant_id := v_given.grant_id;
  entry_id := credits.entry_id(p_account_id, v_given.entry_no);
  posted := v_given.posted;
  held := v_given.held;
  available := posted - held;
  replayed := v_given.replayed;
end;
$$;
comment on function credits.issue_grant(uuid, bigint, text, text, integer, timestamptz, timestamptz, jsonb) is
  'Gives credits. Effect: a grant and its entry; debt is settled from it first. Idempotent by key: the same input returns the first result with replayed true. Errors: CRAMT, CRKEY, CRDUP, CRACC, 22004, 22023.';

create function credits.find_grant(p_account_id uuid, p_grant_id uuid)
returns credits.grants
language plpgsql
stable
set search_path = ''
as $$
declare
  v_grant credits.grants;
begin
  if p_account_id is null or p_grant_id is null then
    raise exception 'The account id or the grant id is missing.'
      using errcode = '22004', hint = 'Nothing was written. Pass both.';
  end if;
  select * into v_grant from credits.grants g
   where g.account_id = p_account_id and g.grant_id = p_grant_id;
  if not found then
    raise exception 'The account % has no grant %.', p_account_id, p_grant_id
      using errcode = 'CRGRN', hint = 'Nothing was written. Check the account and the grant id.';
  end if;
  return v_grant;
end;
$$;
comment on function credits.find_grant(uuid, uuid) is 'The grant, or CRGRN; 22004 when an id is missing.';

create function credits.void_grant(
  p_account_id uuid,
  p_grant_id uuid,
  p_idempotency_key text,
  p_metadata jsonb default '{}',
  out entry_id uuid,
  out posted bigint,
  out held bigint,
  out available bigint,
  out voided bigint,
  out replayed boolean)
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_account credits.accounts;
  v_grant credits.grants;
  v_entry credits.entries;
  v_step credits.step;
begin
  perform credits.check_input(p_account_id, 1, p_idempotency_key);
  v_account := credits.open_account(p_account_id, v_now);
  v_grant := credits.find_grant(p_account_id, p_grant_id);
  v_entry := credits.replayed(
    p_account_id, p_idempotency_key, 'void', p_metadata, p_grant_id);
  if v_entry.entry_no is not null then
    replayed := true;
  else
    update credits.grants g
       set remaining = 0, voided = g.voided + g.remaining
     where g.account_id = p_account_id and g.grant_id = p_grant_id;
    v_step := credits.move_on_grant(
      v_account, 'void', p_grant_id, -v_grant.remaining,
      case when v_grant.effective then -v_grant.remaining else 0 end, v_now, null,
      p_idempotency_key, p_metadata);
    v_entry := v_step.entry;
    v_account := credits.look_ahead(v_step.account);
    perform credits.save_account(v_account);
    replayed := false;
  end if;
  select w.* into entry_id, posted, held, available from credits.written(p_account_id, v_entry) w;
  voided := -v_entry.grant_delta;
end;
$$;
comment on function credits.void_grant(uuid, uuid, text, jsonb) is
  'Cancels what a grant has left, neither spent nor reserved. Idempotent by key. Errors: CRGRN, CRKEY, CRDUP.';

create function credits.granted_for(
  p_account_id uuid,
  p_purchase_key text,
  out grant_id uuid,
  out granted bigint,
  out taken_back bigint,
  out grants bigint)
language plpgsql
stable
set search_path = ''
as $$
begin
  -- The keys of its grants begin with its own: found by them, they need no index that each grant would
  -- pay for. ";" is what comes after ":".
  select coalesce(sum(g.amount), 0), coalesce(sum(g.reversed), 0), count(*)
    into granted, taken_back, grants
    from credits.entries e
    join credits.grants g on g.account_id = e.account_id and g.grant_id = e.grant_id
   where e.account_id = p_account_id
     and e.idempotency_key >= p_purchase_key and e.idempotency_key < p_purchase_key || ';'
     and e.entry_no = g.issued_no
     and g.purchase_key = p_purchase_key;
  select e.grant_id into grant_id from credits.entries e
   where e.account_id = p_account_id and e.idempotency_key = p_purchase_key;
end;
$$;
comment on function credits.granted_for(uuid, text) is
  'What the ledger holds of a purchase: the grant under its key, and the sums of all grants for it, corrections counted in. Zeros when there is none. A function, so that billing''s tables are not joined with the ledger''s (docs/scale.md).';

call florin.end_migration();
