import { STATEMENT } from '../../contract/index.ts';
import { readBalanceReport, readStatement } from '../../ledger/index.ts';
import { readQuery } from '../body.ts';
import type { RequestContext } from '../context.ts';
import { API_HEADERS } from '../headers.ts';
import type { Parts } from '../parts.ts';
import { type App, addRoute } from '../route.ts';

/** Adds what a buyer reads of their own account, and of no other. */
export function addStatement(app: App, parts: Parts): void {
  const { addressOf, callers, feed, rateLimits } = parts;
  const { db } = parts;

  async function buyerOf(c: RequestContext) {
    const buyer = await callers.buyer(c);
    await rateLimits.take('buyer', buyer.accountId);
    return buyer;
  }

  addRoute(app, STATEMENT.balance, async (c) => {
    const { accountId } = await buyerOf(c);
    return readBalanceReport(db, accountId);
  });

  addRoute(app, STATEMENT.transactions, async (c) => {
    const { accountId } = await buyerOf(c);
    const { cursor } = readQuery(c, STATEMENT.transactions.query);
    const { entries, nextCursor } = await readStatement(db, { accountId, before: cursor });
    const transactions = entries.map(
      ({ idempotencyKey: _, actor: __, internalNote: ___, pricing: ____, ...shown }) => shown,
    );
    return { transactions, nextCursor };
  });

  addRoute(app, STATEMENT.stream, async (c) => {
    const { accountId, tokenExpiresAt } = await buyerOf(c);
    const stream = feed.open({
      accountId,
      address: addressOf(c),
      until: tokenExpiresAt,
      lastEventId: c.req.header('last-event-id'),
    });
    return new Response(stream, {
      headers: {
        ...API_HEADERS,
        'content-type': 'text/event-stream',
        // This header asks nginx and similar proxies to pass events on at once.
        'x-accel-buffering': 'no',
      },
    });
  });
}
