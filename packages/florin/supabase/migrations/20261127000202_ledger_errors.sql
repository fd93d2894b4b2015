-- Errors: stable SQLSTATEs, messages that say what to do.

call florin.begin_migration();

create function credits.check_input(
  p_account_id uuid, p_amount bigint, p_idempotency_key text, p_cause credits.cause default null)
returns boolean
language plpgsql
set search_path = ''
as $$
begin
  if p_account_id is null then
    raise exception 'The account id is missing.'
      using errcode = '22004', hint = 'Pass the account''s uuid, by default the Supabase user''s id.';
  end if;
  if p_amount is null or p_amount < 1 or p_amount > 9007199254740991 then
    raise exception 'The amount % is not allowed.', coalesce(p_amount::text, 'null')
      using errcode = 'CRAMT', hint = 'Pass a whole number of credits from 1 to 9007199254740991.';
  end if;
  if p_idempotency_key is null or p_idempotency_key = '' or length(p_idempotency_key) > 255 then
    raise exception 'The idempotency key must have 1 to 255 characters.'
      using errcode = 'CRKEY',
            hint = 'Name the intent from your business, for example scan:<job id>, and repeat it on every retry.';
  end if;
  if starts_with(p_idempotency_key, 'florin:') and p_cause is null then
    raise exception 'Idempotency keys that begin with florin: belong to Florin.'
      using errcode = 'CRKEY', hint = 'Choose another prefix.';
  elsif p_cause is not null and not starts_with(p_idempotency_key, 'florin:') then
    raise exception 'Florin''s own keys begin with florin:, not %.', p_idempotency_key
      using errcode = 'CRKEY', hint = 'Keys without it belong to the app.';
  end if;
  return true;
end;
$$;
comment on function credits.check_input(uuid, bigint, text, credits.cause) is
  'True, or raises 22004, CRAMT or CRKEY for input that no write accepts. The key begins with florin: exactly when Florin writes by itself (p_cause). Changes nothing.';

create function credits.check_usage(
  p_actor text, p_feature text, p_meter text, p_quantity numeric, p_pricing jsonb)
returns void
language plpgsql
set search_path = ''
as $$
begin
  if length(p_actor) not between 1 and 200 or length(p_feature) not between 1 and 200
     or length(p_meter) not between 1 and 200 then
    raise exception 'The names of actor, feature and meter have 1 to 200 characters.'
      using errcode = '22023', hint = 'Nothing was written. Leave out what does not apply.';
  end if;
  if '*' in (p_actor, p_feature) then
    raise exception 'No actor and no feature is called *.'
      using errcode = '22023', hint = 'Nothing was written. In a limit it stands for each of them.';
  end if;
  if num_nonnulls(p_meter, p_quantity, p_pricing) not in (0, 3) then
    raise exception 'Meter, quantity and pricing belong together.'
      using errcode = '22023', hint = 'Nothing was written. Pass all three or none.';
  end if;
  if p_quantity < 0 or p_quantity >= 1e24 then
    raise exception 'The quantity % is not allowed.', p_quantity
      using errcode = '22023', hint = 'Nothing was written. Pass a number from 0 to below 1e24.';
  end if;
end;
$$;
comment on function credits.check_usage(text, text, text, numeric, jsonb) is
  'Raises 22023 for what no entry may say of its usage. Changes nothing.';

create function credits.raise_insufficient(p_available bigint, p_required bigint)
returns void
language plpgsql
set search_path = ''
as $$
begin
  raise exception 'Insufficient credits: % available, % required.', p_available, p_required
    using errcode = 'CRINS',
          detail = json_build_object('available', p_available, 'required', p_required)::text,
          hint = 'Nothing was written. Grant or buy credits, then retry with the same key.';
end;
$$;
comment on function credits.raise_insufficient(bigint, bigint) is
  'Raises CRINS with available and required as JSON in the detail.';

create function credits.raise_key_reused(p_idempotency_key text)
returns void
language plpgsql
set search_path = ''
as $$
begin
  raise exception 'The idempotency key % was used before with other input.', p_idempotency_key
    using errcode = 'CRDUP',
          hint = 'Nothing was written. Use a new key for a new intent, or repeat the first input to read its result.';
end;
$$;
comment on function credits.raise_key_reused(text) is 'Raises CRDUP.';

create function credits.raise_moving()
returns void
language plpgsql
set search_path = ''
as $$
begin
  raise exception 'Credits of the grant are being moved at this moment.'
    using errcode = '40001', hint = 'Nothing was written. Repeat the call.';
end;
$$;
comment on function credits.raise_moving() is 'Raises 40001.';

create function credits.raise_closed(p_account_id uuid)
returns void
language plpgsql
set search_path = ''
as $$
begin
  raise exception 'The account % is closed.', p_account_id
    using errcode = 'CRACC', hint = 'Its ledger is kept and takes no more writes. Use another account.';
end;
$$;
comment on function credits.raise_closed(uuid) is 'Raises CRACC.';

call florin.end_migration();
