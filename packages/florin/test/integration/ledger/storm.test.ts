import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Database } from '../../../src/db/index.ts';
import { FlorinError } from '../../../src/kernel/index.ts';
import {
  captureHold,
  createSpender,
  expireDue,
  explainBalance,
  issueGrant,
  listEntries,
  placeHold,
  readBalance,
  releaseHold,
  restoreGrant,
  reverseGrant,
  spendBatch,
  verifyLedger,
  voidGrant,
} from '../../../src/ledger/index.ts';
import { freshDatabase } from '../../support/postgres.ts';
import { spend } from '../../support/spend.ts';

const CALLERS = 24;
const ROUNDS = Number(process.env['FLORIN_STORM_ROUNDS'] ?? 15);
/** What a caller may be told in a storm; anything else is a fault. */
const REFUSALS = ['insufficient_credits', 'hold_not_open', 'amount_not_allowed'];

/**
 * Sweeps until no grant of the account can expire any more: what expires between two readings of it
 * would be in one and not in the other.
 */
async function untilNothingExpires(db: Database, accountId: string): Promise<void> {
  let left: unknown[];
  do {
    await expireDue(db);
    left = await db.query(
      'select 1 from credits.grants where account_id = $1 and remaining > 0 and expires_at is not null',
      [accountId],
    );
  } while (left.length > 0);
}

describe('one account in a storm', () => {
  let database: Awaited<ReturnType<typeof freshDatabase>>;
  beforeAll(async () => {
    database = await freshDatabase({ maxConnections: CALLERS });
  });
  afterAll(() => database.close());

  it('stays exact while grants, spends, holds, reversals and expiry come from many connections', {
    timeout: 120_000,
  }, async () => {
    const { db } = database;
    const accountId = randomUUID();
    const bystander = randomUUID();
    const { spend: batched } = createSpender(db);
    const first = { accountId, amount: 500, idempotencyKey: 'first', source: 'purchase' };
    const { grantId } = await issueGrant(db, first);
    await issueGrant(db, { ...first, accountId: bystander });

    let effects = 500;
    let refusals = 0;
    /** Counts what a call did to `posted`; a refusal must have done nothing. */
    async function count(change: number | (() => number), call: () => Promise<unknown>) {
      try {
        await call();
        effects += typeof change === 'number' ? change : change();
      } catch (error) {
        expect(REFUSALS).toContain(error instanceof FlorinError ? error.code : String(error));
        refusals += 1;
      }
    }

    async function caller(n: number) {
      for (let round = 0; round < ROUNDS; round += 1) {
        const keyed = { accountId, idempotencyKey: `${n}:${round}` };
        const amount = 1 + ((n * 7 + round * 3) % 9);
        switch ((n + round) % 8) {
          case 0:
            await count(amount, () => issueGrant(db, { ...keyed, amount, source: 'bonus' }));
            break;
          case 1:
            await count(-amount, () => spend(db, { ...keyed, amount }));
            break;
          case 2:
            await count(-amount, () => batched({ ...keyed, amount }));
            break;
          case 3: {
            await count(-1, async () => {
              const { holdId } = await placeHold(db, { ...keyed, amount });
              await captureHold(db, { accountId, holdId, amount: 1 });
            });
            break;
          }
          case 4:
            await count(0, async () => {
              const { holdId } = await placeHold(db, { ...keyed, amount });
              await releaseHold(db, { accountId, holdId });
            });
            break;
          case 5:
            await count(amount, async () => {
              // Over within the storm, whenever it is: the entries tell how much of it was left.
              const grant = { ...keyed, amount, source: 'bonus', priority: -1 };
              const effectiveAt = new Date(Date.now() - 60_000);
              const expiresAt = new Date(Date.now() + 5 * amount);
              const { grantId: short } = await issueGrant(db, { ...grant, effectiveAt, expiresAt });
              if (round % 2 === 0) {
                const voiding = { accountId, grantId: short, idempotencyKey: `v:${n}:${round}` };
                const { voided } = await voidGrant(db, voiding);
                effects -= voided;
              }
            });
            break;
          case 6:
            await count(0, async () => {
              const part = { accountId, grantId, amount };
              await reverseGrant(db, { ...part, idempotencyKey: `back:${n}:${round}` });
              await restoreGrant(db, { ...part, idempotencyKey: `again:${n}:${round}` });
            });
            break;
          default:
            await count(0, async () => {
              const [one, other] = await spendBatch(db, [
                { ...keyed, amount },
                { ...keyed, accountId: bystander, amount: 1 },
              ]);
              effects -= one?.status === 'spent' ? amount : 0;
              expect(['spent', 'insufficient_credits']).toContain(other?.status);
              await expireDue(db);
            });
        }
      }
    }
    await Promise.all(Array.from({ length: CALLERS }, (_, n) => caller(n)));
    // What nobody spends any more lapses for certain, and after the storm is over.
    await count(4, () =>
      issueGrant(db, {
        ...first,
        amount: 4,
        idempotencyKey: 'last',
        effectiveAt: new Date(Date.now() - 60_000),
        expiresAt: new Date(Date.now() + 100),
      }),
    );

    expect(await verifyLedger(db)).toEqual([]);
    await untilNothingExpires(db, accountId);
    const entries = await listEntries(db, { accountId, limit: 100_000 });
    const lapsed = entries.filter(({ kind }) => kind === 'expiry');
    expect(lapsed.length).toBeGreaterThan(0);
    effects += lapsed.reduce((sum, { amount }) => sum + amount, 0);
    const balance = await readBalance(db, accountId);
    expect(balance).toMatchObject({ posted: effects, held: 0, available: effects });
    expect(entries.reduce((sum, { amount }) => sum + amount, 0)).toBe(effects);
    const items = await explainBalance(db, accountId);
    expect(items.reduce((sum, { contributes }) => sum + contributes, 0)).toBe(effects);
    expect(await verifyLedger(db)).toEqual([]);
    // Nobody was refused for another reason than too few credits, and most were not.
    expect(refusals).toBeLessThan((CALLERS * ROUNDS) / 2);
  });

  it('a control that reads the balance before it spends overdraws: the storm can fail', async () => {
    const { db } = database;
    const accountId = randomUUID();
    await issueGrant(db, { accountId, amount: 100, idempotencyKey: 'f', source: 'purchase' });
    await db.query('create table public.naive (account_id uuid primary key, credits bigint)');
    await db.query('insert into public.naive values ($1, 100)', [accountId]);
    let spent = 0;
    let arrived = 0;
    let open: () => void = () => {};
    const everyone = new Promise<void>((resolve) => {
      open = resolve;
    });
    /** The seed's way: read, compare, write. */
    async function naive() {
      const [row] = await db.query<{ credits: number }>('select credits from public.naive');
      arrived += 1;
      if (arrived === 64) {
        open();
      }
      await everyone;
      if ((row?.credits ?? 0) >= 3) {
        await db.query('update public.naive set credits = credits - 3');
        spent += 1;
      }
    }
    await Promise.all(Array.from({ length: 64 }, naive));
    const [row] = await db.query<{ credits: number }>('select credits from public.naive');
    expect(spent).toBeGreaterThan(Math.floor(100 / 3));
    expect(row?.credits).toBeLessThan(0);

    const outcomes = await Promise.allSettled(
      Array.from({ length: 64 }, (_, n) =>
        spend(db, { accountId, amount: 3, idempotencyKey: `s:${n}` }),
      ),
    );
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(33);
  });
});
