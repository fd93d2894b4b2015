import type { Executor, Row } from '../db/index.ts';
import { verifyLedger } from '../ledger/index.ts';
import type { ConsoleDeps } from './deps.ts';

/** The state of the inbox and the size of the ledger. */
type Overview = {
  readonly events: Readonly<
    Record<'received' | 'processed' | 'skipped' | 'failed' | 'dead', number>
  >;
  readonly needingAttention: number;
  /** When the event that has waited longest came in. */
  readonly oldestWaitingAt: Date | null;
  readonly accounts: number;
};

/** A table of at most so many pages of 8 kB is counted, a larger one is estimated from about as many. */
const MAX_PAGES_COUNTED = 2_000;

type Waiting = {
  readonly received: number;
  readonly failed: number;
  readonly dead: number;
  readonly needingAttention: number;
  readonly oldestWaitingAt: Date | null;
  readonly eventPages: number;
  readonly accountPages: number;
};

/**
 * What waits and what was given up, exactly, from small indexes. Finished events and accounts are counted
 * while their tables are small; then they are estimates of two digits, so that no page reads a whole inbox.
 */
export async function readOverview(db: Executor): Promise<Overview> {
  const [waiting = NOTHING] = await db.query<Row & Waiting>({
    name: 'console_overview',
    text: `select count(*) filter (where status = 'received') as received,
                  count(*) filter (where status = 'failed') as failed,
                  count(*) filter (where status = 'dead') as dead,
                  (select count(*) from billing.events where needs_attention) as needing_attention,
                  min(received_at) filter (where status <> 'dead') as oldest_waiting_at,
                  pg_relation_size('billing.events') / 8192 as event_pages,
                  pg_relation_size('credits.accounts') / 8192 as account_pages
             from billing.events where status in ('received', 'failed', 'dead')`,
  });
  const { needingAttention, oldestWaitingAt, eventPages, accountPages, ...unfinished } = waiting;
  const [ofEvents, ofAccounts] = [eventPages, accountPages].map(shareCounted) as [number, number];
  const [finished] = await db.query<Row & { processed: number; skipped: number; accounts: number }>(
    {
      name: 'console_finished',
      text: `select count(*) filter (where status = 'processed') as processed,
                    count(*) filter (where status = 'skipped') as skipped,
                    (select count(*) from credits.accounts tablesample system ($2) repeatable (0)) as accounts
               from billing.events tablesample system ($1) repeatable (0)`,
    },
    [100 * ofEvents, 100 * ofAccounts],
  );
  return {
    events: {
      ...unfinished,
      processed: scaled(finished?.processed ?? 0, ofEvents),
      skipped: scaled(finished?.skipped ?? 0, ofEvents),
    },
    needingAttention,
    oldestWaitingAt,
    accounts: scaled(finished?.accounts ?? 0, ofAccounts),
  };
}

const NOTHING: Waiting = {
  received: 0,
  failed: 0,
  dead: 0,
  needingAttention: 0,
  oldestWaitingAt: null,
  eventPages: 0,
  accountPages: 0,
};

/** Of a table's pages, how many are counted: 1 is all of them. */
function shareCounted(pages: number): number {
  return Math.min(1, MAX_PAGES_COUNTED / Math.max(1, pages));
}

/** What all pages would have counted; from a part of them, rounded to the two digits that it says. */
function scaled(count: number, share: number): number {
  return share === 1 ? count : Number((count / share).toPrecision(2));
}

/** Whether the whole ledger can be proven while a page waits for it. */
export async function isLedgerSmall(db: Executor): Promise<boolean> {
  const [row] = await db.query<Row & { pages: number }>({
    name: 'console_ledger_size',
    text: `select (pg_relation_size('credits.accounts') + pg_relation_size('credits.entries')) / 8192 as pages`,
  });
  return (row?.pages ?? 0) <= MAX_PAGES_PROVEN;
}

/** About 10,000 entries: a tenth of a second. */
const MAX_PAGES_PROVEN = 300;

/** What waits in the inbox, from its small indexes: cheap enough to be asked every few seconds. */
export type Backlog = {
  /** Events that will be tried again by themselves. */
  readonly waiting: number;
  /** Events that someone has to look at: `florin events list --attention`. */
  readonly needingAttention: number;
  /** How late the most overdue attempt is, in seconds; above a minute nobody drains the inbox. */
  readonly lagSeconds: number;
};

export async function readBacklog(db: Executor): Promise<Backlog> {
  const [row] = await db.query<Row & Backlog>({
    name: 'console_backlog',
    text: `select count(*) as waiting,
                  (select count(*) from billing.events where needs_attention) as needing_attention,
                  coalesce(greatest(0, extract(epoch from
                    clock_timestamp() - min(next_attempt_at))), 0)::float8 as lag_seconds
             from billing.events where status in ('received', 'failed')`,
  });
  return row ?? { waiting: 0, needingAttention: 0, lagSeconds: 0 };
}

/** The state of the service in figures, as far as the database and Stripe tell. */
export type Health = Overview & {
  readonly database: 'ok';
  readonly stripe: 'ok' | 'unavailable';
  readonly lagSeconds: number;
  /** Null for a ledger so large that proving it is work for `florin verify`. */
  readonly ledgerFaults: number | null;
};

const STRIPE_TIMEOUT_MS = 2_000;

/** Counts or estimates, and asks anew each time, so ask now and then. Throws `database_unavailable`. */
export async function readHealth({
  db,
  stripe,
}: Pick<ConsoleDeps, 'db' | 'stripe'>): Promise<Health> {
  const [overview, { lagSeconds }, stripeState] = await Promise.all([
    readOverview(db),
    readBacklog(db),
    stripe.balance.retrieve({}, { timeout: STRIPE_TIMEOUT_MS, maxNetworkRetries: 0 }).then(
      () => 'ok' as const,
      () => 'unavailable' as const,
    ),
  ]);
  return {
    database: 'ok',
    stripe: stripeState,
    ...overview,
    lagSeconds,
    ledgerFaults: (await isLedgerSmall(db)) ? (await verifyLedger(db)).length : null,
  };
}
