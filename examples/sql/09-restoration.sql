-- at 2026-02-08 12:00
select restored, posted, available, replayed
  from credits.restore_grant('00000000-0000-4000-8000-00000000ada0',
    (select grant_id from credits.entries where idempotency_key = 'pack:ada:1'), 250,
    'refund:re_1:failed');
