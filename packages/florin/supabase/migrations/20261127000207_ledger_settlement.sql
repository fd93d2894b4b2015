-- Settlement, carried out: writes what credits.due_changes describes.

call florin.begin_migration();

create function credits.move_on_grant(
  p_account credits.accounts, p_kind credits.entry_kind, p_grant_id uuid, p_delta bigint,
  p_posted bigint, p_at timestamptz, p_cause credits.cause, p_idempotency_key text default null,
  p_metadata jsonb default null)
returns credits.step
language plpgsql
set search_path = ''
as $$
declare
  v_entry credits.entries;
begin
  v_entry.kind := p_kind;
  v_entry.cause := p_cause;
  v_entry.amount := p_posted;
  v_entry.grant_id := p_grant_id;
  v_entry.grant_delta := p_delta;
  v_entry.idempotency_key := coalesce(p_idempotency_key, 'florin:' || p_kind || ':' || (p_account.entry_no + 1));
  v_entry.created_at := p_at;
  v_entry.metadata := nullif(p_metadata, '{}');
  return credits.append(p_account, v_entry);
end;
$$;
comment on function credits.move_on_grant(credits.accounts, credits.entry_kind, uuid, bigint, bigint, timestamptz, credits.cause, text, jsonb) is
  'Appends an entry about one grant: p_delta changes the grant''s claim, p_posted the balance (0 for a grant that is not effective yet). Without a key the entry gets one of Florin''s own.';

create function credits.expire_grant(
  p_account inout credits.accounts, p_grant_id uuid, p_amount bigint, p_at timestamptz)
language plpgsql
set search_path = ''
as $$
begin
  update credits.grants g
     set remaining = g.remaining - p_amount, expired = g.expired + p_amount
   where g.account_id = p_account.account_id and g.grant_id = p_grant_id;
  p_account := (credits.move_on_grant(
    p_account, 'expiry', p_grant_id, -p_amount, -p_amount, p_at, 'expiry')).account;
end;
$$;
comment on function credits.expire_grant(credits.accounts, uuid, bigint, timestamptz) is
  'Writes the expiry of part of a grant that nobody has spent or reserved.';

create function credits.look_ahead(p_account inout credits.accounts)
language plpgsql
set search_path = ''
as $$
begin
  select coalesce(least(g.at, h.at), 'infinity'), g.expiry
    into p_account.next_change_at, p_account.next_expiry_at
    from (
      select min(least(n.expires_at, case when not n.effective then n.effective_at end)) as at,
             min(n.expires_at) filter (where n.effective) as expiry
        from credits.grants n
       where n.account_id = p_account.account_id and n.remaining > 0) g
   cross join (
      select min(n.expires_at) as at from credits.holds n
       where n.account_id = p_account.account_id and n.status = 'open') h;
end;
$$;
comment on function credits.look_ahead(credits.accounts) is
  'Works out again when time alone next changes the account.';

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

create function credits.settle(p_account inout credits.accounts, p_at timestamptz)
language plpgsql
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  -- Paying changes the next instant only where it uses up a grant that would have expired.
  v_time_moved boolean := p_account.next_change_at <= p_at;
  v_used_up boolean;
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
          from credits.deallocate(p_account.account_id, v_change.axis_from, v_change.axis_to) u;
        p_account.debt := p_account.debt - v_change.amount;
      end if;
      perform credits.allocate(p_account.account_id, v_change.axis_from, v_change.axis_to,
                             v_change.grant_id, v_displaced_from);
      update credits.grants g
         set remaining = g.remaining - v_change.amount, burned = g.burned + v_change.amount
       where g.account_id = p_account.account_id and g.grant_id = v_change.grant_id
      returning g.remaining = 0 and g.expires_at is not null into v_used_up;
      v_time_moved := v_time_moved or v_used_up;
    elsif v_change.kind = 'owe' then
      perform credits.allocate(
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
      v_entry.cause := 'expiry';
      v_entry.amount := 0;
      v_entry.hold_id := v_hold.hold_id;
      v_entry.idempotency_key := 'florin:expire:' || v_hold.hold_id;
      v_entry.created_at := v_change.at;
      p_account := (credits.append(p_account, v_entry)).account;
      update credits.holds h
         set status = 'expired', ended_no = p_account.entry_no
       where h.account_id = p_account.account_id and h.hold_id = v_hold.hold_id;
    elsif v_change.kind = 'start' then
      update credits.grants g set effective = true
       where g.account_id = p_account.account_id and g.grant_id = v_change.grant_id;
      p_account := (credits.move_on_grant(
        p_account, 'grant', v_change.grant_id, 0, v_change.amount, v_change.at, null)).account;
    elsif v_change.kind = 'expire' then
      p_account := credits.expire_grant(
        p_account, v_change.grant_id, v_change.amount, v_change.at);
    end if;
  end loop;
  p_account.settled := p_account.axis;
  if v_time_moved then
    p_account := credits.look_ahead(p_account);
  end if;
end;
$$;
comment on function credits.settle(credits.accounts, timestamptz) is
  'Carries out credits.due_changes on a locked account: allocates what was burned to grants, writes what time has changed. The caller saves the account, and calls credits.look_ahead before it where it changed grants or holds itself.';

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
  'Allocates what was burned to grants and writes what time has changed, so that the tables show it. Balances are right without it. Repeatable.';

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

call florin.end_migration();
