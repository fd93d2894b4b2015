import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';

import { createSpender } from '../../../src/ledger/index.ts';
import { applyCommands } from '../../../src/webhooks/index.ts';
import { event, session, sessionLine, withLines } from '../webhooks/objects.ts';
import { signed } from '../webhooks/shop.ts';
import {
  ADA,
  BOB,
  OLD_SERVER_KEY,
  openService,
  type TestService,
  WEBHOOK_SECRET,
} from './florin-service.ts';

let service: TestService;
beforeAll(async () => {
  service = await openService();
});
afterAll(() => service.close());

let keys = 0;
const nextKey = () => {
  keys += 1;
  return `key-${keys}`;
};

type Call = { key?: string | null; as?: string; account?: string };

async function write(what: string, body: unknown, call: Call = {}) {
  const { key = nextKey(), as = 'server', account = ADA } = call;
  return service.ask(`/api/accounts/${account}/${what}`, {
    method: 'POST',
    as,
    body,
    headers: key === null ? {} : { 'idempotency-key': key },
  });
}

/** Delivers a paid session whose price nobody knows; its event's id. */
async function deliverUnknownPrice({ url }: TestService): Promise<string> {
  const object = session({
    ...withLines([sessionLine('price_OF_NOBODY')]),
    id: 'cs_of_nobody',
    payment_intent: 'pi_of_nobody',
  });
  const payload = event('checkout.session.completed', object);
  const { rawBody, signature } = signed(JSON.stringify(payload), WEBHOOK_SECRET);
  const response = await fetch(`${url}/api/stripe/webhook`, {
    method: 'POST',
    headers: { 'stripe-signature': signature },
    body: new Uint8Array(rawBody),
  });
  expect(await response.json()).toEqual({ received: true, status: 'failed' });
  return String(payload['id']);
}

async function granted(amount: number): Promise<string> {
  const account = crypto.randomUUID();
  expect((await write('grants', { amount, source: 'bonus' }, { account })).status).toBe(200);
  return account;
}

