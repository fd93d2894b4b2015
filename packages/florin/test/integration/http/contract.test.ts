import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseCatalog } from '../../../src/catalog/index.ts';
import { OPERATIONS } from '../../../src/contract/index.ts';
import { buyCredits } from '../../support/bought.ts';
import { contractFault } from '../../support/contract.ts';
import { ADA, BOB, CATALOG, openService, SHOP_URL, type TestService } from './florin-service.ts';

const { price_QUICK_SCAN: quickScan, ...others } = CATALOG.prices;
const catalog = parseCatalog({
  ...CATALOG,
  prices: { ...others, price_QUICK_SCAN: { ...quickScan, topUp: true } },
});

describe('what the service answers', () => {
  let service: TestService;

  beforeAll(async () => {
    service = await openService({ catalog, development: true });
  });

  afterAll(() => service.close());

  it('is what the contract says, for every operation of the contract', async () => {
    await shop();
    await buyAndAgree();
    await changePlan();
    await writeAsServer();
    await chargeAndLimit();
    await manageMembers();
    await moveCredits();
    await readStatements();
    await operate();
    const silent = OPERATIONS.filter((operation) => !service.answered.has(operation));
    expect(silent.map(({ method, path }) => `${method} ${path}`)).toEqual([]);
  });

  async function shop(): Promise<void> {
    await ok('/api/plans');
    await ok('/api/config');
    const headers = { origin: SHOP_URL };
    const { body } = await ok('/api/plan-session', {
      headers,
      body: { priceId: 'price_QUICK_SCAN', metadata: { page: 'shop' } },
    });
    const cookie = `plan_session=${body.token}`;
    await ok('/api/plan-session', { headers: { ...headers, cookie } });
    await ok('/api/plan-session', { headers });
    await ok('/api/plan-session', { headers, body: { token: body.token } });
    await ok('/api/plan-session', { headers, method: 'DELETE' });
  }

  async function buyAndAgree(): Promise<void> {
    const { sandbox, stripe } = service;
    const body = { priceId: 'price_QUICK_SCAN' };
    const started = await ok('/api/create-checkout-session', { as: ADA, body });
    await sandbox.pay(started.body.sessionId);
    await sandbox.settled();
    const status = await ok(`/api/checkout-sessions/${started.body.sessionId}`, { as: ADA });
    expect(status.body).toMatchObject({ state: 'paid', credits: 50 });
    await ok('/api/create-portal-session', { as: ADA, method: 'POST' });

    await ok('/api/top-up', {
      as: ADA,
      body: {
        consent: true,
        priceId: 'price_QUICK_SCAN',
        threshold: 20,
        maxPerMonth: 5,
        amountMinor: 500,
        currency: 'usd',
      },
    });
    await ok('/api/top-up/payment-method', { as: ADA, method: 'POST' });
    const [customer] = (await stripe.customers.list({ limit: 1 })).data;
    const method = await stripe.paymentMethods.attach('pm_card_visa', {
      customer: customer?.id ?? '',
    });
    await stripe.customers.update(customer?.id ?? '', {
      invoice_settings: { default_payment_method: method.id },
    });
    const resumed = await ok('/api/top-up/resume', { as: ADA, body: {} });
    expect(resumed.body.consent).toMatchObject({ status: 'active' });
    await ok('/api/top-up', { as: ADA });
    await ok('/api/top-up', { as: ADA, method: 'DELETE' });
  }

  async function changePlan(): Promise<void> {
    const { sandbox } = service;
    const body = { priceId: 'price_BASIC_MONTHLY' };
    const started = await ok('/api/create-checkout-session', { as: ADA, body });
    await sandbox.pay(started.body.sessionId);
    await sandbox.settled();
    const current = await ok('/api/subscriptions', { as: ADA });
    expect(current.body.subscriptions).toMatchObject([body]);
    const previewed = await ok('/api/change-plan/preview', {
      as: ADA,
      body: { priceId: 'price_PRO_MONTHLY' },
    });
    const { preview } = previewed.body;
    const changed = await ok('/api/change-plan', { as: ADA, body: { preview } });
    expect(changed.body).toMatchObject({ payment: 'paid', replayed: false });
    await sandbox.settled();
    await ok('/api/transactions', { as: ADA });
  }

  async function chargeAndLimit(): Promise<void> {
    const account = `/api/accounts/${BOB}`;
    const as = 'server';
    const usage = { model: 'a/b', input: 1_000_000 };
    await ok(`${account}/charge`, {
      as,
      headers: { 'idempotency-key': 'contract:charge' },
      body: { meter: 'tokens', usage, actor: 'ada', feature: 'chat' },
    });
    await ok(`${account}/quote?meter=page&quantity=1`, { as });
    const scope = { window: 'month', actor: 'ada' };
    const set = await ok(`${account}/limits`, {
      as,
      method: 'PUT',
      body: { ...scope, credits: 500 },
    });
    expect(set.body.limits).toMatchObject([{ ...scope, used: 4, soft: false }]);
    await ok(`${account}/limits`, { as });
    await ok(`${account}/limits?window=month&actor=ada`, { as, method: 'DELETE' });
  }

  async function moveCredits(): Promise<void> {
    await buyCredits(service.fresh.db, { accountId: BOB, amount: 5 });
    await ok('/api/transfers', {
      as: 'server',
      headers: { 'idempotency-key': 'moved' },
      body: { from: BOB, to: ADA, amount: 5, reason: 'test' },
    });
  }

  async function manageMembers(): Promise<void> {
    const members = `/api/accounts/${BOB}/members`;
    const as = 'server';
    const method = 'PUT';
    await ok(`${members}/${ADA}`, { as, method, body: { role: 'admin' } });
    await ok(`${members}/${ADA}`, { as: ADA });
    await ok(members, { as: ADA });
    const mine = await ok('/api/accounts', { as: ADA });
    expect(mine.body.accounts).toEqual([
      { accountId: ADA, role: 'owner' },
      { accountId: BOB, role: 'admin' },
    ]);
    await ok(`${members}/${ADA}`, { as: ADA, method: 'DELETE' });
  }

  async function writeAsServer(): Promise<void> {
    const account = `/api/accounts/${BOB}`;
    let keys = 0;
    const write = (path: string, body?: object) => {
      keys += 1;
      return ok(`${account}${path}`, {
        as: 'server',
        method: 'POST',
        headers: { 'idempotency-key': `contract:${keys}` },
        ...(body === undefined ? {} : { body }),
      });
    };
    await write('/grants', { amount: 100, expiresAt: '2999-01-01T00:00:00Z', metadata: { a: 1 } });
    await write('/grants', { amount: 5, effectiveAt: '2999-01-01T00:00:00Z' });
    await write('/spend', { amount: 3, metadata: { reason: 'scan' } });
    const first = await write('/holds', { amount: 10 });
    await write(`/holds/${first.body.holdId}/extend`, { expiresInSeconds: 3_600 });
    await write(`/holds/${first.body.holdId}/capture`, { amount: 4 });
    const second = await write('/holds', { amount: 10 });
    await write(`/holds/${second.body.holdId}/release`);
    await ok(account, { as: 'server' });
    await ok('/api/demo/scan', {
      as: BOB,
      headers: { 'idempotency-key': 'scan-1' },
      body: { pages: 2 },
    });
  }

  async function readStatements(): Promise<void> {
    const { body } = await ok('/api/balance', { as: BOB });
    expect(body.grants).toHaveLength(1);
    const page = await ok('/api/transactions', { as: BOB });
    const charged = page.body.transactions.find(
      ({ meter }: { meter: string }) => meter === 'tokens',
    );
    // How a price is computed, with what the app adds to it, is not the buyer's to read.
    expect(charged).toEqual(expect.not.objectContaining({ pricing: expect.anything() }));
    expect(charged).toMatchObject({ feature: 'chat', kind: 'spend' });
    const kinds = page.body.transactions.map(({ kind }: { kind: string }) => kind);
    expect(new Set(kinds)).toEqual(
      new Set([
        ...['spend', 'release', 'hold', 'capture', 'extension', 'schedule', 'grant'],
        'transfer',
      ]),
    );
    await ok('/api/usage', { as: BOB });
    const groups = await ok('/api/usage?by=day,meter,feature,actor', { as: BOB });
    expect(groups.body.groups).toContainEqual(
      expect.objectContaining({ meter: 'tokens', feature: 'chat', actor: 'ada' }),
    );
    const stream = await service.app.request('/api/balance/stream', {
      headers: { authorization: `Bearer ${await service.project.token({ sub: BOB })}` },
    });
    await stream.body?.cancel();
  }

  async function operate(): Promise<void> {
    const as = 'server';
    const admin = '/api/admin';
    const { body } = await ok(`${admin}/events`, { as });
    const { eventId } = body.events[0];
    await ok(`${admin}/events/${eventId}`, { as });
    await ok(`${admin}/events/${eventId}/replay`, { as, method: 'POST' });
    const change = { amount: 5, reason: 'A gift', internalNote: 'Asked by phone' };
    for (const kind of ['grant', 'adjust']) {
      await ok(`${admin}/accounts/${BOB}/${kind}`, {
        as,
        body: { ...change, idempotencyKey: crypto.randomUUID() },
      });
    }
    for (const query of ['', ADA, eventId, 'nobody@example.com']) {
      await ok(`${admin}/accounts?query=${query}`, { as });
    }
    await ok(`${admin}/accounts/${ADA}`, { as });
    await ok(`${admin}/accounts/${BOB}`, { as });
    await ok(`${admin}/accounts/${BOB}/usage?by=meter`, { as });
    await ok(`${admin}/reconcile`, { as, body: { days: 30 } });
    await ok(`${admin}/reconcile`, { as });
    await ok(`${admin}/health`, { as });
    await ok('/healthz');
    await ok('/readyz');
    await ok('/metrics', { as });
    await ok('/api/jobs/run', { as, method: 'POST' });
  }

  async function ok(path: string, options: Parameters<TestService['ask']>[1] = {}) {
    const answer = await service.ask(path, options);
    expect(answer.status, `${path}: ${answer.text}`).toBeLessThan(300);
    return answer;
  }
});

