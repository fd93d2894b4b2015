import { type FormEvent, useCallback, useEffect, useState } from 'react';
import { FlorinClientError } from '../../src/browser/index.ts';
import type { AdminFinding, AdminReconcileRun, Credits } from '../../src/contract/index.ts';
import { useLoaded } from '../../src/react/index.ts';
import { Button } from '../frame/button.tsx';
import { formatCredits, formatInstant, formatRelative, humanize } from '../frame/format.ts';
import { LoadFailed, Notice, sentence } from '../frame/notice.tsx';
import type { AdminApi } from './api.ts';
import { AccountLink } from './event-marks.tsx';
import { isStale } from './health-summary.tsx';
import { actorName } from './ledger-table.tsx';

const WATCH_MS = 5_000;

/** "She paid and has no credits": what Stripe and the ledger disagree about, and what mends it. */
export function ReconcileView({ api, onCompared }: { api: AdminApi; onCompared: () => void }) {
  const runs = useLoaded(useCallback(() => api.reconcileRuns(), [api]));
  const { reload } = runs;
  const isRunning = runs.data?.some(({ state }) => state === 'running') ?? false;
  useEffect(() => {
    const timer = isRunning ? setInterval(reload, WATCH_MS) : undefined;
    return () => clearInterval(timer);
  }, [isRunning, reload]);

  return (
    <section className="part" aria-labelledby="reconcile-title">
      <div className="part-head">
        <h2 id="reconcile-title">Reconcile</h2>
        <CompareForm
          api={api}
          onCompared={() => {
            reload();
            onCompared();
          }}
        />
      </div>
      <p className="soft intro">
        Stripe against the ledger: each hour the last day, once a day everything. Nothing is
        repaired from this page; <code>florin reconcile --repair</code> does.
      </p>
      {runs.data === null ? (
        runs.status === 'error' ? (
          <LoadFailed what="What was found" error={runs.error} retry={reload} />
        ) : (
          <div role="status">
            <span className="visually-hidden">Loading what was found</span>
            <span className="skeleton" />
          </div>
        )
      ) : (
        <Runs runs={runs.data} />
      )}
    </section>
  );
}

function CompareForm({ api, onCompared }: { api: AdminApi; onCompared: () => void }) {
  const [busy, setBusy] = useState(false);
  const [said, setSaid] = useState('');
  const [error, setError] = useState<unknown>(null);

  async function compare(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const days = Number(new FormData(event.currentTarget).get('days'));
    setBusy(true);
    setSaid('');
    setError(null);
    try {
      const runs = await api.reconcile(days);
      const found = runs.find(({ kind }) => kind === 'by_hand')?.found ?? 0;
      setSaid(`Compared: ${counted(found)}.`);
    } catch (failure) {
      setError(failure);
    } finally {
      setBusy(false);
      onCompared();
    }
  }

  return (
    <form className="toolbar" onSubmit={(event) => void compare(event)} aria-label="Compare now">
      <label className="small" htmlFor="reconcile-days">
        How far back
      </label>
      <select id="reconcile-days" name="days" className="select" defaultValue="3">
        <option value="1">1 day</option>
        <option value="3">3 days</option>
        <option value="30">30 days and the whole ledger</option>
      </select>
      <Button slim type="submit" busy={busy}>
        {busy ? 'Comparing…' : 'Compare now'}
      </Button>
      <span className="soft small" role="status">
        {said}
      </span>
      {error === null ? null : (
        <p className="form-error small" role="alert">
          {error instanceof FlorinClientError && error.code === 'network'
            ? 'The connection was lost. If the service goes on, what it finds will appear here.'
            : sentence(error)}
        </p>
      )}
    </form>
  );
}

