-- The rates that charges were made with: a version of a rate that is in use keeps its price.

call florin.begin_migration();

create table billing.rates (
  meter text not null,
  version integer not null,
  model text not null,
  rate jsonb not null,
  used_from timestamptz not null,
  constraint rates_pkey primary key (meter, version, model)
);
comment on table billing.rates is
  'Every rate that a charge was ever priced by. Entries carry their own rate: this is what tells a changed price from a new one.';
comment on column billing.rates.model is 'Of a meter with a rate for each model: which; empty for others.';
comment on column billing.rates.used_from is 'When a charge was first priced by it.';

create function billing.keep_rate(
  p_meter text, p_version integer, p_model text, p_rate jsonb)
returns boolean
language plpgsql
security definer
set search_path = ''
as $$
begin
  insert into billing.rates (meter, version, model, rate, used_from)
    values (p_meter, p_version, p_model, p_rate, clock_timestamp())
    on conflict do nothing;
  return (
    select r.rate = p_rate from billing.rates r
     where r.meter = p_meter and r.version = p_version and r.model = p_model);
end;
$$;
comment on function billing.keep_rate(text, integer, text, jsonb) is
  'Keeps the rate of a version from its first use on. False: the version is in use with another price. Repeatable.';

call florin.end_migration();
