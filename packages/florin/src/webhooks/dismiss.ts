import { FlorinError } from '../kernel/index.ts';
import { readEvent, type StripeEvent } from '../stripe/index.ts';
import type { WebhookDeps } from './deps.ts';
import { takeInHand } from './in-hand.ts';
import { latestWarning } from './inbox.ts';
import { collectDetails } from './lookups.ts';
import { fetchNamedObject } from './named-object.ts';
import { type ProcessOutcome, processEvent } from './process.ts';

/**
 * Dismisses an early fraud warning: what it froze is given back, exactly, and it freezes nothing
 * again. Stripe has no such request, so it goes through the inbox as an event of our own, named after
 * the warning: repeating it is harmless. Throws `not_found` for a warning that never came,
 * and what kept a warning from being read that came as a thin event.
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
    data: { object: { ...(await inFull(deps, told)), actionable: false } },
  };
  const inHand = takeInHand(payload);
  if (inHand === undefined) {
    throw new FlorinError(
      'internal',
      `The warning ${warningId} cannot be put back into the inbox.`,
    );
  }
  return processEvent(deps, inHand);
}

async function inFull(deps: WebhookDeps, told: StripeEvent): Promise<StripeEvent['object']> {
  if (told.payload !== 'thin') {
    return told.object;
  }
  const { stripe, logger } = deps;
  const named = await fetchNamedObject(told, { stripe, details: collectDetails(stripe, logger) });
  if ('event' in named) {
    return named.event.object;
  }
  const { code, message } = named.obstacle;
  throw new FlorinError(code === 'stripe_unavailable' ? code : 'stripe_rejected', message);
}
