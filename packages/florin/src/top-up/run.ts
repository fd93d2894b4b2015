import { advanceTopUp } from './charge.ts';
import type { ChargeDeps } from './deps.ts';
import { beginTopUp, claimTopUps, closeCredited, lowAccounts, readOpenTopUp } from './top-up.ts';

/** Longer than all requests of one top-up together may take. */
const LEASE_SECONDS = 300;
const AT_ONCE = 8;

/**
 * One round of auto top-up: closes what is credited, starts what is low, takes what is under way as
 * far as it goes. Any number of services may run it at once. True: there is more to do now.
 */
export async function runTopUps(deps: ChargeDeps, limit: number): Promise<boolean> {
  const { db } = deps;
  await closeCredited(db, limit);
  for (const accountId of await lowAccounts(db, limit)) {
    await beginTopUp(db, accountId);
  }
  const claimed = await claimTopUps(db, { limit: AT_ONCE, leaseSeconds: LEASE_SECONDS });
  await Promise.all(
    claimed.map(async (topUpId) => advanceTopUp(deps, await readOpenTopUp(db, topUpId))),
  );
  return claimed.length > 0;
}
