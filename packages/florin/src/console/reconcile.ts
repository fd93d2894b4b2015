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

/** Reads, of each kind, the newest run with an answer and the runs begun since; newest first. */
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

/** The faults that are known now, in a line. */
export type ReconcileSummary = {
  /** How many different faults are known; null before the first run. */
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

/** What scheduled runs found, in figures. */
export type ReconcileFigures = {
  /** Faults by kind, each once; `unlisted`: those of a run with too many to keep. Absent is none. */
  readonly found: Readonly<Record<string, number>>;
  /** When a scheduled run last ended with an answer; null when none ever has. */
  readonly completedAt: Date | null;
  /** Whether the newest scheduled run that is over has no answer: it failed, or its process was stopped. */
  readonly failing: boolean;
};

/**
 * A scheduled run's faults count until a scheduled run of at least its reach has looked again, or one
 * by hand no longer finds them. What only a run by hand found is not counted: such a run also reports
 * what is still on its way.
 */
export function reconcileFigures(runs: readonly ReconcileRun[]): ReconcileFigures {
  const done = runs.filter(({ state }) => state === 'done');
  const standing = done.filter(
    (run, index) =>
      run.kind !== 'by_hand' &&
      !done
        .slice(0, index)
        .some((later) => later.kind !== 'by_hand' && later.sinceDays >= run.sinceDays),
  );
  const kinds = new Map<string, string>();
  let unlisted = 0;
  for (const run of standing) {
    const checks = done
      .slice(0, done.indexOf(run))
      .filter((later) => later.sinceDays >= run.sinceDays && isWhole(later))
      .map((later) => new Set(later.findings?.map(({ subject }) => subject)));
    for (const { kind, subject } of run.findings ?? []) {
      if (checks.every((seen) => seen.has(subject))) {
        kinds.set(subject, kind);
      }
    }
    unlisted += checks.length === 0 ? unlistedOf(run) : 0;
  }
  const found: Record<string, number> = unlisted === 0 ? {} : { unlisted };
  for (const kind of kinds.values()) {
    found[kind] = (found[kind] ?? 0) + 1;
  }
  const scheduled = runs.filter(({ kind }) => kind !== 'by_hand');
  const over = scheduled.find(({ state }) => state !== 'running');
  return {
    found,
    completedAt: scheduled.find(({ state }) => state === 'done')?.finishedAt ?? null,
    failing: over !== undefined && over.state !== 'done',
  };
}

function unlistedOf({ found, findings }: ReconcileRun): number {
  return Math.max(0, (found ?? 0) - (findings?.length ?? 0));
}

/** Whether all that it found was kept, so that what is not among it was not found. */
function isWhole(run: ReconcileRun): boolean {
  return unlistedOf(run) === 0;
}