describe('the server', () => {
  it('grants, spends, holds, captures, releases and reads', async () => {
    const account = await granted(100);
    const spent = await write('spend', { amount: 30, metadata: { pages: 30 } }, { account });
    expect(spent.status).toBe(200);
    expect(spent.body).toMatchObject({ posted: 70, held: 0, available: 70, replayed: false });
    const hold = await write('holds', { amount: 50, expiresInSeconds: 60 }, { account });
    expect(hold.body).toMatchObject({ posted: 70, held: 50, available: 20 });
    const captured = await write(`holds/${hold.body.holdId}/capture`, { amount: 20 }, { account });
    expect(captured.body).toMatchObject({ posted: 50, held: 0, available: 50 });
    const other = await write('holds', { amount: 50 }, { account });
    const released = await write(`holds/${other.body.holdId}/release`, undefined, { account });
    expect(released.body).toMatchObject({ posted: 50, held: 0, available: 50 });
    const read = await service.ask(`/api/accounts/${account}`, { as: 'server' });
    expect(read.body).toMatchObject({ accountId: account, posted: 50, available: 50 });
    expect(read.body.grants).toHaveLength(1);
  });

  it('may use the old key while it is rotated', async () => {
    const as = `Bearer ${OLD_SERVER_KEY}`;
    expect((await service.ask(`/api/accounts/${ADA}`, { as })).status).toBe(200);
  });

  it('reads zeros for an account that nobody knows', async () => {
    const { body } = await service.ask(`/api/accounts/${crypto.randomUUID()}`, { as: 'server' });
    expect(body).toMatchObject({
      posted: 0,
      held: 0,
      available: 0,
      nextExpiryAt: null,
      grants: [],
    });
  });

  it('learns how many credits are available and how many it needs', async () => {
    const account = await granted(5);
    const answer = await write('spend', { amount: 6 }, { account });
    expect(answer.status).toBe(402);
    expect(answer.body).toMatchObject({
      type: 'urn:florin:problem:insufficient_credits',
      title: 'Not enough credits',
      status: 402,
      code: 'insufficient_credits',
      available: 5,
      required: 6,
    });
    const unknown = await write('spend', { amount: 1 }, { account: crypto.randomUUID() });
    expect(unknown.body).toMatchObject({ code: 'insufficient_credits', available: 0 });
    expect((await write('holds', { amount: 6 }, { account })).status).toBe(402);
  });

  it('cannot end a hold twice, nor one that never was', async () => {
    const account = await granted(10);
    const { body } = await write('holds', { amount: 4 }, { account });
    expect((await write(`holds/${body.holdId}/capture`, {}, { account })).status).toBe(200);
    const late = await write(`holds/${body.holdId}/release`, undefined, { account });
    expect(late.status).toBe(409);
    expect(late.body.code).toBe('hold_not_open');
    const never = await write(`holds/${crypto.randomUUID()}/capture`, {}, { account });
    expect(never.body.code).toBe('hold_not_open');
  });

  it.each([
    ['spend', { amount: 0 }],
    ['spend', { amount: -1 }],
    ['spend', { amount: 1.5 }],
    ['spend', { amount: 2 ** 53 }],
    ['spend', { amount: '5' }],
    ['spend', { amount: null }],
    ['spend', {}],
    ['spend', { amount: 1, price: 0 }],
    ['spend', { amount: 1, metadata: 'x' }],
    ['spend', { amount: 1, metadata: { note: '\u0000' } }],
    ['spend', { amount: 1, metadata: { note: '\ud800' } }],
    ['grants', { amount: 0 }],
    ['grants', { amount: 1, expiresAt: 'tomorrow' }],
    ['grants', { amount: 1, expiresAt: '2020-01-01T00:00:00Z' }],
    ['grants', { amount: 1, priority: 0.5 }],
    ['grants', { amount: 1, priority: 2 ** 40 }],
    ['grants', { amount: 1, source: '' }],
    ['holds', { amount: 1, expiresInSeconds: 0 }],
    ['holds', { amount: 1, expiresInSeconds: 1e12 }],
    ['holds/not-a-uuid/capture', {}],
  ])('is refused %s with %j, and nothing happens', async (what, body) => {
    const account = await granted(100);
    const answer = await write(what, body, { account });
    expect(answer.status).toBe(400);
    expect(['invalid_input', 'amount_not_allowed']).toContain(answer.body.code);
    const { body: after } = await service.ask(`/api/accounts/${account}`, { as: 'server' });
    expect(after.available).toBe(100);
  });

  it('says once what is wrong with one field', async () => {
    const { body } = await write('spend', { amount: 2 ** 53 }, { account: await granted(1) });
    expect(body.faults).toEqual([
      'amount: must be a whole number of credits from 1 to 9007199254740991',
    ]);
  });

  it('names accounts by uuid', async () => {
    for (const account of ['me', '1', "x'; drop table", `${ADA}x`]) {
      const answer = await write('spend', { amount: 1 }, { account: encodeURIComponent(account) });
      expect(answer.status).toBe(400);
    }
  });
});

describe('the idempotency key', () => {
  it('is required, and must be usable', async () => {
    const account = await granted(10);
    const missing = await write('spend', { amount: 1 }, { account, key: null });
    expect(missing.status).toBe(400);
    expect(missing.body.code).toBe('idempotency_key_missing');
    for (const key of ['', '""', 'x'.repeat(256), 'schlüssel', 'a\tb']) {
      const answer = await write('spend', { amount: 1 }, { account, key });
      expect(answer.status).toBe(400);
      expect(answer.body.code).toMatch(/^idempotency_key_(missing|invalid)$/);
    }
    const reserved = await write('spend', { amount: 1 }, { account, key: 'florin:expiry:1' });
    expect(reserved.body.code).toBe('idempotency_key_invalid');
    expect((await write('spend', { amount: 1 }, { account, key: 'x'.repeat(255) })).status).toBe(
      200,
    );
  });

  it('brings the first answer back, marked, however the key is written', async () => {
    const account = await granted(10);
    const first = await write('spend', { amount: 4 }, { account, key: 'scan:1' });
    await write('spend', { amount: 1 }, { account });
    for (const key of ['scan:1', '"scan:1"']) {
      const again = await write('spend', { amount: 4 }, { account, key });
      expect(again.status).toBe(200);
      expect(again.body).toEqual({ ...first.body, replayed: true });
      expect(again.headers.get('idempotent-replayed')).toBe('true');
    }
    expect(first.headers.get('idempotent-replayed')).toBeNull();
  });

  it('with another body is a conflict, and belongs to one account', async () => {
    const account = await granted(10);
    await write('spend', { amount: 4 }, { account, key: 'job' });
    for (const body of [{ amount: 5 }, { amount: 4, metadata: { page: 2 } }]) {
      const answer = await write('spend', body, { account, key: 'job' });
      expect(answer.status).toBe(409);
      expect(answer.body.code).toBe('idempotency_key_reused');
    }
    expect((await write('holds', { amount: 4 }, { account, key: 'job' })).status).toBe(409);
    const other = await granted(10);
    expect((await write('spend', { amount: 5 }, { account: other, key: 'job' })).status).toBe(200);
  });

  it('has its effect once though the service ended between the effect and its answer', async () => {
    const account = await granted(10);
    let isCrashing = true;
    const spender = createSpender(service.fresh.db);
    const own = await openService({
      deliver: false,
      database: { ...service.fresh, close: async () => {} },
      spender: {
        ...spender,
        spend: async (request) => {
          const written = await spender.spend(request);
          if (isCrashing) {
            throw new Error('the process ended here');
          }
          return written;
        },
      },
    });
    const ask = () =>
      own.ask(`/api/accounts/${account}/spend`, {
        as: 'server',
        body: { amount: 4 },
        headers: { 'idempotency-key': 'scan:crash' },
      });
    expect((await ask()).status).toBe(500);
    isCrashing = false;
    expect((await ask()).body).toMatchObject({ available: 6, replayed: true });
    expect((await ask()).body).toMatchObject({ available: 6, replayed: true });
    await own.close();
  });

  it('used a hundred times at once spends once', async () => {
    const account = await granted(1_000);
    const answers = await Promise.all(
      Array.from({ length: 100 }, () => write('spend', { amount: 7 }, { account, key: 'once' })),
    );
    expect(answers.every(({ status }) => status === 200)).toBe(true);
    expect(answers.filter(({ body }) => !body.replayed)).toHaveLength(1);
    const { body } = await service.ask(`/api/accounts/${account}`, { as: 'server' });
    expect(body.available).toBe(993);
  });
});

