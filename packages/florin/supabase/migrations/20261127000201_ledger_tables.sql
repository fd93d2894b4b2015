-- The ledger's tables: accounts, append-only entries, grants, holds, and which grant pays for what.
--
-- The burn axis. A spend does not choose grants. Each account has an axis, the running number of
-- credits ever reserved or spent; a spend takes the next stretch of it. Which grant paid for which
-- stretch only depends on the burn order, and that changes only when a grant comes, becomes
-- effective, expires or is taken back. At those moments, and when someone asks, the account is
-- settled: the stretch burned since then is allocated to the grants in burn order. So a spend updates
-- one row and inserts one row, and the lineage is still exact. docs/ledger.md works an example.
--
-- Lock order: the account's row first. Its holder may write the account's other rows.
--
-- Functions that every purchase calls plan their statements once, and by index (plan_cache_mode,
-- enable_seqscan): left to itself, Postgres plans some of them anew at each call, and a plan that was
-- made while a table was empty goes on reading all of it. For the same reason a read that finds entries
-- by number orders by it: to a plan of a small table each index of the account costs the same.

call florin.begin_migration();

create type credits.entry_kind as enum (
  'grant', 'spend', 'capture', 'expiry', 'void', 'reversal', 'adjustment', 'transfer',
  'schedule', 'hold', 'extension', 'release', 'close', 'erasure'
);
comment on type credits.entry_kind is
  'What an entry records. The last six move no credits: a grant of the future, a hold placed, extended or ended, the account closed, a person erased.';

create type credits.cause as enum ('payment', 'correction', 'unpaid', 'expiry', 'reversal');
comment on type credits.cause is
  'Why Florin itself wrote an entry: a payment or its money that went back, a correction by reconcile, a payment that Stripe does not call paid, a hold whose time was up, a reversal that undid a void. No cause: the app asked for it.';

create type credits.hold_status as enum ('open', 'captured', 'released', 'expired');
comment on type credits.hold_status is 'A hold is open, and ends once in one of the other three.';

create type credits.overage as enum ('refuse', 'up_to_available', 'debt');
comment on type credits.overage is
  'What a capture does with more than its hold reserved: refuse it, take what is available, or take all and leave a debt within the account''s limit.';

-- Its rule will not change, and says once what each counter must be.
-- squawk-ignore ban-create-domain-with-constraint
create domain credits.zero_or_more as bigint constraint zero_or_more check (value >= 0);
comment on domain credits.zero_or_more is 'Credits that are never negative.';

-- squawk-ignore ban-create-domain-with-constraint
create domain credits.above_zero as bigint constraint above_zero check (value > 0);
comment on domain credits.above_zero is 'Credits that somebody was given.';

-- fillfactor and the absence of indexes on columns that a spend changes keep its updates HOT; the
-- columns that change stand last, so that the write-ahead log carries little more than them. No
-- check constraints: Postgres parses a table's checks anew in every statement, a fifth of a spend.
-- A domain is checked only where its column is written, and a spend cannot break what is left to
-- its where clause, credits.save_account and credits.verify_ledger. The other tables that a purchase
-- writes to have domains too where one column says it all (docs/decisions/0170).
create table credits.accounts (
  account_id uuid not null,
  closed_at timestamptz,
  debt_limit bigint,
  limited boolean not null default false,
  next_change_at timestamptz not null default 'infinity',
  next_expiry_at timestamptz,
  settled bigint not null default 0,
  debt credits.zero_or_more not null default 0,
  held credits.zero_or_more not null default 0,
  posted bigint not null default 0,
  axis bigint not null default 0,
  entry_no bigint not null default 0,
  chain bytea not null default '\x',
  constraint accounts_pkey primary key (account_id)
) with (fillfactor = 50);
create index accounts_due on credits.accounts (next_change_at) where next_change_at < 'infinity';
comment on table credits.accounts is
  'One row an account: its balance, its place on the burn axis and the head of its chain. Opaque ids, by default the Supabase user''s; no foreign key, so that the ledger outlives the user.';
comment on column credits.accounts.debt_limit is
  'How far below 0 a capture with the overage debt may take what is available; null: as far as the caller allows, by default not at all.';
