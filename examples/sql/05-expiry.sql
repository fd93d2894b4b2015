-- at 2026-01-31 23:50
select posted, held, available
  from credits.place_hold('00000000-0000-4000-8000-00000000ada0', 40, 'scan:4',
    p_expires_in => '30 minutes');

-- at 2026-02-01 00:00
select posted, held, available
  from credits.read_balance('00000000-0000-4000-8000-00000000ada0');

-- at 2026-02-01 00:05
select captured, posted, held, available
  from credits.capture_hold('00000000-0000-4000-8000-00000000ada0',
    (select hold_id from credits.holds where idempotency_key = 'scan:4'), 25);

-- The sweep only writes down what balances knew without it, and here nothing is left to write.
select credits.expire_due() as written;
