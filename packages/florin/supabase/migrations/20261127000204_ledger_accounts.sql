-- Accounts: locked, read into a variable, changed, and saved.

call florin.begin_migration();

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

create function credits.lock_in_order(p_account_ids uuid[])
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_account_id uuid;
begin
  for v_account_id in select distinct i.id from unnest(p_account_ids) as i (id) order by i.id loop
    perform credits.lock_account(v_account_id, false);
  end loop;
end;
$$;
comment on function credits.lock_in_order(uuid[]) is
  'Locks these accounts in the order of their ids, so that nobody waits for another in a circle. Unknown ones are left out.';

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

create function credits.check_range(p_account credits.accounts)
returns void
language plpgsql
stable
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
end;
$$;
comment on function credits.check_range(credits.accounts) is
  'Raises CRAMT when the posted balance, with grants of the future, is not exact in JSON. Changes nothing.';

create function credits.save_account(p_account credits.accounts)
returns void
language plpgsql
set search_path = ''
as $$
begin
  perform credits.check_range(p_account);
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

create function credits.set_debt_limit(p_account_id uuid, p_debt_limit bigint)
returns void
language plpgsql
security definer
set search_path = ''
as $$
begin
  if p_account_id is null then
    perform credits.check_input(p_account_id, 1, 'debt limit');
  end if;
  if p_debt_limit < 0 or p_debt_limit > 9007199254740991 then
    raise exception 'The debt limit % is not allowed.', p_debt_limit
      using errcode = 'CRAMT', hint = 'Pass credits from 0 to 9007199254740991, or null for the catalogue''s.';
  end if;
  insert into credits.accounts (account_id) values (p_account_id) on conflict do nothing;
  update credits.accounts a set debt_limit = p_debt_limit where a.account_id = p_account_id;
end;
$$;
comment on function credits.set_debt_limit(uuid, bigint) is
  'How much debt captures with the overage debt may leave on the account; null: what the catalogue allows everyone. Makes a new account. Repeatable. Errors: CRAMT, 22004.';

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
  v_step credits.step;
begin
  perform credits.check_input(p_account_id, 1, p_idempotency_key);
  v_account := credits.lock_account(p_account_id, true);
  v_entry := credits.replayed(p_account_id, p_idempotency_key, 'close', p_metadata);
  if v_entry.entry_no is not null then
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
    v_step := credits.append(v_account, v_entry);
    v_entry := v_step.entry;
    perform credits.save_account(v_step.account);
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
     order by a.account_id
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

call florin.end_migration();
