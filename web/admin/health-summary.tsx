import { useCallback, useEffect } from 'react';
import { useLoaded } from '../../src/react/index.ts';
import { classes } from '../frame/button.tsx';
import { formatCredits, formatRelative } from '../frame/format.ts';
import { LoadFailed } from '../frame/notice.tsx';
import type { AdminApi } from './api.ts';
import type { AdminHealth } from './shapes.ts';

const EVERY_MS = 15_000;

/** The state of the house in one line; what is wrong stands out, what is right does not. */
export function HealthSummary({ api }: { api: AdminApi }) {
  const health = useLoaded(useCallback(() => api.health(), [api]));
  const { reload } = health;
  useEffect(() => {
    const timer = setInterval(() => document.hidden || reload(), EVERY_MS);
    return () => clearInterval(timer);
  }, [reload]);

  if (health.data === null) {
    return health.status === 'error' ? (
      <LoadFailed what="The health summary" error={health.error} retry={reload} />
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
  const { events, oldestWaitingAt, ledgerFaults } = health;
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
      bad: events.failed > 0,
    },
    { name: 'Dead', value: formatCredits(events.dead), bad: events.dead > 0 },
    { name: 'Processed', value: formatCredits(events.processed), bad: false },
    { name: 'Accounts', value: formatCredits(health.accounts), bad: false },
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
  ];
}
