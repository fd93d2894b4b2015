import { randomUUID } from 'node:crypto';
import { dailyUsage, explainBalance, listEntries } from '../../packages/florin/src/ledger/index.ts';
import {
  balance,
  collect,
  grant,
  hold,
  holdAndRelease,
  type Line,
  makeDue,
  type Session,
  settle,
  spend,
  withCredits,
} from './session.ts';

const DAY_MS = 86_400_000;

export async function overGrants(session: Session, counts: readonly number[]): Promise<Line[]> {
  const lines: [string, (account: string) => () => Promise<unknown>][] = [
    ['spend', (account) => () => spend(session, account)],
    [
      'settle what was spent',
      (account) => async () => {
        await spend(session, account);
        const start = performance.now();
        await settle(session, account);
        return performance.now() - start;
      },
    ],
    [
      'spend, then a grant',
      (account) => async () => {
        await spend(session, account);
        await grant(session, account, 1);
      },
    ],
    ['balance', (account) => () => balance(session, account)],
    ['hold and release', (account) => () => holdAndRelease(session, account)],
    ['explain', (account) => () => explainBalance(session.db, account)],
  ];
  return collect(
    'live grants that expire',
    lines,
    async (count) => {
      const account = randomUUID();
      await session.client.query(
        `select credits.issue_grant($1, 1000000, 'g' || n, 'bench', p_expires_at => now() + n * interval '1 day')
         from generate_series(1, $2::int) n`,
        [account, count],
      );
      return account;
    },
    counts,
  );
}

export async function overHolds(session: Session, counts: readonly number[]): Promise<Line[]> {
  const held = async (count: number) => {
    const account = await withCredits(session);
    await hold(session, account, count);
    return account;
  };
  const open = await collect(
    'open holds',
    [
      ['spend', (account) => () => spend(session, account)],
      ['balance', (account) => () => balance(session, account)],
      ['hold and release', (account) => () => holdAndRelease(session, account)],
      ['explain', (account) => () => explainBalance(session.db, account)],
    ],
    held,
    counts,
  );
  const due = await collect(
    'holds that are due',
    [['balance', (account) => () => balance(session, account)]],
    async (count) => {
      const account = await held(count);
      await makeDue(session, account);
      return account;
    },
    counts,
  );
  return [...open, ...due];
}

/** Grants that were used up leave an allocation each: what lies before must cost nothing. */
export async function overUsedUp(session: Session, counts: readonly number[]): Promise<Line[]> {
  const used = async (count: number) => {
    const account = randomUUID();
    for (let n = 0; n < count; n += 1) {
      await grant(session, account, 10);
      await spend(session, account, 10);
    }
    await grant(session, account, 1_000_000);
    await hold(session, account, 50);
    return account;
  };
  return [
    ...(await collect(
      'used-up grants, 50 open holds',
      [['explain', (account) => () => explainBalance(session.db, account)]],
      used,
      counts,
    )),
    ...(await collect(
      'used-up grants, 50 holds due',
      [['balance', (account) => () => balance(session, account)]],
      async (count) => {
        const account = await used(count);
        await makeDue(session, account);
        return account;
      },
      counts,
    )),
  ];
}

export async function overEntries(session: Session, counts: readonly number[]): Promise<Line[]> {
  const { db } = session;
  const noon = Date.now() - DAY_MS / 2;
  const range = (accountId: string) => ({
    accountId,
    from: new Date(noon - DAY_MS),
    to: new Date(noon),
  });
  return collect(
    '',
    [
      ['spend', (account) => () => spend(session, account)],
      ['balance', (account) => () => balance(session, account)],
      [
        'page of the history, the newest',
        (accountId) => () => listEntries(db, { accountId, limit: 50 }),
      ],
      [
        'page of the history, from its middle',
        (accountId) => () => listEntries(db, { accountId, limit: 50, before: 500_000 }),
      ],
      ['usage of one day', (account) => () => dailyUsage(db, range(account))],
    ],
    async (count) => {
      const account = await withCredits(session);
      // A hundred entries a day, whatever their number. Written straight into the table: their hashes are no chain.
      await session.bench.asAdmin(
        `insert into credits.entries (account_id, entry_no, amount, axis_from, posted_after, held_after,
         created_at, kind, idempotency_key, chain)
       select '${account}', n + 1, -1, n - 1, 1000000000 - n, 0, now() - (${count} - n) * interval '14 minutes',
              'spend', 'past:' || n, sha256(n::text::bytea)
         from generate_series(1, ${count - 1}) as n`,
        `update credits.accounts set posted = posted - ${count - 1}, axis = ${count - 1}, settled = ${count - 1},
              entry_no = ${count} where account_id = '${account}'`,
        'analyze credits.entries',
      );
      return account;
    },
    counts,
  );
}
