-- at 2026-02-03 12:00
select posted, available, replayed
  from credits.spend('00000000-0000-4000-8000-00000000ada0', 240, 'scan:6');

-- at 2026-02-04 12:00
select reversed, posted, available, replayed
  from credits.reverse_grant('00000000-0000-4000-8000-00000000ada0',
    (select grant_id from credits.entries where idempotency_key = 'pack:ada:1'), 250,
    'refund:re_1');

select posted, available, replayed
  from credits.spend('00000000-0000-4000-8000-00000000ada0', 1, 'scan:7');