function Runs({ runs }: { runs: readonly AdminReconcileRun[] }) {
  const scheduled = runs.filter(({ kind }) => kind !== 'by_hand');
  const last = scheduled.find(({ state }) => state === 'done');
  return (
    <>
      {scheduled.length === 0 || isStale(last?.finishedAt ?? null) ? (
        <Notice
          tone="warn"
          title={
            last === undefined
              ? 'No scheduled comparison has run yet.'
              : `The last scheduled comparison was ${formatRelative(last.startedAt)}.`
          }
        >
          A running service makes one each hour. Where none runs on, a cron call has to.
        </Notice>
      ) : null}
      {runs.map((run) => (
        <Run key={run.runId} run={run} />
      ))}
    </>
  );
}

const RUN_NAMES: Readonly<Record<AdminReconcileRun['kind'], string>> = {
  hourly: 'Hourly',
  daily: 'Daily',
  by_hand: 'By hand',
};

function Run({ run }: { run: AdminReconcileRun }) {
  const id = `run-${run.runId}`;
  const { state, found, findings, startedAt, startedBy } = run;
  return (
    <article className="run" aria-labelledby={id}>
      <div className="part-head">
        <h3 id={id}>
          {RUN_NAMES[run.kind]}: {scopeOf(run)}
        </h3>
        <p className="soft small">
          <time dateTime={startedAt}>{formatInstant(startedAt)}</time>, {formatRelative(startedAt)}
          {startedBy === null ? '' : `, by ${actorName(startedBy)}`}
        </p>
      </div>
      {state === 'running' ? <p role="status">Under way…</p> : null}
      {state === 'failed' ? <p className="error-text">Nothing was compared: {run.error}</p> : null}
      {state === 'lost' ? (
        <p className="error-text">It never ended: its process was stopped.</p>
      ) : null}
      {state === 'done' && findings !== null ? (
        <>
          <p>
            {found === 0 ? 'Stripe, billing and the ledger agree.' : `${counted(found ?? 0)}.`}
            {(found ?? 0) > findings.length
              ? ` The first ${formatCredits(findings.length)} are shown.`
              : ''}
          </p>
          {findings.length === 0 ? null : (
            <FindingTable findings={findings} of={RUN_NAMES[run.kind]} />
          )}
        </>
      ) : null}
    </article>
  );
}

function scopeOf({ sinceDays }: AdminReconcileRun): string {
  return sinceDays === 1
    ? 'the last day'
    : sinceDays < 30
      ? `the last ${sinceDays} days`
      : 'everything';
}

function counted(found: number): string {
  return found === 0
    ? 'nothing found'
    : `${formatCredits(found)} ${found === 1 ? 'fault' : 'faults'} found`;
}

const KIND_NAMES: Readonly<Record<string, string>> = {
  paid_not_credited: 'Paid, not credited',
  credited_not_paid: 'Credited, not paid',
  orphan_reversal: 'Taken back without cause',
};

function FindingTable({ findings, of }: { findings: readonly AdminFinding[]; of: string }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard.
    <section className="wide" tabIndex={0} aria-label={`Table of findings: ${of}`}>
      <table className="grid">
        <thead>
          <tr>
            <th scope="col">Finding</th>
            <th scope="col">Account</th>
            <th scope="col" className="end">
              Credits
            </th>
            <th scope="col">Why</th>
            <th scope="col">Remedy</th>
          </tr>
        </thead>
        <tbody>
          {findings.map((finding) => (
            <tr key={finding.subject}>
              <th scope="row">
                {KIND_NAMES[finding.kind] ?? humanize(finding.kind)}
                <span className="block soft mono">{namesOf(finding)}</span>
              </th>
              <td>
                <AccountLink accountId={finding.accountId} />
              </td>
              <td className="number end">{missing(finding.credits)}</td>
              <td className="said">{finding.explanation}</td>
              <td className="said">
                {finding.remedy}
                {finding.repairable ? null : (
                  <span className="block soft">A person has to act.</span>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function namesOf({ ids }: AdminFinding): string {
  return Object.values(ids).join(' ');
}

function missing(credits: Credits | null): string {
  if (credits === null || credits === 0) {
    return '–';
  }
  return Number(credits) > 0
    ? `${formatCredits(credits)} missing`
    : `${formatCredits(-credits)} too many`;
}
