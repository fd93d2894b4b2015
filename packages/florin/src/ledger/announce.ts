import type { Executor, Statement } from '../db/index.ts';

/** Where every process hears of balances that others changed; the payload is the account's id. */
export const BALANCE_CHANNEL = 'florin_balance';

const ANNOUNCE: Statement = {
  name: 'ledger_announce',
  text: `select pg_notify('${BALANCE_CHANNEL}', account_id) from unnest($1::text[]) as account_id`,
};

/**
 * Tells every process that an account's balance changed: call it after the commit. Not within: a
 * transaction that announces holds one lock for the whole database until its commit is on disk, so
 * that writers would commit one after the other (docs/decisions/0005). Announcements that wait go
 * together. Never throws: who did not hear of it asks again within seconds.
 */
export function createAnnouncer(db: Executor): (accountId: string) => void {
  const waiting = new Set<string>();
  let isTelling = false;

  async function tell(): Promise<void> {
    isTelling = true;
    while (waiting.size > 0) {
      const accountIds = [...waiting];
      waiting.clear();
      await db.query(ANNOUNCE, [accountIds]).catch(() => {});
    }
    isTelling = false;
  }

  return (accountId) => {
    waiting.add(accountId);
    if (!isTelling) {
      void tell();
    }
  };
}
