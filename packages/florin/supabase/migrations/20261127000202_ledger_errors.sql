-- Errors: stable SQLSTATEs, messages that say what to do.

call florin.begin_migration();

create function credits.check_input(
  p_account_id uuid, p_amount bigint, p_idempotency_key text, p_cause credits.cause default null)
returns void
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
end;
$$;
comment on function credits.check_input(uuid, bigint, text, credits.cause) is
  'Raises 22004, CRAMT or CRKEY for input that no write accepts. The key begins with florin: exactly when Florin writes by itself (p_cause). Changes nothing.';

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
