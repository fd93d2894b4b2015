import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseCatalog } from '../../../src/catalog/index.ts';
import { OPERATIONS, type Operation } from '../../../src/contract/index.ts';
import { memberRole } from '../../../src/kernel/index.ts';
import { type Ask, CATALOG, openService, type TestService } from './florin-service.ts';

const { price_QUICK_SCAN: quickScan, ...others } = CATALOG.prices;
const catalog = parseCatalog({
  ...CATALOG,
  prices: { ...others, price_QUICK_SCAN: { ...quickScan, topUp: true } },
});
const TERMS = {
  consent: true,
  priceId: 'price_QUICK_SCAN',
  threshold: 20,
  maxPerMonth: 5,
  amountMinor: 500,
  currency: 'usd',
};

/** Everyone who may ask: the four roles, a user of another team, and one who was a member before. */
const ROLES = memberRole.options;
const WHO = [...ROLES, 'stranger', 'removed'] as const;
type Who = (typeof WHO)[number];

/** The routes of users, from the contract, but for the operators' own. */
const buyerRoutes = OPERATIONS.filter(
  ({ callers, path }) => callers?.includes('user') && !path.startsWith('/api/admin/'),
);
const nameOf = ({ method, path }: Operation) => `${method.toUpperCase()} ${path}`;
/** These choose no account: users ask about themselves, and a transfer names two (transfers.test.ts). */
const WITHOUT_CHOICE = ['GET /api/accounts', 'POST /api/transfers'];

let service: TestService;
let team: string;
const users = {} as Record<Who, string>;
let checkout = '';
let preview = '';

const as = (who: Who, ask: Ask = {}): Ask => ({
  ...ask,
  as: users[who],
  headers: { ...ask.headers, 'florin-account': team },
});

/** A good request for each route, in the order in which one makes the next one possible. */
const GOOD: Record<
  string,
  (who: Who) => Promise<Ask & { path?: string }> | (Ask & { path?: string })
> = {
  'GET /api/accounts/{id}/members': () => ({}),
  'GET /api/accounts/{id}/members/{userId}': (who) => ({
    path: `/api/accounts/${team}/members/${users[who]}`,
  }),
  'PUT /api/accounts/{id}/members/{userId}': () => ({
    path: `/api/accounts/${team}/members/${users.viewer}`,
    body: { role: 'viewer' },
  }),
  'GET /api/accounts/{id}/limits': () => ({}),
  'PUT /api/accounts/{id}/limits': () => ({
    body: { window: 'month', credits: 50, actor: users.member },
  }),
  'DELETE /api/accounts/{id}/limits': async () => {
    const body = { window: 'day', credits: 50, actor: '*' };
    await service.ask(`/api/accounts/${team}/limits`, { method: 'PUT', as: 'server', body });
    return { path: `/api/accounts/${team}/limits?window=day&actor=*` };
  },
  'GET /api/balance': () => ({}),
  'GET /api/balance/stream': () => ({}),
  'GET /api/transactions': () => ({}),
  'GET /api/usage': () => ({}),
  'POST /api/demo/scan': () => ({
    body: { pages: 1 },
    headers: { 'idempotency-key': randomUUID() },
  }),
  'POST /api/create-checkout-session': () => ({ body: { priceId: 'price_BASIC_MONTHLY' } }),
  'GET /api/checkout-sessions/{id}': () => ({
    path: `/api/checkout-sessions/${checkout || 'cs_test_of_nobody'}`,
  }),
  'POST /api/create-portal-session': () => ({}),
  'GET /api/subscriptions': () => ({}),
  'POST /api/change-plan/preview': () => ({ body: { priceId: 'price_PRO_MONTHLY' } }),
  'POST /api/change-plan': () => ({ body: { preview } }),
  'POST /api/top-up': () => ({ body: TERMS }),
  'GET /api/top-up': () => ({}),
  'POST /api/top-up/payment-method': () => ({}),
  'POST /api/top-up/resume': () => ({ body: {} }),
  'DELETE /api/top-up': () => ({}),
  'DELETE /api/accounts/{id}/members/{userId}': async (who) => {
    if (who === 'owner') {
      await setRole(users.stranger, 'viewer');
    }
    const userId = users[who === 'owner' ? 'stranger' : who];
    return { path: `/api/accounts/${team}/members/${userId}` };
  },
};

