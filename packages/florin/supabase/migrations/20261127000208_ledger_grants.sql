-- Grants: credits given, and cancelled.

call florin.begin_migration();

create type credits.issued as (
  account credits.accounts,
  grant_given credits.grants,
  entry credits.entries
);
comment on type credits.issued is
  'What issuing leaves: the account and the grant as they are now, and the entry as it was written.';

create type credits.piece as (
  account_id uuid, grant_id uuid, unused bigint, used bigint, reversed bigint);
comment on type credits.piece is
  'Credits that were moved out of a grant, where they are: not used (some may have lapsed), spent or reserved, and taken back.';

create function credits.issue(
  p_account credits.accounts, p_grant credits.grants, p_kind credits.entry_kind,
  p_cause credits.cause, p_at timestamptz, p_said credits.entries default null)
returns credits.issued
language plpgsql
set search_path = ''
as $$
declare
  v_entry credits.entries;
  v_step credits.step;
begin
  if credits.needs_settling(p_account, p_at) then
    p_account := credits.settle(p_account, p_at);
  end if;
  p_grant.account_id := p_account.account_id;
  p_grant.grant_id := gen_random_uuid();
  p_grant.issued_no := p_account.entry_no + 1;
  p_grant.created_at := p_at;
  p_grant.effective := p_grant.effective_at <= p_at;
  insert into credits.grants (
    account_id, grant_id, issued_no, source, priority, amount, effective_at, expires_at, created_at,
    idempotency_key, purchase_key, metadata, home_account_id, home_grant_id, effective, remaining)
  values (
    p_grant.account_id, p_grant.grant_id, p_grant.issued_no, p_grant.source, p_grant.priority,
    p_grant.amount, p_grant.effective_at, p_grant.expires_at, p_grant.created_at,
    p_grant.idempotency_key, p_grant.purchase_key, p_grant.metadata, p_grant.home_account_id,
    p_grant.home_grant_id, p_grant.effective, p_grant.amount);
  if not p_grant.effective and credits.scheduled(p_account.account_id) > 4503599627370495 then
    raise exception 'Too many credits would wait for their time.'
      using errcode = 'CRAMT',
            hint = 'Nothing was written. Grants of the future add up to at most 4503599627370495 credits.';
  end if;

  v_entry.kind := case when p_grant.effective then p_kind else 'schedule' end;
  v_entry.cause := p_cause;
  v_entry.amount := case when p_grant.effective then p_grant.amount else 0 end;
  v_entry.grant_id := p_grant.grant_id;
  v_entry.grant_delta := p_grant.amount;
  v_entry.idempotency_key := p_grant.idempotency_key;
  v_entry.subject_seal := credits.subject_seal(p_grant);
  v_entry.created_at := p_at;
  v_entry.metadata := coalesce(p_said.metadata, p_grant.metadata);
  v_entry.actor := p_said.actor;
  v_step := credits.append(p_account, v_entry);
  p_account := v_step.account;

  p_account.next_change_at := least(p_account.next_change_at, p_grant.expires_at,
    case when p_grant.effective then 'infinity' else p_grant.effective_at end);
  if p_grant.effective then
    p_account.next_expiry_at := least(p_account.next_expiry_at, p_grant.expires_at);
  end if;
  if p_account.debt > 0 or p_account.next_change_at <= p_at then
    p_account := credits.settle(p_account, p_at);
  end if;
  return row(p_account, p_grant, v_step.entry);
end;
$$;
comment on function credits.issue(credits.accounts, credits.grants, credits.entry_kind, credits.cause, timestamptz, credits.entries) is
  'Adds a grant to a locked account; debt is paid from it first. The entry says what p_said does, else what the grant says.';

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
  out grant_id uuid,
  out entry_id uuid,
  out posted bigint,
  out held bigint,
  out available bigint,
  out replayed boolean)
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_now timestamptz := clock_timestamp();
  -- The default is now(), a new value on every retry: it means "at once", and is no part of the input.
  v_at_once boolean := p_effective_at is null or p_effective_at = now();
  v_account credits.accounts;
  v_entry credits.entries;
  v_grant credits.grants;
  v_issued credits.issued;
begin
  perform credits.check_input(p_account_id, p_amount, p_idempotency_key, p_cause);
  if p_source is null or p_source = '' then
    raise exception 'The source of the grant is missing.'
      using errcode = '22004', hint = 'Say where the credits come from, for example purchase or bonus.';
  end if;
  v_account := credits.lock_account(p_account_id, true);

  v_entry := credits.replayed(p_account_id, p_idempotency_key, null, p_metadata);
  if v_entry.entry_no is not null then
    select * into v_grant from credits.grants g
     where g.account_id = p_account_id and g.grant_id = v_entry.grant_id;
    if v_entry.kind not in ('grant', 'schedule')
       or v_grant.amount <> p_amount
       or v_grant.source <> p_source
       or v_grant.priority <> coalesce(p_priority, 0)
       or v_grant.expires_at is distinct from p_expires_at
       or v_grant.purchase_key is distinct from p_purchase_key
       or v_grant.effective_at is distinct from
          (case when v_at_once then v_grant.created_at else p_effective_at end) then
      perform credits.raise_key_reused(p_idempotency_key);
    end if;
    replayed := true;
  else
    if v_account.closed_at is not null then
      perform credits.raise_closed(p_account_id);
    end if;
    v_grant.source := p_source;
    v_grant.priority := coalesce(p_priority, 0);
    v_grant.amount := p_amount;
    v_grant.effective_at := case when v_at_once then v_now else p_effective_at end;
    if p_expires_at <= v_grant.effective_at then
      raise exception 'The grant would expire at %, not after it becomes effective at %.',
        p_expires_at, v_grant.effective_at
        using errcode = '22023', hint = 'Pass an expiry after the effective time, or none.';
    end if;
    v_grant.expires_at := p_expires_at;
    v_grant.idempotency_key := p_idempotency_key;
    v_grant.purchase_key := p_purchase_key;
    v_grant.metadata := nullif(p_metadata, '{}');
    v_issued := credits.issue(v_account, v_grant, 'grant', p_cause, v_now);
    v_grant := v_issued.grant_given;
    v_entry := v_issued.entry;
    perform credits.save_account(v_issued.account);
    replayed := false;
  end if;
  grant_id := v_grant.grant_id;
  select w.* into entry_id, posted, held, available from credits.written(p_account_id, v_entry) w;
end;
$$;
comment on function credits.give(uuid, bigint, text, text, integer, timestamptz, timestamptz, jsonb, credits.cause, text) is
  'What credits.issue_grant does, also for Florin itself (p_cause) and for a purchase (p_purchase_key). Internal.';

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
begin
  select w.* into grant_id, entry_id, posted, held, available, replayed
    from credits.give(p_account_id, p_amount, p_idempotency_key, p_source, p_priority,
      p_effective_at, p_expires_at, p_metadata, null, null) w;
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
  select coalesce(sum(g.amount), 0), coalesce(sum(g.reversed), 0), count(*)
    into granted, taken_back, grants
    from credits.grants g
   where g.account_id = p_account_id and g.purchase_key = p_purchase_key;
  select e.grant_id into grant_id from credits.entries e
   where e.account_id = p_account_id and e.idempotency_key = p_purchase_key;
end;
$$;
comment on function credits.granted_for(uuid, text) is
  'What the ledger holds of a purchase: the grant under its key, and the sums of all grants for it, corrections counted in. Zeros when there is none. A function, so that billing''s tables are not joined with the ledger''s (docs/scale.md).';

call florin.end_migration();
