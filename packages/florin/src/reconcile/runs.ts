import type { Executor, Row } from '../db/index.ts';
import { FlorinError } from '../kernel/index.ts';
import type { ReconcileDeps } from './deps.ts';
import type { Finding } from './finding.ts';
import { type ReconcileOptions, type ReconcileReport, reconcile } from './reconcile.ts';
import { keepFirstAccount } from './stripe-account.ts';

/** Younger than this may still be on its way from Stripe. */
const GRACE_SECONDS = 900;
const ALL_DAYS = 30;
const HOUR_SECONDS = 3_600;
const DAY_SECONDS = 86_400;
/** After this a run by hand that did not end is taken for dead, and another may begin. */
const BY_HAND_SECONDS = 600;
/** Findings kept of one run: more than anybody reads, and few enough for a row. */
const MAX_KEPT = 200;

/**
 * The comparison that is due, if one is: once a day all that Stripe keeps and all of the ledger, and
 * each hour in between the last day. Repairs nothing. However many services ask, one makes it; for
 * the others, and where nothing is due, undefined. What it found, or why it could not compare, is
 * kept. Errors are those of {@link reconcile}.
 */
export async function reconcileWhenDue(deps: ReconcileDeps): Promise<ReconcileReport | undefined> {
  const { db } = deps;
  const daily = await begin(db, { kind: 'daily', sinceDays: ALL_DAYS, gapSeconds: DAY_SECONDS });
  if (daily !== null) {
    return keep(db, daily, async () => {
      await keepFirstAccount(deps);
      return reconcile(deps, { graceSeconds: GRACE_SECONDS });
    });
  }
  const hourly = await begin(db, { kind: 'hourly', sinceDays: 1, gapSeconds: HOUR_SECONDS });
  return hourly === null
    ? undefined
    : keep(db, hourly, () =>
        reconcile(deps, { graceSeconds: GRACE_SECONDS, sinceDays: 1, windowOnly: true }),
      );
}

/**
 * Compares now, because an operator asks, what happened in `sinceDays` (30: all of it), up to this
 * moment. Repairs nothing; what it found is kept. Throws `conflict` while another run by hand is
 * under way, and the errors of {@link reconcile}.
 */
export async function reconcileByHand(
  deps: ReconcileDeps,
  { sinceDays, startedBy }: { sinceDays: number; startedBy: string },
): Promise<ReconcileReport> {
  const runId = await begin(deps.db, {
    kind: 'by_hand',
    sinceDays,
    startedBy,
    gapSeconds: BY_HAND_SECONDS,
  });
  if (runId === null) {
    throw new FlorinError('conflict', 'Somebody is comparing just now. Wait for what it finds.');
  }
  const options: ReconcileOptions = sinceDays < ALL_DAYS ? { sinceDays, windowOnly: true } : {};
  return keep(deps.db, runId, () => reconcile(deps, options));
}

async function begin(
  db: Executor,
  run: {
    kind: 'hourly' | 'daily' | 'by_hand';
    sinceDays: number;
    startedBy?: string;
    gapSeconds: number;
  },
): Promise<string | null> {
  const rows = await db.query<Row & { runId: string | null }>(
    'select billing.begin_reconcile($1, $2, $3, make_interval(secs => $4)) as run_id',
    [run.kind, run.sinceDays, run.startedBy ?? null, run.gapSeconds],
  );
  return rows[0]?.runId ?? null;
}

async function keep(
  db: Executor,
  runId: string,
  work: () => Promise<ReconcileReport>,
): Promise<ReconcileReport> {
  const finish = 'select billing.finish_reconcile($1, $2, $3::jsonb, $4, $5)';
  let report: ReconcileReport;
  try {
    report = await work();
  } catch (error) {
    const { code, message } =
      error instanceof FlorinError ? error : { code: 'internal', message: String(error) };
    // The first error is the one that tells, also where the database is what failed.
    await db.query(finish, [runId, null, null, code, message]).catch(() => undefined);
    throw error;
  }
  const kept = report.findings.slice(0, MAX_KEPT).map(toKept);
  await db.query(finish, [runId, report.findings.length, JSON.stringify(kept), null, null]);
  return report;
}

/** Without the event's payload, in which there may be anything. */
function toKept({ repair, ...finding }: Finding) {
  return { ...finding, repairable: repair !== null };
}