async function setRole(userId: string, role: string): Promise<void> {
  const path = `/api/accounts/${team}/members/${userId}`;
  const answer = await service.ask(path, { method: 'PUT', as: 'server', body: { role } });
  expect(answer.status).toBe(200);
}

async function request(operation: Operation, who: Who) {
  const { path = operation.path.replace('{id}', team), ...ask } =
    (await GOOD[nameOf(operation)]?.(who)) ?? {};
  const method = operation.method.toUpperCase();
  const asked = as(who, { ...ask, method });
  if (!operation.path.endsWith('/stream')) {
    return service.ask(path, asked);
  }
  const token = `Bearer ${await service.project.token({ sub: users[who] })}`;
  const response = await service.app.request(`${path}?account=${team}`, {
    headers: { authorization: token },
  });
  if (response.ok) {
    await response.body?.cancel();
    return { status: response.status, body: {}, text: '' };
  }
  const text = await response.text();
  return { status: response.status, body: JSON.parse(text), text };
}

beforeAll(async () => {
  service = await openService({ catalog, development: true });
  team = randomUUID();
  for (const who of WHO) {
    users[who] = randomUUID();
  }
  await service.ask(`/api/accounts/${team}/grants`, {
    as: 'server',
    body: { amount: 100 },
    headers: { 'idempotency-key': 'g' },
  });
  for (const role of ROLES) {
    await setRole(users[role], role);
  }
  await setRole(users.removed, 'owner');
  const path = `/api/accounts/${team}/members/${users.removed}`;
  expect((await service.ask(path, { as: 'server', method: 'DELETE' })).status).toBe(204);
});
afterAll(() => service.close());

describe('a role in an account', () => {
  it('is asked by every route of users, and each has a row here', () => {
    const named = buyerRoutes.map(nameOf).filter((name) => !WITHOUT_CHOICE.includes(name));
    expect(Object.keys(GOOD).sort()).toEqual(named.sort());
    for (const operation of buyerRoutes) {
      const expected = WITHOUT_CHOICE.includes(nameOf(operation)) ? 'undefined' : 'string';
      expect([nameOf(operation), typeof operation.role]).toEqual([nameOf(operation), expected]);
    }
  });

  const rows = buyerRoutes
    .filter(({ role }) => role !== undefined)
    .flatMap((operation) => WHO.map((who) => ({ operation, who, name: nameOf(operation) })));
  const mayDo = ({ operation, who }: (typeof rows)[number]) =>
    ROLES.includes(who as 'owner') &&
    ROLES.indexOf(who as 'owner') >= ROLES.indexOf(operation.role ?? 'owner');
  const order = Object.keys(GOOD);

  it.each(rows.filter((row) => !mayDo(row)))('$who may not: $name', async ({ operation, who }) => {
    const { status, body } = await request(operation, who);
    const isMember = ROLES.includes(who as 'owner');
    expect({ status, code: body.code }).toEqual({
      status: 403,
      code: isMember ? 'role_too_low' : 'not_a_member',
    });
    expect(body.required).toBe(isMember ? operation.role : undefined);
  });

  it.each(rows.filter(mayDo).sort((a, b) => order.indexOf(a.name) - order.indexOf(b.name)))(
    '$who may: $name',
    async ({ operation, who, name }) => {
      if (name === 'DELETE /api/accounts/{id}/members/{userId}' && who !== 'owner') {
        await setRole(users[who], who);
      }
      const answer = await request(operation, who);
      expect(answer.status, answer.text).toBeLessThan(300);
      if (name === 'POST /api/create-checkout-session') {
        checkout = answer.body.sessionId;
        await service.sandbox.pay(checkout);
        await service.sandbox.settled();
      } else if (name === 'POST /api/change-plan/preview') {
        preview = answer.body.preview;
      } else if (name === 'POST /api/top-up') {
        await saveCard();
      }
    },
  );

  async function saveCard(): Promise<void> {
    const { stripe } = service;
    const found = await stripe.customers.search({ query: `metadata['userId']:'${team}'` });
    const customer = found.data[0]?.id ?? '';
    const { id } = await stripe.paymentMethods.attach('pm_card_visa', { customer });
    await stripe.customers.update(customer, { invoice_settings: { default_payment_method: id } });
  }
});

