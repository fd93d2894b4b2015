import { USAGE } from '../../contract/index.ts';
import { readUsage } from '../../ledger/index.ts';
import { readQuery } from '../body.ts';
import type { Parts } from '../parts.ts';
import { type App, addRoute } from '../route.ts';
import { uuidOf } from '../server-calls.ts';

/** Adds what credits were used for: a buyer's own, and any account's to operators. */
export function addUsage(app: App, { callers, rateLimits, db, clock }: Parts): void {
  addRoute(app, USAGE.own, async (c) => {
    const { accountId } = await callers.buyer(c);
    await rateLimits.take('buyer', accountId);
    return readUsage(db, { accountId, ...readQuery(c, USAGE.own.query), now: clock.now() });
  });

  addRoute(app, USAGE.ofAccount, async (c) => {
    await callers.operator(c);
    const asked = readQuery(c, USAGE.ofAccount.query);
    return readUsage(db, { accountId: uuidOf(c, 'id'), ...asked, now: clock.now() });
  });
}
