import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openService, type TestService } from './florin-service.ts';

let service: TestService;
beforeAll(async () => {
  service = await openService();
});
afterAll(() => service.close());

const post = (path: string, body: unknown) =>
  service.ask(path, { as: 'server', body, headers: { 'idempotency-key': randomUUID() } });
const put = (account: string, body: unknown, as = 'server') =>
  service.ask(`/api/accounts/${account}/limits`, { method: 'PUT', as, body });

async function granted(amount: number): Promise<string> {
  const account = randomUUID();
  await post(`/api/accounts/${account}/grants`, { amount, source: 'bonus' });
  return account;
}

describe('limits, over HTTP,', () => {
  it('are set, read, reached, changed and removed', async () => {
    const account = await granted(100);
    const path = `/api/accounts/${account}`;
    const rule = { window: 'month', actor: 'ada', timeZone: 'Europe/Berlin' };
    const set = await put(account, { ...rule, credits: 10 });
    expect(set.status).toBe(200);
    expect(set.body.limits).toEqual([
      { ...rule, feature: null, credits: 10, soft: false, used: 0, resetsAt: expect.any(String) },
    ]);
    const [{ resetsAt }] = set.body.limits;
    await post(`${path}/spend`, { amount: 4, actor: 'ada' });
    await post(`${path}/holds`, { amount: 3, actor: 'ada', feature: 'scan' });
    for (const [what, body] of [
      ['spend', { amount: 4, actor: 'ada' }],
      ['charge', { meter: 'page.vision', quantity: 2, actor: 'ada' }],
      ['holds', { amount: 4, actor: 'ada' }],
    ] as const) {
      const refused = await post(`${path}/${what}`, body);
      expect(refused).toMatchObject({
        status: 402,
        body: {
          type: 'urn:florin:problem:limit_reached',
          code: 'limit_reached',
          rule: { ...rule, feature: null },
          used: 7,
          limit: 10,
        },
      });
      expect(new Date(refused.body.resetsAt)).toEqual(new Date(resetsAt));
    }
    expect((await post(`${path}/spend`, { amount: 9, actor: 'bob' })).status).toBe(200);
    const changed = await put(account, { ...rule, credits: 20 });
    expect(changed.body.limits).toMatchObject([{ credits: 20, used: 7 }]);
    expect((await post(`${path}/spend`, { amount: 4, actor: 'ada' })).status).toBe(200);
    const remove = (query: string) =>
      service.ask(`${path}/limits?${query}`, { method: 'DELETE', as: 'server' });
    expect((await remove('window=day&actor=ada')).status).toBe(404);
    expect((await remove('window=month&actor=ada')).body).toEqual({ limits: [] });
    const read = await service.ask(`${path}/limits`, { as: 'server' });
    expect(read).toMatchObject({ status: 200, body: { limits: [] } });
  });

  it('stay where a parameter of their removal is misspelt or given twice', async () => {
    const account = await granted(10);
    const limits = `/api/accounts/${account}/limits`;
    await put(account, { window: 'day', credits: 5 });
    await put(account, { window: 'day', credits: 2, actor: 'ada' });
    for (const query of ['window=day&actr=ada', 'window=day&actor=ada&actor=bob']) {
      const refused = await service.ask(`${limits}?${query}`, { method: 'DELETE', as: 'server' });
      expect(refused).toMatchObject({ status: 400, body: { code: 'invalid_input' } });
    }
    const { body } = await service.ask(limits, { as: 'server' });
    expect(body.limits).toHaveLength(2);
  });

  it('are told beside a hold’s capture above what it reserves', async () => {
    const account = await granted(100);
    const path = `/api/accounts/${account}`;
    await put(account, { window: 'lifetime', credits: 12 });
    const hold = await post(`${path}/holds`, { amount: 5 });
    await post(`${path}/spend`, { amount: 5 });
    const capture = `${path}/holds/${hold.body.holdId}/capture`;
    const above = await post(capture, { amount: 9, overage: 'up_to_available' });
    expect(above.body).toMatchObject({ captured: 7, uncovered: 2, available: 88 });
    const never = await post(`${path}/spend`, { amount: 1 });
    expect(never.body).toMatchObject({ code: 'limit_reached', used: 12, resetsAt: null });
  });

  it.each([
    { window: 'week', credits: 1 },
    { window: 'day' },
    { window: 'day', credits: -1 },
    { window: 'day', credits: 0.5 },
    { window: 'day', credits: 1, actor: '' },
    { window: 'day', credits: 1, timeZone: 'Nowhere' },
    { window: 'day', credits: 1, soft: 'no' },
    { window: 'day', credits: 1, limit: 2 },
  ])('are refused: %j', async (body) => {
    const answer = await put(randomUUID(), body);
    expect(answer.status).toBe(400);
    expect(answer.body.code).toBe('invalid_input');
  });

  it('of a user’s own account are read by them and set by the server alone', async () => {
    const account = randomUUID();
    expect((await put(account, { window: 'day', credits: 1 }, account)).status).toBe(403);
    const path = `/api/accounts/${account}/limits`;
    expect((await service.ask(path, { as: account })).status).toBe(200);
    const remove = { method: 'DELETE', as: account };
    expect((await service.ask(`${path}?window=day`, remove)).status).toBe(403);
  });
});