comment on column credits.accounts.limited is
  'Whether it has limits or members: its spends are then checked against them; other accounts are spared that check.';
comment on column credits.accounts.next_change_at is
  'The next instant at which time alone changes the balance: a grant expires or becomes effective, a hold expires. Never later than the truth.';
comment on column credits.accounts.next_expiry_at is
  'The soonest expiry among grants with credits left, as of the last settlement.';
comment on column credits.accounts.settled is 'How much of the axis is allocated to grants.';
comment on column credits.accounts.debt is 'Settled credits of the axis that no grant pays for.';
comment on column credits.accounts.axis is 'Credits ever reserved or spent: the end of the burn axis.';
comment on column credits.accounts.chain is 'The hash of the last entry, which covers all before it.';

create table credits.entries (
  account_id uuid not null,
  entry_no bigint not null,
  amount bigint not null,
  axis_from bigint,
  posted_after bigint not null,
  held_after bigint not null,
  created_at timestamptz not null,
  kind credits.entry_kind not null,
  cause credits.cause,
  grant_id uuid,
  grant_delta bigint,
  hold_id uuid,
  idempotency_key text collate "C" not null,
  subject_seal bytea,
  metadata jsonb,
  actor text,
  feature text,
  meter text,
  quantity numeric,
  pricing jsonb,
  chain bytea not null,
  metadata_digest bytea,
  actor_digest bytea,
  constraint entries_pkey primary key (account_id, entry_no),
  constraint entries_idempotency_key_once unique (account_id, idempotency_key)
);
comment on table credits.entries is
  'The journal: immutable signed rows, numbered and hash-chained within their account. Nobody may update or delete.';
comment on column credits.entries.axis_from is
  'Where the stretch of the burn axis begins that this spend, capture or hold takes.';
comment on column credits.entries.cause is
  'Set where Florin wrote the entry by itself; its key then begins with florin:, which no app may use.';
comment on column credits.entries.grant_delta is
  'What the entry did to the claim of the grant it names: given, expired, voided, taken back, restored.';
comment on column credits.entries.subject_seal is
  'Hash of what may never change of the grant or hold that the entry brought about.';
comment on column credits.entries.actor is
  'Who used the credits, by the app''s name for them: a user, an agent, an API key.';
comment on column credits.entries.feature is 'What the credits were used in, by the app''s name for it.';
comment on column credits.entries.meter is 'What was measured, as the rate card calls it.';
comment on column credits.entries.quantity is 'How much of it, in the meter''s units.';
comment on column credits.entries.pricing is
  'The version and the rate that the amount was computed with, and what was used where one quantity does not say it: all that computes the amount again.';
comment on column credits.entries.chain is 'sha256 over the chain before and this row.';
comment on column credits.entries.metadata_digest is
  'sha256 of the metadata before a person in it was erased: the chain is over it.';
comment on column credits.entries.actor_digest is 'sha256 of the actor before they were erased.';

create table credits.grants (
  account_id uuid not null,
  grant_id uuid not null,
  issued_no bigint not null,
  source text not null,
  priority integer not null,
  amount credits.above_zero not null,
  effective_at timestamptz not null,
  expires_at timestamptz,
  created_at timestamptz not null,
  purchase_key text,
  effective boolean not null,
  remaining credits.zero_or_more not null,
  burned credits.zero_or_more not null default 0,
  expired credits.zero_or_more not null default 0,
  voided credits.zero_or_more not null default 0,
  reversed credits.zero_or_more not null default 0,
  moved credits.zero_or_more not null default 0,
  taken_from_voided credits.zero_or_more not null default 0,
  home_account_id uuid,
  home_grant_id uuid,
  constraint grants_pkey primary key (account_id, grant_id),
  constraint grants_every_credit_is_somewhere
    check (remaining + burned + expired + voided + reversed + moved = amount)
);
create index grants_in_burn_order on credits.grants
  (account_id, priority, coalesce(expires_at, 'infinity'), issued_no) where remaining > 0;
create index grants_by_home on credits.grants (home_account_id, home_grant_id)
  where home_account_id is not null;
comment on table credits.grants is
  'Credits given: how many, from what source, from when until when, burned in which order, and where each of them is now.';
