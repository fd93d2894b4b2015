-- Finding the events about a Stripe object: what an operator has in hand is its id.

select set_config('florin.migrator', current_user, false);
do $$
begin
  if current_setting('server_version_num')::int < 160000 then
    execute format('grant florin_owner to %I', current_user);
  end if;
end;
$$;
set role florin_owner;

create index events_by_object on billing.events (object_id) where object_id is not null;
comment on index billing.events_by_object is
  'For the operator''s search by a Stripe id; nothing that handles an event reads it.';

select set_config('role', current_setting('florin.migrator'), false);
do $$
begin
  if current_setting('server_version_num')::int < 160000 then
    execute format('revoke florin_owner from %I', current_user);
  end if;
end;
$$;
