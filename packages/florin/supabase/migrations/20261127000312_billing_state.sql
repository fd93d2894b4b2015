-- What is read before a decision about an event.

call florin.begin_migration();

create function billing.payment_as_read(p_payment billing.payments)
returns jsonb
language plpgsql
stable
set search_path = ''
as $$
begin
  return jsonb_build_object('id', p_payment.payment_id, 'version', p_payment.version,
    'aliases', to_jsonb(p_payment.aliases), 'state', p_payment.state);
end;
$$;
comment on function billing.payment_as_read(billing.payments) is
  'A payment as a decision reads it: its state, and the version that the write must find. Internal.';

create function billing.read_state(
  p_event_id text,
  p_aliases text[],
  p_customer_id text,
  p_subscription_id text,
  p_whole_subscription boolean,
  out event_status text,
  out event_attempts integer,
  out customer_account_id uuid,
  out subscription jsonb,
  out subscription_read jsonb,
  out payments jsonb,
  out relatives jsonb)
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_subscription_id text := p_subscription_id;
  v_found uuid[] := array[]::uuid[];
begin
  select e.status, e.attempts into event_status, event_attempts
    from billing.events e where e.event_id = p_event_id;

  if cardinality(p_aliases) > 0 then
    select jsonb_agg(billing.payment_as_read(p) order by p.created_at, p.payment_id),
           coalesce(v_subscription_id, max(p.subscription_id)),
           coalesce(array_agg(p.payment_id), array[]::uuid[])
      into payments, v_subscription_id, v_found
      from billing.payments p
     where p.payment_id in (
       select a.payment_id from billing.payment_aliases a where a.alias = any (p_aliases));
  end if;
  if p_customer_id is not null then
    select c.account_id into customer_account_id
      from billing.customers c where c.customer_id = p_customer_id;
  end if;
  if v_subscription_id is not null then
    select jsonb_build_object('id', s.subscription_id, 'accountId', s.account_id, 'fact', s.fact),
           jsonb_build_object('id', s.subscription_id, 'version', s.payments_version)
      into subscription, subscription_read
      from billing.subscriptions s where s.subscription_id = v_subscription_id;
    if not found then
      subscription_read := jsonb_build_object('id', v_subscription_id, 'version', 0);
    end if;
    if p_whole_subscription or exists (
         select 1 from billing.payments p
          where p.subscription_id = v_subscription_id and p.state ? 'returns') then
      select jsonb_agg(billing.payment_as_read(p) order by p.created_at, p.payment_id)
        into relatives
        from billing.payments p
       where p.subscription_id = v_subscription_id and p.payment_id <> all (v_found);
    end if;
  end if;
end;
$$;
comment on function billing.read_state(text, text[], text, text, boolean) is
  'All that a decision about one event needs to know, in one round trip. relatives: the other payments of the subscription, where lines of one take back what others granted, or where p_whole_subscription asks for them; subscription_read: the version that all of them have. Locks nothing: apply_event checks the versions it was made from.';

call florin.end_migration();
