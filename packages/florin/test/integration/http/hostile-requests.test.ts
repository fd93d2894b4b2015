import { createServer } from 'node:http';
import { type AddressInfo, connect as connectSocket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ADA, openService, type TestService } from './florin-service.ts';

describe('a hostile request', () => {
  let service: TestService;
  let asked = 0;
  const stripe = createServer((_request, response) => {
    asked += 1;
    response.writeHead(500).end();
  });
  beforeAll(async () => {
    await new Promise<void>((resolve) => stripe.listen(0, '127.0.0.1', resolve));
    const { port } = stripe.address() as AddressInfo;
    service = await openService({
      environment: { STRIPE_API_BASE: `http://127.0.0.1:${port}` },
    });
    await write('grants', { amount: 1_000 });
  });
  afterAll(async () => {
    await service.close();
    await new Promise((resolve) => stripe.close(resolve));
  });

  afterEach(async () => {
    expect((await write('spend', { amount: 1 })).status).toBe(200);
  });

  const write = (what: string, body: unknown) =>
    service.ask(`/api/accounts/${ADA}/${what}`, {
      as: 'server',
      body,
      headers: { 'idempotency-key': crypto.randomUUID() },
    });
  const errors = () => service.logs.filter(({ level }) => level === 'error');

  const nested = (levels: number) => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`;
  it.each([
    ['9,000 levels', `{"amount":1,"metadata":${nested(9_000)}}`],
    ['60 levels of metadata', `{"amount":1,"metadata":${nested(60)}}`],
    ['metadata that is an array', '{"amount":1,"metadata":[1]}'],
    ['metadata that is null', '{"amount":1,"metadata":null}'],
    ['NUL in a key', '{"amount":1,"metadata":{"a\\u0000b":1}}'],
    ['half a surrogate pair in a value', '{"amount":1,"metadata":{"a":"\\ud800"}}'],
    ['a number beyond a double', '{"amount":1,"metadata":{"a":1e400}}'],
  ])('of a server, with %s, is refused, and the next spends succeed', async (_what, body) => {
    for (const what of ['spend', 'grants', 'holds']) {
      const answer = await write(what, body);
      expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_input' } });
      for (let n = 0; n < 3; n += 1) {
        expect((await write('spend', { amount: 1, metadata: { n } })).status).toBe(200);
      }
    }
    expect(errors()).toEqual([]);
  });

  it.each([
    ['create-checkout-session', '{"priceId":"price_QUICK_SCAN","metadata":{"a":"\\ud800"}}'],
    ['create-checkout-session', '{"priceId":"price_QUICK_SCAN","metadata":{"a":"b\\u0000"}}'],
    ['create-checkout-session', '{"priceId":"price_QUICK_SCAN","metadata":{"a\\u0000":"b"}}'],
    ['create-checkout-session', '{"priceId":"price_\\ud800"}'],
    ['create-checkout-session', '{"planSession":"\\u0000"}'],
    ['plan-session', '{"priceId":"price_QUICK_SCAN","metadata":{"a":"\\udfff"}}'],
    ['plan-session', '{"token":"\\u0000"}'],
    ['top-up/resume', '{"sessionId":".."}'],
    ['top-up/resume', '{"sessionId":"cs_1/../../customers"}'],
    ['top-up/resume', '{"sessionId":"cs_\\u0000"}'],
    ['top-up', '{"priceId":"\\ud800"}'],
  ])('of a buyer to %s, %s, is refused before Stripe hears of it', async (path, body) => {
    const answer = await service.ask(`/api/${path}`, {
      as: ADA,
      body,
      headers: { origin: new URL(service.config.appUrl).origin },
    });
    expect(answer.status).toBe(400);
    expect(['invalid_input', 'plan_session_invalid']).toContain(answer.body.code);
    expect(asked).toBe(0);
    expect(errors()).toEqual([]);
  });

  it.each([
    ['GET', '/api/usage?from=%00'],
    ['GET', '/api/transactions?cursor=%00'],
    ['GET', '/api/checkout-sessions/cs_%00'],
    ['GET', `/api/accounts/${ADA}%00`],
    ['GET', '/api/admin/events/evt_%00'],
    ['GET', '/api/admin/accounts?query=%00'],
    ['POST', '/api/admin/events/evt_%00/replay'],
  ])('%s %s is refused', async (method, path) => {
    const as = /admin|accounts/.test(path) ? 'server' : ADA;
    const answer = await service.ask(path, { method, as });
    expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_input' } });
  });

  it.each(['/api/stripe/webhook', '/api/plan-session'])(
    'whose sender goes away is no error of ours: POST %s',
    async (path) => {
      const { hostname, port } = new URL(service.url);
      const gone = () =>
        service.logs.filter((line) => line['route'] === path && line['code'] === 'body_incomplete');
      const before = gone().length;
      for (const framing of ['content-length: 1000', 'transfer-encoding: chunked']) {
        const socket = connectSocket(Number(port), hostname);
        const start = framing.startsWith('c') ? '{"priceId":' : '5\r\n{"pri\r\n';
        socket.write(
          `POST ${path} HTTP/1.1\r\nhost: ${hostname}\r\ncontent-type: application/json\r\norigin: ${new URL(service.config.appUrl).origin}\r\n${framing}\r\n\r\n${start}`,
        );
        await new Promise((resolve) => setTimeout(resolve, 100));
        socket.destroy();
      }
      await expect.poll(() => gone().length - before).toBe(2);
      expect(gone().every(({ level, status }) => level === 'info' && status === 400)).toBe(true);
      expect(errors()).toEqual([]);
      expect((await write('spend', { amount: 1 })).status).toBe(200);
    },
  );

  it('differs from a good one, which does reach Stripe', async () => {
    const body = { priceId: 'price_QUICK_SCAN', metadata: { a: 'zwei 🧾' } };
    expect((await service.ask('/api/create-checkout-session', { as: ADA, body })).status).toBe(503);
    expect(asked).toBeGreaterThan(0);
  });
});
