-- at 2026-01-05 12:00
select posted, available, replayed
  from credits.spend('00000000-0000-4000-8000-00000000ada0', 30, 'scan:1');

-- The answer was lost, the client asks again: the first result, and nothing is written.
select posted, available, replayed
  from credits.spend('00000000-0000-4000-8000-00000000ada0', 30, 'scan:1');

-- The same key for something else is a mistake.
select posted, available, replayed
  from credits.spend('00000000-0000-4000-8000-00000000ada0', 31, 'scan:1');

select posted, available, replayed
  from credits.spend('00000000-0000-4000-8000-00000000ada0', 1000, 'scan:2');
