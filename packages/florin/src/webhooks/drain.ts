import { convergePayment, toEffects } from '../fulfillment/index.ts';
import { FlorinError } from '../kernel/index.ts';
import { applyEvent } from './apply-event.ts';
import type { WebhookDeps } from './deps.ts';
import { takeFromInbox } from './in-hand.ts';
import { claimEvents } from './inbox.ts';
import { type ProcessOutcome, processEvent } from './process.ts';
import { readState } from './read-state.ts';

/** Longer than one event can take: then its worker is gone and another may have it. */
const LEASE_SECONDS = 300;

export type DrainResult = {
  readonly claimed: number;
  readonly finished: number;
  readonly failed: number;
};

/**
 * Works off due events of the inbox, up to `limit`. Any number of workers may drain at once: each
 * event is leased to one. An event whose worker died is claimed again when its lease is over.
 */
export async function drainInbox(
  deps: WebhookDeps,
  { limit = 100 }: { limit?: number } = {},
): Promise<DrainResult> {
  let claimed = 0;
  let finished = 0;
  let failed = 0;
  while (claimed < limit) {
    const batch = await claimEvents(deps.db, {
      limit: Math.min(10, limit - claimed),
      leaseSeconds: LEASE_SECONDS,
    });
    if (batch.length === 0) {
      break;
    }
    claimed += batch.length;
    for (const { attempts, ...stored } of batch) {
      const inHand = takeFromInbox(stored);
      if (inHand === undefined) {
        continue;
      }
      const outcome: ProcessOutcome = await processEvent(deps, {
        event: inHand.event,
        json: null,
        claimedAttempt: attempts,
      });
      if (outcome.status === 'failed' || outcome.status === 'dead') {
        failed += 1;
      } else {
        finished += 1;
      }
    }
  }
  return { claimed, finished, failed };
}

/**
 * Grants the parts of dripped prices that have become due, up to `limit` payments; how many. Safe
 * with many workers: of two that meet at one payment one writes, the other finds it changed.
 */
export async function grantDueDrips(
  deps: WebhookDeps,
  { limit = 100 }: { limit?: number } = {},
): Promise<number> {
  const due = await deps.db.query<{ paymentId: string; aliases: string[] }>(
    'select * from billing.due_payments($1)',
    [limit],
  );
  let granted = 0;
  for (const { aliases } of due) {
    granted += (await grantDue(deps, aliases)) ? 1 : 0;
  }
  return granted;
}

async function grantDue(deps: WebhookDeps, aliases: readonly string[]): Promise<boolean> {
  const read = await readState(deps.db, {
    eventId: null,
    aliases,
    customerId: null,
    subscriptionId: null,
    joinedSubscriptions: [],
    wholeSubscription: false,
  });
  const { writes } = convergePayment(read.known.payment, {
    known: read.known,
    now: deps.clock.now(),
    eventId: null,
  });
  try {
    await applyEvent(deps.db, {
      event: null,
      effects: toEffects({ status: 'processed', reason: 'drip', ...writes }),
      status: 'processed',
      retryInSeconds: null,
      unread: false,
      aliases,
      payments: read.payments,
      relatives: read.relatives,
      subscription: read.subscription,
      closedSessionId: null,
    });
  } catch (error) {
    if (error instanceof FlorinError && error.details['sqlstate'] === '40001') {
      return false;
    }
    deps.logger.error({ aliases, error: String(error) }, 'a drip could not be granted');
    return false;
  }
  return writes.commands.length > 0;
}
