import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { parseCatalog } from '../../../src/catalog/index.ts';
import { verifyLedger } from '../../../src/ledger/index.ts';
import { openService, SERVER_KEY, type TestService } from './florin-service.ts';

let service: TestService;
beforeAll(async () => {
  service = await openService({ catalog: parseCatalog({ prices: {}, debtLimit: 20 }) });
});
afterAll(() => service.close());

const post = (path: string, body: unknown, key: string = randomUUID()) =>
  service.ask(`/api/accounts/${path}`, {
    method: 'POST',
    as: 'server',
    body,
    headers: { 'idempotency-key': key },
  });

/** An account of 10 credits that holds 4 of them. */
async function held(): Promise<{ account: string; hold: string }> {
  const account = randomUUID();
  await post(`${account}/grants`, { amount: 10, source: 'bonus' });
  const { body } = await post(`${account}/holds`, { amount: 4 });
  return { account, hold: `${account}/holds/${body.holdId}` };
}

describe('a capture, over HTTP,', () => {
  it('keeps its metadata over that of its hold, and replays whatever a repeat says', async () => {
    const account = randomUUID();
    await post(`${account}/grants`, { amount: 10, source: 'bonus' });
    const metadata = { job: 'scan:1', pages: 4 };
    const { body: hold } = await post(`${account}/holds`, { amount: 4, metadata });
    const capture = `${account}/holds/${hold.holdId}/capture`;
    const body = { amount: 6, overage: 'up_to_available', metadata: { pages: 6, worker: 'b' } };
    const first = await post(capture, body);
    expect(first.body).toMatchObject({ captured: 6, replayed: false });
    const again = await post(capture, { ...body, metadata: { worker: 'c' } });
    expect(again.body).toEqual({ ...first.body, replayed: true });
    const rows = await service.fresh.db.query<{ kind: string; metadata: unknown }>(
      'select kind, metadata from credits.entries where account_id = $1 and hold_id is not null order by entry_no',
      [account],
    );
    const kept = { job: 'scan:1', pages: 6, worker: 'b' };
    expect(rows).toEqual([
      { kind: 'hold', metadata },
      { kind: 'capture', metadata: kept },
      { kind: 'capture', metadata: kept },
    ]);
    expect(await verifyLedger(service.fresh.db, account)).toEqual([]);
  });

  it.each([
    [undefined, { a: 1 }, { a: 1 }],
    [{ a: 1 }, undefined, { a: 1 }],
    [{ a: 1 }, {}, { a: 1 }],
    [undefined, undefined, null],
    [undefined, {}, null],
  ])('of a hold of %j that says %j keeps %j', async (placed, said, kept) => {
    const account = randomUUID();
    await post(`${account}/grants`, { amount: 10, source: 'bonus' });
    const { body: hold } = await post(`${account}/holds`, { amount: 4, metadata: placed });
    await post(`${account}/holds/${hold.holdId}/capture`, { metadata: said });
    const [row] = await service.fresh.db.query(
      "select metadata from credits.entries where account_id = $1 and kind = 'capture'",
      [account],
    );
    expect(row).toEqual({ metadata: kept });
  });
});

describe('a capture, over HTTP, whose request has', () => {
  const path = (hold: string) => `/api/accounts/${hold}/capture`;
  const headers = () => ({ 'idempotency-key': randomUUID() });

  it('no body takes all that is held', async () => {
    const { hold } = await held();
    const asked = { method: 'POST', as: 'server', headers: headers() };
    const captured = await service.ask(path(hold), asked);
    expect(captured).toMatchObject({ status: 200, body: { captured: 4, posted: 6, held: 0 } });
  });

  it('an empty body of JSON is refused, since an amount may have been lost', async () => {
    const { hold } = await held();
    const asked = { method: 'POST', as: 'server', body: '', headers: headers() };
    expect(await service.ask(path(hold), asked)).toMatchObject({ status: 400 });
  });

  it('a body without a type is refused, and nothing is captured', async () => {
    const { account, hold } = await held();
    const answer = await fetch(`${service.url}${path(hold)}`, {
      method: 'POST',
      headers: { ...headers(), authorization: `Bearer ${SERVER_KEY}` },
      body: new TextEncoder().encode('{"amount":1}'),
    });
    expect(answer.status).toBe(415);
    const { body: after } = await service.ask(`/api/accounts/${account}`, { as: 'server' });
    expect(after).toMatchObject({ posted: 10, held: 4 });
  });
});

