-- Deliveries that wait at the same time, written in one commit.

call florin.begin_migration();

create function billing.apply_events(p_deliveries jsonb)
returns text[]
language plpgsql
security definer
set search_path = ''
-- Whoever holds a row for longer holds up one delivery, which is then written alone, and not the others.
set lock_timeout = '50ms'
as $$
declare
  v_outcomes text[] := array_fill(null::text, array[jsonb_array_length(p_deliveries)]);
  v_delivery jsonb;
  v_n integer := 0;
begin
  for v_delivery in select d.value from jsonb_array_elements(p_deliveries) d loop
    v_n := v_n + 1;
    begin
      v_outcomes[v_n] := billing.apply_event(
        nullif(v_delivery -> 'event', 'null'), v_delivery -> 'plan');
    exception
      when serialization_failure then
        null;
      when lock_not_available or deadlock_detected then
        -- The rows of those before it are locked: they are not kept waiting again.
        return v_outcomes;
    end;
  end loop;
  return v_outcomes;
end;
$$;
comment on function billing.apply_events(jsonb) is
  'Several deliveries, each an object of event (null when the inbox has it) and plan, by billing.apply_event in one transaction, in the order given: by account. Answers the outcome of each; null for one that fell out, of which nothing is written: its payment has changed, its rows are locked, or it stands behind one whose rows are. Any other error is that of all.';

call florin.end_migration();
