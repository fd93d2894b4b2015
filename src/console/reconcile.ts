import type { Executor, Row } from '../db/index.ts';

/** A fault that a comparison of Stripe with the ledger found. */
export type KeptFinding = {
  readonly kind: string;
  /** Names the same fault in every run. */
  readonly subject: string;
  readonly accountId: string | null;
  readonly ids: Readonly<Record<string, string>>;
  /** Credits that are missing (above 0) or too many (below 0); null where that is not known. */
  readonly credits: number | null;
  readonly explanation: string;
  readonly remedy: string;
  /** False: a person has to act. */
  readonly repairable: boolean;
};

/** One run of reconcile, as it was kept. */
export type ReconcileRun = {
  readonly runId: string;
  /** hourly: the last day. daily: everything. by_hand: an operator asked. */
  readonly kind: 'hourly' | 'daily' | 'by_hand';
  /** running, done (then `findings`), failed (then `error`), lost: its process was stopped. */
  readonly state: 'running' | 'done' | 'failed' | 'lost';
  readonly sinceDays: number;
  readonly startedBy: string | null;
  readonly startedAt: Date;
  readonly finishedAt: Date | null;
  /** How many there were; `findings` holds the first 200. */
  readonly found: number | null;
  readonly findings: readonly KeptFinding[] | null;
  readonly errorCode: string | null;
  readonly error: string | null;
};

/** Of each kind the newest run that compared, and what has begun since; newest first. */
export async function readReconcileRuns(db: Executor): Promise<ReconcileRun[]> {
  return db.query<Row & ReconcileRun>(
    `with runs as (
       select r.*,
              case when r.findings is not null then 'done'
                   when r.error is not null then 'failed'
                   when r.started_at > clock_timestamp() - interval '1 hour' then 'running'
                   else 'lost' end as state
         from billing.reconcile_runs r
     ), newest as (
       select distinct on (n.kind, n.state = 'done') n.*
         from runs n order by n.kind, n.state = 'done', n.started_at desc)
     select n.run_id, n.kind, n.state, n.since_days, n.started_by, n.started_at, n.finished_at,
            n.found, n.findings, n.error_code, n.error
       from newest n
      where n.state = 'done'
         or n.started_at > coalesce((select max(d.started_at) from newest d
                                      where d.kind = n.kind and d.state = 'done'), '-infinity')
      order by n.started_at desc`,
  );
}

/** What is known to be wrong now, in a line. */
export type ReconcileSummary = {
  /** Different faults of the runs that nothing later has compared again; null before the first run. */
  readonly found: number | null;
  /** When a scheduled run last ended with an answer; null when none ever has. */
  readonly scheduledAt: Date | null;
  /** Why the newest scheduled run has none. */
  readonly error: string | null;
};

/** A run's findings count until a later run has looked at least as far back. */
export function summarizeReconcile(runs: readonly ReconcileRun[]): ReconcileSummary {
  const done = runs.filter(({ state }) => state === 'done');
  const standing = done.filter(
    (run, index) => !done.slice(0, index).some((later) => later.sinceDays >= run.sinceDays),
  );
  const listed = new Set(
    standing.flatMap(({ findings }) => (findings ?? []).map(({ subject }) => subject)),
  );
  const unlisted = standing.map((run) => (run.found ?? 0) - (run.findings?.length ?? 0));
  const scheduled = runs.filter(({ kind }) => kind !== 'by_hand');
  const [newest] = scheduled;
  return {
    found: done.length === 0 ? null : listed.size + Math.max(0, ...unlisted),
    scheduledAt: scheduled.find(({ state }) => state === 'done')?.finishedAt ?? null,
    error:
      newest?.state === 'failed'
        ? newest.error
        : newest?.state === 'lost'
          ? 'The last run began and never ended: its process was stopped.'
          : null,
  };
}
