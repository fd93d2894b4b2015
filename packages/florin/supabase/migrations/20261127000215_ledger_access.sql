-- Rights on the ledger: by name. Writing is for functions alone.

call florin.begin_migration();

revoke all on all functions in schema credits from public, anon, authenticated, service_role;
grant execute on function
  credits.issue_grant(uuid, bigint, text, text, integer, timestamptz, timestamptz, jsonb),
  credits.spend(uuid, bigint, text, jsonb, text, text, text, numeric, jsonb),
  credits.place_hold(uuid, bigint, text, interval, jsonb, text, text),
  credits.release_hold(uuid, uuid),
  credits.extend_hold(uuid, uuid, interval, text),
  credits.reverse_grant(uuid, uuid, bigint, text, jsonb),
  credits.restore_grant(uuid, uuid, bigint, text, jsonb),
  credits.void_grant(uuid, uuid, text, jsonb),
  credits.adjust(uuid, bigint, text, text, text, text),
  credits.close_account(uuid, text, jsonb),
  credits.ensure_account(uuid),
  credits.set_debt_limit(uuid, bigint),
  credits.settle_account(uuid),
  credits.expire_due(integer),
  credits.recompute_balances(),
  credits.explain_balance(uuid),
  credits.first_entry_at(uuid, timestamptz),
  credits.granted_for(uuid, text),
  credits.allocations_now(uuid, bigint, bigint)
  to service_role;
grant execute on function
  credits.read_balance(uuid),
  credits.read_hold(uuid, uuid),
  credits.balance_when_due(uuid),
  credits.soonest_expiry(uuid),
  credits.stretch_at(uuid, bigint),
  credits.balance_after(credits.accounts, credits.change[]),
  credits.due_changes(credits.accounts, timestamptz),
  credits.payers_in_burn_order(uuid, timestamptz),
  credits.unpaid_stretches(credits.accounts),
  credits.due_instants(uuid, credits.payer[], timestamptz),
  credits.pay_unpaid(timestamptz, credits.payer[], credits.stretch[], credits.change[]),
  credits.burned_changes(credits.accounts, timestamptz),
  credits.entry_id(uuid, bigint)
  to authenticated, service_role;
grant select on credits.balances, credits.written_balances, credits.entry_allocations
  to authenticated, service_role;

call florin.end_migration();
