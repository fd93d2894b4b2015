-- What is written after a decision about an event.
--
-- Billing's tables stay local (docs/scale.md): the inbox is claimed with `skip locked`. The ledger's
-- tables are reached through the ledger's functions only.
--
-- Lock order: the event's row; the subscriptions that were read, by id; the payment and those that it
-- takes in, by id; its relatives, by id; the subscription that the event is about; the customer, and
-- the events that waited for it; the open checkout; last the ledger's account rows, by id.

call florin.begin_migration();

-- Every purchase is one call of it. What is one value is a parameter: reading it out of a jsonb costs
-- more than some of the statements do, and a name that is not known is refused by Postgres itself. Calls
-- of functions are assigned, for `perform` runs each as a statement (docs/decisions/0174).
create function billing.apply_event(
  p_status text,
  p_event_id text default null,
  p_payload json default null,
  p_body bytea default null,
  p_type text default null,
  p_api_version text default null,
  p_livemode boolean default false,
  p_stripe_account text default null,
  p_object_id text default null,
  p_snapshot_event_id text default null,
  p_created double precision default null,
  p_retry_in_seconds double precision default null,
  p_reason text default null,
  p_error_code text default null,
  p_error text default null,
  p_needs_attention boolean default false,
  p_unread boolean default false,
  p_account_id uuid default null,
  p_customer_id text default null,
  p_linked_customer_id text default null,
  p_linked_account_id uuid default null,
  p_link_origin text default null,
  p_deleted_customer_id text default null,
  p_closed_session_id text default null,
  p_subscription jsonb default null,
  p_subscription_read jsonb default null,
  p_payment_id text default null,
  p_payment_version bigint default null,
  p_payment_absorbs jsonb default null,
  p_payment_other_names text[] default null,
  p_payment_state jsonb default null,
  p_payment_status text default null,
  p_payment_account_id uuid default null,
  p_payment_subscription_id text default null,
  p_payment_next_due_at double precision default null,
  p_relatives jsonb default null,
  p_commands jsonb default null)
returns text
language plpgsql
security definer
set search_path = ''
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
declare
  v_open boolean := p_status in ('received', 'failed');
  v_now timestamptz := clock_timestamp();
  v_next timestamptz := case when v_open then v_now + make_interval(secs => p_retry_in_seconds) end;
  v_customer_id text := coalesce(p_linked_customer_id, p_customer_id);
  v_kept_under text;
  v_owner uuid;
  v_known text;
begin
  if v_customer_id is not null and (p_unread or p_linked_customer_id is not null) then
    select c.account_id into v_owner from billing.customers c where c.customer_id = v_customer_id;
    if p_unread and v_owner is not null and v_owner is distinct from p_account_id then
      perform billing.raise_stale();
    end if;
  end if;
  if p_payload is not null then
    insert into billing.events (event_id, type, api_version, livemode, stripe_account, object_id,
        created_at, status, attempts, next_attempt_at, processed_at, account_id, customer_id, reason,
        error_code, error, needs_attention, payload, body, snapshot_event_id)
      values (
        p_event_id, p_type, p_api_version, coalesce(p_livemode, false), p_stripe_account, p_object_id,
        to_timestamp(p_created), p_status, 1, v_next, case when not v_open then v_now end, p_account_id,
        p_customer_id, p_reason, p_error_code, p_error, coalesce(p_needs_attention, false), p_payload,
        p_body, p_snapshot_event_id)
      on conflict (event_id) do nothing;
  end if;
  if p_event_id is not null and (p_payload is null or not found) then
    select e.status into v_known
      from billing.events e where e.event_id = p_event_id for update;
    if v_known in ('processed', 'skipped') then
      return 'duplicate';
    elsif v_known is null then
      raise exception 'The inbox has no event %.', p_event_id
        using errcode = '22023', hint = 'Nothing was written. Pass the event itself, to be stored.';
    end if;
    update billing.events e
       set status = p_status,
           attempts = e.attempts + case when p_payload is null then 0 else 1 end,
           next_attempt_at = v_next,
           processed_at = case when p_status in ('processed', 'skipped') then v_now end,
           account_id = coalesce(p_account_id, e.account_id),
           customer_id = coalesce(p_customer_id, e.customer_id),
           reason = p_reason,
           error_code = p_error_code,
           error = p_error,
           needs_attention = coalesce(p_needs_attention, false)
     where e.event_id = p_event_id;
  end if;

  if p_subscription_read is not null then
    v_kept_under := p_subscription_read ->> 'id';
  end if;
  if p_payment_subscription_id is not null
     and p_payment_subscription_id is distinct from p_subscription_read ->> 'of' then
    perform 1 from billing.subscriptions s
      where s.subscription_id = p_payment_subscription_id and s.kept_under = v_kept_under;
    if not found then
      raise exception 'The effects write a payment of subscription %, which was not read.',
          p_payment_subscription_id
        using errcode = '22023', hint = 'Nothing was written. Read the subscription and decide again.';
    end if;
  end if;
  if p_subscription_read is not null then
    perform billing.claim_subscriptions(p_subscription_read);
  end if;
  if p_payment_id is not null then
    perform billing.write_payment(p_payment_id, p_payment_version, p_payment_absorbs,
      p_payment_other_names, p_payment_state, p_payment_status, p_payment_account_id,
      case when p_payment_subscription_id is not null then v_kept_under end, p_payment_next_due_at);
  end if;
  if p_relatives is not null then
    perform billing.write_relatives(p_relatives, v_kept_under);
  end if;
  if p_subscription is not null then
    perform billing.write_subscription(p_subscription);
  end if;
  if p_linked_customer_id is not null and v_owner is null then
    insert into billing.customers (customer_id, account_id, origin)
      values (p_linked_customer_id, p_linked_account_id, p_link_origin)
      on conflict do nothing;
    if found then
      -- Events of this customer that waited for their account are tried again at once.
      update billing.events e set status = 'failed', next_attempt_at = v_now
       where e.customer_id = p_linked_customer_id and e.status in ('failed', 'dead')
         and e.event_id is distinct from p_event_id;
    end if;
  end if;
  if p_deleted_customer_id is not null then
    update billing.customers c set deleted_at = v_now, is_primary = false
     where c.customer_id = p_deleted_customer_id and c.deleted_at is null;
  end if;
  if p_closed_session_id is not null then
    delete from billing.open_checkouts o
     where o.checkout_session_id = p_closed_session_id;
  end if;
  if p_commands is not null then
    perform billing.apply_commands(p_commands);
  end if;
  return 'applied';
end;
$$;
comment on function billing.apply_event is
  'One event and all it brings about, in one transaction: its inbox row, the payment''s state, links, and the ledger''s movements. Returns applied, or duplicate when the event was finished before: then nothing is written. The payload is null when the inbox has it already (p_event_id says which), or, with no event id, for a job. Errors: 42883 for a parameter and 22023 for a key or a verb that is not known, 40001 when the state it was decided from has changed, and the ledger''s own.';

call florin.end_migration();
