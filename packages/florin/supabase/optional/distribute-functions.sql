-- What distribute.sql calls; included by it. undistribute.sql drops it all again.

create or replace procedure florin.on_workers(p_sql text)
language plpgsql
set search_path = ''
as $$
declare
  v_failed record;
begin
  select r.nodename, r.nodeport, r.result into v_failed
    -- As one statement: of several, only the first one's failure would be heard of.
    from pg_catalog.run_command_on_workers(format('do %L', format(
      'begin
         set local citus.enable_ddl_propagation to off;
         set local check_function_bodies to off;
         execute %L;
       end', p_sql))) r
   where not r.success
   limit 1;
  if found then
    raise exception 'The worker %:% did not take what was shipped: %',
      v_failed.nodename, v_failed.nodeport, v_failed.result
      using hint = 'Mend or remove the worker, then run this again: what is there already is left alone.';
  end if;
end;
$$;
comment on procedure florin.on_workers(text) is
  'Runs SQL on every worker, without Citus propagating it any further. Raises what the first worker refused.';

create or replace procedure florin.ship_roles()
language plpgsql
set search_path = ''
set citus.enable_ddl_propagation = off
as $$
declare
  v_role record;
  v_sql text;
begin
  -- Everyone who reaches a distributed table must be able to log in on every node, the owner of the
  -- functions too. Limit from where in pg_hba.conf: this opens the role, not the network.
  for v_role in
    select r.rolname, r.rolbypassrls
      from pg_catalog.pg_roles r
     where r.rolname in ('anon', 'authenticated', 'service_role', 'florin_owner')
        or r.oid in (
          select a.grantee from pg_catalog.pg_proc p cross join aclexplode(p.proacl) a
           where p.pronamespace = 'credits'::regnamespace)
     order by r.rolname <> 'florin_owner', r.rolname
  loop
    call florin.on_workers(format(
      'do $do$ begin
         if not exists (select from pg_catalog.pg_roles r where r.rolname = %1$L) then
           create role %1$I noinherit %2$s;
         end if;
       end $do$',
      v_role.rolname, case when v_role.rolbypassrls then 'bypassrls' else 'nobypassrls' end));
    continue when v_role.rolname = 'anon';
    v_sql := format(
      'do $do$ begin
         if not (select r.rolcanlogin from pg_catalog.pg_roles r where r.rolname = %1$L) then
           alter role %1$I login;
         end if;
       end $do$;
       grant execute on function
         pg_catalog.read_intermediate_result(text, citus_copy_format),
         pg_catalog.read_intermediate_results(text[], citus_copy_format) to %1$I', v_role.rolname);
    if not (select r.rolcanlogin from pg_catalog.pg_roles r where r.rolname = v_role.rolname) then
      insert into florin.way_back values (format('alter role %I nologin', v_role.rolname))
        on conflict do nothing;
    end if;
    execute v_sql;
    call florin.on_workers(v_sql);
    call florin.on_workers(format(
      'create schema if not exists credits authorization florin_owner;
       grant usage on schema credits to %I', v_role.rolname));
  end loop;
  -- A session's lock_timeout stays on the coordinator; without one a locked account would keep its
  -- callers until their statements time out. As long as the library's own.
  call florin.on_workers('alter role florin_owner set lock_timeout to ''2s''');
end;
$$;
comment on procedure florin.ship_roles() is
  'Makes the roles that reach the ledger, and its schema, on every worker. Repeatable.';

create or replace function florin.type_definition(p_type oid)
returns text
language plpgsql
stable
set search_path = ''
as $$
declare
  v_type pg_catalog.pg_type;
begin
  select * into v_type from pg_catalog.pg_type t where t.oid = p_type;
  case v_type.typtype
    when 'e' then
      return (
        select format('create type %s as enum (%s)', p_type::regtype,
                 string_agg(quote_literal(e.enumlabel), ', ' order by e.enumsortorder))
          from pg_catalog.pg_enum e where e.enumtypid = p_type);
    when 'd' then
      return format('create domain %s as %s %s', p_type::regtype,
        pg_catalog.format_type(v_type.typbasetype, v_type.typtypmod),
        (select string_agg(pg_catalog.pg_get_constraintdef(c.oid), ' ')
           from pg_catalog.pg_constraint c where c.contypid = p_type));
    else
      return (
        select format('create type %s as (%s)', p_type::regtype,
                 string_agg(format('%I %s', a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod)),
                   ', ' order by a.attnum))
          from pg_catalog.pg_attribute a
         where a.attrelid = v_type.typrelid and a.attnum > 0 and not a.attisdropped);
  end case;
end;
$$;
comment on function florin.type_definition(oid) is 'The statement that makes an enum, a domain or a composite type.';

create or replace procedure florin.ship_functions()
language plpgsql
set search_path = ''
as $$
declare
  v_object record;
  v_reader text;
  v_sql text := '';
begin
  for v_object in
    select t.oid, t.oid::regtype as name
      from pg_catalog.pg_type t
      left join pg_catalog.pg_class c on c.oid = t.typrelid
     where t.typnamespace = 'credits'::regnamespace
       and (t.typtype in ('e', 'd') or c.relkind = 'c')
     order by t.oid
  loop
    v_sql := v_sql || format(
      'do $do$ begin
         if to_regtype(%1$L) is null then
           %2$s;
           alter type %1$s owner to florin_owner;
         end if;
       end $do$;', v_object.name, florin.type_definition(v_object.oid));
  end loop;
  for v_object in
    select p.oid::regprocedure as name, pg_catalog.pg_get_functiondef(p.oid) as definition,
           (select string_agg(a.grantee::regrole::text, ', ')
              from aclexplode(p.proacl) a where a.grantee not in (0, p.proowner)) as callers
      from pg_catalog.pg_proc p
     where p.pronamespace = 'credits'::regnamespace and p.prokind = 'f'
     order by p.oid
  loop
    v_sql := v_sql || format(
      '%1$s; alter function %2$s owner to florin_owner; revoke all on function %2$s from public;',
      v_object.definition, v_object.name)
      || coalesce('grant execute on function ' || v_object.name || ' to ' || v_object.callers || ';', '');
  end loop;
  -- These read tables, which a query on a worker may not: credits.balances asks for them there.
  foreach v_reader in array array['balance_when_due(p_account_id uuid) returns bigint[]',
                                  'soonest_expiry(p_account_id uuid) returns timestamptz'] loop
    v_sql := v_sql || format(
      'create or replace function credits.%s language plpgsql stable set search_path = %L as %L;',
      v_reader, '', $body$
begin
  raise exception 'Time has changed this account, and the ledger is spread over a cluster.'
    using errcode = '0A000', hint = 'Read it with credits.read_balance(account_id).';
end;
$body$);
  end loop;
  call florin.on_workers(v_sql);
end;
$$;
comment on procedure florin.ship_functions() is
  'Makes every type and function of the ledger on every worker. Repeatable.';

create or replace function florin.views_of_ledger()
returns table (n bigint, part int, name text, statement text)
language plpgsql
stable
set search_path = ''
as $$
begin
  return query
    with recursive views as (
      select distinct r.ev_class as oid
        from pg_catalog.pg_depend d
        join pg_catalog.pg_rewrite r on r.oid = d.objid and d.classid = 'pg_rewrite'::regclass
       where d.refclassid = 'pg_class'::regclass and d.refobjid <> r.ev_class
         and d.refobjid in (
           select c.oid from pg_catalog.pg_class c
            where (c.relnamespace = 'credits'::regnamespace and c.relkind in ('r', 'p'))
               or c.oid = 'billing.credit_decimals'::regclass)
      union
      select r.ev_class
        from views v
        join pg_catalog.pg_depend d on d.refclassid = 'pg_class'::regclass and d.refobjid = v.oid
        join pg_catalog.pg_rewrite r on r.oid = d.objid and d.classid = 'pg_rewrite'::regclass
       where r.ev_class <> v.oid)
    select c.oid::bigint, s.part::int, c.oid::regclass::text, s.statement
      from views v
      join pg_catalog.pg_class c on c.oid = v.oid
     cross join lateral unnest(
       array[
         format('create view %s %s as %s', c.oid::regclass,
           'with (' || array_to_string(c.reloptions, ', ') || ')', pg_get_viewdef(c.oid)),
         format('alter view %s owner to %I', c.oid::regclass, c.relowner::regrole),
         format('comment on view %s is %L', c.oid::regclass, obj_description(c.oid, 'pg_class')),
         format('revoke all on %s from public, anon, authenticated, service_role', c.oid::regclass)]
       || array(
         select format('grant %s on %s to %s', a.privilege_type, c.oid::regclass,
                  case a.grantee when 0 then 'public' else a.grantee::regrole::text end)
           from aclexplode(c.relacl) a where a.grantee <> c.relowner)) with ordinality as s (statement, part);
end;
$$;
comment on function florin.views_of_ledger() is
  'Every view that reads the ledger, the app''s own too: the statements that make it again, with its rights.';
