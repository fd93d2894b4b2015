import { TRANSFERS } from '../../contract/index.ts';
import { transfer } from '../../ledger/index.ts';
import { checkRole } from '../acting.ts';
import { readJson } from '../body.ts';
import { Reply } from '../headers.ts';
import type { Parts } from '../parts.ts';
import { type App, addRoute } from '../route.ts';
import { keyOf, REPLAYED } from '../server-calls.ts';

/** Adds what moves bought credits to another account. */
export function addTransfers(app: App, parts: Parts): void {
  const { callers, roleOf, db, feed, webhooks, logger, catalog } = parts;

  addRoute(app, TRANSFERS.transfer, async (c) => {
    const { userId, by } = await callers.anyone(c);
    const idempotencyKey = keyOf(c);
    const { from, to, amount, reason } = await readJson(c, TRANSFERS.transfer.body);
    if (userId !== undefined) {
      await checkRole(roleOf, { accountId: from, userId }, 'owner');
      await checkRole(roleOf, { accountId: to, userId }, 'owner');
    }
    const moved = await transfer(db, { from, to, amount, idempotencyKey, reason, actor: by });
    const shown = { from, to, amount: catalog.credit.show(amount), by };
    logger.info({ ...shown, replayed: moved.replayed }, 'credits were moved');
    for (const accountId of [from, to]) {
      feed.changed(accountId);
      webhooks.announce?.(accountId);
    }
    return new Reply(moved, moved.replayed ? { headers: REPLAYED } : {});
  });
}
