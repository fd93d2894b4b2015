import { OPERATING } from '../../contract/index.ts';
import { FlorinError } from '../../kernel/index.ts';
import { MAX_BODY_BYTES, receiveWebhook } from '../../webhooks/index.ts';
import { readBytes } from '../body.ts';
import type { Parts } from '../parts.ts';
import { RequestError } from '../request-error.ts';
import { type App, addRoute } from '../route.ts';

/** Takes Stripe's deliveries: answers 200 once one is stored, and 5xx only when it could not be. */
export function addWebhook(app: App, { config, deliveries, metrics }: Parts): void {
  addRoute(app, OPERATING.webhook, async (c) => {
    const rawBody = await readBytes(c, MAX_BODY_BYTES);
    const received = await receiveWebhook(deliveries, {
      rawBody,
      signature: c.req.header('stripe-signature'),
      secrets: config.stripe.webhookSecrets,
    });
    if (received.kind === 'refused') {
      metrics.deliveries.inc({ outcome: received.code });
      throw received.code === 'invalid_input'
        ? new FlorinError(received.code, received.message)
        : new RequestError(received.code, received.message);
    }
    const { status } = received.outcome;
    metrics.deliveries.inc({ outcome: status });
    return { received: true as const, status };
  });
}
