-- How many decimals credits have. All amounts of the ledger are whole numbers of the smallest unit, and
-- none of its functions asks: what converts is the service's edge, and the seed's names in public.

call florin.begin_migration();

-- In billing, since every table of the ledger is by account.
create table billing.credit_decimals (
  only_row boolean not null default true,
  decimals bigint not null,
  kept_at timestamptz not null,
  constraint credit_decimals_pkey primary key (only_row),
  constraint credit_decimals_one_row check (only_row),
  constraint credit_decimals_between_zero_and_six check (decimals between 0 and 6)
);
comment on table billing.credit_decimals is
  'One row from the first use on: decimals of a credit. Another value is refused once the ledger has entries.';

create function credits.read_decimals()
returns integer
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  perform 1 from credits.accounts a where a.account_id is not null limit 1;
  if not found then
    return null;
  end if;
  return coalesce((select d.decimals from billing.credit_decimals d), 0);
end;
$$;
comment on function credits.read_decimals() is
  'Decimals that credits have; null while no account exists and they may still be settled.';

-- A view, not a function: a function that stands beside the ledger would be called on a worker of a
-- cluster, where it may not read another table. The table is a reference table there.
create view credits.unit as
  select coalesce(max(10 ^ d.decimals), 1)::bigint as per_credit from billing.credit_decimals d;
comment on view credits.unit is
  'One row. Smallest units of one credit: 1 where credits are whole, 100 with two decimals.';

create function credits.keep_decimals(p_decimals integer)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_kept integer := (select d.decimals from billing.credit_decimals d);
  v_in_use boolean;
  v_now timestamptz := clock_timestamp();
begin
  if p_decimals is null or p_decimals not between 0 and 6 then
    raise exception 'Credits cannot have % decimals.', coalesce(p_decimals::text, 'null')
      using errcode = '22023', hint = 'Pass a whole number from 0 to 6.';
  end if;
  if v_kept = p_decimals then
    return v_kept;
  end if;
  perform 1 from credits.accounts a where a.account_id is not null limit 1;
  v_in_use := found;
  if not v_in_use then
    -- Whoever writes waits, so that the first account and another value cannot pass each other.
    lock table credits.accounts in share mode;
    perform 1 from credits.accounts a where a.account_id is not null limit 1;
    v_in_use := found;
  end if;
  if v_in_use then
    v_kept := coalesce((select d.decimals from billing.credit_decimals d), 0);
  else
    v_kept := p_decimals;
  end if;
  insert into billing.credit_decimals as d (decimals, kept_at)
    values (v_kept, v_now)
    on conflict (only_row) do update set decimals = excluded.decimals, kept_at = excluded.kept_at
      where d.decimals <> excluded.decimals;
  return v_kept;
end;
$$;
comment on function credits.keep_decimals(integer) is
  'Settles the decimals of credits while no account exists, and returns those that hold: others than p_decimals once there is one. Repeatable.';

revoke all on function credits.read_decimals(), credits.keep_decimals(integer)
  from public, anon, authenticated, service_role;
grant execute on function credits.read_decimals(), credits.keep_decimals(integer) to service_role;
revoke all on credits.unit from public, anon, authenticated, service_role;
grant select on credits.unit to authenticated, service_role;

call florin.end_migration();
