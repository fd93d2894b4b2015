import { beforeEach, describe, expect, it } from 'vitest';
import { createFlorinClient, type FlorinClient } from '../../src/browser/index.ts';
import { answerJson, FakeHost, problem, settle } from './fake-host.ts';

let host: FakeHost;
let client: FlorinClient;
let token: string | null;

beforeEach(() => {
  host = new FakeHost();
  token = 'first';
  client = createFlorinClient({
    host,
    baseUrl: 'https://app.example/',
    getAccessToken: ({ refresh }) => (refresh && token !== null ? 'second' : token),
  });
});

const session = { sessionId: 'cs_1', url: 'https://checkout.example/cs_1' };

describe('checkout in the browser', () => {
  it('sends two clicks as one request', async () => {
    host.answer = () => answerJson(session);
    const input = { priceId: 'price_A', quantity: 2, metadata: { note: 'x' } };
    const [first, second] = await Promise.all([client.checkout(input), client.checkout(input)]);
    expect(first).toEqual(session);
    expect(second).toBe(first);
    expect(await client.checkout(input)).toBe(first);
    expect(host.asked).toHaveLength(1);
    expect(host.asked[0]).toMatchObject({
      path: 'https://app.example/api/create-checkout-session',
      method: 'POST',
      body: input,
    });
  });

  it('asks again after the back button, after ten seconds, and for other input', async () => {
    host.answer = () => answerJson(session);
    await client.checkout({ priceId: 'price_A' });
    host.emit('restored');
    await client.checkout({ priceId: 'price_A' });
    expect(host.asked).toHaveLength(2);
    await client.checkout({ priceId: 'price_B' });
    expect(host.asked).toHaveLength(3);
    await host.pass(10_000);
    await client.checkout({ priceId: 'price_A' });
    expect(host.asked).toHaveLength(4);
  });

  it('can be tried again at once after a failure', async () => {
    host.answer = () => problem(503, 'stripe_unavailable');
    await expect(client.checkout({ priceId: 'price_A' })).rejects.toMatchObject({
      code: 'stripe_unavailable',
      status: 503,
      message: 'It is stripe_unavailable.',
    });
    host.answer = () => answerJson(session);
    expect(await client.checkout({ priceId: 'price_A' })).toEqual(session);
  });

  it('continues with the price when the plan session is used up', async () => {
    host.answer = ({ body }) =>
      'planSession' in (body as object)
        ? problem(409, 'plan_session_invalid')
        : answerJson(session);
    expect(await client.checkout({ priceId: 'price_A', planSession: 'old' })).toEqual(session);
    await expect(client.checkout({ planSession: 'old' })).rejects.toMatchObject({
      code: 'plan_session_invalid',
    });
  });

  it.each(['javascript:alert(1)', '//evil.example', 'data:text/html,x', ''])(
    'refuses to hand on the address %j',
    async (url) => {
      host.answer = () => answerJson({ sessionId: 'cs_1', url });
      await expect(client.checkout({ priceId: 'price_A' })).rejects.toMatchObject({
        code: 'bad_response',
      });
      await expect(client.portal()).rejects.toMatchObject({ code: 'bad_response' });
    },
  );

  it('asks for a sign-in without asking the service', async () => {
    token = null;
    await expect(client.checkout({ priceId: 'price_A' })).rejects.toMatchObject({
      code: 'unauthenticated',
      status: 401,
    });
    expect(host.asked).toHaveLength(0);
  });
});

describe('requests', () => {
  it('refresh a refused token once', async () => {
    host.answer = ({ headers }) =>
      headers['authorization'] === 'Bearer second'
        ? answerJson({ available: 5 })
        : problem(401, 'unauthenticated');
    expect(await client.balance()).toMatchObject({ available: 5 });
    token = 'second';
    host.answer = () => problem(401, 'unauthenticated');
    const before = host.asked.length;
    await expect(client.balance()).rejects.toMatchObject({ status: 401 });
    expect(host.asked.length - before).toBe(1);
  });

  it('say what went wrong when the answer is not from Florin', async () => {
    host.answer = () => new Response('<html>gateway</html>', { status: 502 });
    await expect(client.plans()).rejects.toMatchObject({ code: 'bad_response', status: 502 });
    host.answer = () => new Response('<html>log in to the wifi</html>');
    await expect(client.plans()).rejects.toMatchObject({ code: 'bad_response', status: 200 });
  });

  it('carry what the problem says besides', async () => {
    host.answer = () => problem(402, 'insufficient_credits', { available: 3, required: 5 });
    await expect(client.usage({ from: '2026-11-01' })).rejects.toMatchObject({
      details: { available: 3, required: 5 },
    });
    expect(host.asked[0]?.path).toBe('https://app.example/api/usage?from=2026-11-01');
  });

  it('ask for usage by what it is to be grouped', async () => {
    const grouped = { from: '2026-11-01', to: '2026-11-02', by: ['day', 'meter'], groups: [] };
    host.answer = () => Response.json(grouped);
    expect(await client.usage({ from: '2026-11-01', by: ['day', 'meter'] })).toEqual(grouped);
    expect(host.asked[0]?.path).toBe(
      'https://app.example/api/usage?from=2026-11-01&by=day%2Cmeter',
    );
  });

  it('end after twenty seconds without an answer', async () => {
    host.answer = () => new Promise(() => {});
    const waiting = client.transactions({ cursor: 'c/1' }).catch((error: unknown) => error);
    await host.pass(20_000);
    expect(await waiting).toMatchObject({ code: 'timeout' });
    expect(host.asked[0]?.path).toBe('https://app.example/api/transactions?cursor=c%2F1');
  });

  it('do not ask anybody to sign in for the plans', async () => {
    token = null;
    host.answer = () => answerJson({ plans: [{ priceId: 'price_A' }] });
    expect(await client.plans()).toEqual([{ priceId: 'price_A' }]);
    await settle();
    expect(host.asked[0]?.headers['authorization']).toBeUndefined();
  });
});