describe('the contract', () => {
  it('describes every parameter of every path', () => {
    for (const { path, params } of OPERATIONS) {
      const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      expect([path, Object.keys(params?.shape ?? {})]).toEqual([path, names]);
    }
  });
});

describe('the comparison with the contract', () => {
  const call = { method: 'GET', path: '/api/plan-session' };
  const type = 'application/json';
  const session = {
    priceId: 'price_QUICK_SCAN',
    planType: 'credits',
    metadata: {},
    expiresAt: '2026-11-30T05:00:00.000Z',
  };
  const fault = (body: unknown, status = 200) => contractFault(call, { status, type, body });

  it('accepts what the contract says, and finds a fault in every other answer', () => {
    expect(fault(session)).toBeUndefined();
    expect(fault({ ...session, price: 'price_QUICK_SCAN' })).toContain('price');
    expect(fault({ ...session, expiresAt: undefined })).toContain('expiresAt');
    expect(fault({ ...session, metadata: { pages: 3 } })).toContain('metadata.pages');
    expect(fault(session, 201)).toContain('no such status');
    expect(fault(session, 204)).toContain('no body');
    const text = contractFault(call, { status: 200, type: 'text/html', body: undefined });
    expect(text).toContain('text/html');
  });

  it('expects the common fields in every problem', () => {
    const answer = { status: 404, type: 'application/problem+json', body: { code: 'not_found' } };
    expect(contractFault(call, answer)).toContain('is no problem');
  });
});
