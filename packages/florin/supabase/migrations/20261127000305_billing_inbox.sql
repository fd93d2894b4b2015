-- What is written after a decision about an event.
--
-- Billing's tables stay local (docs/scale.md): the inbox is claimed with `skip locked`. The ledger's
-- tables are reached through the ledger's functions only.
--
-- Lock order: the event's row, then the subscription's, then payments by id, then the ledger's account rows by id.

call florin.begin_migration();

create function billing.apply_event(p_event jsonb, p_plan jsonb)
returns text
language plpgsql
security definer
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_status text := p_plan ->> 'status';
  v_open boolean := v_status in ('received', 'failed');
  v_now timestamptz := clock_timestamp();
  v_next timestamptz := case when v_open
    then v_now + make_interval(secs => (p_plan ->> 'retryInSeconds')::double precision)
    end;
  v_event_id text := p_plan ->> 'eventId';
  v_account_id uuid := (p_plan ->> 'accountId')::uuid;
  v_customer_id text := coalesce(p_plan #>> '{customer,customerId}', p_plan ->> 'customerId');
  v_kept_under text := p_plan #>> '{subscriptionRead,id}';
  v_owner uuid;
  v_new boolean := false;
  v_known text;
begin
  perform billing.check_keys('the plan', p_plan, array['eventId', 'body', 'status', 'retryInSeconds',
    'unread', 'reason', 'errorCode', 'error', 'needsAttention', 'accountId', 'customerId', 'customer',
    'deletedCustomerId', 'subscription', 'closedSessionId', 'commands', 'payment', 'relatives',
    'subscriptionRead']);
  if p_event ->> 'id' <> v_event_id or p_event is not null and v_event_id is null then
    raise exception 'The plan is of event %, not of %.', coalesce(v_event_id, '(none)'), p_event ->> 'id'
      using errcode = '22023', hint = 'Nothing was written. Pass the event that was decided on.';
  end if;
  if v_customer_id is not null and p_plan ?| array['customer', 'unread'] then
    select c.account_id into v_owner from billing.customers c where c.customer_id = v_customer_id;
    if p_plan -> 'unread' = 'true' and v_owner is not null and v_owner is distinct from v_account_id then
      perform billing.raise_stale();
    end if;
  end if;
  if v_event_id is not null then
    if p_event is not null then
      insert into billing.events (event_id, type, api_version, livemode, stripe_account, object_id,
          created_at, status, attempts, next_attempt_at, processed_at, account_id, customer_id, reason,
          error_code, error, needs_attention, payload, body)
        values (
          v_event_id, p_event ->> 'type', p_event ->> 'api_version',
          coalesce(p_event -> 'livemode' = 'true', false),
          coalesce(p_event ->> 'account', p_event ->> 'context'),
          coalesce(p_event #>> '{data,object,id}', p_event #>> '{related_object,id}'),
          -- Snapshots count seconds, thin events write the time out.
          case jsonb_typeof(p_event -> 'created')
            when 'string' then (p_event ->> 'created')::timestamptz
            else to_timestamp((p_event ->> 'created')::double precision) end,
          v_status, 1, v_next, case when not v_open then v_now end,
          v_account_id, p_plan ->> 'customerId', p_plan ->> 'reason',
          p_plan ->> 'errorCode', p_plan ->> 'error',
          coalesce((p_plan ->> 'needsAttention')::boolean, false), p_event,
          decode(p_plan ->> 'body', 'base64'))
        on conflict (event_id) do nothing;
      v_new := found;
    end if;
    if not v_new then
      select e.status into v_known
        from billing.events e where e.event_id = v_event_id for update;
      if v_known in ('processed', 'skipped') then
        return 'duplicate';
      elsif v_known is null then
        raise exception 'The inbox has no event %.', v_event_id
          using errcode = '22023', hint = 'Nothing was written. Pass the event itself, to be stored.';
      end if;
      update billing.events e
         set status = v_status,
             attempts = e.attempts + case when p_event is null then 0 else 1 end,
             next_attempt_at = v_next,
             processed_at = case when v_status in ('processed', 'skipped') then v_now end,
             account_id = coalesce(v_account_id, e.account_id),
             customer_id = coalesce(p_plan ->> 'customerId', e.customer_id),
             reason = p_plan ->> 'reason',
             error_code = p_plan ->> 'errorCode',
             error = p_plan ->> 'error',
             needs_attention = coalesce((p_plan ->> 'needsAttention')::boolean, false)
       where e.event_id = v_event_id;
    end if;
  end if;

  if p_plan #>> '{payment,subscriptionId}' <> coalesce(p_plan #>> '{subscriptionRead,of}', '') then
    perform 1 from billing.subscriptions s
      where s.subscription_id = p_plan #>> '{payment,subscriptionId}' and s.kept_under = v_kept_under;
    if not found then
      raise exception 'The plan writes a payment of subscription %, which was not read.',
          p_plan #>> '{payment,subscriptionId}'
        using errcode = '22023', hint = 'Nothing was written. Read the subscription and decide again.';
    end if;
  end if;
  if jsonb_typeof(p_plan -> 'subscriptionRead') = 'object' then
    perform billing.claim_subscriptions(p_plan -> 'subscriptionRead');
  end if;
  if jsonb_typeof(p_plan -> 'payment') = 'object' then
    perform billing.write_payment(p_plan -> 'payment', v_kept_under);
  end if;
  if jsonb_typeof(p_plan -> 'relatives') = 'array' then
    perform billing.write_payment(r.value, v_kept_under)
      from jsonb_array_elements(p_plan -> 'relatives') with ordinality r
     order by r.ordinality;
  end if;
  if jsonb_typeof(p_plan -> 'subscription') = 'object' then
    perform billing.write_subscription(p_plan -> 'subscription');
  end if;
  if jsonb_typeof(p_plan -> 'customer') = 'object' and v_owner is null then
    perform billing.check_keys('the customer', p_plan -> 'customer',
      array['customerId', 'accountId', 'origin']);
    insert into billing.customers (customer_id, account_id, origin)
      values (v_customer_id, (p_plan #>> '{customer,accountId}')::uuid, p_plan #>> '{customer,origin}')
      on conflict do nothing;
    if found then
      -- Events of this customer that waited for their account are tried again at once.
      update billing.events e set status = 'failed', next_attempt_at = v_now
       where e.customer_id = v_customer_id and e.status in ('failed', 'dead')
         and e.event_id is distinct from v_event_id;
    end if;
  end if;
  if p_plan ->> 'deletedCustomerId' is not null then
    update billing.customers c set deleted_at = v_now, is_primary = false
     where c.customer_id = p_plan ->> 'deletedCustomerId' and c.deleted_at is null;
  end if;
  if p_plan ->> 'closedSessionId' is not null then
    delete from billing.open_checkouts o
     where o.checkout_session_id = p_plan ->> 'closedSessionId';
  end if;
  if jsonb_typeof(p_plan -> 'commands') = 'array' then
    perform billing.apply_commands(p_plan -> 'commands');
  end if;
  return 'applied';
end;
$$;
comment on function billing.apply_event(jsonb, jsonb) is
  'One event and all it brings about, in one transaction: its inbox row, the payment''s state, links, and the ledger''s movements. Returns applied, or duplicate when the event was finished before: then nothing is written. The event is null when the inbox has it already (eventId says which), or, with no eventId, for a job. Errors: 22023 for a key or a verb that is not known, 40001 when the state it was decided from has changed, and the ledger''s own.';

call florin.end_migration();