describe('a capture above its hold, over HTTP,', () => {
  it('is refused unless it says what to do with the rest', async () => {
    const { account, hold } = await held();
    for (const body of [{ amount: 5 }, { amount: 5, overage: 'refuse' }]) {
      expect(await post(`${hold}/capture`, body)).toMatchObject({
        status: 400,
        body: { code: 'amount_not_allowed' },
      });
    }
    const { body } = await service.ask(`/api/accounts/${account}`, { as: 'server' });
    expect(body).toMatchObject({ posted: 10, held: 4, available: 6 });
  });

  it('up to what is available takes that, and says what it did not cover', async () => {
    const { hold } = await held();
    const capture = { amount: 13, overage: 'up_to_available' };
    const first = await post(`${hold}/capture`, capture);
    expect(first).toMatchObject({
      status: 200,
      body: { captured: 10, uncovered: 3, posted: 0, held: 0, available: 0, replayed: false },
    });
    const again = await post(`${hold}/capture`, capture);
    expect(again.body).toEqual({ ...first.body, replayed: true });
    expect(await post(`${hold}/capture`, { ...capture, amount: 12 })).toMatchObject({
      status: 409,
      body: { code: 'idempotency_key_reused' },
    });
  });

  it('as debt goes no further below 0 than the catalogue allows', async () => {
    const { account, hold } = await held();
    expect(await post(`${hold}/capture`, { amount: 31, overage: 'debt' })).toMatchObject({
      status: 402,
      body: { code: 'insufficient_credits' },
    });
    expect(await post(`${hold}/capture`, { amount: 30, overage: 'debt' })).toMatchObject({
      status: 200,
      body: { captured: 30, uncovered: 0, posted: -20, available: -20 },
    });
    expect((await post(`${account}/spend`, { amount: 1 })).status).toBe(402);
    expect(await verifyLedger(service.fresh.db, account)).toEqual([]);
  });

  it('as debt keeps to the limit of an account that has one of its own', async () => {
    const { account, hold } = await held();
    await service.fresh.db.query('select credits.set_debt_limit($1, 5)', [account]);
    expect((await post(`${hold}/capture`, { amount: 16, overage: 'debt' })).status).toBe(402);
    const taken = await post(`${hold}/capture`, { amount: 15, overage: 'debt' });
    expect(taken.body).toMatchObject({ captured: 15, available: -5 });
  });

  it.each([
    { amount: 5, overage: 'free' },
    { amount: 5, overage: 'debt', debtLimit: 100 },
  ])('is refused with %j', async (body) => {
    const { hold } = await held();
    expect(await post(`${hold}/capture`, body)).toMatchObject({
      status: 400,
      body: { code: 'invalid_input' },
    });
  });
});

describe('a capture as debt, where the catalogue says nothing of debt,', () => {
  it('is refused', async () => {
    const other = await openService();
    onTestFinished(() => other.close());
    const account = randomUUID();
    const call = (path: string, body: unknown) =>
      other.ask(`/api/accounts/${account}/${path}`, {
        as: 'server',
        body,
        headers: { 'idempotency-key': path },
      });
    await call('grants', { amount: 10, source: 'bonus' });
    const { body } = await call('holds', { amount: 4 });
    expect(
      await call(`holds/${body.holdId}/capture`, { amount: 11, overage: 'debt' }),
    ).toMatchObject({
      status: 402,
      body: { code: 'insufficient_credits', available: 6, required: 7 },
    });
  });
});

describe('an extension, over HTTP,', () => {
  it('gives a hold more time, once a key', async () => {
    const { hold } = await held();
    const first = await post(`${hold}/extend`, { expiresInSeconds: 7200 }, 'beat:1');
    expect(first).toMatchObject({ status: 200, body: { held: 4, replayed: false } });
    const inSeconds = (Date.parse(first.body.expiresAt) - Date.now()) / 1000;
    expect(inSeconds).toBeGreaterThan(7000);
    const again = await post(`${hold}/extend`, { expiresInSeconds: 7200 }, 'beat:1');
    expect(again.body).toEqual({ ...first.body, replayed: true });
    expect(await post(`${hold}/extend`, { expiresInSeconds: 60 }, 'beat:1')).toMatchObject({
      status: 409,
      body: { code: 'idempotency_key_reused' },
    });
  });

  it('of a hold that has ended is refused', async () => {
    const { hold } = await held();
    await post(`${hold}/release`, undefined);
    expect(await post(`${hold}/extend`, { expiresInSeconds: 60 })).toMatchObject({
      status: 409,
      body: { code: 'hold_not_open' },
    });
  });

  it.each([
    {},
    { expiresInSeconds: 0 },
    { expiresInSeconds: 1.5 },
    { expiresInSeconds: 2_592_001 },
  ])('is refused with %j', async (body) => {
    const { hold } = await held();
    expect((await post(`${hold}/extend`, body)).status).toBe(400);
  });
});
