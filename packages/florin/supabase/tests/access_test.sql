-- What each role may do with the ledger, and what must fail. Run with `supabase test db` or pg_prove.
begin;
select plan(22);

select credits.issue_grant('00000000-0000-4000-8000-00000000000a', 50, 'tap:grant', 'test');
select credits.issue_grant('00000000-0000-4000-8000-00000000000b', 70, 'tap:grant', 'test');

select ok(not has_schema_privilege('anon', 'credits', 'usage'), 'anon cannot reach the ledger');
select ok(not has_schema_privilege('anon', 'billing', 'usage'), 'anon cannot reach the inbox');
select ok(not has_schema_privilege('authenticated', 'billing', 'usage'),
  'a signed-in user cannot reach the inbox');
select is_empty(
  $$select p.oid::regprocedure from pg_proc p
     where p.pronamespace in ('credits'::regnamespace, 'billing'::regnamespace)
       and has_function_privilege('anon', p.oid, 'execute')$$,
  'anon may execute nothing');
select is_empty(
  $$select c.oid::regclass, r.role, v.verb
      from pg_class c
     cross join unnest(array['anon', 'authenticated', 'service_role']) as r (role)
     cross join unnest(array['insert', 'update', 'delete', 'truncate', 'references', 'trigger']) as v (verb)
     where c.relnamespace in ('credits'::regnamespace, 'billing'::regnamespace)
       and c.relkind in ('r', 'p', 'v') and has_table_privilege(r.role, c.oid, v.verb)$$,
  'nobody may write a table, service_role included');

set local role service_role;
select lives_ok(
  $$select credits.spend('00000000-0000-4000-8000-00000000000a', 5, 'tap:spend')$$,
  'service_role spends through the function');
select results_eq(
  $$select posted from credits.read_balance('00000000-0000-4000-8000-00000000000a')$$,
  array[45::bigint], 'and reads the balance');
select throws_ok($$insert into credits.entries select * from credits.entries$$, '42501', null,
  'service_role cannot insert an entry');
select throws_ok($$update credits.accounts set posted = 1000$$, '42501', null,
  'service_role cannot change a balance');
select throws_ok($$delete from credits.entries$$, '42501', null,
  'service_role cannot delete an entry');
select throws_ok($$truncate credits.entries$$, '42501', null,
  'service_role cannot truncate the entries');
select throws_ok($$select credits.settle(null, now())$$, '42501', null,
  'service_role cannot call what functions use inside');

reset role;
set local role authenticated;
set local request.jwt.claims to '{"sub": "00000000-0000-4000-8000-00000000000a", "role": "authenticated"}';
select results_eq($$select account_id from credits.accounts$$,
  array['00000000-0000-4000-8000-00000000000a'::uuid], 'a user sees their own account only');
select results_eq($$select distinct account_id from credits.entries$$,
  array['00000000-0000-4000-8000-00000000000a'::uuid], 'a user sees their own entries only');
select results_eq($$select balance::bigint from public.credits_balance_mv$$, array[45::bigint],
  'a user sees their own balance only');
select results_eq(
  $$select posted from credits.read_balance('00000000-0000-4000-8000-00000000000b')$$,
  array[0::bigint], 'another account looks like an unknown one');
select throws_ok($$select public.get_user_credit_balance('00000000-0000-4000-8000-00000000000b')$$,
  '42501', null, 'asking for another user is refused');
select throws_ok(
  $$select credits.issue_grant('00000000-0000-4000-8000-00000000000a', 1000, 'tap:mine', 'gift')$$,
  '42501', null, 'a user cannot grant');
select throws_ok($$select credits.spend('00000000-0000-4000-8000-00000000000b', 1, 'tap:theft')$$,
  '42501', null, 'a user cannot spend by themselves: the app does');
select throws_ok($$select public.add_user_credits('00000000-0000-4000-8000-00000000000a', 1, 'e', 'p', 'x', 'r', 't')$$,
  '42501', null, 'a user cannot add credits');

reset role;
set local role anon;
select throws_ok($$select * from credits.accounts$$, '42501', null, 'anon cannot read accounts');
select throws_ok($$select public.get_user_credit_balance('00000000-0000-4000-8000-00000000000a')$$,
  '42501', null, 'anon cannot ask for a balance');

reset role;
select * from finish();
rollback;
