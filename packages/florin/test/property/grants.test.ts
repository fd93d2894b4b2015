// credits.give writes a grant out in one function, credits.give_batch many; here they are written step by step.
import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Executor } from '../../src/db/index.ts';
import { type FreshDatabase, freshDatabase, isOnCluster } from '../support/postgres.ts';
import { installVirtualClock, type VirtualClock } from './virtual-clock.ts';

/** `npm run proof` plays a tenth of its sequences here. */
const RUNS = Math.ceil(Number(process.env['FLORIN_PROOF_RUNS'] ?? 400) / 10);
const START = Date.UTC(2030, 0, 1);

const STEP_BY_STEP = `
create function credits.give_step_by_step(
  p_account_id uuid, p_amount bigint, p_key text, p_source text, p_priority integer,
  p_effective_at timestamptz, p_expires_at timestamptz, p_metadata jsonb, p_cause credits.cause,
  p_purchase_key text, p_kind credits.entry_kind, p_grant_id uuid)
returns void
language plpgsql
as $$
declare
  v_now timestamptz := clock_timestamp();
  v_account credits.accounts := credits.open_account(p_account_id, v_now);
  v_grant credits.grants;
  v_entry credits.entries;
begin
  v_grant.account_id := p_account_id;
  v_grant.grant_id := p_grant_id;
  v_grant.issued_no := v_account.entry_no + 1;
  v_grant.source := p_source;
  v_grant.priority := coalesce(p_priority, 0);
  v_grant.amount := p_amount;
  v_grant.effective_at := coalesce(p_effective_at, v_now);
  v_grant.expires_at := p_expires_at;
  v_grant.created_at := v_now;
  v_grant.purchase_key := p_purchase_key;
  v_grant.effective := v_grant.effective_at <= v_now;
  v_grant.remaining := p_amount;
  v_grant.burned := 0;
  v_grant.expired := 0;
  v_grant.voided := 0;
  v_grant.reversed := 0;
  v_grant.moved := 0;
  v_grant.taken_from_voided := 0;
  insert into credits.grants select v_grant.*;

  v_entry.kind := case when v_grant.effective then p_kind else 'schedule' end;
  v_entry.cause := p_cause;
  v_entry.amount := case when v_grant.effective then p_amount else 0 end;
  v_entry.grant_id := p_grant_id;
  v_entry.grant_delta := p_amount;
  v_entry.idempotency_key := p_key;
  v_entry.subject_seal := credits.subject_seal(v_grant);
  v_entry.created_at := v_now;
  v_entry.metadata := nullif(p_metadata, '{}');
  v_account := (credits.append(v_account, v_entry)).account;
  if v_account.debt > 0 then
    v_account := credits.settle(v_account, v_now);
  end if;
  perform credits.save_account(credits.look_ahead(v_account));
end;
$$`;

const ROWS = `
  select 'accounts' as of, a::text as row from credits.accounts a where a.account_id = $1
  union all select 'entries', e::text from credits.entries e where e.account_id = $1
  union all select 'grants', g::text from credits.grants g where g.account_id = $1
  union all select 'holds', h::text from credits.holds h where h.account_id = $1
  union all select 'allocations', l::text from credits.allocations l where l.account_id = $1
  order by 1, 2`;

const ARGUMENTS =
  '$1::uuid, $2::bigint, $3, $4, $5::integer, $6::timestamptz, $7::timestamptz, $8::jsonb, $9::credits.cause, $10, $11::credits.entry_kind';

const amount = fc.integer({ min: 1, max: 30 });
const command = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('grant' as const),
      amount,
      priority: fc.constantFrom(null, 0, 1, -1),
      starts: fc.constantFrom(null, 0, -100, 10, 20),
      lasts: fc.constantFrom(null, 10, 30, 60, 130),
      metadata: fc.constantFrom(null, {}, { reason: 'a ”pack“', pages: 2 }),
      of: fc.constantFrom('app' as const, 'purchase' as const, 'adjustment' as const),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('invoice' as const),
      lines: fc.array(
        fc.record({
          amount,
          priority: fc.constantFrom(null, 0, 1, -1),
          lasts: fc.constantFrom(null, 10, 30, 60),
          metadata: fc.constantFrom(null, {}, { reason: 'a ”pack“', pages: 2 }),
        }),
        { minLength: 1, maxLength: 4 },
      ),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('spend' as const), amount }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('hold' as const), amount }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('take back' as const), amount }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), amount }) },
);
type Command = typeof command extends fc.Arbitrary<infer T> ? T : never;
type Grant = Extract<Command, { do: 'grant' }>;
type Invoice = Extract<Command, { do: 'invoice' }>;

