import { z } from '@hono/zod-openapi';
import { FlorinError } from '../../kernel/index.ts';
import { readJson } from '../body.ts';
import { json } from '../headers.ts';
import type { Parts } from '../parts.ts';
import { type App, addRoute } from '../route.ts';
import { answers, BUYER, jsonBody, written } from '../shapes.ts';

const scan = z.strictObject({
  pages: z.int().min(1).max(500),
  vision: z.boolean({ error: 'must be true or false' }).default(false),
});

/** `florin dev` only: a pretended scan, so that there is something to spend credits on. */
export function addDemo(app: App, parts: Parts): void {
  const { callers, charges, feed, rateLimits, spend } = parts;
  const card = parts.webhooks.catalog.usage;
  if (!parts.development) {
    return;
  }
  addRoute(app, {
    method: 'post',
    path: '/api/demo/scan',
    docs: {
      summary:
        'Charges the signed-in user by the rate card: meter page, or page.vision (development only)',
      tags: ['Development'],
      security: BUYER,
      request: jsonBody(scan),
      responses: answers({
        description: 'The balance after it',
        schema: written.extend({ credits: z.int() }),
      }),
    },
    async handler(c) {
      const { accountId } = await callers.buyer(c);
      await rateLimits.take('buyer', accountId);
      const key = c.req.header('idempotency-key') ?? '';
      if (!/^[\w.:-]{1,200}$/.test(key)) {
        throw new FlorinError('idempotency_key_missing', 'Send the header Idempotency-Key.');
      }
      const { pages, vision } = await readJson(c, scan);
      const meter = vision ? 'page.vision' : 'page';
      const write = {
        accountId,
        feature: 'scan',
        idempotencyKey: `demo:${key}`,
        metadata: { reason: 'scan', pages },
      };
      const amount = vision ? 3 * pages : pages;
      const result = card.has(meter)
        ? await charges.charge({ ...write, meter, quantity: pages })
        : { ...(await spend({ ...write, amount })), credits: amount };
      feed.changed(accountId);
      return json(result);
    },
  });
}
