-- The runs of reconcile: what each found, so that the console can say it after a restart, and when
-- each began, so that of all services one makes the next comparison.

call florin.begin_migration();

create table billing.reconcile_runs (
  run_id uuid not null,
  kind text not null,
  since_days integer not null,
  started_by text,
  started_at timestamptz not null,
  finished_at timestamptz,
  found integer,
  findings jsonb,
  error_code text,
  error text,
  constraint reconcile_runs_pkey primary key (run_id),
  constraint reconcile_runs_kind_is_known check (kind in ('hourly', 'daily', 'by_hand')),
  constraint reconcile_runs_end_with_findings_or_an_error
    check (finished_at is null and findings is null and error is null
      or finished_at is not null and (findings is null) = (error is not null)),
  constraint reconcile_runs_count_what_they_found check ((found is null) = (findings is null))
);
comment on table billing.reconcile_runs is
  'Comparisons of Stripe with billing and the ledger, of the last 30 days. One without an end is under way, or its process was stopped.';
comment on column billing.reconcile_runs.run_id is 'Names the run to whoever ends it.';
comment on column billing.reconcile_runs.kind is
  'hourly: the last day. daily: all that Stripe keeps, and all of the ledger. by_hand: an operator asked.';
comment on column billing.reconcile_runs.since_days is 'How many days back Stripe was asked about.';
comment on column billing.reconcile_runs.started_by is
  'The operator who asked; null for a scheduled run.';
comment on column billing.reconcile_runs.started_at is 'When it began, by the database''s clock.';
comment on column billing.reconcile_runs.finished_at is 'When it ended; null until then.';
comment on column billing.reconcile_runs.found is
  'How many findings there were; findings keeps the first of them.';
comment on column billing.reconcile_runs.findings is
  'A list of {kind, subject, accountId, ids, credits, explanation, remedy, repairable}, without Stripe''s payloads.';
comment on column billing.reconcile_runs.error_code is
  'Why it compared nothing, as docs/errors.md names it.';
comment on column billing.reconcile_runs.error is 'The same in words.';

create function billing.begin_reconcile(
  p_kind text, p_since_days integer, p_started_by text, p_gap interval)
returns uuid
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz;
  v_run_id uuid := gen_random_uuid();
begin
  -- Whoever comes second waits here, and then sees the first one's row.
  lock table billing.reconcile_runs in share row exclusive mode;
  v_now := clock_timestamp();
  if exists (
       select 1 from billing.reconcile_runs r
        where r.started_at > v_now - p_gap
          and case p_kind
                when 'by_hand' then r.kind = 'by_hand' and r.finished_at is null
                when 'daily' then r.kind = 'daily'
                  and (r.error is null or r.started_at > v_now - interval '1 hour')
                else r.kind in ('hourly', 'daily')
              end) then
    return null;
  end if;
  insert into billing.reconcile_runs (run_id, kind, since_days, started_by, started_at)
    values (v_run_id, p_kind, p_since_days, p_started_by, v_now);
  return v_run_id;
end;
$$;
comment on function billing.begin_reconcile(text, integer, text, interval) is
  'Begins a run of reconcile and returns its id, for one caller of all. Null: an hourly or daily one began less than p_gap ago (a daily one counts as hourly too, and one that failed is made again after an hour), or one by hand has been under way for less. Not repeatable: each id is one run.';

create function billing.finish_reconcile(
  p_run_id uuid, p_found integer, p_findings jsonb, p_error_code text, p_error text)
returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := clock_timestamp();
begin
  update billing.reconcile_runs r
     set finished_at = v_now, found = p_found, findings = p_findings,
         error_code = p_error_code, error = p_error
   where r.run_id = p_run_id and r.finished_at is null;
  delete from billing.reconcile_runs r
   where r.started_at < v_now - interval '30 days';
end;
$$;
comment on function billing.finish_reconcile(uuid, integer, jsonb, text, text) is
  'Ends a run with what it found (p_found, p_findings) or with why it compared nothing (p_error_code, p_error), and forgets runs of more than 30 days ago. Repeatable: the first end counts.';

call florin.end_migration();
