import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { issueGrant, verifyLedger } from '../../src/ledger/index.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';
import { accounts, isReported, planOf, priceOf, seeded } from './streamed-calls.ts';

/** The issue asks for 10,000: `npm run proof` names them. */
const CALLS = Number(process.env['FLORIN_PROOF_STREAMS'] ?? 300);
const SEED = Number(process.env['FLORIN_PROOF_SEED'] ?? 1);
const PROCESSES = 3;
const CALLS_OF_A_PROCESS = 400;
/** A process is killed after so many of its calls ended, drawn anew for each; some live on. */
const KILLED_WITHIN = 200;
const JITI = join(process.cwd(), 'node_modules', 'jiti', 'lib', 'jiti-cli.mjs');
const WORKER = join(import.meta.dirname, 'streaming-worker.ts');

/** How each call ended, as its process said; `died` when it said nothing. */
type Outcomes = Map<number, string>;

describe(`${CALLS} streamed calls with aborts, errors and killed processes (seed ${SEED})`, () => {
  let database: FreshDatabase;
  const children = new Set<ChildProcess>();
  beforeAll(async () => {
    database = await freshDatabase();
    for (const { accountId, amount } of accounts) {
      const grant = { accountId, amount, idempotencyKey: 'funds', source: 'purchase' };
      await issueGrant(database.db, grant);
    }
  });
  afterAll(async () => {
    for (const child of children) {
      child.kill('SIGKILL');
    }
    await database.close();
  });

  /** Makes calls in a process, which is killed when `most` of them have ended; what it did not begin is left. */
  async function run(calls: readonly number[], outcomes: Outcomes, most: number): Promise<boolean> {
    const task = JSON.stringify({ url: database.url, seed: SEED, calls });
    const child = spawn(process.execPath, [JITI, WORKER, task], {
      env: { PATH: process.env['PATH'] },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.add(child);
    const closed = new Promise<number | null>((resolve) => child.once('close', resolve));
    let ended = 0;
    for await (const line of createInterface({ input: child.stdout })) {
      const [what, call, outcome = 'died'] = line.split(' ');
      outcomes.set(Number(call), outcome);
      ended += what === 'end' ? 1 : 0;
      if (ended === most) {
        child.kill('SIGKILL');
      }
    }
    children.delete(child);
    const code = await closed;
    expect([0, null]).toContain(code);
    return code === null;
  }

  async function makeAll(calls: readonly number[], kill: () => number) {
    const outcomes: Outcomes = new Map();
    const queue = [...calls];
    let kills = 0;
    const hand = async () => {
      while (queue.length > 0) {
        const given = queue.splice(0, CALLS_OF_A_PROCESS);
        kills += (await run(given, outcomes, kill())) ? 1 : 0;
        queue.unshift(...given.filter((call) => !outcomes.has(call)));
      }
    };
    await Promise.all(Array.from({ length: PROCESSES }, hand));
    return { outcomes, kills };
  }

  /**
   * What the ledger charged for each call, and what of its price it could not. Where the machine stood still for
   * longer than a hold lasts, it is a charge of its own.
   */
  async function charges() {
    const rows = await database.db.query<{ key: string; charged: number; uncovered: number }>(
      `select h.idempotency_key as key, -sum(e.amount)::int as charged, h.uncovered::int
         from credits.holds h
         join credits.entries e on e.account_id = h.account_id and e.hold_id = h.hold_id
                               and e.kind = 'capture' and e.meter = 'tokens'
        where h.status = 'captured' group by h.account_id, h.hold_id
       union all
       select e.idempotency_key, -e.amount::int, 0 from credits.entries e where e.kind = 'spend'`,
    );
    const calls = rows.map((row) => [Number(/^call:(\d+)#1/.exec(row.key)?.[1]), row] as const);
    expect(new Set(calls.map(([call]) => call)).size, 'calls charged once').toBe(rows.length);
    return new Map(calls);
  }

  const one = async (statement: string) => (await database.db.query(statement))[0];

  async function lapsed(): Promise<void> {
    const open = () =>
      one(
        `select (select count(*)::int from credits.holds where status = 'open') as open,
                credits.expire_due(100000) >= 0 as swept`,
      );
    await expect.poll(open, { timeout: 60_000 }).toMatchObject({ open: 0 });
  }

  function expectExact(outcomes: Outcomes, charged: Awaited<ReturnType<typeof charges>>): void {
    for (const [call, outcome] of outcomes) {
      const plan = planOf(call, SEED);
      const row = charged.get(call);
      if (row !== undefined) {
        expect(isReported(plan), `call ${call} was charged unreported`).toBe(true);
        expect(row.charged + row.uncovered, `call ${call}, ${outcome}`).toBe(priceOf(plan));
      } else if (outcome === 'asked') {
        expect(isReported(plan), `call ${call} was reported and not charged`).toBe(false);
      } else {
        expect(['died', 'insufficient_credits'], `call ${call}`).toContain(outcome);
      }
    }
  }

  it('charge the tokens reported × rate exactly, leave no hold open past its time and overdraw nobody', {
    timeout: 180_000 + CALLS * 100,
  }, async () => {
    const began = Date.now();
    const random = seeded(SEED);
    const all = Array.from({ length: CALLS }, (_, call) => call);
    const first = await makeAll(all, () => 1 + Math.floor(random() * KILLED_WITHIN));
    expect(first.outcomes.size).toBe(CALLS);
    expect(first.kills).toBeGreaterThan(0);
    const before = await charges();
    expectExact(first.outcomes, before);

    // The dead hold their credits until their time is up, and their keys may then be used again.
    const dead = [...first.outcomes].filter(([, outcome]) => outcome === 'died');
    expect(dead.length).toBeGreaterThan(0);
    await lapsed();
    const again = await makeAll(
      dead.map(([call]) => call),
      () => Number.POSITIVE_INFINITY,
    );
    const after = await charges();
    for (const [call, outcome] of again.outcomes) {
      expect(outcome === 'idempotency_key_reused', `call ${call} again`).toBe(before.has(call));
    }
    const made = [...again.outcomes].filter(([call]) => !before.has(call));
    expectExact(new Map(made), after);

    const sums = await one(
      `select (select count(*)::int from credits.holds where status = 'open') as open,
              (select sum(held)::int from credits.accounts) as held,
              (select count(*)::int from credits.entries where posted_after < held_after) as overdrawn,
              (select -sum(amount)::int from credits.entries where kind <> 'grant') as spent`,
    );
    const expected = [...after.values()].reduce((sum, { charged }) => sum + charged, 0);
    expect(sums).toEqual({ open: 0, held: 0, overdrawn: 0, spent: expected });
    expect(await verifyLedger(database.db)).toEqual([]);
    const ends: Record<string, number> = {};
    for (const { end } of all.map((call) => planOf(call, SEED))) {
      ends[end] = (ends[end] ?? 0) + 1;
    }
    const uncovered = [...after.values()].filter((row) => row.uncovered > 0).length;
    const refused = [...first.outcomes.values()].filter((o) => o === 'insufficient_credits').length;
    report({
      ...{ calls: CALLS, charged: after.size, credits: expected, uncovered, refused },
      ...{ kills: first.kills, dead: dead.length, ends },
      seconds: Math.round((Date.now() - began) / 1000),
    });
  });
});

/** A proof is told with its figures. */
function report(figures: object): void {
  if (process.env['FLORIN_PROOF_STREAMS'] !== undefined) {
    process.stdout.write(`streamed calls: ${JSON.stringify(figures)}\n`);
  }
}