describe('a grant that is written out', () => {
  let database: FreshDatabase;
  let clock: VirtualClock;
  beforeAll(async () => {
    database = await freshDatabase();
    await database.db.transaction(async (tx) => {
      await tx.query('set local role florin_owner');
      await tx.query(STEP_BY_STEP);
    });
    clock = await installVirtualClock(database.db);
  });
  afterAll(() => database.close());

  /** Gives both ways from the same rows, in one transaction; what each leaves. */
  function giveTwice(accountId: string, grant: Grant, now: number): Promise<[unknown, unknown]> {
    const at = (seconds: number | null) =>
      seconds === null ? null : new Date(now + seconds * 1_000);
    const starts = at(grant.starts);
    const values = [
      accountId,
      grant.amount,
      `${grant.of === 'purchase' ? 'florin:' : ''}${randomUUID()}`,
      'test',
      grant.priority,
      starts,
      grant.lasts === null ? null : new Date((starts?.getTime() ?? now) + grant.lasts * 1_000),
      grant.metadata,
      grant.of === 'purchase' ? 'payment' : null,
      grant.of === 'purchase' ? 'florin:bought' : null,
      grant.of === 'adjustment' ? 'adjustment' : 'grant',
    ];
    return database.db.transaction(async (tx) => {
      await tx.query('set local role florin_owner');
      await tx.query('savepoint before');
      const given = await tx.query<{ grantId: string }>(
        `select grant_id from credits.give(${ARGUMENTS})`,
        values,
      );
      const writtenOut = await rowsOf(tx, accountId);
      await tx.query('rollback to savepoint before');
      await tx.query(`select credits.give_step_by_step(${ARGUMENTS}, $12::uuid)`, [
        ...values,
        given[0]?.grantId ?? null,
      ]);
      return [writtenOut, await rowsOf(tx, accountId)];
    });
  }

  /** Gives all lines at once, and one after the other with the same ids. */
  function giveAllTwice(
    accountId: string,
    { lines }: Invoice,
    now: number,
  ): Promise<[unknown, unknown]> {
    const keys = lines.map(() => `florin:${randomUUID()}`);
    const ends = lines.map(({ lasts }) => (lasts === null ? null : new Date(now + lasts * 1_000)));
    return database.db.transaction(async (tx) => {
      await tx.query('set local role florin_owner');
      await tx.query('savepoint before');
      await tx.query(
        `select credits.give_batch($1, $2, $3::text[], array_fill('test'::text, array[cardinality($3)]), $4, $5, $6,
           array_fill('payment'::credits.cause, array[cardinality($3)]), $3)`,
        [
          accountId,
          lines.map(({ amount: given }) => given),
          keys,
          lines.map(({ priority }) => priority),
          ends,
          lines.map(({ metadata }) => metadata && JSON.stringify(metadata)),
        ],
      );
      const atOnce = await rowsOf(tx, accountId);
      const ids = await tx.query<{ key: string; grantId: string }>(
        'select purchase_key as key, grant_id from credits.grants where account_id = $1 and purchase_key = any ($2)',
        [accountId, keys],
      );
      await tx.query('rollback to savepoint before');
      for (const [n, key] of keys.entries()) {
        await tx.query(`select credits.give_step_by_step(${ARGUMENTS}, $12::uuid)`, [
          accountId,
          lines[n]?.amount ?? null,
          key,
          'test',
          lines[n]?.priority ?? null,
          null,
          ends[n] ?? null,
          lines[n]?.metadata ?? null,
          'payment',
          key,
          'grant',
          ids.find((id) => id.key === key)?.grantId ?? null,
        ]);
      }
      return [atOnce, await rowsOf(tx, accountId)];
    });
  }

  const rowsOf = (tx: Executor, accountId: string) => tx.query(ROWS, [accountId]);

  async function play(commands: readonly Command[]): Promise<number> {
    const accountId = randomUUID();
    const { db } = database;
    let now = START;
    let compared = 0;
    await db.query('select credits.ensure_account($1)', [accountId]);
    for (const one of commands) {
      await clock.set(new Date(now));
      if (one.do === 'grant') {
        const lasts = one.lasts !== null && (one.starts ?? 0) + one.lasts > 0 ? one.lasts : null;
        const [writtenOut, stepByStep] = await giveTwice(accountId, { ...one, lasts }, now);
        expect(writtenOut).toEqual(stepByStep);
        compared += 1;
      } else if (one.do === 'invoice') {
        const [atOnce, stepByStep] = await giveAllTwice(accountId, one, now);
        expect(atOnce).toEqual(stepByStep);
        compared += 1;
      } else if (one.do === 'wait') {
        now += one.amount * 1_000;
      } else if (one.do === 'take back') {
        const [grant] = await db.query<{ grantId: string; left: number }>(
          'select grant_id, amount - reversed - voided - expired as left from credits.grants where account_id = $1 limit 1',
          [accountId],
        );
        if (grant !== undefined && grant.left >= one.amount) {
          await db.query('select credits.reverse_grant($1, $2, $3, $4)', [
            accountId,
            grant.grantId,
            one.amount,
            randomUUID(),
          ]);
        }
      } else {
        const name = one.do === 'spend' ? 'spend' : 'place_hold';
        await db
          .query(`select credits.${name}($1, $2, $3)`, [accountId, one.amount, randomUUID()])
          .catch((error) => {
            expect(error).toMatchObject({ code: 'insufficient_credits' });
          });
      }
    }
    expect(await db.query('select * from credits.verify_ledger($1)', [accountId])).toEqual([]);
    return compared;
  }

  it('leaves the rows of one that is written step by step, byte for byte', {
    timeout: 60_000 + RUNS * (isOnCluster ? 5_000 : 500),
  }, async () => {
    let compared = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(command, { minLength: 10, maxLength: 25 }), async (commands) => {
        compared += await play(commands);
      }),
      { numRuns: RUNS },
    );
    expect(compared).toBeGreaterThan(RUNS);
  });
});
