-- The way back from distribute.sql: the whole ledger on the coordinator again, as it was before.
-- On the coordinator, as a superuser, with the service stopped:
--   psql -v ON_ERROR_STOP=1 -f supabase/optional/undistribute.sql
-- All of it or nothing: one transaction brings the tables back and makes again what goes with a table's
-- row type. Needs the disk that the ledger needs, on the coordinator.

select set_config('lock_timeout', case current_setting('lock_timeout') when '0' then '10s' else current_setting('lock_timeout') end, false);

do $$
begin
  if to_regclass('florin.way_back') is null then
    raise exception 'This ledger was not distributed by distribute.sql, or is back already.'
      using hint = 'Nothing was changed. Look with: select * from citus_tables;';
  end if;
end;
$$;

begin;
set local citus.multi_shard_modify_mode to 'sequential';
set local check_function_bodies to off;
do $$
declare
  v_table regclass;
begin
  for v_table in
    select c.oid from pg_class c where c.relnamespace = 'credits'::regnamespace and c.relkind = 'r'
  loop
    begin
      execute format('lock table %s in access exclusive mode', v_table);
    exception
      when lock_not_available then
        raise exception 'Other transactions are open on %.', v_table
          using errcode = '55P03', hint = 'Stop the service or let them end, then run this script again.';
    end;
  end loop;
end;
$$;

-- What goes with a table's row type: types that hold one, and functions that take, return or keep either.
create temporary table types_aside on commit drop as
  select t.oid, t.oid::regtype::text as name, florin.type_definition(t.oid) as definition,
         t.typowner::regrole::text as owner, obj_description(t.oid, 'pg_type') as comment
    from pg_type t
    join pg_class c on c.oid = t.typrelid and c.relkind = 'c'
   where exists (
     select from pg_attribute a
       join pg_type u on u.oid = a.atttypid
       join pg_class r on r.oid = u.typrelid and r.relkind = 'r'
      where a.attrelid = c.oid and r.relnamespace = 'credits'::regnamespace);

create temporary table functions_aside on commit drop as
  select p.oid, p.oid::regprocedure::text as name, case p.prokind when 'p' then 'procedure' else 'function' end as kind,
         pg_get_functiondef(p.oid) as definition, p.proowner::regrole::text as owner, p.proacl as rights,
         obj_description(p.oid, 'pg_proc') as comment
    from pg_proc p
    join pg_namespace n on n.oid = p.pronamespace
   where p.prokind in ('f', 'p') and n.nspname not in ('pg_catalog', 'information_schema')
     and not exists (
       select from pg_depend d
        where d.classid = 'pg_proc'::regclass and d.objid = p.oid and d.deptype = 'e');

create temporary table details_aside on commit drop as
  select format('grant %s on %s to %s', a.privilege_type, c.oid::regclass,
           case a.grantee when 0 then 'public' else a.grantee::regrole::text end) as statement
    from pg_class c cross join aclexplode(c.relacl) a
   where c.relkind = 'r' and (c.relnamespace = 'credits'::regnamespace or c.oid = 'billing.credit_decimals'::regclass)
  union all
  select format('comment on table %s is %L', c.oid::regclass, d.description)
    from pg_class c join pg_description d on d.classoid = 'pg_class'::regclass and d.objoid = c.oid and d.objsubid = 0
   where c.relkind = 'r' and (c.relnamespace = 'credits'::regnamespace or c.oid = 'billing.credit_decimals'::regclass)
  union all
  select format('comment on column %s.%I is %L', c.oid::regclass, a.attname, d.description)
    from pg_class c
    join pg_attribute a on a.attrelid = c.oid
    join pg_description d on d.classoid = 'pg_class'::regclass and d.objoid = c.oid and d.objsubid = a.attnum
   where c.relkind = 'r' and (c.relnamespace = 'credits'::regnamespace or c.oid = 'billing.credit_decimals'::regclass) and a.attnum > 0
  union all
  select format('comment on policy %I on %s is %L', p.polname, c.oid::regclass, d.description)
    from pg_class c
    join pg_policy p on p.polrelid = c.oid
    join pg_description d on d.classoid = 'pg_policy'::regclass and d.objoid = p.oid
   where c.relnamespace = 'credits'::regnamespace or c.oid = 'billing.credit_decimals'::regclass;

create temporary table views_aside on commit drop as select * from florin.views_of_ledger();

set local citus.enable_ddl_propagation to off;
select format('drop view %s', name) from views_aside where part = 1 order by n desc \gexec
set local citus.enable_ddl_propagation to on;

select format('select undistribute_table(%L)', c.oid::regclass)
  from pg_class c
 where c.relkind = 'r' and (c.relnamespace = 'credits'::regnamespace or c.oid = 'billing.credit_decimals'::regclass)
   and exists (select from pg_dist_partition d where d.logicalrelid = c.oid)
 order by c.relname
\gexec

select format('drop type %s cascade', name) from types_aside order by oid desc \gexec
set local citus.enable_ddl_propagation to off;
select s.statement
  from types_aside t
 cross join lateral unnest(array[
   t.definition,
   format('alter type %s owner to %I', t.name, t.owner),
   format('comment on type %s is %L', t.name, t.comment)]) with ordinality as s (statement, n)
 order by t.oid, s.n
\gexec

select s.statement
  from functions_aside f
 cross join lateral unnest(array[
   f.definition,
   format('alter %s %s owner to %I', f.kind, f.name, f.owner),
   format('comment on %s %s is %L', f.kind, f.name, f.comment),
   format('revoke all on %s %s from public, anon, authenticated, service_role', f.kind, f.name)]
   || array(
     select format('grant execute on %s %s to %s', f.kind, f.name,
              case a.grantee when 0 then 'public' else a.grantee::regrole::text end)
       from aclexplode(coalesce(f.rights, acldefault('f', f.owner::regrole))) a))
   with ordinality as s (statement, n)
 where to_regprocedure(f.name) is null
 order by f.oid, s.n
\gexec

select statement from views_aside order by n, part \gexec
select statement from details_aside \gexec
select statement from florin.way_back order by statement \gexec
drop table florin.way_back;
drop procedure florin.ship_functions(), florin.ship_roles(), florin.on_workers(text);
drop function florin.views_of_ledger(), florin.type_definition(oid);
commit;
-- The workers keep functions and types, but no row: distribute.sql replaces them.
