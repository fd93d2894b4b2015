-- Whoever asks which grants paid has the account settled first.
select credits.settle_account('00000000-0000-4000-8000-00000000ada0');

select e.idempotency_key as entry, g.source as paid_by, a.amount
  from credits.entry_allocations a
  join credits.entries e using (account_id, entry_no)
  join credits.grants g on g.account_id = a.account_id and g.grant_id = a.grant_id
 where a.account_id = '00000000-0000-4000-8000-00000000ada0'
 order by e.entry_no, g.priority;
