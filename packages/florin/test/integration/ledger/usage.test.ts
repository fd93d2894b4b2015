import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dailyUsage } from '../../../src/ledger/index.ts';
import { type FreshDatabase, freshDatabase } from '../../support/postgres.ts';

const START = Date.UTC(2026, 0, 1);
const HOUR = 3_600_000;
const ENTRIES = 400;

/** Five an hour; now and then one that waited for the account's lock for up to 50 minutes. */
const times = Array.from(
  { length: ENTRIES },
  (_, n) => START + n * (HOUR / 5) - (n % 7 === 0 ? 50 * 60_000 : 0),
);

describe('usage by day', () => {
  let database: FreshDatabase;
  const accountId = randomUUID();
  beforeAll(async () => {
    database = await freshDatabase();
    // Straight into the tables: only their times matter here.
    await database.db.transaction(async (tx) => {
      await tx.query('set local role florin_owner');
      await tx.query('insert into credits.accounts (account_id, entry_no) values ($1, $2)', [
        accountId,
        ENTRIES,
      ]);
      await tx.query(
        `insert into credits.entries (account_id, entry_no, amount, posted_after, held_after,
           created_at, kind, idempotency_key, chain)
         select $1, n, -1, -n, 0, at, 'spend', n::text, ''
           from unnest($2::timestamptz[]) with ordinality as t (at, n)`,
        [accountId, times.map((at) => new Date(at).toISOString())],
      );
    });
  });
  afterAll(() => database.close());

  const ask = async (from: number, to: number) => {
    const days = await dailyUsage(database.db, {
      accountId,
      from: new Date(from),
      to: new Date(to),
    });
    return days.reduce((sum, { spent }) => sum + spent, 0);
  };

  it('finds every entry of a range of time, those that were written out of order too', async () => {
    for (let hour = -3; hour < 84; hour += 1) {
      for (const hours of [1, 5, 24]) {
        const from = START + hour * HOUR - 600_000;
        const to = from + hours * HOUR;
        const inside = times.filter((at) => at >= from && at < to).length;
        expect([hour, hours, await ask(from, to)]).toEqual([hour, hours, inside]);
      }
    }
    expect(await ask(START - HOUR, START + 1000 * HOUR)).toBe(ENTRIES);
  });

  it('reads little beside the entries of that time', async () => {
    const [row] = await database.db.query<{ first: number; last: number }>(
      'select credits.first_entry_at($1, $2) as first, credits.first_entry_at($1, $3) as last',
      [accountId, new Date(START + 40 * HOUR), new Date(START + 41 * HOUR)],
    );
    expect(Math.abs(Number(row?.first) - 201)).toBeLessThan(10);
    expect(Math.abs(Number(row?.last) - 206)).toBeLessThan(10);
  });

  it('of an account that nobody knows is none', async () => {
    expect(
      await dailyUsage(database.db, {
        accountId: randomUUID(),
        from: new Date(START),
        to: new Date(START + 24 * HOUR),
      }),
    ).toEqual([]);
  });
});
