-- Grants: credits given, and cancelled.

call florin.begin_migration();

create type credits.issued as (
  account credits.accounts,
  grant_given credits.grants,
  posted_after bigint
);
comment on type credits.issued is
  'What issuing leaves: the account and the grant as they are now, and the balance just after the entry.';

create function credits.issue(
  p_account credits.accounts, p_grant credits.grants, p_kind credits.entry_kind, p_at timestamptz)
returns credits.issued
language plpgsql
set search_path = ''
as $$
declare
  v_entry credits.entries;
  v_posted_after bigint;
begin
  if credits.needs_settling(p_account, p_at) then
    p_account := credits.settle(p_account, p_at);
  end if;
  p_grant.account_id := p_account.account_id;
  p_grant.grant_id := gen_random_uuid();
  p_grant.issued_no := p_account.entry_no + 1;
  p_grant.created_at := p_at;
  p_grant.effective := p_grant.effective_at <= p_at;
  p_grant.remaining := p_grant.amount;
  p_grant.burned := 0;
  p_grant.expired := 0;
  p_grant.voided := 0;
  p_grant.reversed := 0;
  insert into credits.grants select p_grant.*;
  if not p_grant.effective and credits.scheduled(p_account.account_id) > 4503599627370495 then
    raise exception 'Too many credits would wait for their time.'
      using errcode = 'CRAMT',
            hint = 'Nothing was written. Grants of the future add up to at most 4503599627370495 credits.';
  end if;

  v_entry.kind := case when p_grant.effective then p_kind else 'schedule' end;
  v_entry.amount := case when p_grant.effective then p_grant.amount else 0 end;
  v_entry.grant_id := p_grant.grant_id;
  v_entry.grant_delta := p_grant.amount;
  v_entry.idempotency_key := p_grant.idempotency_key;
  v_entry.subject_seal := credits.subject_seal(p_grant);
  v_entry.created_at := p_at;
  v_entry.metadata := p_grant.metadata;
  p_account := credits.append(p_account, v_entry);
  v_posted_after := p_account.posted;

  p_account.next_change_at := least(p_account.next_change_at, p_grant.expires_at,
    case when p_grant.effective then 'infinity' else p_grant.effective_at end);
  if p_grant.effective then
    p_account.next_expiry_at := least(p_account.next_expiry_at, p_grant.expires_at);
  end if;
  if p_account.debt > 0 or p_account.next_change_at <= p_at then
    p_account := credits.settle(p_account, p_at);
  end if;
  return row(p_account, p_grant, v_posted_after);
end;
$$;
comment on function credits.issue(credits.accounts, credits.grants, credits.entry_kind, timestamptz) is
  'Adds a grant to a locked account; debt is paid from it first.';

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
  perform credits.check_input(p_account_id, p_amount, p_idempotency_key);
  if p_source is null or p_source = '' then
    raise exception 'The source of the grant is missing.'
      using errcode = '22004', hint = 'Say where the credits come from, for example purchase or bonus.';
  end if;
  v_account := credits.lock_account(p_account_id, true);

  select * into v_entry from credits.entries e
   where e.account_id = p_account_id and e.idempotency_key = p_idempotency_key;
  if found then
    select * into v_grant from credits.grants g
     where g.account_id = p_account_id and g.grant_id = v_entry.grant_id;
    if v_entry.kind not in ('grant', 'schedule')
       or v_grant.amount <> p_amount
       or v_grant.source <> p_source
       or v_grant.priority <> coalesce(p_priority, 0)
       or v_grant.expires_at is distinct from p_expires_at
       or v_grant.effective_at is distinct from
          (case when v_at_once then v_grant.created_at else p_effective_at end)
       or v_grant.metadata is distinct from nullif(p_metadata, '{}') then
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
    v_grant.metadata := nullif(p_metadata, '{}');
    v_issued := credits.issue(v_account, v_grant, 'grant', v_now);
    v_account := v_issued.account;
    v_grant := v_issued.grant_given;
    perform credits.save_account(v_account);
    v_entry.entry_no := v_grant.issued_no;
    v_entry.posted_after := v_issued.posted_after;
    v_entry.held_after := v_account.held;
    replayed := false;
  end if;
  grant_id := v_grant.grant_id;
  entry_id := credits.entry_id(p_account_id, v_entry.entry_no);
  posted := v_entry.posted_after;
  held := v_entry.held_after;
  available := posted - held;
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
begin
  perform credits.check_input(p_account_id, 1, p_idempotency_key);
  v_account := credits.open_account(p_account_id, v_now);
  v_grant := credits.find_grant(p_account_id, p_grant_id);
  select * into v_entry from credits.entries e
   where e.account_id = p_account_id and e.idempotency_key = p_idempotency_key;
  if found then
    if v_entry.kind <> 'void' or v_entry.grant_id <> p_grant_id
       or v_entry.metadata is distinct from nullif(p_metadata, '{}') then
      perform credits.raise_key_reused(p_idempotency_key);
    end if;
    replayed := true;
  else
    update credits.grants g
       set remaining = 0, voided = g.voided + g.remaining
     where g.account_id = p_account_id and g.grant_id = p_grant_id;
    v_account := credits.move_on_grant(
      v_account, 'void', p_grant_id, -v_grant.remaining,
      case when v_grant.effective then -v_grant.remaining else 0 end,
      p_idempotency_key, v_now, nullif(p_metadata, '{}'));
    v_account := credits.look_ahead(v_account);
    perform credits.save_account(v_account);
    select * into v_entry from credits.entries e
     where e.account_id = p_account_id and e.idempotency_key = p_idempotency_key;
    replayed := false;
  end if;
  select w.* into entry_id, posted, held, available from credits.written(p_account_id, v_entry) w;
  voided := -v_entry.grant_delta;
end;
$$;
comment on function credits.void_grant(uuid, uuid, text, jsonb) is
  'Cancels what a grant has left, neither spent nor reserved. Idempotent by key. Errors: CRGRN, CRKEY, CRDUP.';

call florin.end_migration();
