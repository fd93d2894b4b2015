-- Seats: what live subscriptions pay for by the head, beside the members that use it.

call florin.begin_migration();

create function billing.read_seats(p_prices text[], p_account_id uuid default null)
returns table (account_id uuid, seats bigint, members bigint)
language plpgsql
stable
security definer
set search_path = ''
as $$
#variable_conflict use_column
declare
  v_paid record;
  v_members bigint;
begin
  for v_paid in
    select s.account_id, sum((i.value ->> 'quantity')::bigint)::bigint as seats
      from billing.subscriptions s
     cross join lateral jsonb_array_elements(s.fact -> 'items') i
     where (p_account_id is null or s.account_id = p_account_id)
       and s.account_id is not null
       and not s.ended
       and s.status in ('active', 'trialing', 'past_due')
       and (i.value ->> 'priceId' = any (p_prices) or i.value ->> 'lookupKey' = any (p_prices))
     group by s.account_id
     order by s.account_id
  loop
    -- An account without an owner's row is a user's own, who has none in it.
    select count(*) filter (where m.role <> 'viewer')
             + case when bool_or(m.role = 'owner') then 0 else 1 end
      into v_members
      from credits.kept_members(v_paid.account_id, null) m;
    return query select v_paid.account_id, v_paid.seats, v_members;
  end loop;
end;
$$;
comment on function billing.read_seats(text[], uuid) is
  'The accounts (or the one) whose live subscriptions have these per-seat prices, by id or lookup_key: how many seats are paid for, and how many members may use credits. Viewers take no seat. Changes nothing, and nothing follows from it by itself.';

call florin.end_migration();
