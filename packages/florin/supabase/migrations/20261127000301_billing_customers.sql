-- Customers: which Stripe customer belongs to which account.

call florin.begin_migration();

create table billing.customers (
  customer_id text not null,
  account_id uuid not null,
  origin text not null,
  is_primary boolean not null default false,
  created_at timestamptz not null default now(),
  deleted_at timestamptz,
  constraint customers_pkey primary key (customer_id),
  constraint customers_origin_is_known
    check (origin in ('florin', 'client_reference_id', 'metadata', 'subscription')),
  constraint customers_only_our_own_are_primary check (origin = 'florin' or not is_primary)
);
create unique index customers_one_primary_per_account on billing.customers (account_id)
  where is_primary and deleted_at is null;
create index customers_by_account on billing.customers (account_id);
comment on table billing.customers is
  'Which Stripe customer belongs to which account. An account may have several; the primary one was made by Florin and is the only one that checkouts and the portal are opened for.';
comment on column billing.customers.origin is
  'How the link was learnt: florin (made by us), or what named the account. client_reference_id may be written by a buyer: it chooses who is credited, nothing else.';

create function billing.keep_customer(p_account_id uuid, p_customer_id text)
returns text
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_customer_id text;
begin
  perform credits.ensure_account(p_account_id);
  insert into billing.customers as c (customer_id, account_id, origin, is_primary)
    values (p_customer_id, p_account_id, 'florin', true)
    on conflict do nothing;
  update billing.customers c set is_primary = true, origin = 'florin'
   where c.customer_id = p_customer_id and c.account_id = p_account_id and not c.is_primary
     and c.deleted_at is null
     and not exists (
       select 1 from billing.customers o
        where o.account_id = p_account_id and o.is_primary and o.deleted_at is null);
  select c.customer_id into v_customer_id
    from billing.customers c
   where c.account_id = p_account_id and c.is_primary and c.deleted_at is null;
  return v_customer_id;
end;
$$;
comment on function billing.keep_customer(uuid, text) is
  'Records the Stripe customer that Florin made for an account, unless another call was first; returns the one that counts.';

call florin.end_migration();
