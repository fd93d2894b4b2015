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
    'aliases', to_jsonb(p_payment.payment_id || p_payment.other_names), 'state', p_payment.state);
end;
$$;
comment on function billing.payment_as_read(billing.payments) is
  'A payment as a decision reads it: its state, and the version that the write must find. Internal.';

create function billing.read_state(
  p_event_id text,
  p_aliases text[],
  p_customer_id text,
  p_subscription_id text,
  p_joined_subscriptions text[],
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
-- Planned while the tables are small, it would go on reading all of them.
set enable_seqscan = off
as $$
declare
  v_subscription_id text := p_subscription_id;
  v_kept text;
  v_account uuid;
  v_others text[] := array[]::text[];
  v_found text[] := array[]::text[];
begin
  select e.status, e.attempts into event_status, event_attempts
    from billing.events e where e.event_id = p_event_id;

  if cardinality(p_aliases) > 0 then
    select jsonb_agg(billing.payment_as_read(p) order by p.created_at, p.payment_id),
           coalesce(v_subscription_id, max(p.subscription_id)),
           coalesce(array_agg(p.payment_id), array[]::text[])
      into payments, v_subscription_id, v_found
      from billing.payments p
     where p.payment_id = any (array(
       select a.payment_id from billing.payment_aliases a where a.alias = any (p_aliases)));
  end if;
  if p_customer_id is not null then
    select c.account_id into customer_account_id
      from billing.customers c where c.customer_id = p_customer_id;
  end if;
  if v_subscription_id is not null then
    select jsonb_build_object('id', s.subscription_id, 'accountId', s.account_id, 'fact', s.fact),
           s.kept_under
      into subscription, v_kept
      from billing.subscriptions s where s.subscription_id = v_subscription_id;
    v_kept := coalesce(v_kept, v_subscription_id);
    v_account := coalesce(customer_account_id, (subscription ->> 'accountId')::uuid);
    if cardinality(p_joined_subscriptions) > 0 then
      v_others := array(
        select distinct coalesce(s.kept_under, j.id)
          from unnest(p_joined_subscriptions) j (id)
          left join billing.subscriptions s on s.subscription_id = j.id
         where coalesce(s.kept_under, j.id) <> v_kept
           -- A line that names a subscription of somebody else's joins nothing.
           and coalesce(s.account_id <> v_account, false) is false
           and not exists (
             select 1 from billing.payments p
              where p.subscription_id = coalesce(s.kept_under, j.id) and p.account_id <> v_account)
         order by 1);
    end if;
    subscription_read := jsonb_build_object('id', v_kept, 'of', v_subscription_id, 'version',
      coalesce((select s.payments_version from billing.subscriptions s
                 where s.subscription_id = v_kept), 0));
    if cardinality(v_others) > 0 or exists (
         select 1 from billing.subscriptions s where s.kept_under = v_kept) then
      -- Several of them: which others are joined by this write, and which of them have ended.
      subscription_read := subscription_read || jsonb_build_object(
        'joined', coalesce((
          select jsonb_agg(jsonb_build_object('id', o.id, 'version', coalesce(s.payments_version, 0)))
            from unnest(v_others) o (id)
            left join billing.subscriptions s on s.subscription_id = o.id), '[]'),
        'ended', coalesce((
          select jsonb_object_agg(s.subscription_id, s.fact -> 'endedAt')
            from billing.subscriptions s
           where (s.subscription_id = any (v_others || v_kept) or s.kept_under = any (v_others || v_kept))
             and s.fact ->> 'endedAt' is not null), '{}'));
    end if;
    if p_whole_subscription or cardinality(v_others) > 0 or exists (
         select 1 from billing.payments p
          where p.subscription_id = v_kept and p.state ? 'returns') then
      select jsonb_agg(billing.payment_as_read(p) order by p.created_at, p.payment_id)
        into relatives
        from billing.payments p
       where p.subscription_id = any (v_others || v_kept) and p.payment_id <> all (v_found);
    end if;
  end if;
end;
$$;
comment on function billing.read_state(text, text[], text, text, text[], boolean) is
  'All that a decision about one event needs to know, in one round trip. relatives: the other payments of the subscription, where lines of one take back what others granted, or where p_whole_subscription asks for them, and of p_joined_subscriptions, which the same invoice bills; subscription_read: the versions that they have. Locks nothing: apply_event checks the versions it was made from.';

call florin.end_migration();
