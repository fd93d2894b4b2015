import { FlorinError } from '../kernel/index.ts';
import { readEvent } from '../stripe/index.ts';
import type { WebhookDeps } from './deps.ts';
import { takeInHand } from './in-hand.ts';
import { latestWarning } from './inbox.ts';
import { type ProcessOutcome, processEvent } from './process.ts';

/**
 * Settles an early fraud warning by hand: what it froze is given back, exactly, and it freezes nothing
 * again. Stripe has no such request, so it goes through the inbox as an event of our own, named after
 * the warning: repeating it is harmless. Throws `not_found` for a warning that never came.
 */
export async function dismissFraudWarning(
  deps: WebhookDeps,
  warningId: string,
): Promise<ProcessOutcome> {
  const told = readEvent(await latestWarning(deps.db, warningId));
  if (told === undefined) {
    throw new FlorinError('not_found', `No early fraud warning ${warningId} is in the inbox.`, {
      details: { warningId },
    });
  }
  const payload = {
    id: `florin_dismissed_${warningId}`,
    object: 'event',
    type: 'radar.early_fraud_warning.updated',
    created: Math.floor(deps.clock.now().getTime() / 1000),
    livemode: told.livemode,
    data: { object: { ...told.object, actionable: false } },
  };
  const inHand = takeInHand(payload);
  if (inHand === undefined) {
    throw new FlorinError('internal', `The warning ${warningId} can not be told again.`);
  }
  return processEvent(deps, inHand);
}