describe('a buyer', () => {
  it('sees the own balance, history and usage, and nobody else’s', async () => {
    const account = await granted(100);
    const token = (sub: string) => service.project.token({ sub });
    await write('spend', { amount: 30, metadata: { reason: 'scan' } }, { account });
    const as = `Bearer ${await token(account)}`;
    const balance = await service.ask('/api/balance', { as });
    expect(balance.body).toMatchObject({ posted: 70, held: 0, available: 70, nextExpiryAt: null });
    expect(balance.body.grants).toHaveLength(1);
    expect(balance.body.grants[0]).toMatchObject({ source: 'bonus', amount: 100, remaining: 70 });
    const history = await service.ask('/api/transactions', { as });
    expect(history.body.nextCursor).toBeNull();
    expect(history.body.transactions).toMatchObject([
      { kind: 'spend', amount: -30, postedAfter: 70, reason: 'scan', entryNo: 2 },
      { kind: 'grant', amount: 100, postedAfter: 100, entryNo: 1 },
    ]);
    const [spend] = history.body.transactions;
    expect(spend.allocations).toEqual([
      { grantId: balance.body.grants[0].grantId, amount: 30, reason: null },
    ]);
    expect(spend).not.toHaveProperty('idempotencyKey');
    const usage = await service.ask('/api/usage', { as });
    expect(usage.body.days).toHaveLength(30);
    expect(usage.body.days.at(-1)).toMatchObject({ spent: 30, granted: 100 });
    const stranger = await service.ask('/api/balance', { as: BOB });
    expect(stranger.body).toMatchObject({ posted: 0, grants: [] });
    const asked = await service.ask(`/api/balance?accountId=${account}&userId=${account}`, {
      as: BOB,
    });
    expect(asked.body.posted).toBe(0);
  });

  it('turns the pages of a long history without a gap', async () => {
    const account = await granted(1_000);
    await Promise.all(
      Array.from({ length: 120 }, () => write('spend', { amount: 1 }, { account })),
    );
    const as = `Bearer ${await service.project.token({ sub: account })}`;
    const numbers: number[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const page: { body: { transactions: { entryNo: number }[]; nextCursor: string | null } } =
        await service.ask(`/api/transactions${cursor === '' ? '' : `?cursor=${cursor}`}`, { as });
      numbers.push(...page.body.transactions.map(({ entryNo }) => entryNo));
      cursor = page.body.nextCursor;
    }
    expect(numbers).toEqual(Array.from({ length: 121 }, (_, n) => 121 - n));
  });

  it.each([
    '/api/transactions?cursor=x',
    '/api/transactions?cursor=-1',
    '/api/transactions?cursor=0',
    '/api/usage?from=yesterday',
    '/api/usage?from=2026-02-30',
    '/api/usage?from=2026-03-02&to=2026-03-01',
    '/api/usage?from=2020-01-01&to=2026-01-01',
  ])('is told what is wrong with %s', async (path) => {
    const answer = await service.ask(path, { as: ADA });
    expect(answer.status).toBe(400);
    expect(answer.body.code).toBe('invalid_input');
  });

  it('asks for the days it wants, both included', async () => {
    const { body } = await service.ask('/api/usage?from=2026-02-27&to=2026-03-02', { as: ADA });
    expect(body.days.map((each: { day: string }) => each.day)).toEqual([
      '2026-02-27',
      '2026-02-28',
      '2026-03-01',
      '2026-03-02',
    ]);
  });

  it('finds no demo where nobody develops', async () => {
    const answer = await service.ask('/api/demo/scan', { as: ADA, body: { pages: 1 } });
    expect(answer.status).toBe(404);
  });
});

