import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findEntry } from '../../../src/ledger/index.ts';
import { openService, type TestService } from './florin-service.ts';

let service: TestService;
beforeAll(async () => {
  service = await openService({ development: true });
});
afterAll(() => service.close());

const post = (path: string, key: string, body: unknown, as = 'server') =>
  service.ask(path, { as, body, headers: { 'idempotency-key': key } });

async function granted(amount: number): Promise<string> {
  const account = randomUUID();
  const body = { amount, source: 'bonus' };
  expect((await post(`/api/accounts/${account}/grants`, 'grant', body)).status).toBe(200);
  return account;
}

describe('the server, over HTTP,', () => {
  it('charges by the rate card and is told the price, the first time and on a repetition', async () => {
    const account = await granted(100);
    const body = { meter: 'page.vision', quantity: 4, actor: 'ada', feature: 'receipts' };
    const charged = await post(`/api/accounts/${account}/charge`, 'scan:1', body);
    expect(charged.status).toBe(200);
    expect(charged.body).toMatchObject({
      posted: 88,
      available: 88,
      credits: 12,
      rate: { credits: '3' },
      version: 1,
      replayed: false,
    });
    const again = await post(`/api/accounts/${account}/charge`, 'scan:1', body);
    expect(again.body).toEqual({ ...charged.body, replayed: true });
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    const other = { ...body, quantity: 5 };
    expect((await post(`/api/accounts/${account}/charge`, 'scan:1', other)).status).toBe(409);
  });

  it('charges tokens by model, and is quoted the same price before', async () => {
    const account = await granted(10);
    const query = 'meter=tokens&model=a/b&input=1000000&output=200000';
    const quoted = await service.ask(`/api/accounts/${account}/quote?${query}`, { as: 'server' });
    expect(quoted.status).toBe(200);
    expect(quoted.body).toMatchObject({ credits: 8, affordable: true, available: 10 });
    const usage = { model: 'a/b', input: 1_000_000, output: '200000' };
    const charge = { meter: 'tokens', usage };
    const charged = await post(`/api/accounts/${account}/charge`, 'chat:1', charge);
    expect(charged.body).toMatchObject({ credits: 8, available: 2, rate: quoted.body.rate });
    const next = await service.ask(`/api/accounts/${account}/quote?${query}`, { as: 'server' });
    expect(next.body).toMatchObject({ credits: 8, affordable: false, available: 2 });
    const refused = await post(`/api/accounts/${account}/charge`, 'chat:2', charge);
    expect(refused).toMatchObject({
      status: 402,
      body: { code: 'insufficient_credits', available: 2, required: 8 },
    });
  });

  it.each([
    [{ meter: 'pages', quantity: 1 }, 'meter_unknown', { meter: 'pages' }],
    [{ meter: 'tokens', usage: { model: 'x', input: 1 } }, 'rate_missing', { model: 'x' }],
    [{ meter: 'tokens', usage: { model: 'a/b', pixels: 1 } }, 'rate_missing', { kind: 'pixels' }],
    [{ meter: 'page', quantity: -1 }, 'invalid_input', {}],
    [{ meter: 'page', quantity: 1.5 }, 'invalid_input', {}],
    [{ meter: 'page', quantity: 1, credits: 0 }, 'invalid_input', {}],
    [{ meter: 'page', quantity: 1, actor: '*' }, 'invalid_input', {}],
    [{ meter: 'page' }, 'invalid_input', {}],
    [{ quantity: 1 }, 'invalid_input', {}],
  ])('is told what is wrong with %j, and nothing is written', async (body, code, details) => {
    const account = await granted(10);
    const answer = await post(`/api/accounts/${account}/charge`, 'k', body);
    expect(answer.status).toBe(400);
    expect(answer.body).toMatchObject({ code, ...details });
    const { body: after } = await service.ask(`/api/accounts/${account}`, { as: 'server' });
    expect(after.available).toBe(10);
  });

  it('alone charges and asks for prices', async () => {
    const account = await granted(10);
    const body = { meter: 'page', quantity: 1 };
    expect((await post(`/api/accounts/${account}/charge`, 'k', body, account)).status).toBe(403);
    const quote = `/api/accounts/${account}/quote?meter=page&quantity=1`;
    expect((await service.ask(quote, { as: account })).status).toBe(403);
  });

  it.each([
    ['', 'meter: must be given'],
    ['meter=page&quantity=1&quantty=40', 'quantty: not asked for here'],
    ['meter=page&quantity=1&input=5', 'input: not asked for here'],
    ['meter=page&quantity=1&quantity=40', 'quantity: must be given once'],
    ['meter=tokens&model=a/b&pixels=1', 'no rate for a/b and pixels'],
  ])('is quoted nothing for ?%s', async (query, detail) => {
    const account = await granted(10);
    const answer = await service.ask(`/api/accounts/${account}/quote?${query}`, { as: 'server' });
    expect(answer.status).toBe(400);
    expect(answer.body.detail).toContain(detail);
  });

  it('is quoted within the limits of an actor', async () => {
    const account = await granted(10);
    await service.ask(`/api/accounts/${account}/limits`, {
      method: 'PUT',
      as: 'server',
      body: { window: 'day', actor: 'ada', credits: 2 },
    });
    const quote = async (query: string) =>
      (await service.ask(`/api/accounts/${account}/quote?meter=page&quantity=3${query}`, {
        as: 'server',
      })) as { body: unknown };
    expect((await quote('')).body).toMatchObject({ credits: 3, affordable: true });
    expect((await quote('&actor=ada')).body).toMatchObject({ credits: 3, affordable: false });
  });

  it('says with a spend who used the credits and for what', async () => {
    const account = await granted(10);
    const body = { amount: 2, actor: 'ada', feature: 'scan' };
    expect((await post(`/api/accounts/${account}/spend`, 's', body)).status).toBe(200);
    const key = { accountId: account, idempotencyKey: 's' };
    expect(await findEntry(service.fresh.db, key)).toMatchObject({ actor: 'ada', feature: 'scan' });
  });

  it('lets the demo charge a plain page 1 credit and a page with vision 3', async () => {
    const account = await granted(100);
    const scan = (key: string, body: object) => post('/api/demo/scan', key, body, account);
    expect((await scan('a', { pages: 5 })).body).toMatchObject({ credits: 5, available: 95 });
    const seen = await scan('b', { pages: 5, vision: true });
    expect(seen.body).toMatchObject({ credits: 15, available: 80 });
    const key = { accountId: account, idempotencyKey: 'demo:b' };
    expect(await findEntry(service.fresh.db, key)).toMatchObject({
      meter: 'page.vision',
      quantity: '5',
      feature: 'scan',
    });
  });
});
