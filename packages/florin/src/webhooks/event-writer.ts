import type { Executor } from '../db/index.ts';
import { isRetryable } from '../kernel/index.ts';
import {
  applyEvent,
  applyEvents,
  type EventOutcome,
  type EventWrite,
  isLocked,
} from './apply-event.ts';

type Waiting = {
  readonly write: EventWrite;
  readonly resolve: (outcome: EventOutcome) => void;
  readonly reject: (error: unknown) => void;
};

/** The most in one commit: it holds the rows of all its accounts until its end. */
const MAX_TOGETHER = 32;
/** Commits under way at a time: while one waits for the disk, another computes. */
const MAX_COMMITS = 2;
/** A write alone that takes more milliseconds no longer counts as under way: something holds its rows. */
const PATIENCE_MS = 50;

/**
 * Writes effects: those of one event alone at once, by `applyEvent`, and those that wait at the same time in
 * one commit. What falls out of a commit goes alone (docs/decisions/0155), outside the count: its lock or its fault
 * holds up no other.
 */
export function createEventWriter(db: Executor): (write: EventWrite) => Promise<EventOutcome> {
  const queue: Waiting[] = [];
  let commits = 0;

  function alone({ write, resolve, reject }: Waiting): Promise<void> {
    return applyEvent(db, write).then(resolve, reject);
  }

  function patiently(waiting: Waiting): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, PATIENCE_MS);
      void alone(waiting).then(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  async function writeBatch(batch: readonly Waiting[]): Promise<void> {
    try {
      const outcomes = await applyEvents(
        db,
        batch.map(({ write }) => write),
      );
      for (const [index, waiting] of batch.entries()) {
        const outcome = outcomes[index] ?? null;
        outcome === null ? void alone(waiting) : waiting.resolve(outcome);
      }
    } catch (error) {
      for (const waiting of batch) {
        isRetryable(error) && !isLocked(error) ? waiting.reject(error) : void alone(waiting);
      }
    }
  }

  async function work(): Promise<void> {
    commits += 1;
    while (queue.length > 0) {
      const [first, ...others] = queue.splice(0, MAX_TOGETHER).sort(byAccount);
      if (first !== undefined) {
        await (others.length === 0 ? patiently(first) : writeBatch([first, ...others]));
      }
    }
    commits -= 1;
  }

  return (write) =>
    new Promise((resolve, reject) => {
      queue.push({ write, resolve, reject });
      if (commits < MAX_COMMITS) {
        void work();
      }
    });
}

/** The order in which batches of spends lock accounts too, so that none waits for another in a circle. */
function byAccount(a: Waiting, b: Waiting): number {
  const [one, other] = [accountOf(a), accountOf(b)];
  return one < other ? -1 : one > other ? 1 : 0;
}

function accountOf({ write: { effects } }: Waiting): string {
  return effects.commands[0]?.accountId ?? effects.accountId ?? '';
}