describe('an operator', () => {
  it('finds an account by id, customer and email, and sees its lineage', async () => {
    const buyer = crypto.randomUUID();
    const email = 'lineage@example.com';
    const token = await service.project.token({ sub: buyer, email });
    const made = await service.ask('/api/create-checkout-session', {
      as: `Bearer ${token}`,
      body: { priceId: 'price_QUICK_SCAN' },
    });
    service.sandbox.pay(made.body.sessionId);
    await service.sandbox.settled();
    await write('spend', { amount: 20 }, { account: buyer });
    await write('holds', { amount: 5 }, { account: buyer });
    const find = async (query: string) =>
      (
        await service.ask(`/api/admin/accounts?query=${encodeURIComponent(query)}`, {
          as: 'server',
        })
      ).body.accounts;
    const [byId] = await find(buyer);
    expect(byId).toMatchObject({ accountId: buyer, posted: 30, held: 5, available: 25 });
    expect((await find(byId.customerId))[0].accountId).toBe(buyer);
    expect((await find(email))[0]).toMatchObject({ accountId: buyer, email });
    expect(await find('nobody@example.com')).toEqual([]);
    expect(await find("' or 1=1")).toEqual([]);
    const strange = await service.ask('/api/admin/accounts?query=%00', { as: 'server' });
    expect(strange).toMatchObject({ status: 400, body: { code: 'invalid_input' } });
    expect((await find('')).map((hit: { accountId: string }) => hit.accountId)).toContain(buyer);
    const { body } = await service.ask(`/api/admin/accounts/${buyer}`, { as: 'server' });
    expect(body).toMatchObject({ accountId: buyer, email, closedAt: null });
    expect(body.grants).toMatchObject([
      { amount: 50, remaining: 25, burned: 25, reversed: 0, reason: 'quick_scan_purchase' },
    ]);
    expect(body.holds).toMatchObject([{ status: 'open', amount: 5, captured: null }]);
    expect(body.entries.map((entry: { kind: string }) => entry.kind)).toEqual([
      'hold',
      'spend',
      'grant',
    ]);
    expect(body.entries[1].allocations).toMatchObject([
      { amount: 20, reason: 'quick_scan_purchase' },
    ]);
    const unknown = await service.ask(`/api/admin/accounts/${crypto.randomUUID()}`, {
      as: 'server',
    });
    expect(unknown.status).toBe(404);
  });

  it('sees the inbox, and replays an event, which grants nothing twice', async () => {
    const buyer = crypto.randomUUID();
    const made = await service.ask('/api/create-checkout-session', {
      as: buyer,
      body: { priceId: 'price_QUICK_SCAN' },
    });
    service.sandbox.pay(made.body.sessionId);
    await service.sandbox.settled();
    const list = await service.ask(`/api/admin/events?account=${buyer}&status=processed`, {
      as: 'server',
    });
    const event = list.body.events.find(
      (one: { type: string }) => one.type === 'checkout.session.completed',
    );
    expect(event).toMatchObject({ status: 'processed', needsAttention: false, accountId: buyer });
    const shown = await service.ask(`/api/admin/events/${event.eventId}`, { as: 'server' });
    expect(shown.body.payload.data.object.id).toBe(made.body.sessionId);
    const replayed = await service.ask(`/api/admin/events/${event.eventId}/replay`, {
      method: 'POST',
      as: 'server',
    });
    expect(replayed.body).toMatchObject({ eventId: event.eventId, status: 'processed' });
    const { body } = await service.ask(`/api/accounts/${buyer}`, { as: 'server' });
    expect(body.available).toBe(50);
    const none = await service.ask('/api/admin/events/evt_none/replay', {
      method: 'POST',
      as: 'server',
    });
    expect(none.status).toBe(404);
    expect((await service.ask('/api/admin/events?status=lost', { as: 'server' })).status).toBe(400);
  });

  it('learns why a replayed event fails again', async () => {
    const shop = await openService();
    onTestFinished(() => shop.close());
    const eventId = await deliverUnknownPrice(shop);
    const replayed = await shop.ask(`/api/admin/events/${eventId}/replay`, {
      method: 'POST',
      as: 'server',
    });
    expect(replayed).toMatchObject({
      status: 200,
      body: {
        eventId,
        status: 'failed',
        error: expect.stringContaining('Paid for price price_OF_NOBODY'),
        attempts: 1,
      },
    });
  });

  it('grants and adjusts by hand: once a key, with who and why, and never below what is there', async () => {
    const account = await granted(40);
    const change = (kind: string, body: object, call: { as?: string; account?: string } = {}) =>
      service.ask(`/api/admin/accounts/${call.account ?? account}/${kind}`, {
        method: 'POST',
        as: call.as ?? 'server',
        body: { reason: '<b>goodwill</b>', idempotencyKey: crypto.randomUUID(), ...body },
      });
    const once = { amount: 10, idempotencyKey: crypto.randomUUID() };
    const clicks = await Promise.all([change('grant', once), change('grant', once)]);
    expect(clicks.map(({ body }) => body.available)).toEqual([50, 50]);
    expect(clicks.map(({ body }) => body.replayed).sort()).toEqual([false, true]);
    expect((await change('grant', { ...once, amount: 11 })).status).toBe(409);
    const internalNote = 'suspected fraud, see ticket 81';
    const less = await change('adjust', { amount: -15, internalNote });
    expect(less.body).toMatchObject({ available: 35 });
    expect((await change('adjust', { amount: -36 })).status).toBe(402);

    for (const [kind, body] of [
      ['grant', { amount: 0 }],
      ['grant', { amount: -1 }],
      ['grant', { amount: 1.5 }],
      ['grant', { amount: Number.MAX_SAFE_INTEGER + 1 }],
      ['grant', { amount: 1, reason: ' ' }],
      ['grant', { amount: 1, idempotencyKey: 'again' }],
      ['grant', { amount: 1, actor: 'somebody else' }],
      ['adjust', { amount: 0 }],
    ] as const) {
      expect((await change(kind, body)).status).toBe(400);
    }
    for (const kind of ['grant', 'adjust']) {
      expect((await change(kind, { amount: 5 }, { as: account })).status).toBe(403);
      const nobody = crypto.randomUUID();
      expect((await change(kind, { amount: 5 }, { account: nobody })).status).toBe(404);
    }
    const { body } = await service.ask(`/api/admin/accounts/${account}`, { as: 'server' });
    expect(body.balance).toMatchObject({ posted: 35, available: 35 });
    expect(body.grants).toContainEqual(
      expect.objectContaining({
        amount: 10,
        source: 'manual',
        metadata: { reason: '<b>goodwill</b>', actor: 'server' },
        actor: 'server',
      }),
    );
    expect(body.entries.map((entry: { actor: string | null }) => entry.actor)).toEqual([
      'server',
      'server',
      null,
    ]);
    const own = await service.ask('/api/transactions', { as: account });
    expect(own.body.transactions).toHaveLength(3);
    // It says who used the credits, and not who changed them by hand.
    expect(own.body.transactions).toMatchObject([
      { actor: null },
      { actor: null },
      { actor: null },
    ]);
    expect(own.text).not.toContain('fraud');
    expect(body.entries[0]).toMatchObject({ actor: 'server', internalNote });
  });

  it('sees how the service is', async () => {
    const { body } = await service.ask('/api/admin/health', { as: 'server' });
    expect(body).toMatchObject({ database: 'ok', stripe: 'ok', ledgerFaults: 0 });
    expect(body.events.processed).toBeGreaterThan(0);
    expect(body.accounts).toBeGreaterThan(0);
    expect(body).toMatchObject({ lagSeconds: 0, oldestWaitingAt: null });
    expect(body.reconcile).toMatchObject({ scheduledAt: null, error: null });
  });

  it('compares Stripe with the ledger on request, sees what is wrong, and repairs nothing', async () => {
    const account = crypto.randomUUID();
    await applyCommands(service.fresh.db, [
      {
        do: 'issue',
        cause: 'payment',
        accountId: account,
        amount: 5,
        key: 'florin:invoice:in_0:line:il_0',
        purchaseKey: 'florin:invoice:in_0:line:il_0',
        source: 'purchase',
        priority: 0,
        expiresAt: null,
        metadata: {},
      },
    ]);
    const run = (days: unknown, as = 'server') =>
      service.ask('/api/admin/reconcile', { as, body: { days } });
    const { status, body } = await run(30);
    expect(status).toBe(200);
    expect(body.runs[0]).toMatchObject({ kind: 'by_hand', state: 'done', startedBy: 'server' });
    const finding = {
      kind: 'credited_not_paid',
      accountId: account,
      credits: -5,
      explanation: 'florin:invoice:in_0:line:il_0 grants for a payment that billing does not know.',
      remedy: 'Take back 5 credits.',
      repairable: true,
    };
    expect(body.runs[0].findings).toContainEqual(expect.objectContaining(finding));
    const kept = await service.ask('/api/admin/reconcile', { as: 'server' });
    expect(kept.body).toEqual(body);
    const health = await service.ask('/api/admin/health', { as: 'server' });
    expect(health.body.reconcile.found).toBe(body.runs[0].found);
    const after = await service.ask(`/api/accounts/${account}`, { as: 'server' });
    expect(after.body.available).toBe(5);
    for (const days of [0, 31, 1.5, '30', undefined]) {
      expect((await run(days)).status).toBe(400);
    }
    expect((await run(1, account)).status).toBe(403);
    expect((await service.ask('/api/admin/reconcile', { as: account })).status).toBe(403);
    expect((await service.ask('/api/admin/reconcile')).status).toBe(401);
  });
});

