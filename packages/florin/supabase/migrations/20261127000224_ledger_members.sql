-- Members: which users may do what with an account. A personal account is its user's: account_id =
-- user_id, and that user is its owner without a row. Whether Florin keeps the members or the app does
-- (credits.read_members_from), credits.role_of is the one answer to what a user is in an account.
-- Changes and spends of one account wait for each other at the account's row, so that a member who was
-- removed spends nothing afterwards, and two owners cannot leave at once.

call florin.begin_migration();

create type credits.member_role as enum ('viewer', 'member', 'admin', 'owner');
comment on type credits.member_role is
  'What a user may do, each more than the one before: read, spend through the app, set limits and see what all members use, buy.';

create table credits.members (
  account_id uuid not null,
  user_id uuid not null,
  role credits.member_role not null,
  added_at timestamptz not null,
  constraint members_pkey primary key (account_id, user_id),
  constraint members_own_their_own_account_without_a_row check (user_id <> account_id)
);
create index members_by_user on credits.members (user_id);
comment on table credits.members is
  'The members of accounts that several users share, where the app does not keep them itself.';

alter table credits.members enable row level security;
create policy members_service_reads on credits.members for select to service_role using (true);
comment on policy members_service_reads on credits.members is
  'The service reads every account. Writing is for functions alone.';
revoke all on credits.members from public, anon, authenticated, service_role;
grant select on credits.members to service_role;

-- The next two are what credits.read_members_from replaces.
create function credits.app_keeps_members()
returns boolean
language plpgsql
stable
set search_path = ''
as $$
begin
  return false;
end;
$$;
comment on function credits.app_keeps_members() is
  'Whether the app keeps the members: then nobody knows beforehand which accounts have any.';

create function credits.kept_members(p_account_id uuid, p_user_id uuid)
returns table (account_id uuid, user_id uuid, role credits.member_role)
language plpgsql
stable
set search_path = ''
set enable_seqscan = off
as $$
#variable_conflict use_column
begin
  if p_user_id is null then
    return query select m.account_id, m.user_id, m.role from credits.members m
      where m.account_id = p_account_id;
  elsif p_account_id is null then
    return query select m.account_id, m.user_id, m.role from credits.members m
      where m.user_id = p_user_id;
  else
    return query select m.account_id, m.user_id, m.role from credits.members m
      where m.account_id = p_account_id and m.user_id = p_user_id;
  end if;
end;
$$;
comment on function credits.kept_members(uuid, uuid) is
  'The members of an account, the accounts of a user, or the one row of both; without personal accounts.';

create function credits.role_of(p_account_id uuid, p_user_id uuid)
returns credits.member_role
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
  if p_account_id = p_user_id then
    return 'owner'::credits.member_role;
  elsif p_account_id is null or p_user_id is null then
    return null;
  end if;
  return (select m.role from credits.kept_members(p_account_id, p_user_id) m);
end;
$$;
comment on function credits.role_of(uuid, uuid) is
  'What the user is in the account: the one rule, for the service, row level security and spends alike. Everybody owns their own account. Null: not a member, or no such account.';

create function credits.raise_not_a_member(p_account_id uuid, p_user_id text)
returns void
language plpgsql
set search_path = ''
as $$
begin
  raise exception 'The user % is not a member of the account %.', p_user_id, p_account_id
    using errcode = 'CRMEM', hint = 'Nothing was written. Add the user to the account, or name another one.';
end;
$$;
comment on function credits.raise_not_a_member(uuid, text) is 'Raises CRMEM.';

create function credits.raise_role_too_low(
  p_role credits.member_role, p_required credits.member_role)
returns void
language plpgsql
set search_path = ''
as $$
begin
  raise exception 'This takes the role %; this user''s is %.', p_required, p_role
    using errcode = 'CRROL',
          detail = json_build_object('role', p_role, 'required', p_required)::text,
          hint = 'Nothing was written. Ask an owner of the account.';
end;
$$;
comment on function credits.raise_role_too_low(credits.member_role, credits.member_role) is
  'Raises CRROL, with role and required as JSON in the detail.';

create function credits.raise_app_keeps_members()
returns void
language plpgsql
set search_path = ''
as $$
begin
  raise exception 'The app keeps the members by itself.'
    using errcode = '22023', hint = 'Nothing was written. Change them where the app keeps them.';
end;
$$;
comment on function credits.raise_app_keeps_members() is 'Raises 22023.';

create function credits.is_user_id(p_actor text)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  return coalesce(
    p_actor ~* '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$', false);
end;
$$;
comment on function credits.is_user_id(text) is
  'Whether the actor is a user, by the id; any other name is an agent or a key of the app''s.';

create function credits.check_user_id(p_actor text)
returns void
language plpgsql
immutable
set search_path = ''
as $$
begin
  if credits.is_user_id(p_actor) and p_actor <> lower(p_actor) then
    -- Limits go by the name as it is written.
    raise exception 'The user id % is not in lower case.', p_actor
      using errcode = '22023', hint = 'Nothing was written. Pass it as Postgres writes a uuid.';
  end if;
end;
$$;
comment on function credits.check_user_id(text) is
  'Refuses a user id that is not in lower case (22023).';

create function credits.refused_actor(p_account_id uuid, p_actor text)
returns text
language plpgsql
stable
set search_path = ''
as $$
declare
  v_role credits.member_role;
