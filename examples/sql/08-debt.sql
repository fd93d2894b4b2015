-- at 2026-02-05 12:00
select item, source, amount, spent, reversed, contributes
  from credits.explain_balance('00000000-0000-4000-8000-00000000ada0')
 where contributes <> 0;

select posted, available, replayed
  from credits.issue_grant('00000000-0000-4000-8000-00000000ada0', 600,
    'pack:ada:2', 'purchase');
