import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openService, SERVER_KEY, type TestService } from './florin-service.ts';

let service: TestService;
beforeAll(async () => {
  service = await openService();
});
afterAll(() => service.close());

/** Reads a stream until its text satisfies `enough`. */
async function readUntil(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  enough: (text: string) => boolean,
  text = '',
): Promise<string> {
  const decoder = new TextDecoder();
  let all = text;
  while (!enough(all)) {
    const { done, value } = await reader.read();
    if (done) {
      break;
    }
    all += decoder.decode(value, { stream: true });
  }
  return all;
}

async function watch(account: string, headers: Record<string, string> = {}) {
  const token = await service.project.token({ sub: account });
  const controller = new AbortController();
  const response = await fetch(`${service.url}/api/balance/stream`, {
    headers: { authorization: `Bearer ${token}`, ...headers },
    signal: controller.signal,
  });
  const reader = (response.body as ReadableStream<Uint8Array>).getReader();
  return { response, reader, stop: () => controller.abort() };
}

async function write(account: string, what: string, amount: number) {
  const response = await fetch(`${service.url}/api/accounts/${account}/${what}`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${SERVER_KEY}`,
      'content-type': 'application/json',
      'idempotency-key': crypto.randomUUID(),
    },
    body: JSON.stringify({ amount }),
  });
  expect(response.status).toBe(200);
}

const figures = async () => (await service.ask('/metrics', { as: 'server' })).text;

const openStreams = async () => {
  const text = await figures();
  return Number(/^florin_balance_streams (\d+)$/m.exec(text)?.[1]);
};

describe('the live balance', () => {
  it('arrives at once and after each change, from this process and from the database', async () => {
    const account = crypto.randomUUID();
    const { response, reader, stop } = await watch(account);
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    expect(response.headers.get('cache-control')).toBe('no-store');
    let text = await readUntil(reader, (seen) => seen.includes('"available":0'));
    expect(text).toContain('retry: ');
    await write(account, 'grants', 50);
    text = await readUntil(reader, (seen) => seen.includes('"available":50'), text);
    await write(account, 'spend', 8);
    text = await readUntil(reader, (seen) => seen.includes('"available":42'), text);
    await service.fresh.db.query("select credits.issue_grant($1, 7, 'elsewhere', 'bonus')", [
      account,
    ]);
    await service.fresh.db.query("select pg_notify('florin_balance', $1)", [account]);
    text = await readUntil(reader, (seen) => seen.includes('"available":49'), text);
    // Written by another process, which announces nothing: found by asking now and then.
    await service.fresh.db.query("select credits.spend($1, 9, 'elsewhere-2')", [account]);
    await readUntil(reader, (seen) => seen.includes('"available":40'), text);
    expect(await openStreams()).toBe(1);
    stop();
    await expect.poll(openStreams).toBe(0);
  });

  it('repeats nothing to a reader who has the latest', async () => {
    const account = crypto.randomUUID();
    const first = await watch(account);
    const text = await readUntil(first.reader, (seen) => seen.includes('event: balance'));
    first.stop();
    const id = /^id: (.+)$/m.exec(text)?.[1] ?? '';
    const second = await watch(account, { 'last-event-id': id });
    await write(account, 'grants', 5);
    const more = await readUntil(second.reader, (seen) => seen.includes('event: balance'));
    expect(more).not.toContain('"available":0');
    expect(more).toContain('"available":5');
    second.stop();
  });

  it('ends with the token, and is bounded for one account', async () => {
    const account = crypto.randomUUID();
    const opened = [];
    for (let n = 0; n < 10; n += 1) {
      opened.push(await watch(account));
    }
    const eleventh = await watch(account);
    expect(eleventh.response.status).toBe(429);
    for (const { stop } of opened) {
      stop();
    }
    const exp = Math.floor(Date.now() / 1000) + 4;
    const token = await service.project.token({ sub: account, exp });
    const response = await fetch(`${service.url}/api/balance/stream`, {
      headers: { authorization: `Bearer ${token}` },
    });
    expect(response.status).toBe(200);
    const reader = (response.body as ReadableStream<Uint8Array>).getReader();
    const text = await readUntil(reader, () => false);
    expect(text).toContain('event: balance');
  });
});

describe('without the database', () => {
  it('spending, selling and reading fail closed with 503, and the process lives', async () => {
    const own = await openService();
    try {
      await own.fresh.db.close();
      const account = crypto.randomUUID();
      const spend = await own.ask(`/api/accounts/${account}/spend`, {
        as: 'server',
        body: { amount: 1 },
        headers: { 'idempotency-key': 'k' },
      });
      const answers = [
        spend,
        await own.ask('/api/balance', { as: account }),
        await own.ask('/api/create-checkout-session', {
          as: account,
          body: { priceId: 'price_QUICK_SCAN' },
        }),
        await own.ask('/readyz'),
      ];
      for (const { status, body, headers } of answers) {
        expect(status).toBe(503);
        expect(body.code).toBe('database_unavailable');
        expect(body.detail).not.toMatch(/pool|5432|postgres/i);
        expect(headers.get('retry-after')).toBe('5');
      }
      expect((await own.ask('/healthz')).status).toBe(200);
      expect((await own.ask('/api/plans')).status).toBe(200);
      expect(
        (await own.ask('/api/plan-session', { body: { priceId: 'price_QUICK_SCAN' } })).status,
      ).toBe(200);
      const { id } = (await own.stripe.customers.create({})) as { id: string };
      expect(id).toContain('cus_');
      const delivery = own.sandbox.events('customer.created')[0];
      expect(delivery).toBeDefined();
      await expect
        .poll(() => own.sandbox.deliveries().some(({ status }) => status === 'pending'))
        .toBe(true);
    } finally {
      await own.close();
    }
  });
});

describe('an error that nobody foresaw', () => {
  it('is a problem without its words, and a line in the log with them', async () => {
    const fail = () => Promise.reject(new Error('secret internals at 10.0.0.1'));
    const own = await openService({
      spender: { spend: fail, spendMetered: fail },
    });
    try {
      const answer = await own.ask(`/api/accounts/${crypto.randomUUID()}/spend`, {
        as: 'server',
        body: { amount: 1 },
        headers: { 'idempotency-key': 'k' },
      });
      expect(answer.status).toBe(500);
      expect(answer.body.code).toBe('internal');
      expect(answer.text).not.toContain('10.0.0.1');
      const line = own.logs.find(({ message }) => message === 'request met an error');
      expect(line).toMatchObject({ level: 'error', requestId: answer.body.requestId });
      expect(String(line?.['error'])).toContain('10.0.0.1');
    } finally {
      await own.close();
    }
  });
});

it('/metrics tells what the last scheduled reconcile found, and that the one after it failed', async () => {
  const { db } = service.fresh;
  const runOf = async (kind: string, ending: string) => {
    const [row] = await db.query<{ runId: string }>(
      "select billing.begin_reconcile($1, 1, null, interval '0') as run_id",
      [kind],
    );
    await db.query(`select billing.finish_reconcile($1, ${ending})`, [row?.runId ?? '']);
  };
  expect(await figures()).toMatch(/^florin_reconcile_last_completed_timestamp_seconds 0$/m);
  const before = Date.now() / 1000;
  await runOf('hourly', `1, '[{"kind": "drift", "subject": "drift:1"}]', null, null`);
  const told = await figures();
  expect(told).toMatch(/^florin_reconcile_findings\{kind="drift"\} 1$/m);
  expect(told).toMatch(/^florin_reconcile_findings\{kind="paid_not_credited"\} 0$/m);
  expect(told).toMatch(/^florin_reconcile_failing 0$/m);
  const [, at] = /^florin_reconcile_last_completed_timestamp_seconds (\S+)$/m.exec(told) ?? [];
  expect(Math.abs(Number(at) - before)).toBeLessThan(120);
  await runOf('hourly', `null, null, 'stripe_unavailable', 'Stripe did not answer.'`);
  const after = await figures();
  expect(after).toMatch(/^florin_reconcile_failing 1$/m);
  expect(after).toMatch(/^florin_reconcile_findings\{kind="drift"\} 1$/m);
  expect(after).toContain(`florin_reconcile_last_completed_timestamp_seconds ${at}`);
});
