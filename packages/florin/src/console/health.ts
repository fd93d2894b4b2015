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

/** Counts all events and accounts, which is too slow to be done for every request. */
async function readOverview(db: Executor): Promise<Overview> {
  const [row] = await db.query<
    Row & {
      received: number;
      processed: number;
      skipped: number;
      failed: number;
      dead: number;
      needingAttention: number;
      oldestWaitingAt: Date | null;
      accounts: number;
    }
  >({
    name: 'console_overview',
    text: `select count(*) filter (where status = 'received') as received,
                  count(*) filter (where status = 'processed') as processed,
                  count(*) filter (where status = 'skipped') as skipped,
                  count(*) filter (where status = 'failed') as failed,
                  count(*) filter (where status = 'dead') as dead,
                  count(*) filter (where needs_attention) as needing_attention,
                  min(received_at) filter (where status in ('received', 'failed'))
                    as oldest_waiting_at,
                  (select count(*) from credits.accounts) as accounts
             from billing.events`,
  });
  const { needingAttention = 0, oldestWaitingAt = null, accounts = 0, ...events } = row ?? {};
  return {
    events: { received: 0, processed: 0, skipped: 0, failed: 0, dead: 0, ...events },
    needingAttention,
    oldestWaitingAt,
    accounts,
  };
}

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

const MAX_ACCOUNTS_PROVEN = 1_000;
const STRIPE_TIMEOUT_MS = 2_000;

/** Counts and asks anew each time, so ask now and then. Throws `database_unavailable`. */
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
  const isProven = overview.accounts <= MAX_ACCOUNTS_PROVEN;
  return {
    database: 'ok',
    stripe: stripeState,
    ...overview,
    lagSeconds,
    ledgerFaults: isProven ? (await verifyLedger(db)).length : null,
  };
}
