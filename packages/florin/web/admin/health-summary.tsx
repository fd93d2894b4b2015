import { useCallback, useEffect } from 'react';
import type { AdminHealth } from '../../src/contract/index.ts';
import { type Loaded, useLoaded } from '../../src/react/index.ts';
import { classes } from '../frame/button.tsx';
import { formatCredits, formatRelative } from '../frame/format.ts';
import { LoadFailed } from '../frame/notice.tsx';
import type { AdminApi } from './api.ts';

const EVERY_MS = 15_000;

/** Shows the service's health, and asks again while the page is visible. */
export function useHealth(api: AdminApi): Loaded<AdminHealth> {
  const health = useLoaded(useCallback(() => api.health(), [api]));
  const { reload } = health;
  useEffect(() => {
    const timer = setInterval(() => document.hidden || reload(), EVERY_MS);
    return () => clearInterval(timer);
  }, [reload]);
  return health;
}

/** The same in one line; what is wrong stands out, what is right does not. */
export function HealthSummary({ health }: { health: Loaded<AdminHealth> }) {
  if (health.data === null) {
    return health.status === 'error' ? (
      <LoadFailed what="The health summary" error={health.error} retry={health.reload} />
    ) : (
      <div className="vitals" role="status">
        <span className="visually-hidden">Loading the health summary</span>
        <span className="skeleton" />
      </div>
    );
  }
  return (
    <dl className="vitals" aria-label="Health">
      {vitals(health.data).map(({ name, value, bad }) => (
        <div key={name} className={classes(bad && 'bad')}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function vitals(health: AdminHealth) {
  const { events, oldestWaitingAt, needingAttention, ledgerFaults } = health;
  const waiting = events.received + events.failed;
  return [
    { name: 'Database', value: health.database, bad: health.database !== 'ok' },
    { name: 'Stripe', value: health.stripe, bad: health.stripe === 'unavailable' },
    {
      name: 'Events waiting',
      value:
        oldestWaitingAt === null
          ? formatCredits(waiting)
          : `${formatCredits(waiting)}, oldest ${formatRelative(oldestWaitingAt)}`,
      bad: events.failed > 0 || isLate(health),
    },
    {
      name: 'Needing attention',
      value: formatCredits(needingAttention),
      bad: needingAttention > 0,
    },
    { name: 'Reconcile', ...compared(health) },
    {
      name: 'Ledger',
      value:
        ledgerFaults === null
          ? 'not checked'
          : ledgerFaults === 0
            ? 'sound'
            : `${ledgerFaults} faults`,
      bad: (ledgerFaults ?? 0) > 0,
    },
    { name: 'Accounts', value: formatCredits(health.accounts), bad: false },
  ];
}

function compared({ reconcile: { found, scheduledAt, error } }: AdminHealth) {
  if (found === null) {
    return { value: error === null ? 'not run yet' : 'failed', bad: error !== null };
  }
  const what = found === 0 ? 'nothing found' : `${formatCredits(found)} found`;
  const value = error === null ? what : `failed, before that ${what}`;
  return {
    value: scheduledAt === null ? value : `${value}, ${formatRelative(scheduledAt)}`,
    bad: found > 0 || error !== null || isStale(scheduledAt),
  };
}

const LATE_SECONDS = 60;
const STALE_MS = 2 * 3_600_000;

/** True when events wait longer than a running service lets them. */
export function isLate({ lagSeconds }: AdminHealth): boolean {
  return lagSeconds > LATE_SECONDS;
}

/** True when no comparison has ended for two hours: one is due each hour. */
export function isStale(scheduledAt: string | null): boolean {
  return scheduledAt !== null && Date.now() - Date.parse(scheduledAt) > STALE_MS;
}
