import { useCallback, useState } from 'react';
import type { AdminEventDetail } from '../../src/contract/index.ts';
import { useLoaded } from '../../src/react/index.ts';
import { Button } from '../frame/button.tsx';
import { formatInstant, formatRelative } from '../frame/format.ts';
import { LoadFailed, sentence } from '../frame/notice.tsx';
import type { AdminApi } from './api.ts';
import { AccountLink, StatusMark } from './event-marks.tsx';

/** One event: what became of it, why, and another try. */
export function EventDetail(props: { api: AdminApi; eventId: string; onReplayed: () => void }) {
  const { api, eventId, onReplayed } = props;
  const event = useLoaded(useCallback(() => api.event(eventId), [api, eventId]));
  if (event.data === null) {
    return event.status === 'error' ? (
      <LoadFailed what="The event" error={event.error} retry={event.reload} />
    ) : (
      <div className="detail" role="status">
        <span className="visually-hidden">Loading the event</span>
        <span className="skeleton" />
      </div>
    );
  }
  return (
    <article className="detail" aria-label={`Event ${eventId}`}>
      <div className="part-head">
        <h3>{event.data.type}</h3>
        <a className="button slim bare" href="#/events">
          Close
        </a>
      </div>
      <Facts event={event.data} />
      <Replay
        api={api}
        event={event.data}
        onReplayed={() => {
          event.reload();
          onReplayed();
        }}
      />
      {event.data.keptBytes === null ? null : (
        <p className="soft small">
          The payload lacks what the database cannot hold as JSON. All {event.data.keptBytes} bytes
          are kept as they came; <code>florin events show {eventId} --json</code> has them.
        </p>
      )}
      <details className="as-table">
        <summary>Payload</summary>
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a region that scrolls must be reachable by keyboard. */}
        <pre tabIndex={0}>{JSON.stringify(event.data.payload, null, 2)}</pre>
      </details>
    </article>
  );
}

function Facts({ event }: { event: AdminEventDetail }) {
  return (
    <dl className="facts">
      <div>
        <dt>Event</dt>
        <dd className="mono">{event.eventId}</dd>
      </div>
      <div>
        <dt>Status</dt>
        <dd>
          <StatusMark event={event} />
        </dd>
      </div>
      <div>
        <dt>Account</dt>
        <dd>
          <AccountLink accountId={event.accountId} />
        </dd>
      </div>
      <div>
        <dt>Object</dt>
        <dd className="mono">{event.objectId ?? '–'}</dd>
      </div>
      <div>
        <dt>Received</dt>
        <dd>{formatInstant(event.receivedAt)}</dd>
      </div>
      <div>
        <dt>Processed</dt>
        <dd>{event.processedAt === null ? 'Not yet' : formatInstant(event.processedAt)}</dd>
      </div>
      {event.nextAttemptAt === null ? null : (
        <div>
          <dt>Next attempt</dt>
          <dd>{formatRelative(event.nextAttemptAt)}</dd>
        </div>
      )}
      {event.error === null && event.reason === null ? null : (
        <div className="across">
          <dt>{event.error === null ? 'What happened' : `Error ${event.errorCode ?? ''}`}</dt>
          <dd className={event.error === null ? undefined : 'error-text'}>
            {event.error ?? event.reason}
          </dd>
        </div>
      )}
    </dl>
  );
}

function Replay(props: { api: AdminApi; event: AdminEventDetail; onReplayed: () => void }) {
  const { api, event, onReplayed } = props;
  const [busy, setBusy] = useState(false);
  const [said, setSaid] = useState<string | null>(null);
  const [error, setError] = useState<unknown>(null);

  async function replay() {
    setBusy(true);
    setError(null);
    setSaid(null);
    try {
      const { status } = await api.replay(event.eventId);
      setSaid(`Replayed: the event is now ${status}.`);
      onReplayed();
    } catch (failure) {
      setError(failure);
    } finally {
      setBusy(false);
    }
  }

  return (
    <div className="toolbar">
      <Button slim busy={busy} onClick={() => void replay()}>
        Replay
      </Button>
      <span className="soft small" role="status">
        {said ?? 'Processes it again. What it granted is never granted twice.'}
      </span>
      {error === null ? null : (
        <p className="form-error small" role="alert">
          {sentence(error)}
        </p>
      )}
    </div>
  );
}
