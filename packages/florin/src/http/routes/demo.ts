import { z } from '@hono/zod-openapi';
import { FlorinError } from '../../kernel/index.ts';
import { readJson } from '../body.ts';
import { json } from '../headers.ts';
import type { Parts } from '../parts.ts';
import { type App, addRoute } from '../route.ts';
import { answers, BUYER, jsonBody, written } from '../shapes.ts';

const scan = z.strictObject({ pages: z.int().min(1).max(500) });

/** `florin dev` only: a pretended scan, so that there is something to spend credits on. */
export function addDemo(app: App, { callers, feed, rateLimits, spend, development }: Parts): void {
  if (!development) {
    return;
  }
  addRoute(app, {
    method: 'post',
    path: '/api/demo/scan',
    docs: {
      summary: 'Spends a credit a page of the signed-in user (development only)',
      tags: ['Development'],
      security: BUYER,
      request: jsonBody(scan),
      responses: answers({ description: 'The balance after it', schema: written }),
    },
    async handler(c) {
      const { accountId } = await callers.buyer(c);
      await rateLimits.take('buyer', accountId);
      const key = c.req.header('idempotency-key') ?? '';
      if (!/^[\w.:-]{1,200}$/.test(key)) {
        throw new FlorinError('idempotency_key_missing', 'Send the header Idempotency-Key.');
      }
      const { pages } = await readJson(c, scan);
      const result = await spend({
        accountId,
        amount: pages,
        idempotencyKey: `demo:${key}`,
        metadata: { reason: 'scan', pages },
      });
      feed.changed(accountId);
      return json(result);
    },
  });
}
