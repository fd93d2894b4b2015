import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FlorinError } from '../../src/kernel/index.ts';
import {
  adjust,
  captureHold,
  expireDue,
  explainBalance,
  extendHold,
  issueGrant,
  placeHold,
  readBalance,
  releaseHold,
  restoreGrant,
  reverseGrant,
  spendBatch,
  verifyLedger,
  voidGrant,
} from '../../src/ledger/index.ts';
import { freshDatabase } from '../support/postgres.ts';
import { spend } from '../support/spend.ts';
import { type Answer, LedgerModel } from './ledger-model.ts';
import { installVirtualClock, type VirtualClock } from './virtual-clock.ts';

/** `npm run proof` asks for 10,000 sequences of 50; every test run does a few. */
const RUNS = Number(process.env['FLORIN_PROOF_RUNS'] ?? 100);
const LENGTH = 50;
const START = Date.UTC(2030, 0, 1);
const OTHER_FUNDS = 40;

const amount = fc.integer({ min: 1, max: 30 });
const which = fc.nat(20);
/** Seconds from now, coarse, so that instants often coincide. */
const ahead = fc.integer({ min: 1, max: 6 }).map((n) => n * 10);

const command = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('grant' as const),
      amount,
      priority: fc.integer({ min: -1, max: 1 }),
      starts: fc.constantFrom(0, 0, -100, 10, 20),
      lasts: fc.option(fc.constantFrom(5, 10, 20, 30, 60, 120, 130), { nil: null }),
    }),
  },
  { weight: 4, arbitrary: fc.record({ do: fc.constant('spend' as const), amount }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('batch' as const), amount }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('hold' as const), amount, ahead }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('capture' as const),
      which,
      amount,
      overage: fc.constantFrom('refuse' as const, 'up_to_available' as const, 'debt' as const),
      debtLimit: fc.constantFrom(0, 10, 30),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('extend' as const), which, ahead }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('release' as const), which }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('reverse' as const), which, amount }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('restore' as const), which, amount }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('void' as const), which }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('adjust' as const),
      amount: fc.integer({ min: -30, max: 30 }).filter((n) => n !== 0),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), seconds: ahead }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('sweep' as const) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('replay' as const), which }) },
);
type Command = typeof command extends fc.Arbitrary<infer T> ? T : never;
/** What the real ledger is asked to do; repeated as it is when a replay picks it. */
type Call = () => Promise<{ replayed: boolean }>;

describe('the ledger against a model of it', () => {
  let database: Awaited<ReturnType<typeof freshDatabase>>;
  let clock: VirtualClock;
  beforeAll(async () => {
    database = await freshDatabase();
    clock = await installVirtualClock(database.db);
  });
  afterAll(() => database.close());

  async function run(commands: readonly Command[]): Promise<void> {
    const pair = new Pair(database.db, clock);
    await clock.set(new Date(START));
    for (const [step, one] of commands.entries()) {
      await pair.apply(one, `key:${step}`);
      await pair.compare();
    }
    await pair.compareLineage();
  }

  it(`agrees with it after every command of ${RUNS} random sequences`, {
    timeout: 60_000 + RUNS * 2_000,
  }, async () => {
    let runs = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(command, { maxLength: LENGTH, size: 'max' }), async (commands) => {
        runs += 1;
        if (runs % 100 === 0) {
          await clear(database.db);
        }
        await run(commands);
      }),
      { numRuns: RUNS, endOnFailure: false },
    );
  });
});

type Db = Awaited<ReturnType<typeof freshDatabase>>['db'];

/** Long proofs stay quick when the rows of sequences that passed are gone. */
async function clear(db: Db): Promise<void> {
  await db.transaction(async (tx) => {
    await tx.query('set local role florin_owner');
    await tx.query(
      'truncate credits.accounts, credits.entries, credits.grants, credits.holds, credits.allocations',
    );
  });
}

/** The ledger and its model, side by side on one account. */
class Pair {
  readonly #db: Db;
  readonly #clock: VirtualClock;
  readonly #accountId = randomUUID();
  /** Beside it in batches; funded with the first. */
  readonly #otherId = randomUUID();
  #otherLeft: number | null = null;
  readonly #model = new LedgerModel(START);
  readonly #grantIds: string[] = [];
  readonly #holdIds: string[] = [];
  readonly #done: Call[] = [];
  #now = START;

