-- What an event does to the ledger: each command, through the ledger's functions only.

call florin.begin_migration();

create function billing.unspent_of_period(
  p_account_id uuid, p_subscription_id text, p_price_id text, p_period_end timestamptz)
returns bigint
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_account credits.accounts := credits.lock_account(p_account_id, true);
  v_unspent bigint;
begin
  if credits.needs_settling(v_account, v_now) then
    v_account := credits.settle(v_account, v_now);
    perform credits.save_account(v_account);
  end if;
  select coalesce(sum(g.expired), 0) into v_unspent
    from credits.grants g
    join credits.entries e on e.account_id = g.account_id and e.entry_no = g.issued_no
   where g.account_id = p_account_id
     and g.source in ('subscription', 'rollover')
     and e.metadata ->> 'stripe_subscription_id' = p_subscription_id
     and e.metadata ->> 'stripe_price_id' = p_price_id
     and g.expires_at between p_period_end - interval '1 day' and p_period_end + interval '1 day';
  return v_unspent;
end;
$$;
comment on function billing.unspent_of_period(uuid, text, text, timestamptz) is
  'The credits of a subscription''s price that expired unspent when a period ended. Writes down what has expired, with the account locked. Internal.';

create function billing.check_purchase(p_command jsonb)
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  return billing.check_keys('a command', p_command, array['do', 'accountId', 'amount', 'key',
    'purchaseKey', 'cause', 'source', 'priority', 'expiresAt', 'metadata', 'periodEnd']);
end;
$$;
comment on function billing.check_purchase(jsonb) is
  'True, or raises 22023 for a key that no command for a purchase has. Internal: part of apply_commands.';

create function billing.issue_together(p_commands jsonb)
returns void
language plpgsql
set search_path = ''
as $$
declare
  v_all record;
begin
  perform billing.check_purchase(c.value) from jsonb_array_elements(p_commands) c;
  select (min(c.value ->> 'accountId'))::uuid as account_id,
         array_agg((c.value ->> 'amount')::bigint order by c.n) as amounts,
         array_agg(c.value ->> 'key' order by c.n) as keys,
         array_agg(c.value ->> 'source' order by c.n) as sources,
         array_agg((c.value ->> 'priority')::integer order by c.n) as priorities,
         array_agg((c.value ->> 'expiresAt')::timestamptz order by c.n) as expiries,
         array_agg(c.value -> 'metadata' order by c.n) as metadata,
         array_agg((c.value ->> 'cause')::credits.cause order by c.n) as causes,
         array_agg(c.value ->> 'purchaseKey' order by c.n) as purchase_keys
    into v_all
    from jsonb_array_elements(p_commands) with ordinality as c (value, n);
  perform credits.give_batch(v_all.account_id, v_all.amounts, v_all.keys, v_all.sources,
    v_all.priorities, v_all.expiries, v_all.metadata, v_all.causes, v_all.purchase_keys);
end;
$$;
comment on function billing.issue_together(jsonb) is
  'Gives the credits of several purchases to their one account. Internal: part of apply_commands.';

create function billing.grant_of_command(p_command jsonb)
returns uuid
language plpgsql
stable
set search_path = ''
as $$
declare
  v_grant_id uuid;
begin
  perform billing.check_keys('a command', p_command, array['do', 'accountId', 'amount', 'key',
    'grantKey', 'cause', 'metadata']);
  select e.grant_id into strict v_grant_id
    from credits.entries e
   where e.account_id = (p_command ->> 'accountId')::uuid
     and e.idempotency_key = p_command ->> 'grantKey';
  return v_grant_id;
end;
$$;
comment on function billing.grant_of_command(jsonb) is
  'The grant that a command takes back or gives back, by its key. Internal: part of apply_commands.';

create function billing.lock_accounts_of(p_commands jsonb)
returns uuid[]
language plpgsql
set search_path = ''
as $$
declare
  v_command jsonb;
  v_account_id uuid;
  v_entry credits.entries;
  v_accounts uuid[] := array[]::uuid[];