describe('the documents', () => {
  it('describe every route that is there, and no other', async () => {
    const { body } = await service.ask('/openapi.json');
    const documented = Object.entries(body.paths).flatMap(([path, methods]) =>
      Object.keys(methods as object).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(documented.sort()).toEqual(
      [
        'DELETE /api/accounts/{id}/limits',
        'DELETE /api/accounts/{id}/members/{userId}',
        'GET /api/accounts',
        'GET /api/accounts/{id}/members',
        'GET /api/accounts/{id}/members/{userId}',
        'PUT /api/accounts/{id}/members/{userId}',
        'POST /api/transfers',
        'DELETE /api/plan-session',
        'DELETE /api/top-up',
        'GET /api/accounts/{id}',
        'GET /api/accounts/{id}/limits',
        'GET /api/accounts/{id}/quote',
        'GET /api/admin/accounts',
        'GET /api/admin/accounts/{id}',
        'GET /api/admin/accounts/{id}/usage',
        'GET /api/admin/events',
        'GET /api/admin/events/{id}',
        'GET /api/admin/health',
        'GET /api/admin/reconcile',
        'GET /api/balance',
        'GET /api/balance/stream',
        'GET /api/checkout-sessions/{id}',
        'GET /api/config',
        'GET /api/plan-session',
        'GET /api/plans',
        'GET /api/top-up',
        'GET /api/transactions',
        'GET /api/usage',
        'GET /healthz',
        'GET /metrics',
        'GET /readyz',
        'POST /api/accounts/{id}/charge',
        'POST /api/accounts/{id}/grants',
        'POST /api/accounts/{id}/holds',
        'POST /api/accounts/{id}/holds/{holdId}/capture',
        'POST /api/accounts/{id}/holds/{holdId}/extend',
        'POST /api/accounts/{id}/holds/{holdId}/release',
        'POST /api/accounts/{id}/spend',
        'POST /api/admin/accounts/{id}/adjust',
        'POST /api/admin/accounts/{id}/grant',
        'POST /api/admin/events/{id}/replay',
        'POST /api/admin/reconcile',
        'GET /api/subscriptions',
        'POST /api/change-plan',
        'POST /api/change-plan/preview',
        'POST /api/create-checkout-session',
        'POST /api/create-portal-session',
        'POST /api/jobs/run',
        'POST /api/plan-session',
        'POST /api/stripe/webhook',
        'POST /api/top-up',
        'POST /api/top-up/payment-method',
        'POST /api/top-up/resume',
        'PUT /api/accounts/{id}/limits',
      ].sort(),
    );
    const docs = await service.ask('/docs');
    for (const path of Object.keys(body.paths)) {
      expect(docs.text).toContain(path);
    }
  });
});