  constructor(db: Db, clock: VirtualClock) {
    this.#db = db;
    this.#clock = clock;
  }

  async apply(command: Command, idempotencyKey: string): Promise<void> {
    const db = this.#db;
    const model = this.#model;
    const keyed = { accountId: this.#accountId, idempotencyKey };
    switch (command.do) {
      case 'grant': {
        const effectiveAt = this.#now + command.starts * 1000;
        const expiresAt =
          command.lasts === null ? Number.POSITIVE_INFINITY : effectiveAt + command.lasts * 1000;
        const { amount, priority } = command;
        model.grant({ amount, priority, effectiveAt, expiresAt });
        await this.#expect(null, async () => {
          const issued = await issueGrant(db, {
            ...keyed,
            amount,
            priority,
            source: 'test',
            ...(command.starts === 0 ? {} : { effectiveAt: new Date(effectiveAt) }),
            ...(command.lasts === null ? {} : { expiresAt: new Date(expiresAt) }),
          });
          this.#remember(this.#grantIds, issued.grantId, issued.replayed);
          return issued;
        });
        break;
      }
      case 'spend':
        await this.#expect(model.spend(command.amount), () =>
          spend(db, { ...keyed, amount: command.amount }),
        );
        break;
      case 'batch':
        await this.#batch(command.amount, keyed);
        break;
      case 'hold': {
        const answer = model.hold(command.amount, this.#now + command.ahead * 1000);
        await this.#expect(answer, async () => {
          const placed = await placeHold(db, {
            ...keyed,
            amount: command.amount,
            expiresInSeconds: command.ahead,
          });
          this.#remember(this.#holdIds, placed.holdId, placed.replayed);
          return placed;
        });
        break;
      }
      case 'capture':
      case 'extend':
      case 'release':
        await this.#endHold(command, idempotencyKey);
        break;
      case 'reverse':
      case 'restore':
      case 'void':
        await this.#changeGrant(command, keyed);
        break;
      case 'adjust': {
        let answer: Answer = null;
        if (command.amount > 0) {
          const terms = { effectiveAt: this.#now, expiresAt: Number.POSITIVE_INFINITY };
          model.grant({ amount: command.amount, priority: 0, ...terms });
        } else {
          answer = model.spend(-command.amount);
        }
        await this.#expect(answer, async () => {
          const adjustment = { ...keyed, amount: command.amount, reason: 'test', actor: 'test' };
          const adjusted = await adjust(db, adjustment);
          if (command.amount > 0 && !adjusted.replayed) {
            this.#grantIds.push('');
          }
          return adjusted;
        });
        if (command.amount > 0) {
          const [row] = await db.query<{ grantId: string }>(
            'select grant_id from credits.entries where account_id = $1 and idempotency_key = $2',
            [keyed.accountId, idempotencyKey],
          );
          this.#grantIds[this.#grantIds.length - 1] = row?.grantId ?? '';
        }
        break;
      }
      case 'wait':
        this.#now += command.seconds * 1000;
        model.advance(this.#now);
        await this.#clock.set(new Date(this.#now));
        break;
      case 'sweep':
        await expireDue(db, 1_000_000);
        break;
      case 'replay': {
        const call = this.#done[command.which % Math.max(1, this.#done.length)];
        if (call !== undefined) {
          expect((await call()).replayed).toBe(true);
        }
        break;
      }
    }
  }

  /** Spends of two accounts in one call, the last under the key of the first. */
  async #batch(amount: number, keyed: { accountId: string; idempotencyKey: string }) {
    const other = { ...keyed, accountId: this.#otherId };
    if (this.#otherLeft === null) {
      this.#otherLeft = OTHER_FUNDS;
      const funds = { accountId: other.accountId, amount: OTHER_FUNDS, idempotencyKey: 'funds' };
      await issueGrant(this.#db, { ...funds, source: 'test' });
    }
    const refused = this.#model.spend(amount);
    const otherRefused = this.#otherLeft < amount;
    this.#otherLeft -= otherRefused ? 0 : amount;
    const results = await spendBatch(this.#db, [
      { ...keyed, amount },
      { ...other, amount },
      { ...keyed, amount },
    ]);
    expect(results.map(({ status }) => status)).toEqual([
      refused ?? 'spent',
      otherRefused ? 'insufficient_credits' : 'spent',
      refused ?? 'replayed',
    ]);
    expect(results[1]?.posted).toBe(this.#otherLeft);
    expect(await verifyLedger(this.#db, other.accountId)).toEqual([]);
    if (refused === null) {
      this.#done.push(() => spend(this.#db, { ...keyed, amount }));
    }
  }

  async #endHold(
    command: Extract<Command, { do: 'capture' | 'extend' | 'release' }>,
    idempotencyKey: string,
  ): Promise<void> {
    const index = command.which % Math.max(1, this.#model.holds.length);
    const hold = this.#model.holds[index];
    const holdId = this.#holdIds[index];
    if (hold === undefined || holdId === undefined) {
      return;
    }
    const ref = { accountId: this.#accountId, holdId };
    if (command.do === 'release') {
      await this.#expect(this.#model.release(hold), () => releaseHold(this.#db, ref));
    } else if (command.do === 'extend') {
      const { ahead: expiresInSeconds } = command;
      await this.#expect(this.#model.extend(hold, this.#now + expiresInSeconds * 1000), () =>
        extendHold(this.#db, { ...ref, expiresInSeconds, idempotencyKey }),
      );
    } else {
      const { amount, overage, debtLimit } = command;
      const asked = { ...ref, amount, overage };
      await this.#expect(this.#model.capture(hold, amount, overage, debtLimit), async () => {
        const answer = await captureHold(this.#db, asked, debtLimit);
        const { captured, uncovered } = hold;
        expect(answer).toMatchObject({ captured, uncovered });
        return answer;
      });
    }
  }

  async #changeGrant(
    command: Extract<Command, { do: 'reverse' | 'restore' | 'void' }>,
    keyed: { accountId: string; idempotencyKey: string },
  ): Promise<void> {
    const index = command.which % Math.max(1, this.#model.grants.length);
    const grant = this.#model.grants[index];
    const grantId = this.#grantIds[index];
    if (grant === undefined || grantId === undefined) {
      return;
    }
    const part = { ...keyed, grantId };
    if (command.do === 'void') {
      await this.#expect(this.#model.void(grant), () => voidGrant(this.#db, part));
    } else {
      const { amount } = command;
      const change = command.do === 'reverse' ? reverseGrant : restoreGrant;
      await this.#expect(this.#model[command.do](grant, amount), () =>
        change(this.#db, { ...part, amount }),
      );
    }
  }

  #remember(ids: string[], id: string, replayed: boolean): void {
    if (replayed) {
      expect(ids).toContain(id);
    } else {
      ids.push(id);
    }
  }

  async #expect(answer: Answer, call: Call): Promise<void> {
    const expected = answer === 'reused' ? 'idempotency_key_reused' : answer;
    const outcome = await call().then(
      () => null,
      (error: unknown) => {
        if (error instanceof FlorinError) {
          return error.code === 'internal' ? Promise.reject(error) : error.code;
        }
        throw error;
      },
    );
    expect(outcome).toBe(expected);
    if (outcome === null) {
      this.#done.push(call);
    }
  }

  /** The balance, and that no invariant is broken. */
  async compare(): Promise<void> {
    const { nextExpiryAt, ...expected } = this.#model.balance();
    const actual = await readBalance(this.#db, this.#accountId);
    expect({ ...actual, nextExpiryAt: actual.nextExpiryAt?.getTime() ?? null }).toEqual({
      ...expected,
      nextExpiryAt: Number.isFinite(nextExpiryAt) ? nextExpiryAt : null,
    });
    expect(await verifyLedger(this.#db, this.#accountId)).toEqual([]);
  }

  /** Where every credit of every grant is. */
  async compareLineage(): Promise<void> {
    const items = await explainBalance(this.#db, this.#accountId);
    const byGrant = new Map(items.map((item) => [item.grantId, item]));
    for (const grant of this.#model.grants) {
      expect(byGrant.get(this.#grantIds[grant.name] ?? '')).toMatchObject({
        item: grant.effective ? 'grant' : 'scheduled',
        contributes: grant.effective ? grant.remaining : 0,
        expired: grant.expired,
        voided: grant.voided,
        reversed: grant.reversed,
        ...this.#model.lineage(grant),
      });
    }
    expect(items.reduce((total, { contributes }) => total + contributes, 0)).toBe(
      this.#model.balance().available,
    );
    expect(await verifyLedger(this.#db, this.#accountId)).toEqual([]);
  }
}
