import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { InsufficientCreditsError } from '../../src/kernel/index.ts';
import {
  explainBalance,
  issueGrant,
  placeHold,
  readBalance,
  releaseHold,
  transfer,
  verifyLedger,
} from '../../src/ledger/index.ts';
import { type Bought, buyCredits, moneyMoves } from '../support/bought.ts';
import { freshDatabase } from '../support/postgres.ts';
import { spend } from '../support/spend.ts';
import { installVirtualClock, type VirtualClock } from './virtual-clock.ts';

/** `npm run proof` asks for more. */
const RUNS = Number(process.env['FLORIN_PROOF_RUNS'] ?? 40);
const START = Date.UTC(2030, 0, 1);
const ACCOUNTS = 4;
const ALL = 'all';

const account = fc.nat(ACCOUNTS - 1);
const amount = fc.integer({ min: 1, max: 40 });
/** All that there is, now and then: what is left nowhere has to be found where it was spent. */
const some = fc.oneof({ weight: 2, arbitrary: amount }, { weight: 1, arbitrary: fc.constant(ALL) });
const command = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('buy' as const),
      at: account,
      amount,
      priority: fc.integer({ min: -1, max: 1 }),
      lasts: fc.option(fc.constantFrom(20, 60, 120), { nil: null }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('gift' as const), at: account, amount }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('spend' as const), at: account, some }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('hold' as const), at: account, amount }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('release' as const), which: fc.nat(20) }) },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('move' as const), at: account, to: account, some }),
  },
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('refund' as const), which: fc.nat(20), some }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('undo' as const), which: fc.nat(20), some }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('wait' as const), seconds: fc.nat(40) }) },
);
type Command = typeof command extends fc.Arbitrary<infer T> ? T : never;
type Purchase = Bought & { readonly credits: number; taken: number; steps: number };

describe('credits that move between accounts', () => {
  let database: Awaited<ReturnType<typeof freshDatabase>>;
  let clock: VirtualClock;
  beforeAll(async () => {
    database = await freshDatabase();
    clock = await installVirtualClock(database.db);
  });
  afterAll(() => database.close());

  it(`are never more and never fewer, in ${RUNS} random lives of ${ACCOUNTS} accounts`, {
    timeout: 60_000 + RUNS * 3_000,
  }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(command, { maxLength: 40, size: 'max' }), async (commands) => {
        await clock.set(new Date(START));
        const life = new Life(database.db, clock);
        for (const [step, one] of commands.entries()) {
          await life.live(one, `key:${step}`);
        }
        await life.prove();
      }),
      { numRuns: RUNS, endOnFailure: false },
    );
  });
});

/** A few accounts, and what is known of them without asking the ledger. */
class Life {
  readonly #db: Awaited<ReturnType<typeof freshDatabase>>['db'];
  readonly #clock: VirtualClock;
  readonly #accounts = Array.from({ length: ACCOUNTS }, () => randomUUID());
  readonly #purchases: Purchase[] = [];
  readonly #holds: { accountId: string; holdId: string }[] = [];
  #given = 0;
  #spent = 0;
  #now = START;

  constructor(db: Awaited<ReturnType<typeof freshDatabase>>['db'], clock: VirtualClock) {
    this.#db = db;
    this.#clock = clock;
  }

