-- Payments: everything Stripe has said about one, joined into one state, and that state as rows.

call florin.begin_migration();

-- squawk-ignore ban-create-domain-with-constraint
create domain billing.payment_status as text constraint payment_status
  check (value in ('pending', 'failed', 'waiting', 'credited'));
comment on domain billing.payment_status is
  'pending: a delayed method has not paid yet. failed: it will not. waiting: money is known, its purchase is not. credited: the ledger holds its grants.';

create table billing.payments (
  payment_id text not null,
  same_as text,
  version bigint,
  account_id uuid,
  subscription_id text,
  status billing.payment_status,
  next_due_at timestamptz,
  created_at timestamptz default clock_timestamp(),
  updated_at timestamptz default clock_timestamp(),
  other_names text[],
  state jsonb,
  constraint payments_pkey primary key (payment_id)
);
create index payments_due on billing.payments (next_due_at) where next_due_at is not null;
create index payments_by_account on billing.payments (account_id, created_at)
  where account_id is not null;
create index payments_by_subscription on billing.payments (subscription_id)
  where subscription_id is not null;
create index payments_that_return on billing.payments (subscription_id) where state ? 'returns';
-- Short ranges: a payment widens the one it stands in only where that was summed up while it filled.
create index payments_by_update on billing.payments using brin (updated_at)
  with (pages_per_range = 16);
comment on table billing.payments is
  'Payments, by the names that Stripe''s objects give them: session, payment intent, charge, invoice. One row a name, so that a name belongs to one payment. The row of the first holds the payment: everything Stripe has said about it joined into one state. It is written with an expected version, in the same transaction as the ledger''s movements.';
comment on column billing.payments.payment_id is 'The name by which the payment was known first, or another one of it.';
comment on column billing.payments.same_as is
  'The payment that this is another name of; its row has nothing more. Null: this is a payment.';
comment on column billing.payments.other_names is 'Under which other names it is known; null: none.';
comment on column billing.payments.state is
  'src/fulfillment/state.ts describes it, and src/webhooks/stored-state.ts what is left out here; the views billing.purchases, billing.refunds and billing.disputes show it as rows.';
comment on column billing.payments.next_due_at is 'When the next part of a dripped price is due.';

create view billing.payment_aliases with (security_invoker = true) as
  select p.payment_id as alias, coalesce(p.same_as, p.payment_id) as payment_id
    from billing.payments p;
comment on view billing.payment_aliases is 'Each name that a payment is known by, and the payment.';

create function billing.raise_stale()
returns void
language plpgsql
set search_path = ''
as $$
begin
  raise exception 'The payment has changed since it was read.'
    using errcode = '40001', hint = 'Nothing was written. Read its state and decide again.';
end;
$$;
comment on function billing.raise_stale() is 'Raises 40001.';

create function billing.write_payment(
  p_id text,
  p_version bigint,
  p_absorbs jsonb,
  p_other_names text[],
  p_state jsonb,
  p_status text,
  p_account_id uuid,
  p_subscription_id text,
  p_next_due_at double precision)
returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_absorbed text[];
  v_found bigint;
begin
  if p_state is null or p_status is null then
    raise exception 'The payment % has no state.', p_id
      using errcode = '22023', hint = 'Nothing was written. Pass what is known of it, and its status.';
  end if;
  if p_version is null then
    insert into billing.payments (payment_id, version, account_id, subscription_id, status,
        next_due_at, other_names, state)
      values (p_id, 1, p_account_id, p_subscription_id, p_status, to_timestamp(p_next_due_at),
        p_other_names, p_state);
  else
    v_absorbed := array(select o.value ->> 'id' from jsonb_array_elements(p_absorbs) o);
    -- In the order of their ids, as every writer does.
    perform 1 from billing.payments p
      where p.payment_id = p_id or p.payment_id = any (v_absorbed)
      order by p.payment_id for update;
    update billing.payments p
       set version = p.version + 1,
           account_id = coalesce(p_account_id, p.account_id),
           subscription_id = coalesce(p_subscription_id, p.subscription_id),
           status = p_status,
           next_due_at = to_timestamp(p_next_due_at),
           updated_at = v_now,
           other_names = p_other_names,
           state = p_state
     where p.payment_id = p_id and p.version = p_version;
    if not found then
      perform billing.raise_stale();
    end if;
    -- What was a payment is another name of this one, and so are its other names.
    update billing.payments p
       set same_as = p_id, version = null, account_id = null, subscription_id = null, status = null,
           next_due_at = null, created_at = null, updated_at = null, other_names = null, state = null
      from jsonb_array_elements(p_absorbs) o
     where p.payment_id = o.value ->> 'id' and p.version = (o.value ->> 'version')::bigint;
    get diagnostics v_found = row_count;
    if v_found <> cardinality(v_absorbed) then
      perform billing.raise_stale();
    end if;
    update billing.payments p set same_as = p_id
     where p.payment_id = any (p_other_names) and p.same_as = any (v_absorbed);
  end if;
  -- In one order, as every writer does: the caller sorts them.
  if p_other_names is not null then
    insert into billing.payments (payment_id, same_as, created_at, updated_at)
      select n.name, p_id, null, null
        from unnest(p_other_names) n (name)
       -- A subquery, not a join: planned while the table is small, a join would go on reading all of it.
       where (select p.same_as from billing.payments p where p.payment_id = n.name)
             is distinct from p_id;
  end if;