describe('what a role hides', () => {
  it('is who used what, below admin: theirs alone', async () => {
    for (const role of ROLES) {
      await setRole(users[role], role);
    }
    await service.ask(`/api/accounts/${team}/spend`, {
      as: 'server',
      body: { amount: 2, actor: users.admin },
      headers: { 'idempotency-key': randomUUID() },
    });
    const actors = async (who: Who) => {
      const { body } = await service.ask('/api/transactions', as(who));
      return new Set(body.transactions.map(({ actor }: { actor: string | null }) => actor));
    };
    const all = new Set([null, users.member, users.admin, users.owner]);
    expect(await actors('owner')).toEqual(all);
    expect(await actors('admin')).toEqual(all);
    expect(await actors('member')).toEqual(new Set([null, users.member]));
    expect(await actors('viewer')).toEqual(new Set([null]));
    const byActor = (who: Who) => service.ask('/api/usage?by=actor', as(who));
    expect((await byActor('admin')).body.groups).toContainEqual({ actor: users.admin, spent: 3 });
    expect(await byActor('member')).toMatchObject({
      status: 403,
      body: { code: 'role_too_low', role: 'member', required: 'admin' },
    });
    const other = `/api/accounts/${team}/members/${users.admin}`;
    expect(await service.ask(other, { as: users.member })).toMatchObject({
      status: 403,
      body: { code: 'role_too_low', required: 'admin' },
    });
    expect((await service.ask(other, { as: users.owner })).body).toMatchObject({ used: 3 });
  });

  it('is another account: unknown and foreign ones answer alike, and bad names are refused', async () => {
    const asked = (account: string, path = '/api/balance') =>
      service.ask(path, { as: users.owner, headers: { 'florin-account': account } });
    const [foreign, unknown] = [await asked(users.stranger), await asked(randomUUID())];
    const { requestId: _, ...said } = foreign.body;
    expect(foreign.status).toBe(403);
    expect(unknown.body).toMatchObject(said);
    for (const bad of ['', 'team', `${team}x`, '*']) {
      expect((await asked(bad)).body).toMatchObject({ code: 'invalid_input' });
    }
    expect((await asked(team, `/api/balance?account=${users.owner}`)).body.code).toBe(
      'invalid_input',
    );
    const twice = `/api/balance?account=${team}&account=${users.owner}`;
    expect((await service.ask(twice, { as: users.owner })).body.code).toBe('invalid_input');
    expect((await asked(team.toUpperCase(), `/api/balance?account=${team}`)).status).toBe(200);
  });

  it('lets admins limit members, and nobody what is the app’s to limit', async () => {
    const put = (who: Who, account: string, scope: object) =>
      service.ask(`/api/accounts/${account}/limits`, {
        method: 'PUT',
        as: users[who],
        body: { window: 'day', credits: 9, ...scope },
      });
    for (const [account, scope] of [
      [team, {}],
      [team, { actor: 'agent:support' }],
      [users.admin, { actor: users.admin }],
    ] as const) {
      expect(await put('admin', account, scope)).toMatchObject({
        status: 403,
        body: { code: 'forbidden', reason: 'server_only' },
      });
    }
    expect((await put('admin', team, { actor: users.owner })).status).toBe(200);
    const inCapitals = await put('admin', team, { actor: users.member.toUpperCase() });
    expect(inCapitals).toMatchObject({ status: 400, body: { code: 'invalid_input' } });
  });

  it('lets operators and the server manage the members of any account', async () => {
    const path = `/api/accounts/${team}/members`;
    const token = await service.project.token({
      sub: users.stranger,
      app_metadata: { florin_role: 'operator' },
    });
    for (const who of ['server', `Bearer ${token}`]) {
      const answer = await service.ask(path, { as: who });
      expect(answer.body.members).toHaveLength(ROLES.length);
    }
    const lastOwner = await service.ask(`${path}/${users.owner}`, {
      as: 'server',
      method: 'DELETE',
    });
    expect(lastOwner).toMatchObject({ status: 409, body: { code: 'last_owner' } });
    const unknown = await service.ask(`${path}/${users.viewer}`, {
      as: users.owner,
      method: 'PUT',
      body: { role: 'boss' },
    });
    expect(unknown).toMatchObject({ status: 400, body: { code: 'invalid_input' } });
    expect(unknown.body.detail).toContain('must be viewer, member, admin or owner');
    const nobody = `${path}/${randomUUID()}`;
    const absent = { status: 404, body: { code: 'not_found' } };
    expect(await service.ask(nobody, { as: users.owner })).toMatchObject(absent);
    expect(await service.ask(nobody, { as: users.owner, method: 'DELETE' })).toMatchObject(absent);
  });
});
