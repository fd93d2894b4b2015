import { DEMO } from '../../contract/index.ts';
import { readJson } from '../body.ts';
import type { Parts } from '../parts.ts';
import { RequestError } from '../request-error.ts';
import { type App, addRoute } from '../route.ts';

/** Adds a pretend scan, in `florin dev` alone, so that there is something to spend credits on. */
export function addDemo(app: App, parts: Parts): void {
  const { callers, charges, feed, spender } = parts;
  const card = parts.catalog.usage;
  if (!parts.development) {
    return;
  }
  addRoute(app, DEMO.scan, async (c) => {
    const { accountId, userId } = await callers.buyer(c, DEMO.scan);
    const key = c.req.header('idempotency-key') ?? '';
    if (!/^[\w.:-]{1,200}$/.test(key)) {
      throw new RequestError('idempotency_key_missing', 'Send the header Idempotency-Key.');
    }
    const { pages, vision } = await readJson(c, DEMO.scan.body);
    const meter = vision ? 'page.vision' : 'page';
    const write = {
      accountId,
      ...(accountId === userId ? {} : { actor: userId }),
      feature: 'scan',
      idempotencyKey: `demo:${key}`,
      metadata: { reason: 'scan', pages },
    };
    const amount = vision ? 3 * pages : pages;
    const {
      rate: _,
      version: __,
      ...charged
    } = card.has(meter)
      ? await charges.charge({ ...write, meter, quantity: pages })
      : {
          ...(await spender.spend({ ...write, amount })),
          credits: amount,
          rate: null,
          version: null,
        };
    feed.changed(accountId);
    return charged;
  });
}
