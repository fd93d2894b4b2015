-- The ledger: accounts, append-only entries, grants and holds, and the functions that write them.
--
-- The burn axis. A spend does not choose grants. Each account has an axis, the running number of
-- credits ever reserved or spent; a spend takes the next stretch of it. Which grant paid for which
-- stretch only depends on the burn order, and that changes only when a grant comes, becomes
-- effective, expires or is taken back. At those moments, and when someone asks, the account is
-- settled: the stretch burned since then is charged to the grants in burn order. So a spend updates
-- one row and inserts one row, and the lineage is still exact. docs/ledger.md works an example.
--
-- Lock order: the account's row first; whoever holds it may touch everything else of that account.
--
-- Functions that stand on the way of every purchase plan their statements once, and by index
-- (plan_cache_mode, enable_seqscan): left to itself Postgres plans some of them anew at each call, and a
-- plan that was made while a table was empty goes on reading all of it.

select set_config('florin.migrator', current_user, false);
do $$
begin
  if current_setting('server_version_num')::int < 160000 then
    execute format('grant florin_owner to %I', current_user);
  end if;
end;
$$;
set role florin_owner;

-- ---------------------------------------------------------------------------------------------
-- Tables
-- ---------------------------------------------------------------------------------------------

create type credits.entry_kind as enum (
  'grant', 'spend', 'capture', 'expiry', 'void', 'reversal', 'adjustment',
  'schedule', 'hold', 'release', 'close'
);
comment on type credits.entry_kind is
  'What an entry records. The last four move no credits: a grant of the future, a hold placed, a hold ended, the account closed.';

create type credits.hold_status as enum ('open', 'captured', 'released', 'expired');
comment on type credits.hold_status is 'A hold is open, and ends once in one of the other three.';

create domain credits.zero_or_more as bigint constraint zero_or_more check (value >= 0);
comment on domain credits.zero_or_more is 'Credits that are never negative.';

-- fillfactor and the absence of indexes on columns that a spend changes keep its updates HOT; the
-- columns that change stand last, so that the write-ahead log carries little more than them. No
-- check constraints: Postgres parses a table's checks anew in every statement, a fifth of a spend.
-- A domain is checked only where its column is written, and a spend cannot break what is left to
-- its where clause, credits.save_account and credits.verify_ledger.
create table credits.accounts (
  account_id uuid not null,
  closed_at timestamptz,
  next_change_at timestamptz not null default 'infinity',
  next_expiry_at timestamptz,
  settled bigint not null default 0,
  debt credits.zero_or_more not null default 0,
  held credits.zero_or_more not null default 0,
  posted bigint not null default 0,
  axis bigint not null default 0,
  entry_no bigint not null default 0,
  chain bytea not null default '\x',
  constraint accounts_pkey primary key (account_id)
) with (fillfactor = 50);
create index accounts_due on credits.accounts (next_change_at) where next_change_at < 'infinity';
comment on table credits.accounts is
  'One row an account: its balance, its place on the burn axis and the head of its chain. Opaque ids, by default the Supabase user''s; no foreign key, so that the ledger outlives the user.';
comment on column credits.accounts.next_change_at is
  'The next instant at which time alone changes the balance: a grant expires or becomes effective, a hold expires. Never later than the truth.';
comment on column credits.accounts.next_expiry_at is
  'The soonest expiry among grants with credits left, as of the last settlement.';
comment on column credits.accounts.settled is 'How much of the axis is charged to grants.';
comment on column credits.accounts.debt is 'Settled credits of the axis that no grant pays for.';
comment on column credits.accounts.axis is 'Credits ever reserved or spent: the end of the burn axis.';
comment on column credits.accounts.chain is 'The hash of the last entry, which covers all before it.';

create table credits.entries (
  account_id uuid not null,
  entry_no bigint not null,
  amount bigint not null,
  axis_from bigint,
  posted_after bigint not null,
  held_after bigint not null,
  created_at timestamptz not null,
  kind credits.entry_kind not null,
  grant_id uuid,
  grant_delta bigint,
  hold_id uuid,
  idempotency_key text collate "C" not null,
  subject_seal bytea,
  metadata jsonb,
  chain bytea not null,
  constraint entries_pkey primary key (account_id, entry_no),
  constraint entries_idempotency_key_once unique (account_id, idempotency_key)
);
comment on table credits.entries is
  'The journal: immutable signed rows, numbered and hash-chained within their account. Nobody may update or delete.';
comment on column credits.entries.axis_from is
  'Where the stretch of the burn axis begins that this spend, capture or hold takes.';
comment on column credits.entries.grant_delta is
  'What the entry did to the claim of the grant it names: given, expired, voided, taken back, restored.';
comment on column credits.entries.subject_seal is
  'Hash of what may never change of the grant or hold that the entry brought about.';
comment on column credits.entries.chain is 'sha256 over the chain before and this row.';

create table credits.grants (
  account_id uuid not null,
  grant_id uuid not null,
  issued_no bigint not null,
  source text not null,
  priority integer not null,
  amount bigint not null,
  effective_at timestamptz not null,
  expires_at timestamptz,
  created_at timestamptz not null,
  idempotency_key text not null,
  metadata jsonb,
  effective boolean not null,
  remaining bigint not null,
  burned bigint not null default 0,
  expired bigint not null default 0,
  voided bigint not null default 0,
  reversed bigint not null default 0,
  constraint grants_pkey primary key (account_id, grant_id),
  constraint grants_amount_above_zero check (amount > 0),
  constraint grants_remaining_between_zero_and_amount check (remaining between 0 and amount),
  constraint grants_every_credit_is_somewhere
    check (remaining + burned + expired + voided + reversed = amount
           and burned >= 0 and expired >= 0 and voided >= 0 and reversed >= 0),
  constraint grants_expire_after_they_become_effective check (expires_at > effective_at)
);
create index grants_with_credits on credits.grants (account_id) where remaining > 0;
comment on table credits.grants is
  'Credits given: how many, from what source, from when until when, burned in which order, and where each of them is now.';
comment on column credits.grants.issued_no is 'Number of the entry that issued it: the age within the account.';
comment on column credits.grants.effective is 'False while its time has not come: its credits are not posted yet.';
comment on column credits.grants.remaining is 'Neither spent, reserved, expired, voided nor taken back, as of the last settlement.';
comment on column credits.grants.burned is 'Stretches of the axis it pays for: spent, or reserved by an open hold.';

create table credits.holds (
  account_id uuid not null,
  hold_id uuid not null,
  amount bigint not null,
  axis_from bigint not null,
  expires_at timestamptz not null,
  created_at timestamptz not null,
  idempotency_key text not null,
  metadata jsonb,
  status credits.hold_status not null default 'open',
  captured bigint not null default 0,
  ended_no bigint,
  constraint holds_pkey primary key (account_id, hold_id),
  constraint holds_amount_above_zero check (amount > 0),
  constraint holds_captured_between_zero_and_amount check (captured between 0 and amount)
);
create index holds_open on credits.holds (account_id, expires_at) where status = 'open';
comment on table credits.holds is
  'Credits reserved for work whose price is not known yet. Reserved credits do not expire with their grant.';
comment on column credits.holds.ended_no is 'Number of the entry that captured or released it.';

create table credits.charges (
  account_id uuid not null,
  axis_from bigint not null,
  axis_to bigint not null,
  grant_id uuid,
  displaced_from uuid,
  seal bytea not null,
  constraint charges_pkey primary key (account_id, axis_from),
  constraint charges_are_not_empty check (axis_to > axis_from)
);
create index charges_by_grant on credits.charges (account_id, grant_id);
create index charges_displaced on credits.charges (account_id, displaced_from)
  where displaced_from is not null;
comment on table credits.charges is
  'Which grant pays for which stretch of the burn axis. No grant: debt. An entry''s allocations are where its stretch and these meet.';
comment on column credits.charges.displaced_from is
  'The grant that paid for the stretch until money for it went back; it pays again if that is undone.';
comment on column credits.charges.seal is 'Hash of the row, for verify_ledger.';

alter table credits.accounts enable row level security;
alter table credits.entries enable row level security;
alter table credits.grants enable row level security;
alter table credits.holds enable row level security;
alter table credits.charges enable row level security;