end;
$$;
comment on function billing.write_payment is
  'Writes a payment''s state if nobody has written it since it was read; takes in payments that turned out to be the same. One of a subscription is kept under the id that the subscription''s payments are kept under. Raises 40001 when it is stale, or 23505 (payments_pkey) where another has a name of it: read again and decide again. Internal: part of apply_event.';

create function billing.write_relatives(p_relatives jsonb, p_kept_under text)
returns void
language plpgsql
set search_path = ''
as $$
begin
  perform billing.check_keys('a relative', r.value,
      array['id', 'version', 'otherNames', 'state', 'status', 'accountId', 'subscriptionId', 'nextDueAt'])
    from jsonb_array_elements(p_relatives) r;
  -- In the order of their ids, as every writer does.
  perform billing.write_payment(r.id, r.version, null, r."otherNames", r.state, r.status, r."accountId",
      case when r."subscriptionId" is not null then p_kept_under end, r."nextDueAt")
    from (select * from jsonb_to_recordset(p_relatives) as o (id text, version bigint,
            "otherNames" text[], state jsonb, status text, "accountId" uuid, "subscriptionId" text,
            "nextDueAt" double precision)
           order by o.id) r;
end;
$$;
comment on function billing.write_relatives(jsonb, text) is
  'Writes the other payments that a decision changes. Internal: part of apply_event.';

create function billing.due_payments(p_limit integer)
returns table (payment_id text, aliases text[])
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := clock_timestamp();
begin
  return query
    select p.payment_id, p.payment_id || p.other_names from billing.payments p
     where p.next_due_at <= v_now
     order by p.next_due_at
     limit p_limit;
end;
$$;
comment on function billing.due_payments(integer) is
  'Payments of dripped prices whose next part is due.';

create view billing.purchases with (security_invoker = true) as
  select p.payment_id,
         e.key as purchase_key,
         (e.value ->> 'accountId')::uuid as account_id,
         e.value ->> 'via' as via,
         e.value ->> 'paidObjectId' as paid_object_id,
         e.value ->> 'priceId' as price_id,
         (e.value ->> 'quantity')::bigint as quantity,
         (e.value ->> 'credits')::bigint as credits,
         coalesce((e.value ->> 'reversed')::bigint, 0) as reversed,
         (e.value ->> 'amountMinor')::bigint as amount_minor,
         e.value ->> 'currency' as currency,
         e.value ->> 'source' as source,
         e.value ->> 'standing' as standing,
         to_timestamp((e.value ->> 'dueAt')::double precision) as due_at,
         (e.value ->> 'expiresAt')::timestamptz as expires_at,
         e.value ->> 'subscriptionId' as subscription_id,
         e.value -> 'metadata' as metadata
    from billing.payments p
   cross join lateral jsonb_each(p.state -> 'purchases') e;
comment on view billing.purchases is
  'One row a grant that money has earned: what for, how many credits, how many of them are taken back. purchase_key is the grant''s; paid_object_id is the checkout session or the invoice that was paid.';

create view billing.refunds with (security_invoker = true) as
  select p.payment_id, p.account_id, e.key as refund_id, e.value ->> 'status' as status,
         (e.value ->> 'amount')::bigint as amount_minor, e.value ->> 'currency' as currency,
         e.value ->> 'chargeId' as charge_id, e.value ->> 'reason' as reason
    from billing.payments p
   cross join lateral jsonb_each(p.state -> 'refunds') e;
comment on view billing.refunds is 'Each refund with its furthest status.';

create view billing.disputes with (security_invoker = true) as
  select p.payment_id, p.account_id, e.key as dispute_id, e.value ->> 'status' as status,
         (e.value ->> 'amount')::bigint as amount_minor, e.value ->> 'currency' as currency,
         e.value ->> 'chargeId' as charge_id, e.value ->> 'reason' as reason
    from billing.payments p
   cross join lateral jsonb_each(p.state -> 'disputes') e;
comment on view billing.disputes is 'Each dispute and inquiry with its latest status.';

create view billing.pending_payments with (security_invoker = true) as
  select p.payment_id, p.account_id, e.key as checkout_session_id,
         (e.value ->> 'amount')::bigint as amount_minor, e.value ->> 'currency' as currency,
         p.created_at
    from billing.payments p
   cross join lateral jsonb_each(p.state -> 'sessions') e
   where p.status = 'pending';
comment on view billing.pending_payments is
  'Checkouts that are complete and whose money is still on its way (delayed payment methods).';

call florin.end_migration();
