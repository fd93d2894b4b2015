-- What the catalogue must show of Florin's schemas. Run with `supabase test db` or pg_prove.
begin;
select plan(15);

create temporary view ours as
  select c.*, n.nspname from pg_class c join pg_namespace n on n.oid = c.relnamespace
   where n.nspname in ('credits', 'billing') and c.relkind in ('r', 'p', 'v', 'm');
create temporary view our_functions as
  select p.*, n.nspname from pg_proc p join pg_namespace n on n.oid = p.pronamespace
   where n.nspname in ('credits', 'billing')
      or (n.nspname = 'public' and p.proname in (
        'get_user_credit_balance', 'get_user_credit_balance_fast', 'add_user_credits',
        'refresh_credits_balance'));

select has_table('credits', name, 'the ledger has its table ' || name)
  from unnest(array['accounts', 'entries', 'grants', 'holds', 'allocations']) as name;

select is_empty(
  $$select oid::regclass from ours where obj_description(oid, 'pg_class') is null$$,
  'every table and view says what it is');
select is_empty(
  $$select oid::regprocedure from our_functions where obj_description(oid, 'pg_proc') is null$$,
  'every function says what it does');
select is_empty(
  $$select p.polname from pg_policy p join ours c on c.oid = p.polrelid
     where obj_description(p.oid, 'pg_policy') is null$$,
  'every policy says what it allows');
select is_empty(
  $$select oid::regclass from ours where relkind in ('r', 'p') and not relrowsecurity$$,
  'every table is under row level security');
select is_empty(
  $$select oid::regclass from ours where relkind = 'v'
      and not coalesce('security_invoker=true' = any (reloptions), false)
      and oid <> 'credits.unit'::regclass$$,
  'every view reads with the rights of who asks, but for how many units a credit has, which everybody is told');
select is_empty(
  $$select oid::regprocedure from our_functions
     where not coalesce('search_path=""' = any (proconfig), false)$$,
  'every function has an empty search path');
select is_empty(
  $$select f.oid::regprocedure from our_functions f join pg_roles r on r.oid = f.proowner
     where f.prosecdef and (r.rolcanlogin or r.rolsuper)$$,
  'who functions run as cannot log in and is no superuser');
select is_empty(
  $$select p.polrelid::regclass, r.rolname, p.polcmd from pg_policy p
      join ours c on c.oid = p.polrelid
     cross join unnest(p.polroles) as role (oid) join pg_roles r on r.oid = role.oid
     group by 1, 2, 3 having count(*) > 1$$,
  'there is one policy a command and role');
select is_empty(
  $$select t.tgname from pg_trigger t join ours c on c.oid = t.tgrelid where not t.tgisinternal$$,
  'no table has a trigger: append-only by missing rights and by the chain');
select is_empty(
  $$select k.conname from pg_constraint k join ours c on c.oid = k.conrelid
      join pg_class f on f.oid = k.confrelid where k.contype = 'f'$$,
  'no foreign key: the ledger outlives users');

select * from finish();
rollback;
