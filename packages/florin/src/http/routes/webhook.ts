import { z } from '@hono/zod-openapi';
import { FlorinError } from '../../kernel/index.ts';
import { MAX_BODY_BYTES, receiveWebhook } from '../../webhooks/index.ts';
import { readBytes } from '../body.ts';
import { json } from '../headers.ts';
import type { Parts } from '../parts.ts';
import { type App, addRoute } from '../route.ts';
import { answers } from '../shapes.ts';

/** Stripe's deliveries: 200 as soon as one is stored, 5xx only when it could not be. */
export function addWebhook(app: App, { config, deliveries, metrics }: Parts): void {
  addRoute(app, {
    method: 'post',
    path: '/api/stripe/webhook',
    docs: {
      summary: "Takes a delivery from Stripe: the raw body with Stripe's signature",
      tags: ['Stripe'],
      responses: answers(
        {
          description: 'Stored, processed at once where possible; also for a duplicate',
          schema: z.object({ received: z.literal(true), status: z.string() }),
        },
        { 400: 'The signature is not accepted', 413: 'Over 1 MiB', 503: 'It could not be stored' },
      ),
    },
    async handler(c) {
      const rawBody = await readBytes(c, MAX_BODY_BYTES);
      const received = await receiveWebhook(deliveries, {
        rawBody,
        signature: c.req.header('stripe-signature'),
        secrets: config.stripe.webhookSecrets,
      });
      if (received.kind === 'refused') {
        metrics.deliveries.inc({ outcome: received.code });
        throw new FlorinError(received.code, received.message);
      }
      const { status } = received.outcome;
      metrics.deliveries.inc({ outcome: status });
      return json({ received: true, status });
    },
  });
}
