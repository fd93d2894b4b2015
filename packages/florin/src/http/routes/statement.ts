import { STATEMENT } from '../../contract/index.ts';
import { readBalanceReport, readStatement } from '../../ledger/index.ts';
import { isAtLeast } from '../acting.ts';
import { readQuery } from '../body.ts';
import { API_HEADERS } from '../headers.ts';
import type { Parts } from '../parts.ts';
import { type App, addRoute } from '../route.ts';

/** Adds what a buyer reads of their own account, and of no other. */
export function addStatement(app: App, parts: Parts): void {
  const { addressOf, callers, db, feed } = parts;

  addRoute(app, STATEMENT.balance, async (c) => {
    const { accountId } = await callers.buyer(c, STATEMENT.balance);
    return readBalanceReport(db, accountId);
  });

  addRoute(app, STATEMENT.transactions, async (c) => {
    const { accountId, userId, role } = await callers.buyer(c, STATEMENT.transactions);
    const seesAll = isAtLeast(role, 'admin');
    const { cursor } = readQuery(c, STATEMENT.transactions.query);
    const { entries, nextCursor } = await readStatement(db, { accountId, before: cursor });
    const transactions = entries.map(
      ({ idempotencyKey: _, madeBy: __, internalNote: ___, pricing: ____, ...shown }) => ({
        ...shown,
        actor: seesAll || shown.actor === userId ? shown.actor : null,
      }),
    );
    return { transactions, nextCursor };
  });

  addRoute(app, STATEMENT.stream, async (c) => {
    const { accountId, userId, tokenExpiresAt } = await callers.buyer(c, STATEMENT.stream);
    const stream = feed.open({
      accountId,
      userId,
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
