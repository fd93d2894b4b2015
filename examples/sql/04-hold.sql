-- at 2026-01-10 12:00
select posted, held, available
  from credits.place_hold('00000000-0000-4000-8000-00000000ada0', 50, 'scan:3',
    p_expires_in => '30 minutes');

-- at 2026-01-10 12:10
select captured, posted, held, available
  from credits.capture_hold('00000000-0000-4000-8000-00000000ada0',
    (select hold_id from credits.holds where idempotency_key = 'scan:3'), 32);
