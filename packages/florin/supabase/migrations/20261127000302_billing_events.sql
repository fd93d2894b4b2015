-- The inbox: each Stripe event once, as it came, until it is processed.

call florin.begin_migration();

-- squawk-ignore ban-create-domain-with-constraint
create domain billing.event_status as text constraint event_status
  check (value in ('received', 'processed', 'skipped', 'failed', 'dead'));
comment on domain billing.event_status is
  'processed, skipped, failed (tried again) or dead (given up; replay it). received: put back by a replay, until it is processed.';

create table billing.events (
  event_id text not null,
  type text not null,
  api_version text,
  livemode boolean not null,
  stripe_account text,
  object_id text,
  created_at timestamptz not null,
  received_at timestamptz not null default clock_timestamp(),
  status billing.event_status not null,
  attempts integer not null default 0,
  next_attempt_at timestamptz,
  processed_at timestamptz,
  account_id uuid,
  customer_id text,
  reason text,
  error_code text,
  error text,
  needs_attention boolean not null default false,
  payload json not null,
  body bytea,
  snapshot_event_id text,
  constraint events_pkey primary key (event_id),
  constraint events_open_ones_have_a_next_attempt
    check ((status in ('received', 'failed')) = (next_attempt_at is not null))
);
create index events_due on billing.events (next_attempt_at) where status in ('received', 'failed');
create index events_by_arrival on billing.events (received_at);
create index events_unfinished_by_customer on billing.events (customer_id)
  where status in ('failed', 'dead') and customer_id is not null;
-- For the console's filters. What is processed at once, nearly all, is in the last two alone.
create index events_by_status on billing.events (status, received_at) where status <> 'processed';
create index events_by_account on billing.events (account_id, received_at)
  where account_id is not null;
create index events_by_type on billing.events (type, received_at);
create index events_needing_attention on billing.events (received_at) where needs_attention;
comment on table billing.events is
  'The inbox: each Stripe event once, by its id, as it came.';
comment on column billing.events.created_at is 'When it happened, by Stripe''s clock.';
comment on column billing.events.reason is 'What was done, or why nothing was.';
comment on column billing.events.payload is
  'As it came, without line breaks. As json and not jsonb: it is written once, as text, and read whole.';
comment on column billing.events.body is
  'The bytes as they came, where payload lacks something that jsonb cannot hold; else null.';
comment on column billing.events.needs_attention is
  'A person has to do something (error says what) before another attempt can succeed.';

create index events_thin_by_snapshot on billing.events (snapshot_event_id)
  where snapshot_event_id is not null;
comment on index billing.events_thin_by_snapshot is
  'A thin event names the snapshot event that tells the same: reconcile asks which have come.';
create index events_by_object on billing.events (object_id) where object_id is not null;
comment on index billing.events_by_object is
  'For the operator''s search by a Stripe id; nothing that handles an event reads it.';

create function billing.claim_events(p_limit integer, p_lease interval)
returns table (event_id text, attempts integer, payload json, body bytea)
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := clock_timestamp();
begin
  return query
    update billing.events e
       set attempts = e.attempts + 1, next_attempt_at = v_now + p_lease
     where e.event_id in (
       select d.event_id from billing.events d
        where d.status in ('received', 'failed') and d.next_attempt_at <= v_now
        order by d.next_attempt_at
        limit p_limit
        for update skip locked)
    returning e.event_id, e.attempts, e.payload, e.body;
end;
$$;
comment on function billing.claim_events(integer, interval) is
  'Events that are due, leased to the caller: no other worker gets them until the lease is over, and one whose worker dies is claimed again then.';

create function billing.replay_event(p_event_id text)
returns boolean
language plpgsql
security definer
set search_path = ''
as $$
declare
  v_now timestamptz := clock_timestamp();
begin
  update billing.events e
     set status = 'received', attempts = 0, next_attempt_at = v_now, processed_at = null
   where e.event_id = p_event_id;
  return found;
end;
$$;
comment on function billing.replay_event(text) is
  'Puts an event back to be processed, whatever became of it; harmless, since what it granted is granted once. False when there is no such event.';

call florin.end_migration();
