-- Deliveries that wait at the same time, written in one commit.

call florin.begin_migration();

create function billing.apply_events(p_deliveries jsonb)
returns text[]
language plpgsql
security definer
set search_path = ''
-- Whoever holds a row for longer holds up one delivery, which is then written alone, and not the others.
set lock_timeout = '50ms'
as $$
declare
  v_outcomes text[] := array_fill(null::text, array[jsonb_array_length(p_deliveries)]);
  v_n integer := 0;
  d record;
begin
  perform billing.check_keys('a delivery', o.value, array[
      'status', 'event_id', 'payload', 'body', 'type', 'api_version', 'livemode', 'stripe_account',
      'object_id', 'snapshot_event_id', 'created', 'retry_in_seconds', 'reason', 'error_code', 'error',
      'needs_attention', 'unread', 'account_id', 'customer_id', 'linked_customer_id',
      'linked_account_id', 'link_origin', 'deleted_customer_id', 'closed_session_id', 'subscription',
      'subscription_read', 'payment_id', 'payment_version', 'payment_absorbs', 'payment_other_names',
      'payment_state', 'payment_status', 'payment_account_id', 'payment_subscription_id',
      'payment_next_due_at', 'relatives', 'commands'])
    from jsonb_array_elements(p_deliveries) o;
  for d in
    select * from jsonb_to_recordset(p_deliveries) as o (
      status text, event_id text, payload text, body bytea, type text, api_version text,
      livemode boolean, stripe_account text, object_id text, snapshot_event_id text,
      created double precision, retry_in_seconds double precision, reason text, error_code text,
      error text, needs_attention boolean, unread boolean, account_id uuid, customer_id text,
      linked_customer_id text, linked_account_id uuid, link_origin text, deleted_customer_id text,
      closed_session_id text, subscription jsonb, subscription_read jsonb, payment_id text,
      payment_version bigint, payment_absorbs jsonb, payment_other_names text[], payment_state jsonb,
      payment_status text, payment_account_id uuid, payment_subscription_id text,
      payment_next_due_at double precision, relatives jsonb, commands jsonb)
  loop
    v_n := v_n + 1;
    begin
      v_outcomes[v_n] := billing.apply_event(
        d.status, d.event_id, d.payload::json, d.body, d.type, d.api_version, d.livemode,
        d.stripe_account, d.object_id, d.snapshot_event_id, d.created, d.retry_in_seconds, d.reason,
        d.error_code, d.error, d.needs_attention, d.unread, d.account_id, d.customer_id,
        d.linked_customer_id, d.linked_account_id, d.link_origin, d.deleted_customer_id,
        d.closed_session_id, d.subscription, d.subscription_read, d.payment_id, d.payment_version,
        d.payment_absorbs, d.payment_other_names, d.payment_state, d.payment_status,
        d.payment_account_id, d.payment_subscription_id, d.payment_next_due_at, d.relatives,
        d.commands);
    exception
      when serialization_failure or unique_violation then
        -- Written alone: there it is told what it is.
        null;
      when lock_not_available or deadlock_detected then
        -- The rows of those before it are locked: they are not kept waiting again.
        return v_outcomes;
    end;
  end loop;
  return v_outcomes;
end;
$$;
comment on function billing.apply_events(jsonb) is
  'Several deliveries, each an object of billing.apply_event''s parameters, by billing.apply_event in one transaction, in the order given: by account. Answers the outcome of each; null for one that fell out, of which nothing is written: its payment has changed or has come, its rows are locked, or it stands behind one whose rows are. Any other error is that of all.';

call florin.end_migration();
