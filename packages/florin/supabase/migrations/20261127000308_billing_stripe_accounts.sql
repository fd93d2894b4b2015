-- The Stripe account that every purchase is compared with. Without it a secret key of another account
-- would make all purchases look as if Stripe did not know them.

call florin.begin_migration();

create table billing.stripe_accounts (
  stripe_account_id text not null,
  livemode boolean not null,
  accepted_at timestamptz not null,
  constraint stripe_accounts_pkey primary key (stripe_account_id, livemode)
);
comment on table billing.stripe_accounts is
  'The Stripe accounts that the ledger was compared with: the one accepted last counts. Payments from before it was accepted are not asked of it.';
comment on column billing.stripe_accounts.accepted_at is
  '-infinity for the first: all that was sold before is taken as its own.';

create function billing.accept_stripe_account(
  p_stripe_account_id text, p_livemode boolean, p_replace boolean)
returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_current billing.stripe_accounts;
begin
  lock table billing.stripe_accounts in share row exclusive mode;
  select * into v_current from billing.stripe_accounts a order by a.accepted_at desc limit 1;
  if v_current is null then
    insert into billing.stripe_accounts (stripe_account_id, livemode, accepted_at)
      values (p_stripe_account_id, p_livemode, '-infinity');
  elsif p_replace
      and (v_current.stripe_account_id, v_current.livemode)
        is distinct from (p_stripe_account_id, p_livemode) then
    insert into billing.stripe_accounts as a (stripe_account_id, livemode, accepted_at)
      values (p_stripe_account_id, p_livemode, clock_timestamp())
      on conflict (stripe_account_id, livemode) do update set accepted_at = excluded.accepted_at;
  end if;
end;
$$;
comment on function billing.accept_stripe_account(text, boolean, boolean) is
  'Records the Stripe account of this ledger: the first one at once, another one only with p_replace. Repeatable.';

call florin.end_migration();
