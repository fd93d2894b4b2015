import { USAGE } from '../../contract/index.ts';
import { readUsage } from '../../ledger/index.ts';
import { needRole } from '../acting.ts';
import { readQuery, uuidOf } from '../body.ts';
import type { Parts } from '../parts.ts';
import { type App, addRoute } from '../route.ts';

/** Adds what credits were used for: a buyer's own, and any account's to operators. */
export function addUsage(app: App, { callers, db, clock }: Parts): void {
  addRoute(app, USAGE.own, async (c) => {
    const { accountId, role } = await callers.buyer(c, USAGE.own);
    const asked = readQuery(c, USAGE.own.query);
    if (asked.by?.includes('actor')) {
      needRole(role, 'admin');
    }
    return readUsage(db, { accountId, ...asked, now: clock.now() });
  });

  addRoute(app, USAGE.ofAccount, async (c) => {
    await callers.operator(c);
    const asked = readQuery(c, USAGE.ofAccount.query);
    return readUsage(db, { accountId: uuidOf(c, 'id'), ...asked, now: clock.now() });
  });
}