create function credits.current_account()
returns uuid
language plpgsql
stable
set search_path = ''
as $$
begin
  return nullif(coalesce(
    nullif(current_setting('request.jwt.claim.sub', true), ''),
    nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'), '')::uuid;
end;
$$;
comment on function credits.current_account() is
  'The account whose rows the signed-in user may read: their own, from the request''s verified claims, as auth.uid() reads them. Written here because florin_owner may have no rights in the schema auth.';
grant execute on function credits.current_account() to authenticated, service_role;

do $$
declare
  v_table text;
begin
  foreach v_table in array array['accounts', 'entries', 'grants', 'holds', 'charges'] loop
    execute format(
      'create policy %I on credits.%I for select to authenticated using (account_id = (select credits.current_account()))',
      v_table || '_own_rows', v_table);
    execute format('comment on policy %I on credits.%I is %L',
      v_table || '_own_rows', v_table, 'A signed-in user reads the rows of their own account.');
    execute format(
      'create policy %I on credits.%I for select to service_role using (true)',
      v_table || '_service_reads', v_table);
    execute format('comment on policy %I on credits.%I is %L',
      v_table || '_service_reads', v_table, 'The service reads every account. Writing is for functions alone.');
  end loop;
end;
$$;

revoke all on all tables in schema credits from public, anon, authenticated, service_role;
grant select on credits.accounts, credits.entries, credits.grants, credits.holds, credits.charges
  to authenticated, service_role;

-- ---------------------------------------------------------------------------------------------
-- Errors: stable SQLSTATEs, messages that say what to do
-- ---------------------------------------------------------------------------------------------

create function credits.check_input(p_account_id uuid, p_amount bigint, p_idempotency_key text)
returns void
language plpgsql
set search_path = ''
as $$
begin
  if p_account_id is null then
    raise exception 'The account id is missing.'
      using errcode = '22004', hint = 'Pass the account''s uuid, by default the Supabase user''s id.';
  end if;
  if p_amount is null or p_amount < 1 or p_amount > 9007199254740991 then
    raise exception 'The amount % is not allowed.', coalesce(p_amount::text, 'null')
      using errcode = 'CRAMT', hint = 'Pass a whole number of credits from 1 to 9007199254740991.';
  end if;
  if p_idempotency_key is null or p_idempotency_key = '' or length(p_idempotency_key) > 255 then
    raise exception 'The idempotency key must have 1 to 255 characters.'
      using errcode = 'CRKEY',
            hint = 'Name the intent from your business, for example scan:<job id>, and repeat it on every retry.';
  end if;
  if starts_with(p_idempotency_key, 'florin:') then
    raise exception 'Idempotency keys that begin with florin: belong to Florin.'
      using errcode = 'CRKEY', hint = 'Choose another prefix.';
  end if;
end;
$$;
comment on function credits.check_input(uuid, bigint, text) is
  'Raises 22004, CRAMT or CRKEY for input that no write accepts. Changes nothing.';

create function credits.raise_insufficient(p_available bigint, p_required bigint)
returns void
language plpgsql
set search_path = ''
as $$
begin
  raise exception 'Insufficient credits: % available, % required.', p_available, p_required
    using errcode = 'CRINS',
          detail = json_build_object('available', p_available, 'required', p_required)::text,
          hint = 'Nothing was written. Grant or buy credits, then retry with the same key.';
end;
$$;
comment on function credits.raise_insufficient(bigint, bigint) is
  'Raises CRINS with available and required as JSON in the detail.';

create function credits.raise_key_reused(p_idempotency_key text)
returns void
language plpgsql
set search_path = ''
as $$
begin
  raise exception 'The idempotency key % was used before with other input.', p_idempotency_key
    using errcode = 'CRDUP',
          hint = 'Nothing was written. Use a new key for a new intent, or repeat the first input to read its result.';
end;
$$;
comment on function credits.raise_key_reused(text) is 'Raises CRDUP.';

create function credits.raise_closed(p_account_id uuid)
returns void
language plpgsql
set search_path = ''
as $$
begin
  raise exception 'The account % is closed.', p_account_id
    using errcode = 'CRACC', hint = 'Its ledger is kept and takes no more writes. Use another account.';
end;
$$;
comment on function credits.raise_closed(uuid) is 'Raises CRACC.';

-- ---------------------------------------------------------------------------------------------
-- Entries
-- ---------------------------------------------------------------------------------------------

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

create function credits.charge_seal(
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
comment on function credits.charge_seal(uuid, bigint, bigint, uuid, uuid) is 'Hash of a row of charges.';

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

create function credits.lock_account(p_account_id uuid, p_create boolean)
returns credits.accounts
language plpgsql
set search_path = ''
as $$
declare
  v_account credits.accounts;
begin
  select * into v_account from credits.accounts a where a.account_id = p_account_id for update;
  if not found and p_create then
    insert into credits.accounts (account_id) values (p_account_id) on conflict do nothing;
    select * into v_account from credits.accounts a where a.account_id = p_account_id for update;
  end if;
  return v_account;
end;
$$;
comment on function credits.lock_account(uuid, boolean) is
  'Locks the account''s row and returns it; makes it first where that is asked for. An unknown account is a row of nulls.';

create function credits.scheduled(p_account_id uuid)
returns bigint
language plpgsql
stable
set search_path = ''
as $$
begin
  return (
    select coalesce(sum(g.remaining), 0) from credits.grants g
     where g.account_id = p_account_id and g.remaining > 0 and not g.effective);
end;
$$;
comment on function credits.scheduled(uuid) is 'Credits of grants whose time has not come.';

create function credits.save_account(p_account credits.accounts)
returns void
language plpgsql
set search_path = ''
as $$
begin
  -- Counting grants of the future: their start, which nobody asks for, must not be what is refused.
  if abs(p_account.posted) > 4503599627370495
     and abs(p_account.posted) + credits.scheduled(p_account.account_id) > 9007199254740991 then
    raise exception 'The balance would leave the range that is exact in JSON.'
      using errcode = 'CRAMT',
            hint = 'Nothing was written. Balances go up to 9007199254740991 credits, those of the future included.';
  end if;
  update credits.accounts a
     set closed_at = p_account.closed_at,
         next_change_at = p_account.next_change_at,
         next_expiry_at = p_account.next_expiry_at,
         settled = p_account.settled,
         debt = p_account.debt,
         held = p_account.held,
         posted = p_account.posted,
         axis = p_account.axis,
         entry_no = p_account.entry_no,
         chain = p_account.chain
   where a.account_id = p_account.account_id;
end;
$$;
comment on function credits.save_account(credits.accounts) is 'Writes a locked account back.';

-- ---------------------------------------------------------------------------------------------
-- Settlement: one description of what time and burning have changed, read by readers and applied
-- by writers
-- ---------------------------------------------------------------------------------------------

create type credits.change as (
  kind text,
  at timestamptz,
  axis_from bigint,
  axis_to bigint,
  grant_id uuid,
  hold_id uuid,
  amount bigint,
  was_debt boolean
);
comment on type credits.change is
  'One step of a settlement: pay (a stretch by a grant), owe (a stretch by nobody), release (a hold whose time is up), free (what that gives back to a grant), start (a grant becomes effective), expire (what a grant has left).';

create function credits.due_changes(p_account credits.accounts, p_at timestamptz)
returns setof credits.change
language plpgsql
stable
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_account_id uuid := p_account.account_id;
  v_from bigint := p_account.settled;
  v_ids uuid[] := array[]::uuid[];
  v_left bigint[] := array[]::bigint[];
  v_ends timestamptz[] := array[]::timestamptz[];
  v_live boolean[] := array[]::boolean[];
  v_owed_from bigint[] := array[]::bigint[];
  v_owed_to bigint[] := array[]::bigint[];
  v_owed_before boolean[] := array[]::boolean[];
  v_owed int := 1;
  v_paid credits.change[] := array[]::credits.change[];
  v_piece record;
  v_due record;
  v_change credits.change;
  v_take bigint;
  v_g int;
begin
  -- The common case: nothing but spends since the last settlement.
  if p_account.debt = 0 and p_account.next_change_at > p_at then
    for v_piece in
      select g.grant_id, g.remaining from credits.grants g
       where g.account_id = v_account_id and g.remaining > 0 and g.effective
       order by g.priority, coalesce(g.expires_at, 'infinity'), g.issued_no
    loop
      exit when v_from = p_account.axis;
      v_take := least(v_piece.remaining, p_account.axis - v_from);
      return next row('pay', '-infinity'::timestamptz, v_from, v_from + v_take, v_piece.grant_id,
                      null, v_take, false)::credits.change;
      v_from := v_from + v_take;
    end loop;
    if v_from < p_account.axis then
      return next row('owe', p_at, v_from, p_account.axis, null, null, p_account.axis - v_from,
                      false)::credits.change;
    end if;
    return;
  end if;

  for v_piece in
    select g.grant_id, g.remaining, coalesce(g.expires_at, 'infinity') as ends, g.effective
      from credits.grants g
     where g.account_id = v_account_id
       and (g.remaining > 0 or g.grant_id in (
              select c.grant_id
                from credits.holds h
                join credits.charges c
                  on c.account_id = v_account_id
                 and c.axis_from < h.axis_from + h.amount and c.axis_to > h.axis_from
               where h.account_id = v_account_id and h.status = 'open' and h.expires_at <= p_at))
     order by g.priority, coalesce(g.expires_at, 'infinity'), g.issued_no
  loop
    v_ids := v_ids || v_piece.grant_id;
    v_left := v_left || v_piece.remaining;
    v_ends := v_ends || v_piece.ends;
    v_live := v_live || v_piece.effective;
  end loop;

  if p_account.debt > 0 then
    for v_piece in
      select c.axis_from, c.axis_to from credits.charges c
       where c.account_id = v_account_id and c.grant_id is null
       order by c.axis_from
    loop
      v_owed_from := v_owed_from || v_piece.axis_from;
      v_owed_to := v_owed_to || v_piece.axis_to;
      v_owed_before := v_owed_before || true;
    end loop;
  end if;
  if p_account.axis > p_account.settled then
    v_owed_from := v_owed_from || p_account.settled;
    v_owed_to := v_owed_to || p_account.axis;
    v_owed_before := v_owed_before || false;
  end if;

  -- What was burned so far was burned before the first of these instants: whoever burns after one of
  -- them settles first.
  for v_due in
    select '-infinity'::timestamptz as at, 0 as turn, null::uuid as id, null::bigint as no
    union all
    select h.expires_at, 1, h.hold_id, null from credits.holds h
     where h.account_id = v_account_id and h.status = 'open' and h.expires_at <= p_at
    union all
    select g.effective_at, 2, g.grant_id, g.issued_no from credits.grants g
     where g.account_id = v_account_id and not g.effective and g.remaining > 0
       and g.effective_at <= p_at
    union all
    select g.expires_at, 3, g.grant_id, g.issued_no from credits.grants g
     where g.account_id = v_account_id and g.grant_id = any (v_ids) and g.expires_at <= p_at
     order by 1, 2, 4, 3
  loop
    v_g := array_position(v_ids, v_due.id);
    if v_due.turn = 1 then
      v_change := row('release', v_due.at, null, null, null, v_due.id, null, null);
      select h.amount into v_change.amount from credits.holds h
       where h.account_id = v_account_id and h.hold_id = v_due.id;
      return next v_change;
      for v_piece in
        select p.grant_id,
               least(p.axis_to, h.axis_from + h.amount) - greatest(p.axis_from, h.axis_from) as credits
          from credits.holds h
          cross join lateral (
            select c.grant_id, c.axis_from, c.axis_to from credits.charges c
             where c.account_id = v_account_id
            union all
            select u.grant_id, u.axis_from, u.axis_to from unnest(v_paid) u) p
         where h.account_id = v_account_id and h.hold_id = v_due.id and p.grant_id is not null
           and p.axis_from < h.axis_from + h.amount and p.axis_to > h.axis_from
      loop
        v_g := array_position(v_ids, v_piece.grant_id);
        v_left[v_g] := v_left[v_g] + v_piece.credits;
        return next row('free', v_due.at, null, null, v_ids[v_g], null, v_piece.credits, null)::credits.change;
        if v_ends[v_g] <= v_due.at then
          return next row('expire', v_due.at, null, null, v_ids[v_g], null, v_left[v_g], null)::credits.change;
          v_left[v_g] := 0;
        end if;
      end loop;
      -- What nobody paid for yet and the hold no longer needs is owed no more.
      for v_i in v_owed..coalesce(array_length(v_owed_from, 1), 0) loop
        for v_piece in
          select h.axis_from as f, h.axis_from + h.amount as t from credits.holds h
           where h.account_id = v_account_id and h.hold_id = v_due.id
             and h.axis_from < v_owed_to[v_i] and h.axis_from + h.amount > v_owed_from[v_i]
        loop
          if v_piece.t < v_owed_to[v_i] then
            v_owed_from := v_owed_from || greatest(v_piece.t, v_owed_from[v_i]);
            v_owed_to := v_owed_to || v_owed_to[v_i];
            v_owed_before := v_owed_before || v_owed_before[v_i];
          end if;
          v_owed_to[v_i] := greatest(v_owed_from[v_i], v_piece.f);
        end loop;
      end loop;
    elsif v_due.turn = 2 then
      v_live[v_g] := true;
      return next row('start', v_due.at, null, null, v_due.id, null, v_left[v_g], null)::credits.change;
    elsif v_due.turn = 3 and v_left[v_g] > 0 then
      return next row('expire', v_due.at, null, null, v_due.id, null, v_left[v_g], null)::credits.change;
      v_left[v_g] := 0;
    end if;

    while v_owed <= coalesce(array_length(v_owed_from, 1), 0) loop
      if v_owed_from[v_owed] >= v_owed_to[v_owed] then
        v_owed := v_owed + 1;
        continue;
      end if;
      v_g := null;
      for v_i in 1..coalesce(array_length(v_ids, 1), 0) loop
        if v_live[v_i] and v_left[v_i] > 0 then
          v_g := v_i;
          exit;
        end if;
      end loop;
      exit when v_g is null;
      v_take := least(v_left[v_g], v_owed_to[v_owed] - v_owed_from[v_owed]);
      v_change := row('pay', v_due.at, v_owed_from[v_owed], v_owed_from[v_owed] + v_take,
                      v_ids[v_g], null, v_take, v_owed_before[v_owed]);
      return next v_change;
      v_paid := v_paid || v_change;
      v_left[v_g] := v_left[v_g] - v_take;
      v_owed_from[v_owed] := v_owed_from[v_owed] + v_take;
    end loop;
  end loop;

  for v_i in v_owed..coalesce(array_length(v_owed_from, 1), 0) loop
    if not v_owed_before[v_i] and v_owed_from[v_i] < v_owed_to[v_i] then
      return next row('owe', p_at, v_owed_from[v_i], v_owed_to[v_i], null, null,
                      v_owed_to[v_i] - v_owed_from[v_i], false)::credits.change;
    end if;
  end loop;
end;
$$;
comment on function credits.due_changes(credits.accounts, timestamptz) is
  'What settling the account at an instant would do, step by step in order, without doing it. Readers add it up, credits.settle carries it out: so a balance is the same before and after a sweep.';

create function credits.charge(
  p_account_id uuid, p_axis_from bigint, p_axis_to bigint, p_grant_id uuid, p_displaced_from uuid)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_before credits.charges;
begin
  -- A stretch that goes on where the same payer's last one ended makes it longer: rows stay few.
  select * into v_before from credits.charges c
   where c.account_id = p_account_id and c.axis_from < p_axis_from
   order by c.axis_from desc limit 1;
  if v_before.axis_to = p_axis_from
     and v_before.grant_id is not distinct from p_grant_id
     and v_before.displaced_from is not distinct from p_displaced_from then
    update credits.charges c
       set axis_to = p_axis_to,
           seal = credits.charge_seal(
             p_account_id, v_before.axis_from, p_axis_to, p_grant_id, p_displaced_from)
     where c.account_id = p_account_id and c.axis_from = v_before.axis_from;
  else
    insert into credits.charges (account_id, axis_from, axis_to, grant_id, displaced_from, seal)
    values (p_account_id, p_axis_from, p_axis_to, p_grant_id, p_displaced_from,
            credits.charge_seal(p_account_id, p_axis_from, p_axis_to, p_grant_id, p_displaced_from));
  end if;
end;
$$;
comment on function credits.charge(uuid, bigint, bigint, uuid, uuid) is
  'Records who pays for a stretch that nobody is recorded for.';

create function credits.uncharge(p_account_id uuid, p_axis_from bigint, p_axis_to bigint)
returns setof credits.charges
language plpgsql
set search_path = ''
as $$
declare
  v_row credits.charges;
begin
  for v_row in
    delete from credits.charges c
     where c.account_id = p_account_id and c.axis_from < p_axis_to and c.axis_to > p_axis_from
    returning c.*
  loop
    if v_row.axis_from < p_axis_from then
      perform credits.charge(
        p_account_id, v_row.axis_from, p_axis_from, v_row.grant_id, v_row.displaced_from);
      v_row.axis_from := p_axis_from;
    end if;
    if v_row.axis_to > p_axis_to then
      perform credits.charge(
        p_account_id, p_axis_to, v_row.axis_to, v_row.grant_id, v_row.displaced_from);
      v_row.axis_to := p_axis_to;
    end if;
    return next v_row;
  end loop;
end;
$$;
comment on function credits.uncharge(uuid, bigint, bigint) is
  'Removes what is recorded for exactly this stretch, splitting what reaches beyond it, and returns the removed pieces.';

create function credits.move_on_grant(
  p_account inout credits.accounts, p_kind credits.entry_kind, p_grant_id uuid, p_delta bigint,
  p_posted bigint, p_idempotency_key text, p_at timestamptz, p_metadata jsonb)
language plpgsql
set search_path = ''
as $$
declare
  v_entry credits.entries;
begin
  v_entry.kind := p_kind;
  v_entry.amount := p_posted;
  v_entry.grant_id := p_grant_id;
  v_entry.grant_delta := p_delta;
  v_entry.idempotency_key := coalesce(p_idempotency_key, 'florin:' || p_kind || ':' || (p_account.entry_no + 1));
  v_entry.created_at := p_at;
  v_entry.metadata := p_metadata;
  p_account := credits.append(p_account, v_entry);
end;
$$;
comment on function credits.move_on_grant(credits.accounts, credits.entry_kind, uuid, bigint, bigint, text, timestamptz, jsonb) is
  'Appends an entry about one grant: p_delta changes the grant''s claim, p_posted the balance (0 for a grant that is not effective yet). Without a key the entry is Florin''s own.';

create function credits.expire_grant(
  p_account inout credits.accounts, p_grant_id uuid, p_amount bigint, p_at timestamptz)
language plpgsql
set search_path = ''
as $$
begin
  update credits.grants g
     set remaining = g.remaining - p_amount, expired = g.expired + p_amount
   where g.account_id = p_account.account_id and g.grant_id = p_grant_id;
  p_account := credits.move_on_grant(
    p_account, 'expiry', p_grant_id, -p_amount, -p_amount, null, p_at, null);
end;
$$;
comment on function credits.expire_grant(credits.accounts, uuid, bigint, timestamptz) is
  'Writes the expiry of part of a grant that nobody has spent or reserved.';

create function credits.free_stretch(
  p_account inout credits.accounts, p_axis_from bigint, p_axis_to bigint)
language plpgsql
set search_path = ''
as $$
declare
  v_piece record;
begin
  for v_piece in
    select u.grant_id, sum(u.axis_to - u.axis_from)::bigint as credits
      from credits.uncharge(p_account.account_id, p_axis_from, p_axis_to) u
     group by u.grant_id
  loop
    if v_piece.grant_id is null then
      p_account.debt := p_account.debt - v_piece.credits;
    else
      update credits.grants g
         set remaining = g.remaining + v_piece.credits, burned = g.burned - v_piece.credits
       where g.account_id = p_account.account_id and g.grant_id = v_piece.grant_id;
    end if;
  end loop;
end;
$$;
comment on function credits.free_stretch(credits.accounts, bigint, bigint) is
  'Gives a settled stretch that is not needed after all back to the grants that paid for it.';

create function credits.look_ahead(p_account inout credits.accounts)
language plpgsql
set search_path = ''
as $$
begin
  select coalesce(min(t.at), 'infinity'), min(t.expiry)
    into p_account.next_change_at, p_account.next_expiry_at
    from (
      select g.expires_at as at, case when g.effective then g.expires_at end as expiry
        from credits.grants g
       where g.account_id = p_account.account_id and g.remaining > 0
      union all
      select g.effective_at, null from credits.grants g
       where g.account_id = p_account.account_id and g.remaining > 0 and not g.effective
      union all
      select h.expires_at, null from credits.holds h
       where h.account_id = p_account.account_id and h.status = 'open'
    ) t;
end;
$$;
comment on function credits.look_ahead(credits.accounts) is
  'Works out again when time alone next changes the account.';

create function credits.settle(p_account inout credits.accounts, p_at timestamptz)
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  -- Paying for spends from grants that do not expire brings no other instant nearer.
  v_plain boolean := p_account.debt = 0 and p_account.next_change_at > p_at
                     and p_account.next_expiry_at is null;
  v_change credits.change;
  v_displaced_from uuid;
  v_hold credits.holds;
  v_entry credits.entries;
begin
  for v_change in
    select * from credits.due_changes(p_account, p_at)
  loop
    if v_change.kind = 'pay' then
      v_displaced_from := null;
      if v_change.was_debt then
        select u.displaced_from into v_displaced_from
          from credits.uncharge(p_account.account_id, v_change.axis_from, v_change.axis_to) u;
        p_account.debt := p_account.debt - v_change.amount;
      end if;
      perform credits.charge(p_account.account_id, v_change.axis_from, v_change.axis_to,
                             v_change.grant_id, v_displaced_from);
      update credits.grants g
         set remaining = g.remaining - v_change.amount, burned = g.burned + v_change.amount
       where g.account_id = p_account.account_id and g.grant_id = v_change.grant_id;
    elsif v_change.kind = 'owe' then
      perform credits.charge(
        p_account.account_id, v_change.axis_from, v_change.axis_to, null, null);
      p_account.debt := p_account.debt + v_change.amount;
    elsif v_change.kind = 'release' then
      select * into v_hold from credits.holds h
       where h.account_id = p_account.account_id and h.hold_id = v_change.hold_id;
      p_account := credits.free_stretch(
        p_account, v_hold.axis_from, v_hold.axis_from + v_hold.amount);
      p_account.held := p_account.held - v_hold.amount;
      v_entry := null;
      v_entry.kind := 'release';
      v_entry.amount := 0;
      v_entry.hold_id := v_hold.hold_id;
      v_entry.idempotency_key := 'florin:expire:' || v_hold.hold_id;
      v_entry.created_at := v_change.at;
      p_account := credits.append(p_account, v_entry);
      update credits.holds h
         set status = 'expired', ended_no = p_account.entry_no
       where h.account_id = p_account.account_id and h.hold_id = v_hold.hold_id;
    elsif v_change.kind = 'start' then
      update credits.grants g set effective = true
       where g.account_id = p_account.account_id and g.grant_id = v_change.grant_id;
      p_account := credits.move_on_grant(
        p_account, 'grant', v_change.grant_id, 0, v_change.amount, null, v_change.at, null);
    elsif v_change.kind = 'expire' then
      p_account := credits.expire_grant(
        p_account, v_change.grant_id, v_change.amount, v_change.at);
    end if;
  end loop;
  p_account.settled := p_account.axis;
  if not v_plain then
    p_account := credits.look_ahead(p_account);
  end if;
end;
$$;
comment on function credits.settle(credits.accounts, timestamptz) is
  'Carries out credits.due_changes on a locked account: charges what was burned to grants, writes what time has changed. The caller saves the account.';

create function credits.needs_settling(p_account credits.accounts, p_at timestamptz)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  return p_account.settled < p_account.axis or p_account.next_change_at <= p_at;
end;
$$;
comment on function credits.needs_settling(credits.accounts, timestamptz) is
  'Whether settling the account now would change anything.';

-- ---------------------------------------------------------------------------------------------
-- Grants
-- ---------------------------------------------------------------------------------------------

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

-- ---------------------------------------------------------------------------------------------
-- Spending
-- ---------------------------------------------------------------------------------------------

create function credits.spend(
  p_account_id uuid,
  p_amount bigint,
  p_idempotency_key text,
  p_metadata jsonb default '{}',
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
  v_account credits.accounts;
  v_entry credits.entries;
begin
  if p_account_id is null or p_amount is null or p_amount < 1 or p_amount > 9007199254740991
     or p_idempotency_key is null or p_idempotency_key = '' or length(p_idempotency_key) > 255
     or starts_with(p_idempotency_key, 'florin:') then
    perform credits.check_input(p_account_id, p_amount, p_idempotency_key);
  end if;
  loop
    -- The common case is these two statements: the account's row with everything that must hold in
    -- its where clause, and the entry. The key decides last, under the row's lock.
    update credits.accounts a
       set posted = a.posted - p_amount,
           axis = a.axis + p_amount,
           entry_no = a.entry_no + 1,
           chain = sha256(a.chain || record_send(row(
             p_account_id, a.entry_no + 1, -p_amount, a.axis, a.posted - p_amount,
             a.held::bigint, v_now,
             '\x7370656e64'::bytea, null::uuid, null::bigint, null::uuid,
             convert_to(p_idempotency_key, 'UTF8'), null::bytea,
             convert_to(v_metadata::text, 'UTF8'))))
     where a.account_id = p_account_id
       and a.posted - a.held >= p_amount
       and a.next_change_at > v_now
       and a.closed_at is null
    returning a.posted, a.held, a.entry_no, a.axis, a.chain
      into posted, held, v_entry_no, v_axis, v_chain;
    if found then
      insert into credits.entries (
        account_id, entry_no, amount, axis_from, posted_after, held_after, created_at, kind,
        idempotency_key, metadata, chain)
      values (
        p_account_id, v_entry_no, -p_amount, v_axis - p_amount, posted, held, v_now, 'spend',
        p_idempotency_key, v_metadata, v_chain)
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

    select * into v_entry from credits.entries e
     where e.account_id = p_account_id and e.idempotency_key = p_idempotency_key;
    if found then
      if v_entry.kind <> 'spend' or v_entry.amount <> -p_amount
         or v_entry.metadata is distinct from v_metadata then
        perform credits.raise_key_reused(p_idempotency_key);
      end if;
      entry_id := credits.entry_id(p_account_id, v_entry.entry_no);
      posted := v_entry.posted_after;
      held := v_entry.held_after;
      available := posted - held;
      replayed := true;
      return;
    end if;

    v_account := credits.lock_account(p_account_id, false);
    if v_account.account_id is null then
      perform credits.raise_insufficient(0, p_amount);
    elsif v_account.closed_at is not null then
      perform credits.raise_closed(p_account_id);
    elsif v_account.next_change_at <= v_now then
      v_account := credits.settle(v_account, v_now);
      perform credits.save_account(v_account);
    elsif v_account.posted - v_account.held < p_amount then
      perform credits.raise_insufficient(v_account.posted - v_account.held, p_amount);
    end if;
  end loop;
end;
$$;
comment on function credits.spend(uuid, bigint, text, jsonb) is
  'Takes credits, from the grants in burn order: priority, then soonest expiry, then oldest. Never overdraws. Idempotent by key: the same input returns the first result with replayed true. Errors: CRINS (also for an unknown account), CRDUP, CRACC, CRAMT, CRKEY, 22004.';

-- ---------------------------------------------------------------------------------------------
-- Balance
-- ---------------------------------------------------------------------------------------------

create function credits.balance_when_due(p_account_id uuid, out posted bigint, out held bigint)
language plpgsql
stable
set search_path = ''
as $$
begin
  select a.posted
           + coalesce(sum(c.amount) filter (where c.kind = 'start'), 0)
           - coalesce(sum(c.amount) filter (where c.kind = 'expire'), 0),
         a.held - coalesce(sum(c.amount) filter (where c.kind = 'release'), 0)
    into posted, held
    from credits.accounts a
    left join lateral credits.due_changes(a, clock_timestamp()) c on true
   where a.account_id = p_account_id
   group by a.account_id;
end;
$$;
comment on function credits.balance_when_due(uuid) is
  'The balance of an account that time has changed since it was last written: what a sweep would write, without writing.';

create function credits.soonest_expiry(p_account_id uuid)
returns timestamptz
language plpgsql
stable
set search_path = ''
as $$
declare
  v_expiry timestamptz;
begin
  with changes as (
    select c.grant_id, c.kind, c.amount
      from credits.accounts a
     cross join lateral credits.due_changes(a, clock_timestamp()) c
     where a.account_id = p_account_id
  )
  select min(g.expires_at) into v_expiry
    from credits.grants g
   where g.account_id = p_account_id
     and g.expires_at > clock_timestamp()
     and (g.effective or g.effective_at <= clock_timestamp())
     and g.remaining > coalesce((
       select sum(case c.kind when 'pay' then c.amount else -c.amount end) from changes c
        where c.grant_id = g.grant_id and c.kind in ('pay', 'free')), 0);
  return v_expiry;
end;
$$;
comment on function credits.soonest_expiry(uuid) is
  'When the next credits of the account expire, taking into account what is burned and not settled yet.';

create view credits.balances with (security_invoker = true) as
  select a.account_id,
         case when a.next_change_at > clock_timestamp() then a.posted
              else (credits.balance_when_due(a.account_id)).posted end as posted,
         case when a.next_change_at > clock_timestamp() then a.held
              else (credits.balance_when_due(a.account_id)).held end as held,
         case when a.next_change_at > clock_timestamp() then a.posted - a.held
              else (credits.balance_when_due(a.account_id)).posted
                   - (credits.balance_when_due(a.account_id)).held end as available,
         case when a.next_change_at > clock_timestamp()
                   and (a.next_expiry_at is null or a.settled = a.axis) then a.next_expiry_at
              else credits.soonest_expiry(a.account_id) end as next_expiry_at
    from credits.accounts a;
comment on view credits.balances is
  'The balance of each account, right to the instant: one row by primary key, whatever its history. Reading one column costs only that column.';

create function credits.read_balance(
  p_account_id uuid,
  out posted bigint,
  out held bigint,
  out available bigint,
  out next_expiry_at timestamptz)
language plpgsql
stable
set search_path = ''
as $$
begin
  select b.posted, b.held, b.available, b.next_expiry_at
    into posted, held, available, next_expiry_at
    from credits.balances b
   where b.account_id = p_account_id;
  if not found then
    posted := 0;
    held := 0;
    available := 0;
  end if;
end;
$$;
comment on function credits.read_balance(uuid) is
  'Posted, held and available credits and the next expiry of an account; zeros for an unknown one. Writes nothing.';

-- ---------------------------------------------------------------------------------------------
-- Money that went back: reversals, and their undoing
-- ---------------------------------------------------------------------------------------------

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

create function credits.open_account(p_account_id uuid, p_at timestamptz)
returns credits.accounts
language plpgsql
set search_path = ''
as $$
declare
  v_account credits.accounts := credits.lock_account(p_account_id, false);
begin
  if v_account.account_id is not null and credits.needs_settling(v_account, p_at) then
    v_account := credits.settle(v_account, p_at);
    -- A caller that finds its key used writes no more, but what was settled is written already.
    perform credits.save_account(v_account);
  end if;
  return v_account;
end;
$$;
comment on function credits.open_account(uuid, timestamptz) is
  'Locks, settles and saves an account. A caller that changes it further saves it again.';

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

create function credits.take_back(
  p_account inout credits.accounts, p_grant credits.grants, p_amount bigint, p_at timestamptz)
language plpgsql
set search_path = ''
as $$
declare
  v_from_remaining bigint := least(p_amount, p_grant.remaining);
  v_from_expired bigint := least(p_amount - v_from_remaining, p_grant.expired);
  v_from_voided bigint := least(p_amount - v_from_remaining - v_from_expired, p_grant.voided);
  v_displaced bigint := p_amount - v_from_remaining - v_from_expired - v_from_voided;
  v_left bigint := v_displaced;
  v_take bigint;
  v_row credits.charges;
begin
  -- Credits that lapsed before are gone already: taking them back undoes their expiry or void first.
  if v_from_expired > 0 then
    p_account := credits.move_on_grant(
      p_account, 'expiry', p_grant.grant_id, v_from_expired, v_from_expired, null, p_at, null);
  end if;
  if v_from_voided > 0 then
    p_account := credits.move_on_grant(
      p_account, 'void', p_grant.grant_id, v_from_voided,
      case when p_grant.effective then v_from_voided else 0 end, null, p_at, null);
  end if;
  update credits.grants g
     set remaining = g.remaining - v_from_remaining,
         expired = g.expired - v_from_expired,
         voided = g.voided - v_from_voided,
         burned = g.burned - v_displaced,
         reversed = g.reversed + p_amount
   where g.account_id = p_account.account_id and g.grant_id = p_grant.grant_id;
  -- What is spent or reserved already loses this payer, the latest stretch first, and is debt until
  -- other grants pay for it: at once those that are live, later the next one.
  while v_left > 0 loop
    select * into v_row from credits.charges c
     where c.account_id = p_account.account_id and c.grant_id = p_grant.grant_id
     order by c.axis_from desc limit 1;
    v_take := least(v_left, v_row.axis_to - v_row.axis_from);
    perform credits.uncharge(p_account.account_id, v_row.axis_to - v_take, v_row.axis_to);
    perform credits.charge(
      p_account.account_id, v_row.axis_to - v_take, v_row.axis_to, null, p_grant.grant_id);
    v_left := v_left - v_take;
  end loop;
  p_account.debt := p_account.debt + v_displaced;
end;
$$;
comment on function credits.take_back(credits.accounts, credits.grants, bigint, timestamptz) is
  'Takes credits of a grant back: from what it has left, then from what lapsed, then from what it paid for.';

create function credits.reverse_grant(
  p_account_id uuid,
  p_grant_id uuid,
  p_amount bigint,
  p_idempotency_key text,
  p_metadata jsonb default '{}',
  out entry_id uuid,
  out posted bigint,
  out held bigint,
  out available bigint,
  out reversed bigint,
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
  perform credits.check_input(p_account_id, p_amount, p_idempotency_key);
  v_account := credits.open_account(p_account_id, v_now);
  v_grant := credits.find_grant(p_account_id, p_grant_id);
  select * into v_entry from credits.entries e
   where e.account_id = p_account_id and e.idempotency_key = p_idempotency_key;
  if found then
    if v_entry.kind <> 'reversal' or v_entry.grant_id <> p_grant_id
       or v_entry.grant_delta <> -p_amount
       or v_entry.metadata is distinct from nullif(p_metadata, '{}') then
      perform credits.raise_key_reused(p_idempotency_key);
    end if;
    replayed := true;
  else
    if p_amount > v_grant.amount - v_grant.reversed then
      raise exception 'Only % of the grant''s % credits are left to take back; % were asked for.',
        v_grant.amount - v_grant.reversed, v_grant.amount, p_amount
        using errcode = 'CRAMT', hint = 'Nothing was written. Pass at most what is left.';
    end if;
    v_account := credits.take_back(v_account, v_grant, p_amount, v_now);
    v_account := credits.move_on_grant(
      v_account, 'reversal', p_grant_id, -p_amount,
      case when v_grant.effective then -p_amount else 0 end,
      p_idempotency_key, v_now, nullif(p_metadata, '{}'));
    v_account := credits.settle(v_account, v_now);
    perform credits.save_account(v_account);
    select * into v_entry from credits.entries e
     where e.account_id = p_account_id and e.idempotency_key = p_idempotency_key;
    replayed := false;
  end if;
  select w.* into entry_id, posted, held, available from credits.written(p_account_id, v_entry) w;
  reversed := p_amount;
end;
$$;
comment on function credits.reverse_grant(uuid, uuid, bigint, text, jsonb) is
  'Takes back credits of a grant whose money went back: from what it has left, then from other live grants in burn order, then as debt that the next grant settles first. Credits of it that expired or were voided count as taken. Works on a closed account too. Idempotent by key. Errors: CRAMT (more than is left of the grant), CRGRN, CRKEY, CRDUP.';

create function credits.restore_grant(
  p_account_id uuid,
  p_grant_id uuid,
  p_amount bigint,
  p_idempotency_key text,
  p_metadata jsonb default '{}',
  out entry_id uuid,
  out posted bigint,
  out held bigint,
  out available bigint,
  out restored bigint,
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
  v_row credits.charges;
  v_left bigint := p_amount;
  v_take bigint;
  v_voided bigint;
begin
  perform credits.check_input(p_account_id, p_amount, p_idempotency_key);
  v_account := credits.open_account(p_account_id, v_now);
  v_grant := credits.find_grant(p_account_id, p_grant_id);
  select * into v_entry from credits.entries e
   where e.account_id = p_account_id and e.idempotency_key = p_idempotency_key;
  if found then
    if v_entry.kind <> 'reversal' or v_entry.grant_id <> p_grant_id
       or v_entry.grant_delta <> p_amount
       or v_entry.metadata is distinct from nullif(p_metadata, '{}') then
      perform credits.raise_key_reused(p_idempotency_key);
    end if;
    replayed := true;
  else
    if p_amount > v_grant.reversed then
      raise exception 'Only % credits of the grant were taken back; % were to be restored.',
        v_grant.reversed, p_amount
        using errcode = 'CRAMT', hint = 'Nothing was written. Pass at most what was taken back.';
    end if;
    -- The grant pays again for what was taken from it: debt first, then what others pay in its place,
    -- unless theirs has expired meanwhile and would only lapse.
    for v_row in
      select c.* from credits.charges c
        left join credits.grants g on g.account_id = c.account_id and g.grant_id = c.grant_id
       where c.account_id = p_account_id and c.displaced_from = p_grant_id
         and (c.grant_id is null or g.expires_at is null or g.expires_at > v_now)
       order by c.grant_id is not null, c.axis_from
    loop
      exit when v_left = 0;
      v_take := least(v_left, v_row.axis_to - v_row.axis_from);
      perform credits.uncharge(p_account_id, v_row.axis_from, v_row.axis_from + v_take);
      perform credits.charge(
        p_account_id, v_row.axis_from, v_row.axis_from + v_take, p_grant_id, null);
      if v_row.grant_id is null then
        v_account.debt := v_account.debt - v_take;
      else
        update credits.grants g
           set remaining = g.remaining + v_take, burned = g.burned - v_take
         where g.account_id = p_account_id and g.grant_id = v_row.grant_id;
      end if;
      v_left := v_left - v_take;
    end loop;
    -- Voided credits that the reversal counted as taken become voided again: see take_back.
    select least(v_left, coalesce(sum(e.grant_delta), 0)) into v_voided from credits.entries e
     where v_left > 0 and e.account_id = p_account_id and e.grant_id = p_grant_id
       and e.kind = 'void' and starts_with(e.idempotency_key, 'florin:void:');
    update credits.grants g
       set reversed = g.reversed - p_amount,
           burned = g.burned + (p_amount - v_left),
           voided = g.voided + v_voided,
           remaining = g.remaining + v_left - v_voided
     where g.account_id = p_account_id and g.grant_id = p_grant_id;
    if v_voided > 0 then
      v_account := credits.move_on_grant(
        v_account, 'void', p_grant_id, -v_voided,
        case when v_grant.effective then -v_voided else 0 end, null, v_now, null);
    end if;
    v_account := credits.move_on_grant(
      v_account, 'reversal', p_grant_id, p_amount,
      case when v_grant.effective then p_amount else 0 end,
      p_idempotency_key, v_now, nullif(p_metadata, '{}'));
    -- What came back may expire, or have expired.
    v_account := credits.look_ahead(v_account);
    v_account := credits.settle(v_account, v_now);
    perform credits.save_account(v_account);
    select * into v_entry from credits.entries e
     where e.account_id = p_account_id and e.idempotency_key = p_idempotency_key;
    replayed := false;
  end if;
  select w.* into entry_id, posted, held, available from credits.written(p_account_id, v_entry) w;
  restored := p_amount;
end;
$$;
comment on function credits.restore_grant(uuid, uuid, bigint, text, jsonb) is
  'Undoes earlier reversals of a grant, in part or whole, and gives exactly what they took. Idempotent by key. Errors: CRAMT (more than was taken), CRGRN, CRKEY, CRDUP.';

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

create function credits.adjust(
  p_account_id uuid,
  p_amount bigint,
  p_idempotency_key text,
  p_reason text,
  p_actor text,
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
  v_metadata jsonb := jsonb_build_object('reason', p_reason, 'actor', p_actor);
  v_account credits.accounts;
  v_grant credits.grants;
  v_entry credits.entries;
  v_issued credits.issued;
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
  select * into v_entry from credits.entries e
   where e.account_id = p_account_id and e.idempotency_key = p_idempotency_key;
  if found then
    if v_entry.kind <> 'adjustment' or v_entry.amount <> p_amount
       or v_entry.metadata is distinct from v_metadata then
      perform credits.raise_key_reused(p_idempotency_key);
    end if;
    replayed := true;
  elsif v_account.closed_at is not null then
    perform credits.raise_closed(p_account_id);
  else
    if p_amount > 0 then
      v_grant.source := 'adjustment';
      v_grant.priority := 0;
      v_grant.amount := p_amount;
      v_grant.effective_at := v_now;
      v_grant.idempotency_key := p_idempotency_key;
      v_grant.metadata := v_metadata;
      v_issued := credits.issue(v_account, v_grant, 'adjustment', v_now);
      v_account := v_issued.account;
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
      v_entry := null;
      v_entry.kind := 'adjustment';
      v_entry.amount := p_amount;
      v_entry.axis_from := v_account.axis;
      v_entry.idempotency_key := p_idempotency_key;
      v_entry.created_at := v_now;
      v_entry.metadata := v_metadata;
      v_account.axis := v_account.axis - p_amount;
      v_account := credits.append(v_account, v_entry);
    end if;
    perform credits.save_account(v_account);
    select * into v_entry from credits.entries e
     where e.account_id = p_account_id and e.idempotency_key = p_idempotency_key;
    replayed := false;
  end if;
  select w.* into entry_id, posted, held, available from credits.written(p_account_id, v_entry) w;
end;
$$;
comment on function credits.adjust(uuid, bigint, text, text, text) is
  'Corrects a balance by hand: a positive amount gives credits, a negative one takes available ones. The reason and the actor stay in the entry. Idempotent by key. Errors: CRINS, CRAMT, CRKEY, CRDUP, CRACC, 22004.';

-- ---------------------------------------------------------------------------------------------
-- Holds
-- ---------------------------------------------------------------------------------------------

create function credits.place_hold(
  p_account_id uuid,
  p_amount bigint,
  p_idempotency_key text,
  p_expires_in interval default '15 minutes',
  p_metadata jsonb default '{}',
  out hold_id uuid,
  out entry_id uuid,
  out expires_at timestamptz,
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
  v_account credits.accounts;
  v_entry credits.entries;
  v_hold credits.holds;
begin
  perform credits.check_input(p_account_id, p_amount, p_idempotency_key);
  if p_expires_in is null or v_now + p_expires_in <= v_now then
    raise exception 'A hold must expire in the future.'
      using errcode = '22023', hint = 'Pass an interval above zero, a little longer than the job takes.';
  end if;
  v_account := credits.lock_account(p_account_id, false);
  select * into v_entry from credits.entries e
   where e.account_id = p_account_id and e.idempotency_key = p_idempotency_key;
  if found then
    select * into v_hold from credits.holds h
     where h.account_id = p_account_id and h.hold_id = v_entry.hold_id;
    if v_entry.kind <> 'hold' or v_hold.amount <> p_amount
       or v_hold.expires_at <> v_hold.created_at + p_expires_in
       or v_hold.metadata is distinct from nullif(p_metadata, '{}') then
      perform credits.raise_key_reused(p_idempotency_key);
    end if;
    replayed := true;
  elsif v_account.closed_at is not null then
    perform credits.raise_closed(p_account_id);
  else
    if v_account.next_change_at <= v_now then
      v_account := credits.settle(v_account, v_now);
    end if;
    if v_account.account_id is null or v_account.posted - v_account.held < p_amount then
      perform credits.raise_insufficient(
        coalesce(v_account.posted - v_account.held, 0), p_amount);
    end if;
    v_hold.account_id := p_account_id;
    v_hold.hold_id := gen_random_uuid();
    v_hold.amount := p_amount;
    v_hold.axis_from := v_account.axis;
    v_hold.expires_at := v_now + p_expires_in;
    v_hold.created_at := v_now;
    v_hold.idempotency_key := p_idempotency_key;
    v_hold.metadata := nullif(p_metadata, '{}');
    insert into credits.holds (
      account_id, hold_id, amount, axis_from, expires_at, created_at, idempotency_key, metadata)
    values (
      p_account_id, v_hold.hold_id, p_amount, v_hold.axis_from, v_hold.expires_at, v_now,
      p_idempotency_key, v_hold.metadata);
    v_account.axis := v_account.axis + p_amount;
    v_account.held := v_account.held + p_amount;
    v_account.next_change_at := least(v_account.next_change_at, v_hold.expires_at);
    v_entry.kind := 'hold';
    v_entry.amount := 0;
    v_entry.axis_from := v_hold.axis_from;
    v_entry.hold_id := v_hold.hold_id;
    v_entry.idempotency_key := p_idempotency_key;
    v_entry.subject_seal := credits.subject_seal(v_hold);
    v_entry.created_at := v_now;
    v_entry.metadata := v_hold.metadata;
    v_account := credits.append(v_account, v_entry);
    perform credits.save_account(v_account);
    v_entry.entry_no := v_account.entry_no;
    v_entry.posted_after := v_account.posted;
    v_entry.held_after := v_account.held;
    replayed := false;
  end if;
  hold_id := v_hold.hold_id;
  expires_at := v_hold.expires_at;
  select w.* into entry_id, posted, held, available from credits.written(p_account_id, v_entry) w;
end;
$$;
comment on function credits.place_hold(uuid, bigint, text, interval, jsonb) is
  'Reserves credits until they are captured, released, or the hold expires. Reserved credits do not expire with their grant. Idempotent by key. Errors: CRINS, CRDUP, CRACC, CRAMT, CRKEY, 22023.';

create function credits.find_hold(p_account_id uuid, p_hold_id uuid)
returns credits.holds
language plpgsql
stable
set search_path = ''
as $$
declare
  v_hold credits.holds;
begin
  if p_account_id is null or p_hold_id is null then
    raise exception 'The account id or the hold id is missing.'
      using errcode = '22004', hint = 'Nothing was written. Pass both.';
  end if;
  select * into v_hold from credits.holds h
   where h.account_id = p_account_id and h.hold_id = p_hold_id;
  if not found then
    raise exception 'The account % has no hold %.', p_account_id, p_hold_id
      using errcode = 'CRHLD', hint = 'Nothing was written. Check the account and the hold id.';
  end if;
  return v_hold;
end;
$$;
comment on function credits.find_hold(uuid, uuid) is 'The hold, or CRHLD; 22004 when an id is missing.';

create function credits.raise_hold_not_open(p_hold credits.holds)
returns void
language plpgsql
set search_path = ''
as $$
begin
  raise exception 'The hold % is not open: it %.', p_hold.hold_id,
    case when p_hold.status = 'expired' then 'has expired' else 'was ' || p_hold.status end
    using errcode = 'CRHLD',
          detail = json_build_object('status', p_hold.status, 'captured', p_hold.captured)::text,
          hint = 'Nothing was written. Place a new hold.';
end;
$$;
comment on function credits.raise_hold_not_open(credits.holds) is 'Raises CRHLD and says how the hold ended.';

create function credits.end_hold(
  p_account inout credits.accounts, p_hold credits.holds, p_captured bigint, p_at timestamptz)
language plpgsql
set search_path = ''
as $$
declare
  v_end bigint := p_hold.axis_from + p_hold.amount;
  v_needed bigint := p_hold.axis_from + p_captured;
  v_entry credits.entries;
begin
  if v_needed < v_end then
    if p_account.axis = v_end and p_account.settled <= v_needed then
      -- Nothing came after it and nothing of it is settled: the axis simply ends earlier.
      p_account.axis := v_needed;
    else
      if p_account.settled < p_account.axis then
        p_account := credits.settle(p_account, p_at);
      end if;
      p_account := credits.free_stretch(p_account, v_needed, v_end);
    end if;
  end if;
  p_account.held := p_account.held - p_hold.amount;
  if v_needed < v_end then
    -- What came back may belong to a grant that has expired, or pay debt: before the entry, so that
    -- the balance that it answers with is what is there.
    p_account := credits.look_ahead(p_account);
    if p_account.next_change_at <= p_at or p_account.debt > 0 then
      p_account := credits.settle(p_account, p_at);
    end if;
  end if;
  v_entry.kind := case when p_captured > 0 then 'capture' else 'release' end::credits.entry_kind;
  v_entry.amount := -p_captured;
  v_entry.axis_from := case when p_captured > 0 then p_hold.axis_from end;
  v_entry.hold_id := p_hold.hold_id;
  v_entry.idempotency_key := 'florin:' || v_entry.kind || ':' || p_hold.hold_id;
  v_entry.created_at := p_at;
  v_entry.metadata := p_hold.metadata;
  p_account := credits.append(p_account, v_entry);
  update credits.holds h
     set status = case when p_captured > 0 then 'captured' else 'released' end::credits.hold_status,
         captured = p_captured,
         ended_no = p_account.entry_no
   where h.account_id = p_hold.account_id and h.hold_id = p_hold.hold_id;
  if v_needed < v_end then
    p_account := credits.look_ahead(p_account);
  end if;
end;
$$;
comment on function credits.end_hold(credits.accounts, credits.holds, bigint, timestamptz) is
  'Ends an open hold: spends p_captured of it and gives the rest back to the grants it came from.';

create function credits.capture_hold(
  p_account_id uuid,
  p_hold_id uuid,
  p_amount bigint default null,
  out entry_id uuid,
  out captured bigint,
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
  v_account credits.accounts;
  v_hold credits.holds;
  v_entry credits.entries;
begin
  if p_amount is not null then
    perform credits.check_input(p_account_id, p_amount, 'capture');
  end if;
  v_account := credits.lock_account(p_account_id, false);
  v_hold := credits.find_hold(p_account_id, p_hold_id);
  captured := coalesce(p_amount, v_hold.amount);
  if v_hold.status = 'captured' then
    if v_hold.captured <> captured then
      perform credits.raise_key_reused('capture of hold ' || p_hold_id);
    end if;
    replayed := true;
  elsif v_hold.status <> 'open' then
    perform credits.raise_hold_not_open(v_hold);
  elsif v_hold.expires_at <= v_now then
    v_hold.status := 'expired';
    perform credits.raise_hold_not_open(v_hold);
  else
    if captured > v_hold.amount then
      raise exception 'The hold reserves % credits; % can not be captured.', v_hold.amount, captured
        using errcode = 'CRAMT',
              hint = 'Nothing was written. Capture at most what is held, and spend the rest apart.';
    end if;
    if v_account.next_change_at <= v_now then
      v_account := credits.settle(v_account, v_now);
    end if;
    v_account := credits.end_hold(v_account, v_hold, captured, v_now);
    perform credits.save_account(v_account);
    replayed := false;
  end if;
  select * into v_entry from credits.entries e
   where e.account_id = p_account_id and e.idempotency_key = 'florin:capture:' || p_hold_id;
  select w.* into entry_id, posted, held, available from credits.written(p_account_id, v_entry) w;
end;
$$;
comment on function credits.capture_hold(uuid, uuid, bigint) is
  'Spends all of a hold, or the given part, and releases the rest. A repeat with the same amount returns the first result with replayed true. Errors: CRHLD (not open, or unknown), CRAMT, CRDUP (captured before with another amount).';

create function credits.release_hold(
  p_account_id uuid,
  p_hold_id uuid,
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
  v_account credits.accounts;
  v_hold credits.holds;
  v_entry credits.entries;
begin
  v_account := credits.lock_account(p_account_id, false);
  v_hold := credits.find_hold(p_account_id, p_hold_id);
  if v_hold.status = 'captured' then
    perform credits.raise_hold_not_open(v_hold);
  end if;
  replayed := v_hold.status <> 'open';
  if not replayed then
    if v_account.next_change_at <= v_now then
      v_account := credits.settle(v_account, v_now);
    end if;
    if v_hold.expires_at > v_now then
      v_account := credits.end_hold(v_account, v_hold, 0, v_now);
    end if;
    perform credits.save_account(v_account);
  end if;
  select e.* into v_entry from credits.holds h
    join credits.entries e on e.account_id = h.account_id and e.entry_no = h.ended_no
   where h.account_id = p_account_id and h.hold_id = p_hold_id;
  select w.* into entry_id, posted, held, available from credits.written(p_account_id, v_entry) w;
end;
$$;
comment on function credits.release_hold(uuid, uuid) is
  'Gives a hold back. A repeat, or a release of a hold that expired, returns the first result with replayed true. Errors: CRHLD (captured before, or unknown).';

-- ---------------------------------------------------------------------------------------------
-- Many spends in one call
-- ---------------------------------------------------------------------------------------------

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
  end loop;

  for v_item in
    select i.account_id, i.amount, i.key, i.n::int as n, k.place::int as place,
           (min(i.n) over (partition by i.account_id, i.key))::int as first_n,
           e.entry_no, e.kind, e.amount as entry_amount, e.metadata,
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
         and v_item.metadata is null then
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
    else
      v_posted[v_a] := v_posted[v_a] - v_item.amount;
      v_no[v_a] := v_no[v_a] + 1;
      v_chain[v_a] := sha256(v_chain[v_a] || record_send(row(
        v_item.account_id, v_no[v_a], -v_item.amount, v_axis[v_a], v_posted[v_a], v_held[v_a],
        v_now, '\x7370656e64'::bytea, null::uuid, null::bigint, null::uuid,
        convert_to(v_item.key, 'UTF8'), null::bytea, null::bytea)));
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
  'Many spends in one call and one commit, each accepted or refused on its own and in order: status is spent, replayed, insufficient_credits, idempotency_key_reused or account_closed. Malformed input (CRAMT, CRKEY, 22004, 22023) refuses the whole call.';

-- ---------------------------------------------------------------------------------------------
-- Upkeep
-- ---------------------------------------------------------------------------------------------

create function credits.ensure_account(p_account_id uuid)
returns void
language plpgsql
security definer
set search_path = ''
as $$
begin
  insert into credits.accounts (account_id) values (p_account_id) on conflict do nothing;
end;
$$;
comment on function credits.ensure_account(uuid) is
  'Makes the account if it is new, as a checkout does before there is a grant. Repeatable.';

create function credits.settle_account(p_account_id uuid)
returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_account credits.accounts := credits.lock_account(p_account_id, false);
begin
  if v_account.account_id is not null and credits.needs_settling(v_account, v_now) then
    perform credits.save_account(credits.settle(v_account, v_now));
  end if;
end;
$$;
comment on function credits.settle_account(uuid) is
  'Charges what was burned to grants and writes what time has changed, so that the tables show it. Balances are right without it. Repeatable.';

create function credits.expire_due(p_limit integer default 1000)
returns bigint
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_account_id uuid;
  v_account credits.accounts;
  v_settled credits.accounts;
  v_written bigint := 0;
begin
  for v_account_id in
    select a.account_id from credits.accounts a
     where a.next_change_at <= v_now
     order by a.next_change_at
     limit p_limit
  loop
    select * into v_account from credits.accounts a
     where a.account_id = v_account_id and a.next_change_at <= v_now
       for update skip locked;
    if found then
      v_settled := credits.settle(v_account, v_now);
      perform credits.save_account(v_settled);
      v_written := v_written + v_settled.entry_no - v_account.entry_no;
    end if;
  end loop;
  return v_written;
end;
$$;
comment on function credits.expire_due(integer) is
  'Writes the entries of expired grants and holds and of grants whose time has come, for up to p_limit accounts; returns how many entries. Only bookkeeping: balances are right before it. Overlapping runs move nothing twice.';

create function credits.close_account(
  p_account_id uuid,
  p_idempotency_key text,
  p_metadata jsonb default '{}',
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
  v_account credits.accounts;
  v_entry credits.entries;
begin
  perform credits.check_input(p_account_id, 1, p_idempotency_key);
  v_account := credits.lock_account(p_account_id, true);
  select * into v_entry from credits.entries e
   where e.account_id = p_account_id and e.idempotency_key = p_idempotency_key;
  if found then
    if v_entry.kind <> 'close' or v_entry.metadata is distinct from nullif(p_metadata, '{}') then
      perform credits.raise_key_reused(p_idempotency_key);
    end if;
    replayed := true;
  elsif v_account.closed_at is not null then
    perform credits.raise_closed(p_account_id);
  else
    if credits.needs_settling(v_account, v_now) then
      v_account := credits.settle(v_account, v_now);
    end if;
    v_account.closed_at := v_now;
    v_entry.kind := 'close';
    v_entry.amount := 0;
    v_entry.idempotency_key := p_idempotency_key;
    v_entry.created_at := v_now;
    v_entry.metadata := nullif(p_metadata, '{}');
    v_account := credits.append(v_account, v_entry);
    perform credits.save_account(v_account);
    v_entry.entry_no := v_account.entry_no;
    v_entry.posted_after := v_account.posted;
    v_entry.held_after := v_account.held;
    replayed := false;
  end if;
  select w.* into entry_id, posted, held, available from credits.written(p_account_id, v_entry) w;
end;
$$;
comment on function credits.close_account(uuid, text, jsonb) is
  'Closes an account: it takes no more grants, spends or new holds; open holds may still end, and money that goes back is still reversed. The ledger is kept. Idempotent by key. Errors: CRACC, CRKEY, CRDUP.';

create function credits.recompute_balances()
returns bigint
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_account credits.accounts;
  v_posted bigint;
  v_held bigint;
  v_differed bigint := 0;
  v_account_id uuid;
begin
  for v_account_id in
    select a.account_id from credits.accounts a
     where a.posted <> coalesce((
             select sum(e.amount) from credits.entries e where e.account_id = a.account_id), 0)
        or a.held <> coalesce((
             select sum(h.amount) from credits.holds h
              where h.account_id = a.account_id and h.status = 'open'), 0)
  loop
    v_account := credits.lock_account(v_account_id, false);
    select coalesce(sum(e.amount), 0) into v_posted from credits.entries e
     where e.account_id = v_account_id;
    select coalesce(sum(h.amount), 0) into v_held from credits.holds h
     where h.account_id = v_account_id and h.status = 'open';
    if v_account.posted <> v_posted or v_account.held <> v_held then
      v_account.posted := v_posted;
      v_account.held := v_held;
      perform credits.save_account(v_account);
      v_differed := v_differed + 1;
    end if;
  end loop;
  return v_differed;
end;
$$;
comment on function credits.recompute_balances() is
  'Sets stored balances from the entries and open holds and returns how many differed: 0 when sound.';

-- ---------------------------------------------------------------------------------------------
-- Lineage and proof
-- ---------------------------------------------------------------------------------------------

create view credits.allocations with (security_invoker = true) as
  select e.account_id,
         e.entry_no,
         e.kind,
         c.grant_id,
         least(c.axis_to, e.axis_from - e.amount) - greatest(c.axis_from, e.axis_from) as amount
    from credits.entries e
    join credits.charges c
      on c.account_id = e.account_id
     and c.axis_from < e.axis_from - e.amount
     and c.axis_to > e.axis_from
   where e.axis_from is not null and e.amount < 0;
comment on view credits.allocations is
  'Which grant paid for which spend, capture or negative adjustment, and how much; without a grant: debt. Complete up to the last settlement (credits.settle_account).';

create function credits.explain_balance(p_account_id uuid)
returns table (
  item text, grant_id uuid, source text, amount bigint, spent bigint, reserved bigint,
  expired bigint, voided bigint, reversed bigint, contributes bigint, expires_at timestamptz,
  issued_at timestamptz, metadata jsonb)
language plpgsql
security definer
set search_path = ''
as $$
#variable_conflict use_column
begin
  perform credits.settle_account(p_account_id);
  return query
    select case when g.effective then 'grant' else 'scheduled' end, g.grant_id, g.source, g.amount,
           g.burned - r.reserved, r.reserved, g.expired, g.voided, g.reversed,
           case when g.effective then g.remaining else 0 end, g.expires_at, g.created_at, g.metadata
      from credits.grants g
     cross join lateral (
       select coalesce(sum(least(c.axis_to, h.axis_from + h.amount)
                           - greatest(c.axis_from, h.axis_from)), 0)::bigint as reserved
         from credits.holds h
         join credits.charges c
           on c.account_id = h.account_id and c.grant_id = g.grant_id
          and c.axis_from < h.axis_from + h.amount and c.axis_to > h.axis_from
        where h.account_id = p_account_id and h.status = 'open') r
     where g.account_id = p_account_id
    union all
    select 'debt', null, null, a.debt, null, null, null, null, null, -a.debt, null, null, null
      from credits.accounts a
     where a.account_id = p_account_id and a.debt > 0
     order by 12 nulls last;
end;
$$;
comment on function credits.explain_balance(uuid) is
  'Why the balance is what it is: a row for each grant with where its credits are, and one for debt; the column contributes adds up to available. Settles the account first.';

create function credits.verify_ledger(p_account_id uuid default null)
returns table (account_id uuid, invariant text, detail text)
language plpgsql
stable
security definer
set search_path = ''
as $$
#variable_conflict use_column
begin
  return query
  with
  accounts as (
    select a.* from credits.accounts a
     where p_account_id is null or a.account_id = p_account_id),
  entries as (
    select e.*,
           row_number() over w as place,
           sum(e.amount) over w as running,
           lag(e.chain, 1, '\x'::bytea) over w as chain_before
      from credits.entries e
     where p_account_id is null or e.account_id = p_account_id
    window w as (partition by e.account_id order by e.entry_no)),
  sums as (
    select e.account_id, sum(e.amount)::bigint as posted, max(e.entry_no) as last_no,
           count(*) as entries,
           coalesce(sum(-e.amount) filter (where e.axis_from is not null and e.amount < 0), 0)::bigint
             as burned,
           bool_or(e.kind = 'close') as closed
      from entries e group by e.account_id),
  holds as (
    select h.*, h as self from credits.holds h
     where p_account_id is null or h.account_id = p_account_id),
  open_holds as (
    select h.account_id, sum(h.amount)::bigint as held
      from holds h where h.status = 'open' group by h.account_id),
  grants as (
    select g.*, g as self from credits.grants g
     where p_account_id is null or g.account_id = p_account_id),
  moves as (
    select e.account_id, e.grant_id,
           sum(e.grant_delta)::bigint as claim,
           sum(e.amount)::bigint as posted,
           coalesce(-sum(e.grant_delta) filter (where e.kind = 'expiry'), 0)::bigint as expired,
           coalesce(-sum(e.grant_delta) filter (where e.kind = 'void'), 0)::bigint as voided,
           coalesce(-sum(e.grant_delta) filter (where e.kind = 'reversal'), 0)::bigint as reversed
      from entries e where e.grant_id is not null group by e.account_id, e.grant_id),
  charges as (
    select c.*, lag(c.axis_to) over (partition by c.account_id order by c.axis_from) as ended
      from credits.charges c
     where p_account_id is null or c.account_id = p_account_id),
  paid as (
    select c.account_id, c.grant_id, sum(c.axis_to - c.axis_from)::bigint as burned
      from charges c where c.grant_id is not null group by c.account_id, c.grant_id),
  covered as (
    select c.account_id, sum(c.axis_to - c.axis_from)::bigint as total,
           coalesce(sum(c.axis_to - c.axis_from) filter (where c.grant_id is null), 0)::bigint as debt,
           max(c.axis_to) as reach
      from charges c group by c.account_id),
  horizon as (
    select t.account_id, min(t.at) as at from (
      select g.account_id, g.expires_at as at from grants g where g.remaining > 0
      union all
      select g.account_id, g.effective_at from grants g where g.remaining > 0 and not g.effective
      union all
      select h.account_id, h.expires_at from holds h where h.status = 'open') t
     group by t.account_id)
  select a.account_id, 'posted is the sum of entries',
         format('stored %s, entries %s', a.posted, coalesce(s.posted, 0))
    from accounts a left join sums s using (account_id)
   where a.posted <> coalesce(s.posted, 0)
  union all
  select a.account_id, 'held is the sum of open holds',
         format('stored %s, holds %s', a.held, coalesce(h.held, 0))
    from accounts a left join open_holds h using (account_id)
   where a.held <> coalesce(h.held, 0)
  union all
  select a.account_id, 'entries are numbered without gaps',
         format('account says %s, last entry %s, entries %s', a.entry_no, s.last_no, s.entries)
    from accounts a left join sums s using (account_id)
   where a.entry_no <> coalesce(s.last_no, 0) or a.entry_no <> coalesce(s.entries, 0)
  union all
  select e.account_id, 'every entry has its account', format('entry %s', e.entry_no)
    from entries e left join credits.accounts a on a.account_id = e.account_id
   where a.account_id is null
  union all
  select e.account_id, 'entries carry the balance after them',
         format('entry %s says %s, the sum is %s', e.entry_no, e.posted_after, e.running)
    from entries e where e.posted_after <> e.running
  union all
  select e.account_id, 'entries are unaltered', format('entry %s does not match its hash', e.entry_no)
    from entries e
   where e.chain is distinct from credits.chain_after(
     row(e.account_id, e.entry_no, e.amount, e.axis_from, e.posted_after, e.held_after, e.created_at,
         e.kind, e.grant_id, e.grant_delta, e.hold_id, e.idempotency_key, e.subject_seal, e.metadata,
         e.chain)::credits.entries, e.chain_before)
  union all
  select a.account_id, 'the chain ends at its head', format('account %s', a.account_id)
    from accounts a
    left join entries e on e.account_id = a.account_id and e.entry_no = a.entry_no
   where a.chain is distinct from coalesce(e.chain, '\x'::bytea)
  union all
  select a.account_id, 'closed accounts have a closing entry', format('closed_at %s', a.closed_at)
    from accounts a left join sums s using (account_id)
    left join entries e on e.account_id = a.account_id and e.kind = 'close'
   where (a.closed_at is not null) <> coalesce(s.closed, false)
      or e.created_at <> a.closed_at
  union all
  select g.account_id, 'a grant''s claim is the sum of its entries',
         format('grant %s: %s here, %s in entries', g.grant_id, g.remaining + g.burned, m.claim)
    from grants g left join moves m using (account_id, grant_id)
   where m.claim is distinct from g.remaining + g.burned
      or m.expired <> g.expired or m.voided <> g.voided or m.reversed <> g.reversed
      or m.posted <> (case when g.effective then g.remaining + g.burned else 0 end)
      or (not g.effective and g.burned > 0)
  union all
  select g.account_id, 'every credit of a grant is somewhere', format('grant %s', g.grant_id)
    from grants g
   where g.remaining + g.burned + g.expired + g.voided + g.reversed <> g.amount
      or least(g.remaining, g.burned, g.expired, g.voided, g.reversed) < 0
  union all
  select coalesce(g.account_id, m.account_id), 'grants are unaltered',
         format('grant %s', coalesce(g.grant_id, m.grant_id))
    from grants g
    left join entries e on e.account_id = g.account_id and e.entry_no = g.issued_no
    full join (select distinct n.account_id, n.grant_id from entries n where n.grant_id is not null) m
      on m.account_id = g.account_id and m.grant_id = g.grant_id
   where g.grant_id is null
      or e.grant_id is distinct from g.grant_id
      or e.subject_seal is distinct from credits.subject_seal(g.self)
  union all
  select coalesce(h.account_id, e.account_id), 'holds are unaltered',
         format('hold %s', coalesce(h.hold_id, e.hold_id))
    from (select n.* from entries n where n.kind = 'hold') e
    full join holds h on h.account_id = e.account_id and h.hold_id = e.hold_id
   where h.hold_id is null or e.hold_id is null
      or e.subject_seal is distinct from credits.subject_seal(h.self)
  union all
  select h.account_id, 'a hold ended as its entry says', format('hold %s is %s', h.hold_id, h.status)
    from holds h
    left join entries e
      on e.account_id = h.account_id and e.hold_id = h.hold_id and e.kind in ('capture', 'release')
   where (h.status = 'open') <> (e.entry_no is null)
      or h.ended_no is distinct from e.entry_no
      or h.captured <> -coalesce(e.amount, 0)
      or (h.status = 'captured') <> coalesce(e.kind = 'capture', false)
      or (h.status = 'expired') <> coalesce(starts_with(e.idempotency_key, 'florin:expire:'), false)
  union all
  select g.account_id, 'a grant''s charges are what it has burned',
         format('grant %s: %s here, %s charged', g.grant_id, g.burned, coalesce(p.burned, 0))
    from grants g left join paid p using (account_id, grant_id)
   where g.burned <> coalesce(p.burned, 0)
  union all
  select c.account_id, 'charges are unaltered and do not overlap',
         format('stretch %s to %s', c.axis_from, c.axis_to)
    from charges c
    left join grants g on g.account_id = c.account_id and g.grant_id = c.grant_id
   where c.ended > c.axis_from
      or (c.grant_id is not null and g.grant_id is null)
      or c.seal is distinct from credits.charge_seal(
        c.account_id, c.axis_from, c.axis_to, c.grant_id, c.displaced_from)
  union all
  select a.account_id, 'all that is settled is charged',
         format('charged %s, burned %s, held %s, unsettled %s', coalesce(c.total, 0),
                coalesce(s.burned, 0), coalesce(h.held, 0), a.axis - a.settled)
    from accounts a
    left join sums s using (account_id)
    left join open_holds h using (account_id)
    left join covered c using (account_id)
   where coalesce(c.total, 0)
           <> coalesce(s.burned, 0) + coalesce(h.held, 0) - (a.axis - a.settled)
      or coalesce(c.debt, 0) <> a.debt
      or coalesce(c.reach, 0) > a.settled
      or a.settled not between 0 and a.axis
  union all
  select a.account_id, 'time is not overlooked',
         format('next change %s, should be at most %s', a.next_change_at, t.at)
    from accounts a join horizon t using (account_id)
   where a.next_change_at > t.at
  union all
  select a.account_id, 'the soonest expiry is known',
         format('stored %s, grants say %s', a.next_expiry_at, t.at)
    from accounts a
    left join (
      select g.account_id, min(g.expires_at) as at from grants g
       where g.remaining > 0 and g.effective group by g.account_id) t using (account_id)
   where a.next_expiry_at is distinct from t.at;
end;
$$;
comment on function credits.verify_ledger(uuid) is
  'A row for each broken invariant of the account, or of every account; none when sound. Finds any edit of the ledger''s rows, by whomever it was made.';

-- ---------------------------------------------------------------------------------------------
-- Rights
-- ---------------------------------------------------------------------------------------------

revoke all on all functions in schema credits from public, anon, authenticated, service_role;
grant execute on function
  credits.issue_grant(uuid, bigint, text, text, integer, timestamptz, timestamptz, jsonb),
  credits.spend(uuid, bigint, text, jsonb),
  credits.spend_batch(uuid[], bigint[], text[]),
  credits.place_hold(uuid, bigint, text, interval, jsonb),
  credits.capture_hold(uuid, uuid, bigint),
  credits.release_hold(uuid, uuid),
  credits.reverse_grant(uuid, uuid, bigint, text, jsonb),
  credits.restore_grant(uuid, uuid, bigint, text, jsonb),
  credits.void_grant(uuid, uuid, text, jsonb),
  credits.adjust(uuid, bigint, text, text, text),
  credits.close_account(uuid, text, jsonb),
  credits.ensure_account(uuid),
  credits.settle_account(uuid),
  credits.expire_due(integer),
  credits.recompute_balances(),
  credits.explain_balance(uuid),
  credits.verify_ledger(uuid)
  to service_role;
grant execute on function
  credits.current_account(),
  credits.read_balance(uuid),
  credits.balance_when_due(uuid),
  credits.soonest_expiry(uuid),
  credits.due_changes(credits.accounts, timestamptz),
  credits.entry_id(uuid, bigint)
  to authenticated, service_role;
grant select on credits.balances, credits.allocations to authenticated, service_role;

call credits.share_service_rights(current_setting('florin.migrator'));
select set_config('role', current_setting('florin.migrator'), false);
do $$
begin
  if current_setting('server_version_num')::int < 160000 then
    execute format('revoke florin_owner from %I', current_user);
  end if;
end;
$$;
