-- Foundation: the roles, the two private schemas, and the rights everything else starts from.
--
-- Runs on Supabase (as the ordinary role `postgres`) and on plain Postgres 15 or newer, where the
-- roles and auth helpers that Supabase brings are created if they are missing.

-- Nothing that this role creates from here on is executable by PUBLIC. Only the global form of this
-- statement works: with `in schema …` it can add rights, never take the built-in one away.
alter default privileges revoke execute on functions from public;

do $$
declare
  v_role text;
begin
  foreach v_role in array array['anon', 'authenticated', 'service_role', 'florin_owner'] loop
    if not exists (select 1 from pg_catalog.pg_roles r where r.rolname = v_role) then
      begin
        execute format('create role %I nologin noinherit', v_role);
      exception
        -- Roles belong to the cluster: another database's migration may have been quicker.
        when duplicate_object or unique_violation then null;
      end;
    end if;
  end loop;
end;
$$;

comment on role florin_owner is
  'Owns every Florin object and cannot log in. The functions run as this role, so that nobody else needs a right to write.';

-- Every migration becomes florin_owner for its own length with these two. Whoever migrates may act as
-- florin_owner and inherits none of its rights: from Postgres 16 on the grant says so; before that
-- the membership is taken back at the end.
create schema florin;
comment on schema florin is 'What migrations call. Nothing here serves a request.';

create procedure florin.begin_migration()
language plpgsql
set search_path = ''
as $$
begin
  perform set_config('florin.migrator', current_user, false);
  if current_setting('server_version_num')::int < 160000 then
    execute format('grant florin_owner to %I', current_user);
  elsif not pg_has_role(current_user, 'florin_owner', 'set') then
    execute format('grant florin_owner to %I with inherit false, set true', current_user);
  end if;
  perform set_config('role', 'florin_owner', false);
end;
$$;
comment on procedure florin.begin_migration() is
  'Remembers who migrates and becomes florin_owner. The first statement of a migration.';

create procedure florin.end_migration()
language plpgsql
set search_path = ''
as $$
begin
  call credits.share_service_rights(current_setting('florin.migrator'));
  perform set_config('role', current_setting('florin.migrator'), false);
  if current_setting('server_version_num')::int < 160000 then
    execute format('revoke florin_owner from %I', current_user);
  end if;
end;
$$;
comment on procedure florin.end_migration() is
  'Shares the service''s rights with whoever migrates and becomes that role again. The last statement of a migration. Repeatable.';

revoke all on schema florin from public;
revoke all on procedure florin.begin_migration(), florin.end_migration() from public;
grant usage on schema florin to florin_owner;
grant execute on procedure florin.begin_migration(), florin.end_migration() to florin_owner;

call florin.begin_migration();

-- Only whoever migrates may create a schema in the database.
select set_config('role', current_setting('florin.migrator'), false);
create schema credits authorization florin_owner;
create schema billing authorization florin_owner;

-- The helpers that policies call. On Supabase they exist already and are left alone.
do $$
begin
  if not exists (select 1 from pg_catalog.pg_namespace n where n.nspname = 'auth') then
    create schema auth;
    grant usage on schema auth to anon, authenticated, service_role, florin_owner;

    create function auth.uid() returns uuid
    language sql stable set search_path = '' as $f$
      select nullif(
        coalesce(
          nullif(current_setting('request.jwt.claim.sub', true), ''),
          nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'
        ), '')::uuid
    $f$;
    comment on function auth.uid() is
      'The signed-in user, read from the request''s verified claims as Supabase does; null when there is none.';
    grant execute on function auth.uid() to anon, authenticated, service_role, florin_owner;
  end if;
end;
$$;

set role florin_owner;

-- Said again as the owner: default rights belong to the role that creates, and florin_owner creates
-- everything from here on.
alter default privileges revoke execute on functions from public;

comment on schema credits is
  'The ledger: accounts, append-only entries, grants, holds. Written only through its functions; not exposed by PostgREST.';
comment on schema billing is
  'What Stripe said: customers, the event inbox, payments, consumed plan sessions. Not exposed by PostgREST.';

revoke all on schema credits, billing from public, anon, authenticated, service_role;
grant usage on schema credits to authenticated, service_role;
grant usage on schema billing to service_role;

-- A role that serves requests without being service_role itself (on Supabase: postgres) gets the
-- same rights, by name.
create procedure credits.share_service_rights(p_role name)
language plpgsql
set search_path = ''
as $$
declare
  v_object record;
begin
  if p_role = 'service_role' or p_role = 'florin_owner' then
    return;
  end if;
  execute format('grant usage on schema credits, billing to %I', p_role);
  for v_object in
    select p.oid::regprocedure as name, p.prokind
      from pg_catalog.pg_proc p
     where p.pronamespace in ('credits'::regnamespace, 'billing'::regnamespace)
       and p.proowner = 'florin_owner'::regrole
       and p.prokind = 'f'
       and has_function_privilege('service_role', p.oid, 'execute')
  loop
    execute format('grant execute on function %s to %I', v_object.name, p_role);
  end loop;
  for v_object in
    select c.oid::regclass as name
      from pg_catalog.pg_class c
     where c.relnamespace in ('credits'::regnamespace, 'billing'::regnamespace)
       and c.relowner = 'florin_owner'::regrole
       and c.relkind in ('r', 'v', 'p')
       and has_table_privilege('service_role', c.oid, 'select')
  loop
    execute format('grant select on table %s to %I', v_object.name, p_role);
  end loop;
end;
$$;
comment on procedure credits.share_service_rights(name) is
  'Gives a role every right in credits and billing that service_role has: SELECT and EXECUTE, never INSERT, UPDATE or DELETE. Called by each migration for the role that runs it; repeatable.';
revoke all on procedure credits.share_service_rights(name) from public;

call florin.end_migration();