begin
  if not credits.is_user_id(p_actor) then
    return null;
  end if;
  v_role := credits.role_of(p_account_id, p_actor::uuid);
  if v_role is null
     and exists (select from credits.kept_members(p_account_id, null) m where m.account_id = p_account_id)
  then
    return 'not_a_member';
  elsif v_role < 'member' then
    return 'role_too_low';
  elsif v_role is not null and p_actor <> lower(p_actor) then
    perform credits.check_user_id(p_actor);
  end if;
  return null;
end;
$$;
comment on function credits.refused_actor(uuid, text) is
  'Why a user may not use the credits of an account that has members, as credits.check_actor says it: not_a_member, role_too_low, or null. Call it with the account locked.';

create function credits.check_actor(p_account_id uuid, p_actor text)
returns void
language plpgsql
stable
set search_path = ''
as $$
declare
  v_refused text := credits.refused_actor(p_account_id, p_actor);
begin
  if v_refused = 'not_a_member' then
    perform credits.raise_not_a_member(p_account_id, p_actor);
  elsif v_refused = 'role_too_low' then
    perform credits.raise_role_too_low(credits.role_of(p_account_id, p_actor::uuid), 'member');
  end if;
end;
$$;
comment on function credits.check_actor(uuid, text) is
  'Refuses to use credits as a user who is not a member (CRMEM) or only reads (CRROL), where the account has members. An actor that is no uuid is an agent or a key of the app''s, which answers for it. Call it with the account locked.';

create function credits.check_change_of_member(
  p_account_id uuid, p_user_id uuid, p_role credits.member_role, p_by uuid)
returns void
language plpgsql
stable
set search_path = ''
as $$
declare
  v_role credits.member_role := credits.role_of(p_account_id, p_user_id);
  v_own credits.member_role := credits.role_of(p_account_id, p_by);
  v_required credits.member_role :=
    case when 'owner' in (v_role, p_role) then 'owner'::credits.member_role
         else 'admin'::credits.member_role end;
begin
  if p_by is not null and v_own is null then
    perform credits.raise_not_a_member(p_account_id, p_by::text);
  elsif v_own < v_required and (p_by <> p_user_id or p_role is not null) then
    perform credits.raise_role_too_low(v_own, v_required);
  end if;
  if p_account_id = p_user_id
     or v_role = 'owner' and p_role is distinct from 'owner' and p_by is distinct from p_account_id
        and not exists (
          select from credits.kept_members(p_account_id, null) m
           where m.role = 'owner' and m.user_id <> p_user_id) then
    raise exception 'The account % would have no owner.', p_account_id
      using errcode = 'CROWN', hint = 'Nothing was written. Make another member the owner first.';
  end if;
end;
$$;
comment on function credits.check_change_of_member(uuid, uuid, credits.member_role, uuid) is
  'Refuses what p_by may not change: admins change members below owner, owners all, everyone leaves (CRROL, CRMEM); and what would leave no owner (CROWN). p_by null: the service. Call it with the account locked.';

create function credits.set_member(
  p_account_id uuid, p_user_id uuid, p_role text, p_by uuid default null)
returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := clock_timestamp();
begin
  if p_account_id is null or p_user_id is null then
    raise exception 'The account id or the user id is missing.'
      using errcode = '22004', hint = 'Nothing was written. Pass both.';
  elsif p_role is null or p_role not in ('viewer', 'member', 'admin', 'owner') then
    raise exception 'There is no role %.', coalesce(p_role, 'null')
      using errcode = '22023', hint = 'Nothing was written. Pass viewer, member, admin or owner.';
  elsif credits.app_keeps_members() then
    perform credits.raise_app_keeps_members();
  elsif p_account_id = p_user_id and p_role = 'owner' then
    return;
  end if;
  perform credits.lock_account(p_account_id, true);
  perform credits.check_change_of_member(
    p_account_id, p_user_id, p_role::credits.member_role, p_by);
  insert into credits.members as m (account_id, user_id, role, added_at)
    values (p_account_id, p_user_id, p_role::credits.member_role, v_now)
    on conflict (account_id, user_id) do update set role = excluded.role;
  update credits.accounts a set limited = true
   where a.account_id = p_account_id and not a.limited;
end;
$$;
comment on function credits.set_member(uuid, uuid, text, uuid) is
  'Adds a member, or gives one another role, on behalf of p_by (null: of the service). Makes a new account. Repeatable. Errors: CRMEM, CRROL, CROWN, 22004, 22023 (no such role, or the app keeps the members).';

create function credits.remove_member(p_account_id uuid, p_user_id uuid, p_by uuid default null)
returns boolean
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_removed boolean;
begin
  if credits.app_keeps_members() then
    perform credits.raise_app_keeps_members();
  end if;
  perform credits.lock_account(p_account_id, false);
  perform credits.check_change_of_member(p_account_id, p_user_id, null, p_by);
  delete from credits.members m where m.account_id = p_account_id and m.user_id = p_user_id;
  v_removed := found;
  update credits.accounts a set limited = false
   where a.account_id = p_account_id and a.limited
     and not exists (select from credits.members m where m.account_id = p_account_id)
     and not exists (select from credits.limits l where l.account_id = p_account_id);
  return v_removed;
end;
$$;
comment on function credits.remove_member(uuid, uuid, uuid) is
  'Removes a member on behalf of p_by (null: of the service), who may be that member; false when there was none. What they used stays in the entries; their limits stay for their return. Repeatable. Errors: CRMEM, CRROL, CROWN, 22023 (the app keeps the members).';

call florin.end_migration();
