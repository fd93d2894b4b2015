import { createMemory } from '../kernel/index.ts';
import type { StripeClient } from '../stripe/index.ts';
import type { WebhookDeps } from './deps.ts';
import { takeInHand } from './in-hand.ts';
import { processEvent } from './process.ts';

/** A checkout that is paid at Stripe, and of which no event has come. */
type LateSession = {
  readonly sessionId: string;
  readonly invoiceId: string | null;
  readonly createdAt: Date;
};

const TYPES = [
  'checkout.session.completed',
  'checkout.session.async_payment_succeeded',
  'invoice.paid',
];
const MAX_EVENTS = 300;
/** A page asks every second; Stripe is asked this often at most for one session. */
const AGAIN_MS = 5_000;
const REMEMBERED = 1_000;

/**
 * Catches up with a paid checkout whose webhook is late: takes the same events from Stripe's list and
 * processes them as if they had been delivered, so that the delivery, when it comes, is a duplicate.
 * What fails is logged and left to the webhook.
 */
export function createCatchUp(
  deps: WebhookDeps,
): (session: LateSession, stripe: StripeClient) => Promise<void> {
  const { clock, logger } = deps;
  const asked = createMemory<void>({ forMs: AGAIN_MS, atMost: REMEMBERED, clock });
  return (session, stripe) =>
    asked(session.sessionId, () =>
      catchUp(deps, session, stripe).catch((error: Error) => {
        const fields = { sessionId: session.sessionId, error: error.message };
        logger.warn(fields, 'a paid checkout could not be processed before its webhook');
      }),
    );
}

async function catchUp(
  deps: WebhookDeps,
  { sessionId, invoiceId, createdAt }: LateSession,
  stripe: StripeClient,
): Promise<void> {
  const wanted = new Set([sessionId, invoiceId]);
  const events = stripe.events.list({
    types: TYPES,
    created: { gte: Math.floor(createdAt.getTime() / 1000) },
    limit: 100,
  });
  let seen = 0;
  for await (const object of events) {
    seen += 1;
    const subject = (object.data.object as { id?: string }).id ?? '';
    const inHand = wanted.has(subject) ? takeInHand(object) : undefined;
    if (inHand !== undefined) {
      await processEvent(deps, inHand);
    }
    if (seen >= MAX_EVENTS) {
      break;
    }
  }
}
