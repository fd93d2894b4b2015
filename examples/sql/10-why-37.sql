-- at 2026-02-09 12:00
select posted, available, replayed
  from credits.spend('00000000-0000-4000-8000-00000000ada0', 573, 'scan:8');

select item, source, amount, spent, reserved, expired, reversed, contributes
  from credits.explain_balance('00000000-0000-4000-8000-00000000ada0');

select entry_no, created_at, kind, amount, posted_after, idempotency_key
  from credits.entries
 where account_id = '00000000-0000-4000-8000-00000000ada0'
   and not starts_with(idempotency_key, 'florin:')
 order by entry_no;

select entry_no, created_at, kind, amount, posted_after
  from credits.entries
 where account_id = '00000000-0000-4000-8000-00000000ada0'
   and starts_with(idempotency_key, 'florin:')
 order by entry_no;
