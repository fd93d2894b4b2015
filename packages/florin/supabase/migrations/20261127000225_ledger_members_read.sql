-- What members read: signed-in users by row level security, the service by pages. And where the members
-- are kept, if the app keeps them.

call florin.begin_migration();

create function credits.current_account()
returns uuid
language plpgsql
stable
set search_path = ''
as $$
begin
  return nullif(coalesce(
    nullif(current_setting('request.jwt.claim.sub', true), ''),
    nullif(current_setting('request.jwt.claims', true), '')::jsonb ->> 'sub'), '')::uuid;
end;
$$;
comment on function credits.current_account() is
  'The signed-in user, whose own account has the same id: from the request''s verified claims, as auth.uid() reads them. Written here because florin_owner may have no rights in the schema auth.';

create function credits.current_accounts()
returns uuid[]
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
  v_user_id uuid := credits.current_account();
begin
  if v_user_id is null then
    return null;
  end if;
  return v_user_id || array(
    select m.account_id from credits.kept_members(null, v_user_id) m);
end;
$$;
comment on function credits.current_accounts() is
  'The accounts whose rows the signed-in user may read: their own, and those that they are a member of in this instant.';

do $$
declare
  v_table text;
begin
  foreach v_table in array array['accounts', 'entries', 'grants', 'holds', 'allocations'] loop
    execute format(
      'create policy %I on credits.%I for select to authenticated '
        || 'using (account_id = any ((select credits.current_accounts())::uuid[]))',
      v_table || '_own_rows', v_table);
    execute format('comment on policy %I on credits.%I is %L',
      v_table || '_own_rows', v_table,
      'A signed-in user reads the rows of their own account, and of those that they are a member of.');
  end loop;
end;
$$;

create function credits.accounts_of(p_user_id uuid, p_after uuid default null, p_limit integer default 100)
returns table (account_id uuid, role credits.member_role)
language plpgsql
stable
security definer
set search_path = ''
as $$
#variable_conflict use_column
begin
  return query
    select a.account_id, a.role
      from (select p_user_id as account_id, 'owner'::credits.member_role as role, true as is_own
             where p_after is null
            union all
            select m.account_id, m.role, false from credits.kept_members(null, p_user_id) m
             where p_after is null or m.account_id > p_after) a
     order by a.is_own desc, a.account_id
     limit p_limit;
end;
$$;
comment on function credits.accounts_of(uuid, uuid, integer) is
  'The accounts of a user and their role in each: their own first, the others by id, after p_after.';

create function credits.members_of(p_account_id uuid, p_after uuid default null, p_limit integer default 100)
returns table (user_id uuid, role credits.member_role)
language plpgsql
stable
security definer
set search_path = ''
as $$
#variable_conflict use_column
begin
  return query
    select m.user_id, m.role from credits.kept_members(p_account_id, null) m
     where p_after is null or m.user_id > p_after
     order by m.user_id
     limit p_limit;
end;
$$;
comment on function credits.members_of(uuid, uuid, integer) is
  'The members of an account by id, after p_after; the owner of a personal account is not among them.';

create function credits.read_members_from(p_function regprocedure)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_function pg_catalog.pg_proc;
begin
  select * into v_function from pg_catalog.pg_proc p where p.oid = p_function;
  if v_function.oid is null or v_function.proargtypes::text <> '2950 2950' then
    raise exception 'The function of the members takes an account and a user, both uuid.'
      using errcode = '22023', hint = 'Pass schema.function(uuid, uuid).';
  elsif not v_function.prosecdef or v_function.proowner = 'florin_owner'::regrole then
    raise exception 'The function % would run with Florin''s rights.', p_function
      using errcode = '22023', hint = 'Declare it security definer, owned by a role of the app''s.';
  end if;
  execute format(
    'select account_id, user_id, role::text from %s(gen_random_uuid(), gen_random_uuid())',
    v_function.oid::regproc);
  execute format($f$
    create or replace function credits.kept_members(p_account_id uuid, p_user_id uuid)
    returns table (account_id uuid, user_id uuid, role credits.member_role)
    language plpgsql stable set search_path = ''
    as $body$
    #variable_conflict use_column
    begin
      return query
        select m.account_id, m.user_id, max(r.role)
          from %s(p_account_id, p_user_id) m
          join unnest(enum_range(null::credits.member_role)) as r (role) on r.role::text = m.role::text
         where (p_account_id is null or m.account_id = p_account_id)
           and (p_user_id is null or m.user_id = p_user_id)
           and m.account_id <> m.user_id
         group by m.account_id, m.user_id;
    end;
    $body$ $f$, v_function.oid::regproc);
  create or replace function credits.app_keeps_members()
  returns boolean language plpgsql stable set search_path = ''
  as $body$ begin return true; end; $body$;
end;
$$;
comment on function credits.read_members_from(regprocedure) is
  'From now on Florin reads the members from this function of the app''s: (account uuid or null, user uuid or null) to rows of account_id, user_id and role. A role that Florin does not know is none. Call it as florin_owner, in a migration. Repeatable. Errors: 22023 (its arguments, or whose rights it has), 42501 (florin_owner may not call it), 42703 (a column is missing).';

revoke all on function
  credits.app_keeps_members(),
  credits.kept_members(uuid, uuid),
  credits.role_of(uuid, uuid),
  credits.raise_not_a_member(uuid, text),
  credits.raise_role_too_low(credits.member_role, credits.member_role),
  credits.raise_app_keeps_members(),
  credits.is_user_id(text),
  credits.check_user_id(text),
  credits.check_actor(uuid, text),
  credits.refused_actor(uuid, text),
  credits.check_change_of_member(uuid, uuid, credits.member_role, uuid),
  credits.set_member(uuid, uuid, text, uuid),
  credits.remove_member(uuid, uuid, uuid),
  credits.current_account(),
  credits.current_accounts(),
  credits.accounts_of(uuid, uuid, integer),
  credits.members_of(uuid, uuid, integer),
  credits.read_members_from(regprocedure)
  from public, anon, authenticated, service_role;
grant execute on function credits.current_account(), credits.current_accounts()
  to authenticated, service_role;
grant execute on function
  credits.app_keeps_members(),
  credits.role_of(uuid, uuid),
  credits.set_member(uuid, uuid, text, uuid),
  credits.remove_member(uuid, uuid, uuid),
  credits.accounts_of(uuid, uuid, integer),
  credits.members_of(uuid, uuid, integer)
  to service_role;

call florin.end_migration();