  async live(one: Command, idempotencyKey: string): Promise<void> {
    const db = this.#db;
    const accountId = 'at' in one ? (this.#accounts[one.at] as string) : '';
    if (one.do === 'buy') {
      const { amount: credits, priority, lasts } = one;
      const expiresAt = lasts === null ? null : new Date(this.#now + lasts * 1000);
      const bought = await buyCredits(db, { accountId, amount: credits, priority, expiresAt });
      this.#purchases.push({ ...bought, credits, taken: 0, steps: 0 });
    } else if (one.do === 'gift') {
      await issueGrant(db, { accountId, amount: one.amount, idempotencyKey, source: 'bonus' });
      this.#given += one.amount;
    } else if (one.do === 'spend') {
      const { available } = await readBalance(db, accountId);
      const wanted = one.some === ALL ? Math.max(1, available) : one.some;
      const done = await unlessShort(spend(db, { accountId, amount: wanted, idempotencyKey }));
      this.#spent += done === undefined ? 0 : wanted;
    } else if (one.do === 'hold') {
      const hold = await unlessShort(
        placeHold(db, { accountId, amount: one.amount, idempotencyKey, expiresInSeconds: 30 }),
      );
      this.#holds.push(...(hold === undefined ? [] : [{ accountId, holdId: hold.holdId }]));
    } else if (one.do === 'release') {
      const hold = this.#holds.splice(one.which % Math.max(1, this.#holds.length), 1)[0];
      await (hold === undefined ? undefined : releaseHold(db, hold).catch(() => undefined));
    } else if (one.do === 'move') {
      await this.#move(accountId, one, idempotencyKey);
    } else if (one.do === 'wait') {
      this.#now += one.seconds * 1000;
      await this.#clock.set(new Date(this.#now));
    } else {
      await this.#moveMoney(one);
    }
  }

  async #move(from: string, one: Command & { do: 'move' }, idempotencyKey: string): Promise<void> {
    const to = this.#accounts[one.to] as string;
    if (from === to) {
      return;
    }
    const items = await explainBalance(this.#db, from);
    const movable = items
      .filter(({ source }) => source === 'purchase')
      .reduce((sum, { contributes }) => sum + contributes, 0);
    const wanted = one.some === ALL ? Math.max(1, movable) : one.some;
    const request = { from, to, amount: wanted, idempotencyKey, reason: 'test' };
    if (movable < wanted) {
      await expect(transfer(this.#db, request)).rejects.toMatchObject({ available: movable });
      return;
    }
    const moved = await transfer(this.#db, request);
    expect(moved.replayed).toBe(false);
    expect(await transfer(this.#db, request)).toEqual({ ...moved, replayed: true });
  }

  async #moveMoney(one: Command & { do: 'refund' | 'undo' }): Promise<void> {
    const purchase = this.#purchases[one.which % Math.max(1, this.#purchases.length)];
    if (purchase === undefined) {
      return;
    }
    const { credits, taken } = purchase;
    const most = one.do === 'refund' ? credits - taken : taken;
    const credited = one.some === ALL ? most : Math.min(one.some, most);
    if (credited === 0) {
      return;
    }
    purchase.steps += 1;
    await moneyMoves(this.#db, {
      ...purchase,
      do: one.do === 'refund' ? 'reverse' : 'restore',
      amount: credited,
      step: purchase.steps,
    });
    purchase.taken += one.do === 'refund' ? credited : -credited;
  }

  /** Every invariant, what each purchase is worth, and the sum over all accounts. */
  async prove(): Promise<void> {
    for (const accountId of this.#accounts) {
      await this.#db.query('select credits.settle_account($1)', [accountId]);
      expect(await verifyLedger(this.#db, accountId)).toEqual([]);
    }
    for (const { accountId, grantId, credits, taken } of this.#purchases) {
      const grants = await this.#db.query(
        'select amount, reversed from credits.grants where account_id = $1 and grant_id = $2',
        [accountId, grantId],
      );
      expect(grants).toEqual([{ amount: credits, reversed: taken }]);
    }
    const [sums] = await this.#db.query<{ posted: number; lapsed: number }>(
      `select coalesce(sum(amount), 0)::bigint as posted,
              coalesce(-sum(amount) filter (where kind in ('expiry', 'void')), 0)::bigint as lapsed
         from credits.entries where account_id = any ($1)`,
      [this.#accounts],
    );
    const bought = this.#purchases.reduce((sum, { credits, taken }) => sum + credits - taken, 0);
    expect(sums?.posted).toBe(bought + this.#given - this.#spent - (sums?.lapsed ?? 0));
  }
}

async function unlessShort<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    expect(error).toBeInstanceOf(InsufficientCreditsError);
    return undefined;
  }
}
