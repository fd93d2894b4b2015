import { DEMO } from '../../contract/index.ts';
import { FlorinError } from '../../kernel/index.ts';
import { readJson } from '../body.ts';
import type { Parts } from '../parts.ts';
import { type App, addRoute } from '../route.ts';

/** Adds a pretend scan, in `florin dev` alone, so that there is something to spend credits on. */
export function addDemo(app: App, { callers, feed, rateLimits, spend, development }: Parts): void {
  if (!development) {
    return;
  }
  addRoute(app, DEMO.scan, async (c) => {
    const { accountId } = await callers.buyer(c);
    await rateLimits.take('buyer', accountId);
    const key = c.req.header('idempotency-key') ?? '';
    if (!/^[\w.:-]{1,200}$/.test(key)) {
      throw new FlorinError('idempotency_key_missing', 'Send the header Idempotency-Key.');
    }
    const { pages } = await readJson(c, DEMO.scan.body);
    const written = await spend({
      accountId,
      amount: pages,
      idempotencyKey: `demo:${key}`,
      metadata: { reason: 'scan', pages },
    });
    feed.changed(accountId);
    return written;
  });
}
