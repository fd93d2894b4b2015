-- Erasure of a person: what Stripe told about the customers of their own account.

call florin.begin_migration();

create function billing.erase_person(
  p_user_id uuid,
  out events bigint,
  out events_waiting bigint,
  out alerts bigint,
  out consents bigint)
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_customers text[] := array(
    select c.customer_id from billing.customers c where c.account_id = p_user_id);
begin
  if p_user_id is null then
    raise exception 'The user id is missing.' using errcode = '22004', hint = 'Nothing was written. Pass it.';
  end if;
  update billing.events e
     set body = null,
         payload = json_strip_nulls(json_build_object(
           'id', e.payload -> 'id', 'object', e.payload -> 'object', 'type', e.payload -> 'type',
           'api_version', e.payload -> 'api_version', 'created', e.payload -> 'created',
           'livemode', e.payload -> 'livemode', 'snapshot_event', e.payload -> 'snapshot_event',
           'erased', true))
   where (e.account_id = p_user_id or e.customer_id = any (v_customers))
     and e.status in ('processed', 'skipped')
     and e.payload ->> 'erased' is null;
  get diagnostics events = row_count;
  select count(*) into events_waiting from billing.events e
   where (e.account_id = p_user_id or e.customer_id = any (v_customers))
     and e.status not in ('processed', 'skipped');
  delete from billing.alerts a
   where a.account_id = p_user_id or a.data ->> 'actor' = p_user_id::text;
  get diagnostics alerts = row_count;
  delete from billing.low_balances l where l.account_id = p_user_id;
  perform billing.stop_top_up(p_user_id);
  update billing.top_up_consents c
     set payment_method_id = null, payment_method_label = null
   where c.account_id = p_user_id and c.payment_method_label is not null;
  get diagnostics consents = row_count;
end;
$$;
comment on function billing.erase_person(uuid) is
  'Empties the payloads of finished events about the user''s own account and its customers, deletes its alerts and those that name the user elsewhere, stops its top-up and forgets its card; how many of each. Events that wait are kept until they are finished: erase again then. Repeatable. Errors: 22004.';

call florin.end_migration();
