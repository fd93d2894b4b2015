import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { expectGood, startTarget } from '../../attack/target.ts';
import { type Served, startServed } from '../../support/served.ts';
import { SERVER_KEY } from '../http/florin-service.ts';

const OPERATOR = { authorization: `Bearer ${SERVER_KEY}` };

/** What everyone shares of a running `florin serve`, and what one free user can take of it. */
describe('a free user of a running service', { timeout: 120_000 }, () => {
  let served: Served;
  beforeAll(async () => {
    served = await startTarget(undefined, {});
  }, 240_000);
  afterAll(() => served?.close());
  afterEach(() => expectGood(served));

  const status = (as: string, id: string) => served.ask(`/api/checkout-sessions/${id}`, { as });
  const checkout = (as: string, n: number) =>
    served.ask('/api/create-checkout-session', {
      as,
      body: { priceId: 'price_QUICK_SCAN', metadata: { n: String(n) } },
    });

  it('makes it ask Stripe nothing by naming made-up checkout sessions', async () => {
    const user = randomUUID();
    const before = served.asked.length;
    const statuses: number[] = [];
    // In turns: of 200 at once, one that waits five seconds for a connection is answered 503, as it should be.
    for (let n = 0; n < 10; n += 1) {
      const answers = await Promise.all(
        Array.from({ length: 20 }, () =>
          status(user, `cs_test_${randomBytes(12).toString('hex')}`),
        ),
      );
      statuses.push(...answers.map((answer) => answer.status));
    }
    expect(statuses).toEqual(Array(200).fill(404));
    expect(served.asked.slice(before).filter((one) => one.includes('/sessions/cs_'))).toEqual([]);
  });

  it('asks about an own open session once for many polls', async () => {
    const user = randomUUID();
    const { sessionId } = (await (await checkout(user, 0)).json()) as { sessionId: string };
    const before = served.asked.length;
    const states: unknown[] = [];
    for (let n = 0; n < 30; n += 1) {
      states.push(((await (await status(user, sessionId)).json()) as { state: string }).state);
    }
    expect(new Set(states)).toEqual(new Set(['open']));
    expect(served.asked.length - before).toBeLessThanOrEqual(2);
    expect((await status(randomUUID(), sessionId)).status).toBe(404);
  });

  it('is refused clearly long before Stripe would refuse the shop, and a webhook still counts', async () => {
    const payer = randomUUID();
    const { sessionId } = (await (await checkout(payer, 0)).json()) as { sessionId: string };
    const users = Array.from({ length: 60 }, () => randomUUID());
    const before = served.asked.length;
    const started = performance.now();
    const answers: Response[] = [];
    const flood = Promise.all(
      users.map(async (user) => {
        for (let n = 0; n < 5; n += 1) {
          answers.push(await checkout(user, n));
        }
      }),
    );
    served.sandbox.pay(sessionId);
    const balance = async () =>
      (await (await served.ask(`/api/accounts/${payer}`, { as: 'server' })).json()) as object;
    await expect.poll(balance, { timeout: 5_000 }).toMatchObject({ available: 50 });
    await flood;
    const seconds = (performance.now() - started) / 1000;
    // Half of the 10 a second that all buyers have together, for it is one address, and one burst.
    expect(served.asked.length - before).toBeLessThanOrEqual(seconds * 5 + 10);
    const refused = answers.filter((answer) => answer.status === 429);
    expect(refused.length).toBeGreaterThan(0);
    const [first] = refused;
    expect(Number(first?.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await first?.json()).toMatchObject({ code: 'rate_limited' });
    expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([200, 429]));
  });

  it('reads no metrics, and those with the key do', async () => {
    const bare = await fetch(`${served.url}/metrics`);
    expect(bare.status).toBe(401);
    expect((await served.ask('/metrics', { as: randomUUID() })).status).toBe(403);
    const figures = await served.ask('/metrics', { headers: OPERATOR });
    expect(figures.status).toBe(200);
    expect(await figures.text()).toContain('florin_database_up 1');
  });

  it('makes the database answer for readiness once a second', async () => {
    // Postgres itself counts late: an idle connection tells of its last statements after ten seconds or more.
    const lent = async () => {
      const figures = await (await served.ask('/metrics', { headers: OPERATOR })).text();
      return Number(/^florin_database_lent_total (\d+)$/m.exec(figures)?.[1]);
    };
    const before = await lent();
    const from = performance.now();
    const answers = await Promise.all(
      Array.from({ length: 500 }, () => fetch(`${served.url}/readyz`)),
    );
    expect(answers.every((answer) => answer.status === 200)).toBe(true);
    const asked = (await lent()) - before;
    // Its jobs ask two or three times each second, and on a busy machine the answers take many.
    const seconds = (performance.now() - from) / 1000;
    expect(asked).toBeGreaterThan(0);
    expect(asked).toBeLessThan(Math.min(20 + 4 * seconds, 400));
  });

  it('takes a share of the live balances from one address, whoever it says it is', async () => {
    const controller = new AbortController();
    // Kept: a response that nobody holds is collected, and its stream closed.
    const held: Response[] = [];
    const open = async () => {
      const token = await served.project.token({ sub: randomUUID() });
      const answers: number[] = [];
      for (let n = 0; n < 10; n += 1) {
        const headers = {
          authorization: `Bearer ${token}`,
          'x-forwarded-for': `10.9.${n}.1`,
        };
        const { signal } = controller;
        const answer = await fetch(`${served.url}/api/balance/stream`, { headers, signal });
        held.push(answer);
        answers.push(answer.status);
      }
      return answers;
    };
    const statuses = (await Promise.all(Array.from({ length: 30 }, open))).flat();
    controller.abort();
    expect(statuses.filter((one) => one === 200)).toHaveLength(200);
    expect(statuses.filter((one) => one === 429)).toHaveLength(100);
  });

  it('is warned of once when proxies forward addresses and none is trusted', () => {
    const warnings = served.process
      .output()
      .split('\n')
      .filter((line) => line.includes('TRUSTED_PROXIES'));
    expect(warnings).toHaveLength(1);
  });
});

it('METRICS_PORT serves the figures there, without a key, and no longer beside the shop', {
  timeout: 120_000,
}, async () => {
  const served = await startServed({ METRICS_PORT: 'any' });
  try {
    const figures = await fetch(`${served.metricsUrl}/metrics`);
    expect(figures.status).toBe(200);
    expect(await figures.text()).toContain('florin_database_up 1');
    expect((await fetch(`${served.metricsUrl}/api/plans`)).status).toBe(404);
    expect((await served.ask('/metrics', { as: 'server' })).status).toBe(404);
  } finally {
    await served.close();
  }
});
