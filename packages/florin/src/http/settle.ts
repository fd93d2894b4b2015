import type { PaidSession, SettleSession } from '../checkout/index.ts';
import { createMemory } from '../kernel/index.ts';
import type { StripeClient } from '../stripe/index.ts';
import { processEvent, takeInHand, type WebhookDeps } from '../webhooks/index.ts';

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
 * Settles a paid checkout whose webhook is late: takes the same events from Stripe's list and
 * processes them as if they had been delivered, so that the delivery, when it comes, is a duplicate.
 * What fails is logged and left to the webhook.
 */
export function catchUpFromEvents(webhooks: WebhookDeps): SettleSession {
  const { clock, logger } = webhooks;
  const asked = createMemory<void>({ forMs: AGAIN_MS, atMost: REMEMBERED, clock });

  async function settle(
    { sessionId, invoiceId, createdAt }: PaidSession,
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
        await processEvent(webhooks, inHand);
      }
      if (seen >= MAX_EVENTS) {
        break;
      }
    }
  }

  return (session, stripe) =>
    asked(session.sessionId, () =>
      settle(session, stripe).catch((error: Error) => {
        const fields = { sessionId: session.sessionId, error: error.message };
        logger.warn(fields, 'a paid checkout could not be settled before its webhook');
      }),
    );
}
