-- Rights on billing: by name, for the service alone.

call florin.begin_migration();

-- Every table of billing: read by the service, written by functions alone.
do $$
declare
  v_table text;
begin
  for v_table in
    select c.relname from pg_catalog.pg_class c
     where c.relnamespace = 'billing'::regnamespace and c.relkind = 'r'
     order by c.relname
  loop
    execute format('alter table billing.%I enable row level security', v_table);
    execute format(
      'create policy %I on billing.%I for select to service_role using (true)',
      v_table || '_service_reads', v_table);
    execute format('comment on policy %I on billing.%I is %L',
      v_table || '_service_reads', v_table,
      'The service reads everything. Writing is for functions alone.');
  end loop;
end;
$$;

revoke all on all tables in schema billing from public, anon, authenticated, service_role;
revoke all on all functions in schema billing from public, anon, authenticated, service_role;
grant select on all tables in schema billing to service_role;
grant execute on function
  billing.read_state(text, text[], text, text, text[], boolean),
  billing.apply_event,
  billing.apply_events(jsonb),
  billing.claim_events(integer, interval),
  billing.replay_event(text),
  billing.due_payments(integer),
  billing.keep_customer(uuid, text),
  billing.note_checkout_session(uuid, text),
  billing.begin_checkout(uuid, text, interval),
  billing.record_checkout(uuid, text, uuid, text, timestamptz),
  billing.abandon_checkout(uuid, text, uuid),
  billing.close_checkout(text),
  billing.consume_plan_session(text, uuid, timestamptz),
  billing.record_plan_checkout(text, text),
  billing.forget_expired(integer),
  billing.begin_reconcile(text, integer, text, interval),
  billing.finish_reconcile(uuid, integer, jsonb, text, text),
  billing.accept_stripe_account(text, boolean, boolean),
  billing.keep_rate(text, integer, text, jsonb),
  billing.note_low_balances(bigint, integer),
  billing.note_passed_limits(integer),
  billing.claim_alerts(integer, interval),
  billing.mark_alert_sent(uuid, boolean, interval),
  billing.forget_alerts(integer),
  billing.consent_to_top_up(uuid, jsonb),
  billing.resume_top_up(uuid, text, text),
  billing.stop_top_up(uuid),
  billing.low_accounts(integer),
  billing.begin_top_up(uuid),
  billing.claim_top_ups(integer, interval),
  billing.note_top_up_invoice(uuid, text),
  billing.move_top_up(uuid, text, jsonb),
  billing.close_credited_top_ups(integer),
  billing.read_seats(text[], uuid),
  billing.erase_person(uuid)
  to service_role;

call florin.end_migration();