begin
  for v_command in select c.value from jsonb_array_elements(p_commands) c loop
    v_account_id := (v_command ->> 'accountId')::uuid;
    v_accounts := v_accounts || v_account_id;
    if v_command ->> 'do' in ('reverse', 'restore') then
      -- A grant that is only about to be issued was never moved.
      select * into v_entry from credits.entries e
       where e.account_id = v_account_id and e.idempotency_key = v_command ->> 'grantKey';
      if found then
        v_accounts := v_accounts || credits.holders_of(v_account_id, v_entry.grant_id);
      end if;
    end if;
  end loop;
  perform credits.lock_in_order(v_accounts);
  return v_accounts;
end;
$$;
comment on function billing.lock_accounts_of(jsonb) is
  'Locks every account that these commands write to, those that credits were moved to counted in, in the ledger''s order; which they are. Internal: part of apply_commands.';

create function billing.apply_commands(p_commands jsonb)
returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_command jsonb;
  v_account_id uuid;
  v_amount bigint;
  v_locked uuid[];
  v_count integer := jsonb_array_length(p_commands);
begin
  -- Where all are issues for one account, as of a purchase, credits.give locks it.
  if (v_count > 1 or p_commands #>> '{0,do}' <> 'issue') and jsonb_path_exists(p_commands,
       '$[*] ? (@.do == "reverse" || @.do == "restore" || @.accountId != $[0].accountId)') then
    v_locked := billing.lock_accounts_of(p_commands);
  end if;
  -- An invoice of many lines, of which nothing has gone back yet. Up to three cost less one by one.
  if v_count > 3 and not jsonb_path_exists(p_commands,
       '$[*] ? (!(@.do == "issue" && @.accountId == $[0].accountId))') then
    perform billing.issue_together(p_commands);
    return;
  end if;
  for v_place in 0 .. v_count - 1 loop
    v_command := p_commands -> v_place;
    v_account_id := (v_command ->> 'accountId')::uuid;
    v_amount := (v_command ->> 'amount')::bigint;
    if v_command ->> 'do' in ('issue', 'rollover') and billing.check_purchase(v_command) then
      if v_command ->> 'do' = 'rollover' then
        v_amount := least(v_amount, billing.unspent_of_period(v_account_id,
          v_command #>> '{metadata,stripe_subscription_id}',
          v_command #>> '{metadata,stripe_price_id}',
          to_timestamp((v_command ->> 'periodEnd')::double precision)));
        continue when v_amount < 1;
      end if;
      perform credits.give(
        p_account_id => v_account_id,
        p_amount => v_amount,
        p_idempotency_key => v_command ->> 'key',
        p_source => v_command ->> 'source',
        p_priority => (v_command ->> 'priority')::integer,
        p_effective_at => null,
        p_expires_at => (v_command ->> 'expiresAt')::timestamptz,
        p_metadata => v_command -> 'metadata',
        p_cause => (v_command ->> 'cause')::credits.cause,
        p_purchase_key => v_command ->> 'purchaseKey');
    elsif v_command ->> 'do' = 'reverse' then
      perform credits.reverse(v_account_id, billing.grant_of_command(v_command), v_amount,
        v_command ->> 'key', v_command -> 'metadata', (v_command ->> 'cause')::credits.cause,
        v_locked);
    elsif v_command ->> 'do' = 'restore' then
      perform credits.restore(v_account_id, billing.grant_of_command(v_command), v_amount,
        v_command ->> 'key', v_command -> 'metadata', (v_command ->> 'cause')::credits.cause,
        v_locked);
    else
      raise exception 'There is no command %.', coalesce(v_command ->> 'do', '(none)')
        using errcode = '22023', hint = 'Nothing was written. See src/fulfillment/command.ts.';
    end if;
  end loop;
end;
$$;
comment on function billing.apply_commands(jsonb) is
  'Carries out the commands of one event on the ledger, in order. Raises 22023 for a verb or a key that is not known. Internal: called in the transaction of its event.';

call florin.end_migration();
