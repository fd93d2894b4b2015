-- at 2026-01-01 09:00
select posted, available, replayed
  from credits.issue_grant('00000000-0000-4000-8000-00000000ada0', 100,
    'january:ada', 'subscription', p_expires_at => '2026-02-01 00:00Z');

select posted, available, replayed
  from credits.issue_grant('00000000-0000-4000-8000-00000000ada0', 250,
    'pack:ada:1', 'purchase');

select posted, available, replayed
  from credits.issue_grant('00000000-0000-4000-8000-00000000ada0', 20,
    'welcome', 'bonus', p_priority => -10, p_expires_at => '2026-01-15 00:00Z');

select * from credits.read_balance('00000000-0000-4000-8000-00000000ada0');
