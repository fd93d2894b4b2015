-- The ledger's behaviour in SQL alone. Run with `supabase test db` or pg_prove.
begin;
select plan(24);

select results_eq(
  $$select posted, available, replayed
      from credits.issue_grant('00000000-0000-4000-8000-0000000000aa', 50, 'tap:pack', 'purchase')$$,
  $$values (50::bigint, 50::bigint, false)$$, 'a grant gives credits');
select results_eq(
  $$select posted, replayed
      from credits.issue_grant('00000000-0000-4000-8000-0000000000aa', 50, 'tap:pack', 'purchase')$$,
  $$values (50::bigint, true)$$, 'the same key and input replays the first result');
select throws_ok(
  $$select credits.issue_grant('00000000-0000-4000-8000-0000000000aa', 51, 'tap:pack', 'purchase')$$,
  'CRDUP', null, 'the same key with other input is refused');

select results_eq(
  $$select posted, held, available, replayed
      from credits.spend('00000000-0000-4000-8000-0000000000aa', 20, 'tap:scan')$$,
  $$values (30::bigint, 0::bigint, 30::bigint, false)$$, 'a spend takes credits');
select results_eq(
  $$select posted, replayed from credits.spend('00000000-0000-4000-8000-0000000000aa', 20, 'tap:scan')$$,
  $$values (30::bigint, true)$$, 'a repeated spend replays');
select throws_ok($$select credits.spend('00000000-0000-4000-8000-0000000000aa', 31, 'tap:much')$$,
  'CRINS', null, 'an account is never overdrawn');
select throws_ok($$select credits.spend('00000000-0000-4000-8000-0000000000ff', 1, 'tap:none')$$,
  'CRINS', null, 'an unknown account has nothing to spend');
select throws_ok($$select credits.spend('00000000-0000-4000-8000-0000000000aa', 0, 'tap:zero')$$,
  'CRAMT', null, 'an amount of 0 is refused');
select throws_ok($$select credits.spend('00000000-0000-4000-8000-0000000000aa', -1, 'tap:minus')$$,
  'CRAMT', null, 'a negative amount is refused');
select throws_ok(
  $$select credits.spend('00000000-0000-4000-8000-0000000000aa', 9007199254740992, 'tap:big')$$,
  'CRAMT', null, 'an amount over 2^53 - 1 is refused');
select throws_ok($$select credits.spend('00000000-0000-4000-8000-0000000000aa', 1, '')$$,
  'CRKEY', null, 'an empty key is refused');
select throws_ok($$select credits.spend('00000000-0000-4000-8000-0000000000aa', 1, repeat('k', 256))$$,
  'CRKEY', null, 'a key over 255 characters is refused');

create temporary table placed as
  select * from credits.place_hold('00000000-0000-4000-8000-0000000000aa', 12, 'tap:hold');
select results_eq('select posted, held, available from placed',
  $$values (30::bigint, 12::bigint, 18::bigint)$$, 'a hold reserves');
select lives_ok(
  $$select credits.capture_hold('00000000-0000-4000-8000-0000000000aa', hold_id, 5) from placed$$,
  'part of a hold is captured');
select results_eq(
  $$select posted, held, available from credits.read_balance('00000000-0000-4000-8000-0000000000aa')$$,
  $$values (25::bigint, 0::bigint, 25::bigint)$$, 'and the rest is released');
select throws_ok(
  $$select credits.release_hold('00000000-0000-4000-8000-0000000000aa', hold_id) from placed$$,
  'CRHLD', null, 'a hold ends once');

select lives_ok(
  $$select credits.reverse_grant(g.account_id, g.grant_id, 50, 'tap:refund')
      from credits.grants g where g.account_id = '00000000-0000-4000-8000-0000000000aa'$$,
  'a grant is taken back whole');
select results_eq(
  $$select posted, available from credits.read_balance('00000000-0000-4000-8000-0000000000aa')$$,
  $$values (-25::bigint, -25::bigint)$$, 'what was spent of it is visible debt');
select results_eq(
  $$select posted from credits.issue_grant('00000000-0000-4000-8000-0000000000aa', 40, 'tap:next', 'purchase')$$,
  array[15::bigint], 'the next grant settles the debt first');
select results_eq(
  $$select sum(amount)::bigint from credits.entries
     where account_id = '00000000-0000-4000-8000-0000000000aa'$$,
  array[15::bigint], 'the entries add up to the balance');
select results_eq(
  $$select status from credits.spend_batch(
      array['00000000-0000-4000-8000-0000000000aa', '00000000-0000-4000-8000-0000000000aa',
            '00000000-0000-4000-8000-0000000000aa', '00000000-0000-4000-8000-0000000000aa']::uuid[],
      array[10, 10, 10, 7], array['tap:1', 'tap:2', 'tap:1', 'tap:1'])$$,
  array['spent', 'insufficient_credits', 'replayed', 'idempotency_key_reused'],
  'a batch accepts and refuses each spend on its own');
select is_empty($$select * from credits.verify_ledger('00000000-0000-4000-8000-0000000000aa')$$,
  'the ledger proves itself sound');
select is(credits.recompute_balances(), 0::bigint, 'no stored balance differs from its entries');
select throws_ok(
  $$select credits.close_account('00000000-0000-4000-8000-0000000000aa', '')$$,
  null, null, 'closing needs a key');

select * from finish();
rollback;
