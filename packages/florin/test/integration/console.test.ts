import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isLedgerSmall, readOverview } from '../../src/console/index.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';

describe("the console's counters", () => {
  let database: FreshDatabase;
  beforeAll(async () => {
    database = await freshDatabase();
  });
  afterAll(() => database.close());

  async function receive(status: string, from: number, count: number, filler = 10): Promise<void> {
    await database.db.transaction(async (tx) => {
      await tx.query('set local role florin_owner');
      await tx.query(
        `insert into billing.events (event_id, type, livemode, created_at, status, next_attempt_at, payload)
         select 'evt_' || n, 'test', false, now(), $1::text,
                case when $1::text in ('received', 'failed') then now() end, jsonb_build_object('f', repeat('x', $4))
           from generate_series($2::int, $2::int + $3::int - 1) n`,
        [status, from, count, filler],
      );
    });
  }

  it('are exact while the inbox is small', async () => {
    await receive('processed', 1, 120);
    await receive('skipped', 1_000, 30);
    await receive('failed', 2_000, 4);
    await receive('dead', 3_000, 3);
    expect(await readOverview(database.db)).toMatchObject({
      events: { received: 0, processed: 120, skipped: 30, failed: 4, dead: 3 },
      needingAttention: 0,
      accounts: 0,
      oldestWaitingAt: expect.any(Date),
    });
    expect(await isLedgerSmall(database.db)).toBe(true);
  });

  it('of a large inbox estimate what is finished, and count what is not', async () => {
    // Four of a page: 12,000 events are 3,000 pages, of which 2,000 are counted.
    await receive('processed', 10_000, 12_000, 1_800);
    const { events } = await readOverview(database.db);
    expect(events).toMatchObject({ received: 0, failed: 4, dead: 3 });
    expect(events.processed).toBeGreaterThan(11_000);
    expect(events.processed).toBeLessThan(13_000);
  });
});
