import { inCredits } from '../credit/index.ts';
import {
  applyCommands,
  type EventInHand,
  type EventStatus,
  listEvents,
  type ProcessOutcome,
  processEvent,
  putBack,
} from '../webhooks/index.ts';
import type { ReconcileDeps } from './deps.ts';
import type { Finding } from './finding.ts';

const UNFINISHED: ReadonlySet<EventStatus> = new Set(['failed', 'dead']);

/**
 * Repairs one finding after the other, whatever became of those before. Writes into `reasons`, by subject, why
 * one could not be repaired, and removes what has been repaired since.
 */
export async function repairAll(
  deps: ReconcileDeps,
  { findings, reasons }: { findings: readonly Finding[]; reasons: Map<string, string> },
): Promise<void> {
  for (const finding of findings) {
    const reason = await repairOne(deps, finding, reasons).catch((error: unknown) => {
      const shown = inCredits(deps.catalog.credit, error);
      return shown instanceof Error ? shown.message : String(shown);
    });
    if (reason === undefined) {
      reasons.delete(finding.subject);
    } else {
      reasons.set(finding.subject, reason);
    }
  }
}

/** Why it could not be repaired; undefined: it was, or only a person can. */
async function repairOne(
  deps: ReconcileDeps,
  { kind, ids, repair }: Finding,
  reasons: Map<string, string>,
): Promise<string | undefined> {
  switch (repair?.by) {
    case 'event': {
      const outcome = await tell(deps, repair.event);
      // An event says what was, and only an object how it stands now.
      if (outcome.status === 'processed' && kind !== 'undelivered_event') {
        const { event } = repair.event;
        const finished = await finishWaiting(deps, { event, objectId: ids['objectId'] ?? '' });
        for (const id of finished) {
          reasons.delete(subjectOf(id));
        }
      }
      return reasonOf(outcome);
    }
    case 'events': {
      let reason: string | undefined;
      for (const event of repair.events) {
        const outcome = await tell({ ...deps, mend: true }, event);
        reason ??= reasonOf(outcome);
      }
      return reason;
    }
    case 'command':
      await applyCommands(deps.db, [repair.command]);
  }
  return undefined;
}

function reasonOf({ status, reason }: ProcessOutcome): string | undefined {
  return status === 'failed' || status === 'dead' ? reason : undefined;
}

/**
 * An object in the same state yields the same event id, so a second repair is a duplicate. Then the
 * event is put back into the inbox and processed again, as of now.
 */
async function tell(deps: ReconcileDeps, told: EventInHand): Promise<ProcessOutcome> {
  const outcome = await processEvent(deps, told);
  return outcome.status === 'duplicate' && (await putBack(deps.db, told.event.id))
    ? processEvent(deps, told)
    : outcome;
}

/**
 * Finishes what waits in the inbox about an object that is processed now, as the object stands: the event's
 * own text may be what could not be processed. Nothing moves twice, since a key grants once. Returns the
 * ids of those that it finished.
 */
async function finishWaiting(
  deps: ReconcileDeps,
  { event, objectId }: { event: EventInHand['event']; objectId: string },
): Promise<readonly string[]> {
  const finished: string[] = [];
  const waiting = await listEvents(deps.db, { about: [objectId] });
  for (const { eventId: id } of waiting.filter(({ status }) => UNFINISHED.has(status))) {
    const outcome = await processEvent(deps, { event: { ...event, id }, json: null });
    if (reasonOf(outcome) === undefined) {
      finished.push(id);
    }
  }
  return finished;
}

/** Names the finding of an event that is missing. */
export function subjectOf(eventId: string): string {
  return `event:${eventId}`;
}
