-- Invariants of accounts and their entries: a view each, with a row for whatever breaks it. None has a
-- row when the ledger is sound. A view is named broken_ and then as credits.verify_ledger names the
-- invariant.

call florin.begin_migration();

create view credits.entry_totals with (security_invoker = true) as
  select e.account_id,
         sum(e.amount)::bigint as posted,
         max(e.entry_no) as last_no,
         count(*) as entries,
         coalesce(sum(-e.amount) filter (where e.axis_from is not null and e.amount < 0), 0)::bigint
           as burned
    from credits.entries e
   group by e.account_id;
comment on view credits.entry_totals is
  'What the entries of each account add up to; burned are the credits that they take from the axis.';

create view credits.entries_in_order with (security_invoker = true) as
  select e.account_id,
         e.entry_no,
         e.axis_from,
         e.posted_after,
         e.chain,
         row(e.*)::credits.entries as entry,
         sum(e.amount) over w as running,
         lag(e.chain, 1, '\x'::bytea) over w as chain_before
    from credits.entries e
  window w as (partition by e.account_id order by e.entry_no);
comment on view credits.entries_in_order is
  'Each entry beside the sum of all up to it and the chain''s value before it.';

create view credits.broken_posted_is_the_sum_of_entries with (security_invoker = true) as
  select a.account_id, format('stored %s, entries %s', a.posted, coalesce(t.posted, 0)) as detail
    from credits.accounts a
    left join credits.entry_totals t on t.account_id = a.account_id
   where a.posted <> coalesce(t.posted, 0);
comment on view credits.broken_posted_is_the_sum_of_entries is
  'Accounts whose posted balance their entries do not add up to.';

create view credits.broken_entries_are_numbered_without_gaps with (security_invoker = true) as
  select a.account_id,
         format('account says %s, last entry %s, entries %s', a.entry_no, t.last_no, t.entries)
           as detail
    from credits.accounts a
    left join credits.entry_totals t on t.account_id = a.account_id
   where a.entry_no <> coalesce(t.last_no, 0) or a.entry_no <> coalesce(t.entries, 0);
comment on view credits.broken_entries_are_numbered_without_gaps is
  'Accounts whose entries are not numbered from 1 to the account''s number.';

create view credits.broken_every_entry_has_its_account with (security_invoker = true) as
  select e.account_id, format('entry %s', e.entry_no) as detail
    from credits.entries e
   where not exists (select from credits.accounts a where a.account_id = e.account_id);
comment on view credits.broken_every_entry_has_its_account is 'Entries of an account that is gone.';

create view credits.broken_entries_carry_the_balance_after_them with (security_invoker = true) as
  select e.account_id,
         format('entry %s says %s, the sum is %s', e.entry_no, e.posted_after, e.running) as detail
    from credits.entries_in_order e
   where e.posted_after <> e.running;
comment on view credits.broken_entries_carry_the_balance_after_them is
  'Entries whose balance is not the sum of all up to them.';

create view credits.broken_entries_are_unaltered with (security_invoker = true) as
  select e.account_id, format('entry %s does not match its hash', e.entry_no) as detail
    from credits.entries_in_order e
   where e.chain is distinct from credits.chain_after(e.entry, e.chain_before)
      -- The chain reads -1 as no place on the axis.
      or e.axis_from < 0;
comment on view credits.broken_entries_are_unaltered is
  'Entries that do not hash to their chain: they, or the one before, were edited.';

create view credits.broken_the_chain_ends_at_its_head with (security_invoker = true) as
  select a.account_id, format('account %s', a.account_id) as detail
    from credits.accounts a
    left join credits.entries e on e.account_id = a.account_id and e.entry_no = a.entry_no
   where a.chain is distinct from coalesce(e.chain, '\x'::bytea);
comment on view credits.broken_the_chain_ends_at_its_head is
  'Accounts whose chain is not that of their last entry.';

create view credits.broken_closed_accounts_have_a_closing_entry with (security_invoker = true) as
  select a.account_id, format('closed_at %s', a.closed_at) as detail
    from credits.accounts a
    left join credits.entries e on e.account_id = a.account_id and e.kind = 'close'
   where a.closed_at is distinct from e.created_at;
comment on view credits.broken_closed_accounts_have_a_closing_entry is
  'Accounts that are closed without an entry that says so at that instant, or the other way round.';

create view credits.erased_rows with (security_invoker = true) as
  select e.account_id,
         credits.entry_id(e.account_id, e.entry_no) as id,
         credits.erased_seal(credits.entry_id(e.account_id, e.entry_no),
           e.metadata, e.metadata_digest, e.actor, e.actor_digest) as seal
    from credits.entries e
   where e.metadata_digest is not null or e.actor_digest is not null
  union all
  select h.account_id, h.hold_id,
         credits.erased_seal(h.hold_id, h.metadata, h.metadata_digest, h.actor, h.actor_digest)
    from credits.holds h
   where h.metadata_digest is not null or h.actor_digest is not null;
comment on view credits.erased_rows is 'The rows in which a person was erased, as they are since.';

create view credits.broken_what_was_erased_is_sealed with (security_invoker = true) as
  select a.account_id, 'the last erasure does not cover the erased rows' as detail
    from credits.accounts a
    left join (
      select r.account_id, sha256(string_agg(r.seal, '\x'::bytea order by r.id)) as seal
        from credits.erased_rows r group by r.account_id) r on r.account_id = a.account_id
    left join (
      select distinct on (e.account_id) e.account_id, e.subject_seal as seal
        from credits.entries e where e.kind = 'erasure'
       order by e.account_id, e.entry_no desc) s on s.account_id = a.account_id
   where r.seal is distinct from s.seal;
comment on view credits.broken_what_was_erased_is_sealed is
  'Accounts in which rows were erased, or changed after it, without an entry that says so.';

revoke all on
  credits.entry_totals,
  credits.entries_in_order,
  credits.broken_posted_is_the_sum_of_entries,
  credits.broken_entries_are_numbered_without_gaps,
  credits.broken_every_entry_has_its_account,
  credits.broken_entries_carry_the_balance_after_them,
  credits.broken_entries_are_unaltered,
  credits.broken_the_chain_ends_at_its_head,
  credits.broken_closed_accounts_have_a_closing_entry,
  credits.erased_rows,
  credits.broken_what_was_erased_is_sealed
  from public, anon, authenticated, service_role;
grant select on
  credits.entry_totals,
  credits.entries_in_order,
  credits.broken_posted_is_the_sum_of_entries,
  credits.broken_entries_are_numbered_without_gaps,
  credits.broken_every_entry_has_its_account,
  credits.broken_entries_carry_the_balance_after_them,
  credits.broken_entries_are_unaltered,
  credits.broken_the_chain_ends_at_its_head,
  credits.broken_closed_accounts_have_a_closing_entry,
  credits.erased_rows,
  credits.broken_what_was_erased_is_sealed
  to service_role;

call florin.end_migration();
