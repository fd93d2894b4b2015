import { useCallback, useState } from 'react';
import type {
  AdminEvent,
  AdminEventPage,
  AdminHealth,
  EventStatus,
} from '../../src/contract/index.ts';
import { useLoaded, usePages } from '../../src/react/index.ts';
import { Button, classes } from '../frame/button.tsx';
import { formatCredits, formatInstant, formatLength, formatRelative } from '../frame/format.ts';
import { LoadFailed } from '../frame/notice.tsx';
import { ShowOlder } from '../frame/show-older.tsx';
import type { AdminApi } from './api.ts';
import { EventDetail } from './event-detail.tsx';
import { AccountLink, StatusMark } from './event-marks.tsx';
import { isLate } from './health-summary.tsx';

type Filter = EventStatus | 'attention' | 'all';

const FILTERS: readonly { value: Filter; label: string }[] = [
  { value: 'all', label: 'All' },
  { value: 'attention', label: 'Needs attention' },
  { value: 'received', label: 'Received' },
  { value: 'processed', label: 'Processed' },
  { value: 'skipped', label: 'Skipped' },
  { value: 'failed', label: 'Failed, will retry' },
  { value: 'dead', label: 'Dead' },
];

/** Stripe's events as they came, newest first, and how many are in which state. */
export function EventTimeline(props: {
  api: AdminApi;
  openId: string | null;
  health: AdminHealth | null;
}) {
  const { api, openId, health } = props;
  const [filter, setFilter] = useState<Filter>('all');
  const query = useCallback(
    (cursor: string | null) =>
      api.events({
        status: filter === 'all' || filter === 'attention' ? null : filter,
        attention: filter === 'attention',
        cursor,
      }),
    [api, filter],
  );
  const first = useLoaded(useCallback(() => query(null), [query]));
  return (
    <section className="part" aria-labelledby="events-title">
      <div className="part-head">
        <h2 id="events-title">Events</h2>
        <div className="toolbar">
          <label className="small" htmlFor="event-filter">
            Show
          </label>
          <select
            id="event-filter"
            className="select"
            value={filter}
            onChange={({ target }) => setFilter(target.value as Filter)}
          >
            {FILTERS.map(({ value, label }) => (
              <option key={value} value={value}>
                {label}
              </option>
            ))}
          </select>
          <Button slim busy={first.status === 'loading'} onClick={first.reload}>
            Refresh
          </Button>
        </div>
      </div>
      {health === null ? null : <Inbox health={health} filter={filter} onFilter={setFilter} />}
      {openId === null ? null : (
        <EventDetail key={openId} api={api} eventId={openId} onReplayed={first.reload} />
      )}
      {first.data === null ? (
        first.status === 'error' ? (
          <LoadFailed what="The events" error={first.error} retry={first.reload} />
        ) : (
          <div role="status">
            <span className="visually-hidden">Loading the events</span>
            <span className="skeleton" />
          </div>
        )
      ) : (
        <Pages key={filter} first={first.data} more={query} openId={openId} />
      )}
    </section>
  );
}

/** The inbox in numbers; each number shows its events. */
function Inbox(props: { health: AdminHealth; filter: Filter; onFilter: (filter: Filter) => void }) {
  const { health, filter, onFilter } = props;
  const { events, needingAttention, oldestWaitingAt, lagSeconds } = health;
  const counts: readonly { of: Filter; count: number; bad?: boolean }[] = [
    { of: 'attention', count: needingAttention, bad: true },
    { of: 'received', count: events.received },
    { of: 'failed', count: events.failed, bad: true },
    { of: 'dead', count: events.dead, bad: true },
    { of: 'processed', count: events.processed },
    { of: 'skipped', count: events.skipped },
  ];
  return (
    <dl className="vitals inbox" aria-label="Inbox">
      <div className={classes(isLate(health) && 'bad')}>
        <dt>Oldest waiting</dt>
        <dd>
          {oldestWaitingAt === null ? 'none' : formatRelative(oldestWaitingAt)}
          {isLate(health) ? (
            <span className="block small">
              {formatLength(lagSeconds)} overdue: no service runs its jobs
            </span>
          ) : null}
        </dd>
      </div>
      {counts.map(({ of, count, bad }) => (
        <div key={of} className={classes(bad === true && count > 0 && 'bad')}>
          <dt>{FILTERS.find(({ value }) => value === of)?.label}</dt>
          <dd>
            {count === 0 ? (
              '0'
            ) : (
              <button
                type="button"
                className="link"
                aria-pressed={filter === of}
                aria-label={`${formatCredits(count)}, show them`}
                onClick={() => onFilter(filter === of ? 'all' : of)}
              >
                {formatCredits(count)}
              </button>
            )}
          </dd>
        </div>
      ))}
    </dl>
  );
}

function Pages(props: {
  first: AdminEventPage;
  more: (cursor: string | null) => Promise<AdminEventPage>;
  openId: string | null;
}) {
  const { first, more, openId } = props;
  const pages = usePages(first, ({ events }) => events, more);
  const events = pages.items;

  if (events.length === 0) {
    return <p className="empty">No events here.</p>;
  }
  return (
    <>
      <EventTable events={events} openId={openId} />
      <ShowOlder {...pages} />
    </>
  );
}

/** Events as rows that open their detail. */
export function EventTable(props: {
  events: readonly AdminEvent[];
  openId: string | null;
  /** Where there are others on the page. */
  about?: string;
}) {
  const { about } = props;
  const label =
    about === undefined ? 'Events, newest first' : `Events about ${about}, newest first`;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard.
    <section className="wide" tabIndex={0} aria-label={label}>
      <table className="grid">
        <thead>
          <tr>
            <th scope="col">Received</th>
            <th scope="col">Type</th>
            <th scope="col">Status</th>
            <th scope="col">Account</th>
            <th scope="col">What happened</th>
          </tr>
        </thead>
        <tbody>
          {props.events.map((event) => (
            <tr key={event.eventId} data-open={event.eventId === props.openId ? '' : undefined}>
              <td className="number" title={formatInstant(event.receivedAt)}>
                {formatRelative(event.receivedAt)}
              </td>
              <th scope="row">
                <a href={`#/events/${encodeURIComponent(event.eventId)}`}>{event.type}</a>
                <span className="mono soft block">{event.eventId}</span>
              </th>
              <td>
                <StatusMark event={event} />
              </td>
              <td>
                <AccountLink accountId={event.accountId} />
              </td>
              <td className="said">{event.error ?? event.reason}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
