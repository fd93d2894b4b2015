import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { FlorinError } from '../../src/kernel/index.ts';
import { adjust, issueGrant, keepDecimals, verifyLedger } from '../../src/ledger/index.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';
import { spend } from '../support/spend.ts';

/** The seed's tables and functions, as code written against it calls them. */
describe('the seed’s names in public', () => {
  let database: FreshDatabase;
  beforeAll(async () => {
    database = await freshDatabase();
  });
  afterAll(() => database.close());

  async function add(user: string | null, more: Record<string, unknown> = {}): Promise<boolean> {
    const call = { amount: 50, event: 'evt_1', payment: 'pi_1', price: 'price_A', ...more };
    const [row] = await database.db.query<{ added: boolean }>(
      `select public.add_user_credits($1, $2, $3, $4, $5, 'quick_scan_purchase', 'credits') as added`,
      [user, call.amount, call.event, call.payment, call.price],
    );
    return row?.added ?? false;
  }
  async function balances(user: string) {
    // Two statements: on a cluster a function that reads the ledger is not called beside a view of it.
    const [asked] = await database.db.query(
      `select public.get_user_credit_balance($1) as slow,
              public.get_user_credit_balance_fast($1) as fast`,
      [user],
    );
    const [row] = await database.db.query<{ balance: number }>(
      'select balance from public.credits_balance_mv where user_id = $1',
      [user],
    );
    return { ...asked, viewed: row?.balance ?? null };
  }

  it('add_user_credits credits, says true, and a repetition says true and credits nothing', async () => {
    const user = randomUUID();
    expect([await add(user), await add(user)]).toEqual([true, true]);
    expect(await balances(user)).toEqual({ slow: 50, fast: 50, viewed: 50 });
  });

  it('every user and every payment is credited, not the first in the table alone', async () => {
    const [one, two] = [randomUUID(), randomUUID()];
    await add(one);
    await add(two);
    await add(two, { event: 'evt_2', payment: 'pi_2' });
    expect([await balances(one), await balances(two)]).toMatchObject([{ slow: 50 }, { slow: 100 }]);
  });

  it('each line of one checkout is credited, though event and payment are the same', async () => {
    const user = randomUUID();
    await add(user, { price: 'price_A' });
    await add(user, { price: 'price_B', amount: 250 });
    expect(await balances(user)).toMatchObject({ slow: 300 });
  });

  it('payments whose names together read alike are two: each is credited', async () => {
    const user = randomUUID();
    await add(user, { event: 'evt|1', payment: 'pi' });
    await add(user, { event: 'evt', payment: '1|pi' });
    expect(await balances(user)).toMatchObject({ slow: 100 });
  });

  it('balances of a new user are 0, and both ways of asking agree', async () => {
    expect(await balances(randomUUID())).toEqual({ slow: 0, fast: 0, viewed: null });
  });

  it('the balance is current after every change, and refreshing finds nothing to do', async () => {
    const user = randomUUID();
    await add(user);
    await spend(database.db, { accountId: user, amount: 20, idempotencyKey: 'scan' });
    expect(await balances(user)).toEqual({ slow: 30, fast: 30, viewed: 30 });
    expect(await database.db.query('select public.refresh_credits_balance() as differed')).toEqual([
      { differed: 0 },
    ]);
    const rows = await database.db.query(
      'select delta, reason from public.credits_transactions where user_id = $1 order by created_at',
      [user],
    );
    expect(rows).toEqual([
      { delta: 50, reason: 'quick_scan_purchase' },
      { delta: -20, reason: 'spend' },
    ]);
  });

  it("the history shows the buyer the reason of a change by hand, not who made it nor the operators' note", async () => {
    const user = randomUUID();
    await issueGrant(database.db, {
      accountId: user,
      amount: 50,
      idempotencyKey: 'gift',
      source: 'manual',
      metadata: { reason: 'goodwill', actor: 'ada', internal_note: 'ticket 80', app: 'ocr' },
    });
    await adjust(database.db, {
      accountId: user,
      amount: -20,
      idempotencyKey: 'correction',
      reason: 'refund of a scan',
      actor: 'ada',
      internalNote: 'suspected fraud, see ticket 81',
    });
    const rows = await database.db.query(
      'select reason, metadata from public.credits_transactions where user_id = $1 order by created_at',
      [user],
    );
    expect(rows).toEqual([
      { reason: 'goodwill', metadata: { reason: 'goodwill', app: 'ocr' } },
      { reason: 'refund of a scan', metadata: { reason: 'refund of a scan' } },
    ]);
    expect(await verifyLedger(database.db, user)).toEqual([]);
  });

  it('errors are raised, never swallowed: nobody, nothing, no event', async () => {
    const user = randomUUID();
    const faults: [string | null, Record<string, unknown>][] = [
      [null, {}],
      [user, { amount: 0 }],
      [user, { amount: -5 }],
      [user, { event: '' }],
    ];
    for (const [who, more] of faults) {
      await expect(add(who, more)).rejects.toBeInstanceOf(FlorinError);
    }
    expect(await balances(user)).toMatchObject({ slow: 0 });
  });

  it('a balance grows past what an integer holds', async () => {
    const user = randomUUID();
    await add(user, { amount: 2_147_483_647 });
    await add(user, { amount: 1, event: 'evt_2' });
    expect(await balances(user)).toMatchObject({ slow: 2_147_483_648, viewed: 2_147_483_648 });
  });

  it('a deleted user’s ledger stays', async () => {
    const user = randomUUID();
    await add(user);
    await database.db.query('create table public.users (id uuid primary key)');
    await database.db.query('insert into public.users values ($1)', [user]);
    await database.db.query('delete from public.users where id = $1', [user]);
    expect(await balances(user)).toMatchObject({ slow: 50 });
    expect(await verifyLedger(database.db, user)).toEqual([]);
  });
});

describe('the seed’s names where credits have decimals', () => {
  it('stay whole credits, rounded down, and their deltas add up to the balance', async () => {
    const database = await freshDatabase();
    onTestFinished(() => database.close());
    const { db } = database;
    const user = randomUUID();
    await keepDecimals(db, 2);
    await db.query(
      "select public.add_user_credits($1, 3, 'evt_1', 'pi_1', 'price_A', 'pack', 'credits')",
      [user],
    );
    for (const [n, amount] of [25, 25, 75].entries()) {
      await spend(db, { accountId: user, amount, idempotencyKey: `scan:${n}` });
    }
    const asked = await db.query(
      `select public.get_user_credit_balance($1) as slow,
              public.get_user_credit_balance_fast($1) as fast`,
      [user],
    );
    expect(asked).toEqual([{ slow: 1, fast: 1 }]);
    const viewed = await db.query(
      'select balance from public.credits_balance_mv where user_id = $1',
      [user],
    );
    expect(viewed).toEqual([{ balance: 1 }]);
    const rows = await db.query<{ delta: number }>(
      'select delta from public.credits_transactions where user_id = $1 order by created_at',
      [user],
    );
    expect(rows.map(({ delta }) => delta)).toEqual([3, -1, 0, -1]);
    const all = await db.query(
      'select sum(delta)::integer as sum from public.credits_transactions',
    );
    expect(all).toEqual([{ sum: 1 }]);
    expect(await verifyLedger(db, user)).toEqual([]);
  });
});
