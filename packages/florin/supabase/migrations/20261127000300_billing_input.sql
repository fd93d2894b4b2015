-- Input: what TypeScript hands over as jsonb is refused when a key of it is not known.

call florin.begin_migration();

create function billing.raise_unknown_keys(p_name text, p_input jsonb, p_known text[])
returns void
language plpgsql
set search_path = ''
as $$
begin
  raise exception 'Unknown keys in %: %.', p_name,
    (select string_agg(k.key, ', ' order by k.key) from jsonb_object_keys(p_input - p_known) as k (key))
    using errcode = '22023',
          hint = 'Nothing was written. Florin''s code and its schema are of different versions: run florin migrate.';
end;
$$;
comment on function billing.raise_unknown_keys(text, jsonb, text[]) is 'Raises 22023 and names the keys.';

create function billing.check_keys(p_name text, p_input jsonb, p_known text[])
returns boolean
language plpgsql
immutable
set search_path = ''
as $$
begin
  if p_input - p_known <> '{}' then
    perform billing.raise_unknown_keys(p_name, p_input, p_known);
  end if;
  return true;
end;
$$;
comment on function billing.check_keys(text, jsonb, text[]) is
  'True, or raises 22023 for a key that is not known: a misspelt one would otherwise be ignored, and what it says lost. Changes nothing.';

call florin.end_migration();
