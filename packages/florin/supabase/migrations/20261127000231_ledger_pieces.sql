-- Moved credits where they are: the pieces of a grant, found, locked, taken back and returned
-- (…_ledger_transfers.sql says what a piece is).

call florin.begin_migration();

create function credits.holders_of(p_account_id uuid, p_grant_id uuid)
returns uuid[]
language plpgsql
stable
set search_path = ''
as $$
declare
  v_holders uuid[];
begin
  select array_agg(distinct g.account_id) into v_holders
    from credits.grants g
   where g.home_account_id = p_account_id and g.home_grant_id = p_grant_id;
  return coalesce(v_holders, array[]::uuid[]);
end;
$$;
comment on function credits.holders_of(uuid, uuid) is
  'The accounts that credits of this grant were ever moved to. Locks nothing.';

create function credits.lock_pieces(
  p_account_id uuid, p_grant_id uuid, p_at timestamptz, p_locked uuid[] default null)
returns credits.piece[]
language plpgsql
set search_path = ''
as $$
declare
  v_locked uuid[] :=
    coalesce(p_locked, credits.holders_of(p_account_id, p_grant_id) || p_account_id);
  v_accounts uuid[];
  v_grants uuid[];
  v_grant credits.grants;
  v_elsewhere bigint := 0;
  v_pieces credits.piece[] := array[]::credits.piece[];
begin
  -- A caller that holds locks already takes no more: that could be out of order.
  if p_locked is null then
    perform credits.lock_in_order(v_locked);
  end if;
  select array_agg(g.account_id order by g.account_id, g.grant_id),
         array_agg(g.grant_id order by g.account_id, g.grant_id)
    into v_accounts, v_grants
    from credits.grants g
   where g.home_account_id = p_account_id and g.home_grant_id = p_grant_id;
  for v_n in 1..coalesce(cardinality(v_grants), 0) loop
    continue when v_accounts[v_n] <> all (v_locked);
    if v_accounts[v_n] is distinct from v_accounts[v_n - 1] then
      perform credits.open_account(v_accounts[v_n], p_at);
    end if;
    v_grant := credits.find_grant(v_accounts[v_n], v_grants[v_n]);
    v_elsewhere := v_elsewhere + v_grant.amount - v_grant.reversed - v_grant.moved;
    v_pieces := v_pieces || row(
      v_grant.account_id, v_grant.grant_id,
      v_grant.remaining + v_grant.expired + v_grant.voided, v_grant.burned,
      v_grant.reversed)::credits.piece;
  end loop;
  v_grant := credits.find_grant(p_account_id, p_grant_id);
  -- They went on to an account that is not locked, or another node has not committed yet.
  if v_elsewhere <> v_grant.moved then
    perform credits.raise_moving();
  end if;
  return v_pieces;
end;
$$;
comment on function credits.lock_pieces(uuid, uuid, timestamptz, uuid[]) is
  'Locks the account of a grant and all that hold credits moved out of it (p_locked: what the caller has locked of them, and no more), settles the holders, and returns what they hold. Raises 40001 while credits of it are on their way, CRGRN.';

create function credits.find_home(p_account_id uuid, p_grant_id uuid)
returns credits.grants
language plpgsql
stable
set search_path = ''
as $$
declare
  v_grant credits.grants := credits.find_grant(p_account_id, p_grant_id);
begin
  if v_grant.home_grant_id is not null then
    raise exception 'The credits of grant % were moved here from grant % of account %.',
      p_grant_id, v_grant.home_grant_id, v_grant.home_account_id
      using errcode = 'CRGRN', hint = 'Nothing was written. Name that grant: what it takes or gives back follows its credits.';
  end if;
  return v_grant;
end;
$$;
comment on function credits.find_home(uuid, uuid) is
  'The grant that money bought, or CRGRN for credits that were moved here; 22004 when an id is missing.';

create function credits.recall(
  p_grant credits.grants, p_pieces credits.piece[], p_amount bigint, p_at timestamptz,
  p_cause credits.cause, p_metadata jsonb)
returns bigint
language plpgsql
set search_path = ''
as $$
declare
  v_left bigint := p_amount;
  v_takes bigint[];
  v_take bigint;
  v_account credits.accounts;
  v_recalled bigint := 0;
begin
  -- What nobody has used goes first, wherever it is; then what the buyer has used, then what others have.
  for v_n in 1..cardinality(p_pieces) loop
    v_takes[v_n] := least(v_left, (p_pieces[v_n]).unused);
    v_left := v_left - v_takes[v_n];
  end loop;
  v_left := greatest(0, v_left - p_grant.burned);
  for v_n in 1..cardinality(p_pieces) loop
    v_take := least(v_left, (p_pieces[v_n]).used);
    v_left := v_left - v_take;
    v_take := v_takes[v_n] + v_take;
    continue when v_take = 0;
    v_account := credits.lock_account((p_pieces[v_n]).account_id, false);
    v_account := credits.take_back(
      v_account, credits.find_grant((p_pieces[v_n]).account_id, (p_pieces[v_n]).grant_id), v_take,
      p_at);
    v_account := (credits.move_on_grant(
      v_account, 'reversal', (p_pieces[v_n]).grant_id, -v_take, -v_take, p_at, p_cause, null,
      p_metadata)).account;
    perform credits.save_account(credits.settle(credits.look_ahead(v_account), p_at));
    v_recalled := v_recalled + v_take;
  end loop;
  return v_recalled;
end;
$$;
comment on function credits.recall(credits.grants, credits.piece[], bigint, timestamptz, credits.cause, jsonb) is
  'Takes moved credits back where they are now, so that the home grant can be reversed by p_amount more than it has unused; what is spent becomes debt there. Returns how many, which the caller books at home.';

create function credits.return_pieces(
  p_pieces credits.piece[], p_amount bigint, p_at timestamptz, p_cause credits.cause,
  p_metadata jsonb)
returns bigint
language plpgsql
set search_path = ''
as $$
declare
  v_left bigint := p_amount;
  v_give bigint;
  v_account credits.accounts;
begin
  for v_n in reverse cardinality(p_pieces)..1 loop
    v_give := least(v_left, (p_pieces[v_n]).reversed);
    continue when v_give = 0;
    v_account := credits.lock_account((p_pieces[v_n]).account_id, false);
    v_account := credits.give_back(
      v_account, credits.find_grant((p_pieces[v_n]).account_id, (p_pieces[v_n]).grant_id), v_give,
      p_at);
    v_account := (credits.move_on_grant(
      v_account, 'reversal', (p_pieces[v_n]).grant_id, v_give, v_give, p_at, p_cause, null,
      p_metadata)).account;
    perform credits.save_account(credits.settle(credits.look_ahead(v_account), p_at));
    v_left := v_left - v_give;
  end loop;
  return p_amount - v_left;
end;
$$;
comment on function credits.return_pieces(credits.piece[], bigint, timestamptz, credits.cause, jsonb) is
  'Gives back what credits.recall took, where it took it; returns how many of p_amount that are.';

revoke all on function
  credits.holders_of(uuid, uuid),
  credits.lock_pieces(uuid, uuid, timestamptz, uuid[]),
  credits.find_home(uuid, uuid),
  credits.recall(credits.grants, credits.piece[], bigint, timestamptz, credits.cause, jsonb),
  credits.return_pieces(credits.piece[], bigint, timestamptz, credits.cause, jsonb)
  from public, anon, authenticated, service_role;

call florin.end_migration();