comment on column credits.grants.issued_no is 'Number of the entry that issued it: the age within the account.';
comment on column credits.grants.purchase_key is
  'The purchase of billing.purchases that it was given for; null: it was not bought through Stripe.';
comment on column credits.grants.effective is 'False while its time has not come: its credits are not posted yet.';
comment on column credits.grants.remaining is 'Neither spent, reserved, expired, voided nor taken back, as of the last settlement.';
comment on column credits.grants.burned is 'Stretches of the axis it pays for: spent, or reserved by an open hold.';
comment on column credits.grants.moved is 'In other accounts now, by credits.transfer.';
comment on column credits.grants.taken_from_voided is
  'Voided credits that reversals counted as taken: when money comes back, they are voided again.';
comment on column credits.grants.home_account_id is
  'Of credits that were moved here: the account that bought them, where the grant home_grant_id counts them as moved. Money that goes back is reversed there.';

create table credits.holds (
  account_id uuid not null,
  hold_id uuid not null,
  amount bigint not null,
  axis_from bigint not null,
  expires_at timestamptz not null,
  placed_until timestamptz not null,
  created_at timestamptz not null,
  idempotency_key text not null,
  metadata jsonb,
  actor text,
  feature text,
  status credits.hold_status not null default 'open',
  captured bigint not null default 0,
  uncovered bigint not null default 0,
  overage credits.overage,
  ended_no bigint,
  metadata_digest bytea,
  actor_digest bytea,
  constraint holds_pkey primary key (account_id, hold_id),
  constraint holds_amount_above_zero check (amount > 0),
  constraint holds_captured_and_uncovered_from_zero check (captured >= 0 and uncovered >= 0),
  constraint holds_capture_more_than_they_reserve_by_policy
    check (overage is not null or (captured <= amount and uncovered = 0))
);
create index holds_open on credits.holds (account_id, expires_at) where status = 'open';
comment on table credits.holds is
  'Credits reserved for work whose price is not known yet. Reserved credits do not expire with their grant.';
comment on column credits.holds.placed_until is 'When it was to expire as it was placed; extensions move expires_at.';
comment on column credits.holds.actor is 'Who reserved the credits; its captures are theirs.';
comment on column credits.holds.feature is 'What they are reserved for.';
comment on column credits.holds.captured is 'What was charged. More than the amount only by the policy in overage.';
comment on column credits.holds.uncovered is 'What the capture asked for and the policy left out.';
comment on column credits.holds.overage is 'The policy of a capture that asked for more than was reserved.';
comment on column credits.holds.ended_no is 'Number of the last entry that captured it, or of the one that released it.';

create table credits.allocations (
  account_id uuid not null,
  axis_from bigint not null,
  axis_to bigint not null,
  grant_id uuid,
  displaced_from uuid,
  seal bytea not null,
  constraint allocations_pkey primary key (account_id, axis_from),
  constraint allocations_are_not_empty check (axis_to > axis_from)
);
create index allocations_by_grant on credits.allocations (account_id, grant_id);
create index allocations_displaced on credits.allocations (account_id, displaced_from)
  where displaced_from is not null;
comment on table credits.allocations is
  'Which grant pays for which stretch of the burn axis. No grant: debt. An entry''s allocations are where its stretch and these meet.';
comment on column credits.allocations.displaced_from is
  'The grant that paid for the stretch until money for it went back; it pays again if that is undone.';
comment on column credits.allocations.seal is 'Hash of the row, for verify_ledger.';

alter table credits.accounts enable row level security;
alter table credits.entries enable row level security;
alter table credits.grants enable row level security;
alter table credits.holds enable row level security;
alter table credits.allocations enable row level security;

do $$
declare
  v_table text;
begin
  foreach v_table in array array['accounts', 'entries', 'grants', 'holds', 'allocations'] loop
    execute format(
      'create policy %I on credits.%I for select to service_role using (true)',
      v_table || '_service_reads', v_table);
    execute format('comment on policy %I on credits.%I is %L',
      v_table || '_service_reads', v_table, 'The service reads every account. Writing is for functions alone.');
  end loop;
end;
$$;

revoke all on all tables in schema credits from public, anon, authenticated, service_role;
grant select on credits.accounts, credits.entries, credits.grants, credits.holds, credits.allocations
  to authenticated, service_role;

call florin.end_migration();
