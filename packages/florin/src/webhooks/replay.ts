import type { WebhookDeps } from './deps.ts';
import { takeFromInbox } from './in-hand.ts';
import { type EventStatus, putBack, showEvent } from './inbox.ts';
import { processEvent } from './process.ts';

export type ReplayOutcome = {
  /** `received`: it waits for a worker. */
  readonly status: EventStatus;
  /** What was done, why nothing was, or what is wrong and what to do about it. */
  readonly reason: string;
};

/**
 * Processes an event of the inbox again, now, whatever became of it and whatever else waits; undefined
 * when there is none. Harmless to repeat: a key grants once. Where a worker is at the same event, one
 * of the two writes and its outcome is told. Throws `database_unavailable`; then the event is due, and
 * a worker takes it.
 */
export async function replayEvent(
  deps: WebhookDeps,
  eventId: string,
): Promise<ReplayOutcome | undefined> {
  if (!(await putBack(deps.db, eventId))) {
    return undefined;
  }
  const stored = await showEvent(deps.db, eventId);
  const inHand = stored === undefined ? undefined : takeFromInbox(stored);
  if (inHand !== undefined) {
    const { status, reason } = await processEvent(deps, inHand);
    if (status !== 'duplicate') {
      return { status, reason };
    }
  }
  const now = await showEvent(deps.db, eventId);
  return now === undefined || now.status === 'received'
    ? { status: 'received', reason: 'Queued: a running service takes it within seconds.' }
    : { status: now.status, reason: now.error ?? now.reason ?? '' };
}
