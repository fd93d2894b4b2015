-- Proof: every invariant of the ledger, looked at from its rows.

call florin.begin_migration();

create view credits.broken_invariants with (security_invoker = true) as
  select b.account_id, 'posted is the sum of entries' as invariant, b.detail
    from credits.broken_posted_is_the_sum_of_entries b
  union all
  select b.account_id, 'held is the sum of open holds' as invariant, b.detail
    from credits.broken_held_is_the_sum_of_open_holds b
  union all
  select b.account_id, 'entries are numbered without gaps' as invariant, b.detail
    from credits.broken_entries_are_numbered_without_gaps b
  union all
  select b.account_id, 'every entry has its account' as invariant, b.detail
    from credits.broken_every_entry_has_its_account b
  union all
  select b.account_id, 'entries carry the balance after them' as invariant, b.detail
    from credits.broken_entries_carry_the_balance_after_them b
  union all
  select b.account_id, 'entries are unaltered' as invariant, b.detail
    from credits.broken_entries_are_unaltered b
  union all
  select b.account_id, 'the chain ends at its head' as invariant, b.detail
    from credits.broken_the_chain_ends_at_its_head b
  union all
  select b.account_id, 'closed accounts have a closing entry' as invariant, b.detail
    from credits.broken_closed_accounts_have_a_closing_entry b
  union all
  select b.account_id, 'a grant''s claim is the sum of its entries' as invariant, b.detail
    from credits.broken_a_grants_claim_is_the_sum_of_its_entries b
  union all
  select b.account_id, 'every credit of a grant is somewhere' as invariant, b.detail
    from credits.broken_every_credit_of_a_grant_is_somewhere b
  union all
  select b.account_id, 'grants are unaltered' as invariant, b.detail
    from credits.broken_grants_are_unaltered b
  union all
  select b.account_id, 'holds are unaltered' as invariant, b.detail
    from credits.broken_holds_are_unaltered b
  union all
  select b.account_id, 'a hold ended as its entry says' as invariant, b.detail
    from credits.broken_a_hold_ended_as_its_entry_says b
  union all
  select b.account_id, 'a grant''s allocations are what it has burned' as invariant, b.detail
    from credits.broken_a_grants_allocations_are_what_it_has_burned b
  union all
  select b.account_id, 'allocations are unaltered and do not overlap' as invariant, b.detail
    from credits.broken_allocations_are_unaltered_and_do_not_overlap b
  union all
  select b.account_id, 'all that is settled is allocated' as invariant, b.detail
    from credits.broken_all_that_is_settled_is_allocated b
  union all
  select b.account_id, 'time is not overlooked' as invariant, b.detail
    from credits.broken_time_is_not_overlooked b
  union all
  select b.account_id, 'the soonest expiry is known' as invariant, b.detail
    from credits.broken_the_soonest_expiry_is_known b
  union all
  select b.account_id, 'moved credits are somewhere' as invariant, b.detail
    from credits.broken_moved_credits_are_somewhere b
  union all
  select b.account_id, 'moved credits have a home' as invariant, b.detail
    from credits.broken_moved_credits_have_a_home b
  union all
  select b.account_id, 'what was erased is sealed' as invariant, b.detail
    from credits.broken_what_was_erased_is_sealed b;
comment on view credits.broken_invariants is
  'What every broken_ view of the ledger finds, with the invariant''s name; no rows when it is sound.';
revoke all on credits.broken_invariants from public, anon, authenticated, service_role;
grant select on credits.broken_invariants to service_role;

create function credits.verify_ledger(p_account_id uuid default null)
returns table (account_id uuid, invariant text, detail text)
language plpgsql
stable
security definer
set search_path = ''
-- Planned for the tables as they are: a plan of a smaller ledger joins each row with all of the account's.
set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_column
begin
  if p_account_id is null then
    return query select b.account_id, b.invariant, b.detail from credits.broken_invariants b;
  else
    return query
      select b.account_id, b.invariant, b.detail from credits.broken_invariants b
       where b.account_id = p_account_id;
  end if;
end;
$$;
comment on function credits.verify_ledger(uuid) is
  'A row for each broken invariant of the account, or of every account; none when sound. Finds any edit of the ledger''s rows, by whomever it was made.';
revoke all on function credits.verify_ledger(uuid) from public, anon, authenticated, service_role;
grant execute on function
  credits.verify_ledger(uuid),
  credits.chain_after(credits.entries, bytea),
  credits.content_hash(credits.entries),
  credits.subject_seal(credits.grants),
  credits.subject_seal(credits.holds),
  credits.seal_in_view(anyelement),
  credits.overage_seal(credits.overage, bigint),
  credits.allocation_seal(uuid, bigint, bigint, uuid, uuid),
  credits.usage_seal(text, text, text, numeric, jsonb, bytea),
  credits.erased_seal(uuid, jsonb, bytea, text, bytea)
  to service_role;

call florin.end_migration();
