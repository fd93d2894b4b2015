import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseCatalog } from '../../../src/catalog/index.ts';
import { closeAccount } from '../../../src/ledger/index.ts';
import {
  ADA,
  APP_URL,
  BOB,
  CATALOG,
  openService,
  type TestService,
} from '../http/florin-service.ts';

const PATH = '/api/create-checkout-session';

let service: TestService;
beforeAll(async () => {
  service = await openService();
});
afterAll(() => service.close());

let users = 0;
/** A buyer whom no other test knows. */
function someone(): string {
  users += 1;
  return `00000000-0000-4000-8000-${String(users).padStart(12, '0')}`;
}

const start = (as: string, body: object) => service.ask(PATH, { as, body });
const sessionOf = (id: string) => service.stripe.checkout.sessions.retrieve(id);

describe('starting a checkout', () => {
  it('takes the account from the token, everything about money from the catalogue', async () => {
    const answer = await start(ADA, { priceId: 'price_QUICK_SCAN', quantity: 2 });
    expect(answer.status).toBe(200);
    const session = await sessionOf(answer.body.sessionId);
    expect(answer.body.url).toBe(session.url);
    expect(session).toMatchObject({
      mode: 'payment',
      client_reference_id: ADA,
      success_url: `${APP_URL}/index.html?success=true&session_id={CHECKOUT_SESSION_ID}&plan=credits`,
      cancel_url: `${APP_URL}/pricing.html?canceled=true&plan=credits`,
      allow_promotion_codes: true,
      amount_total: 1000,
      metadata: { userId: ADA, planType: 'credits', priceId: 'price_QUICK_SCAN' },
    });
    const customer = await service.stripe.customers.retrieve(String(session.customer));
    expect(customer).toMatchObject({ metadata: { userId: ADA } });
  });
});

describe('starting a checkout, guarded', () => {
  it.each([
    ['an unknown price', { priceId: 'price_FREE' }, 400, 'price_unknown'],
    ['a name of the language', { priceId: '__proto__' }, 400, 'price_unknown'],
    ['no price', {}, 400, 'invalid_input'],
    ['a price as a list', { priceId: ['price_QUICK_SCAN'] }, 400, 'invalid_input'],
    [
      "another price's plan type",
      { priceId: 'price_QUICK_SCAN', planType: 'basic' },
      400,
      'invalid_input',
    ],
    ['quantity 0', { priceId: 'price_QUICK_SCAN', quantity: 0 }, 400, 'invalid_input'],
    ['quantity -1', { priceId: 'price_QUICK_SCAN', quantity: -1 }, 400, 'invalid_input'],
    ['quantity 1e9', { priceId: 'price_QUICK_SCAN', quantity: 1e9 }, 400, 'invalid_input'],
    ['quantity 1.5', { priceId: 'price_QUICK_SCAN', quantity: 1.5 }, 400, 'invalid_input'],
    ['quantity as text', { priceId: 'price_QUICK_SCAN', quantity: '2' }, 400, 'invalid_input'],
    ['quantity null', { priceId: 'price_QUICK_SCAN', quantity: null }, 400, 'invalid_input'],
    ['a mode', { priceId: 'price_QUICK_SCAN', mode: 'subscription' }, 400, 'invalid_input'],
    ['an amount', { priceId: 'price_QUICK_SCAN', amount: 1 }, 400, 'invalid_input'],
    [
      'a return address',
      { priceId: 'price_QUICK_SCAN', success_url: 'https://evil.example' },
      400,
      'invalid_input',
    ],
    [
      "another user's id",
      { priceId: 'price_QUICK_SCAN', userId: '11111111-1111-4111-8111-111111111111' },
      403,
      'forbidden',
    ],
  ])('refuses %s', async (_what, body, status, code) => {
    const answer = await start(ADA, body);
    expect(answer.status).toBe(status);
    expect(answer.body.code).toBe(code);
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
  });

  it.each([
    'userId',
    'user_id',
    'USERID',
    'user-id',
    'supabase_user_id',
    'accountId',
    'planType',
    'plan_type',
    'priceId',
    'credits',
    'credit',
    'quantity',
    'reason',
    'florin_choice',
    'stripe_price_id',
    'client_reference_id',
    'a[b]',
    '',
    'x'.repeat(41),
  ])('refuses the metadata key %j', async (key) => {
    const metadata = JSON.parse(`{${JSON.stringify(key)}: "x"}`);
    const answer = await start(ADA, { priceId: 'price_QUICK_SCAN', metadata });
    expect(answer.status).toBe(400);
    expect(answer.body.code).toBe('invalid_input');
  });

  it('refuses metadata beyond its limits, and takes what is within', async () => {
    const many = Object.fromEntries(Array.from({ length: 21 }, (_, n) => [`key${n}`, 'x']));
    const refused = [many, { note: 'x'.repeat(501) }, { note: 5 }, { note: { a: 'b' } }, ['a']];
    for (const metadata of refused) {
      const answer = await start(ADA, { priceId: 'price_QUICK_SCAN', metadata });
      expect(answer.body?.code).toBe('invalid_input');
    }
    const metadata = { campaign: 'x'.repeat(500), 'utm.source': 'mail' };
    const answer = await start(ADA, { priceId: 'price_QUICK_SCAN', metadata });
    expect((await sessionOf(answer.body.sessionId)).metadata).toMatchObject(metadata);
  });

  it('takes no return address from a header of the request', async () => {
    for (const headers of [
      { host: 'evil.example' },
      { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https' },
      { referer: 'https://evil.example/' },
      { forwarded: 'host=evil.example' },
    ] as Record<string, string>[]) {
      const buyer = someone();
      const body = { priceId: 'price_QUICK_SCAN' };
      const answer = await service.ask(PATH, { as: buyer, body, headers });
      const session = await sessionOf(answer.body.sessionId);
      expect(`${session.success_url} ${session.cancel_url}`).not.toContain('evil');
      expect(session.success_url?.startsWith(`${APP_URL}/index.html?`)).toBe(true);
    }
  });

  it.each([
    'https://evil.example',
    '//evil.example',
    '/\\evil.example',
    '\\\\evil.example',
    'https:evil.example',
    'https:///evil.example',
    'HTTPS://EVIL.EXAMPLE',
    ' https://evil.example',
    '\thttps://evil.example',
    '/%09/evil.example',
    '%2f%2fevil.example',
    '%252f%252fevil.example',
    '/%5cevil.example',
    'javascript:alert(1)//evil',
    'data:text/html,evil',
    `${APP_URL}@evil.example`,
    `${APP_URL}.evil.example`,
    `https://evil.example#${APP_URL}`,
    `https://evil.example?${APP_URL}`,
    'http://evil。example',
    '/..//evil.example',
  ])('returns to APP_URL whatever a request says: %j', async (address) => {
    const buyer = someone();
    const names = ['success_url', 'cancelUrl', 'return_url', 'redirect_to', 'next', 'origin'];
    for (const name of names) {
      const body = { priceId: 'price_QUICK_SCAN', [name]: address };
      expect((await start(buyer, body)).body.code).toBe('invalid_input');
    }
    const query = names.map((name) => `${name}=${encodeURIComponent(address)}`).join('&');
    const metadata = { note: address };
    const answer = await service.ask(`${PATH}?${query}`, {
      as: buyer,
      body: { priceId: 'price_QUICK_SCAN', metadata },
    });
    const session = await sessionOf(answer.body.sessionId);
    for (const built of [session.success_url, session.cancel_url]) {
      expect(new URL(String(built).replace(/[{}]/g, '')).origin).toBe(APP_URL);
      expect(built).not.toContain('evil');
    }
    expect(new URL(answer.body.url).origin).toBe(service.sandbox.url);
    const portal = await service.ask(`/api/create-portal-session?${query}`, {
      as: buyer,
      body: { return_url: address, returnUrl: address },
    });
    const page = await (await fetch(portal.body.url)).text();
    expect(page).toContain(`${APP_URL}/index.html`);
    expect(page).not.toContain('evil');
  });

  it('lets a server name the user, and nobody else', async () => {
    const user = someone();
    const body = { priceId: 'price_QUICK_SCAN' };
    const made = await start('server', { ...body, userId: user });
    expect((await sessionOf(made.body.sessionId)).client_reference_id).toBe(user);
    expect((await start('server', body)).body.code).toBe('invalid_input');
    expect((await start('server', { ...body, userId: 'me' })).body.code).toBe('invalid_input');
    expect((await service.ask(PATH, { body })).status).toBe(401);
    const own = someone();
    expect((await start(own, { ...body, userId: own.toUpperCase() })).status).toBe(200);
  });

  it('sends an anonymous user to sign up first', async () => {
    const token = await service.project.token({ is_anonymous: true });
    const answer = await start(`Bearer ${token}`, { priceId: 'price_QUICK_SCAN' });
    expect(answer.status).toBe(403);
    expect(answer.body).toMatchObject({ code: 'forbidden', reason: 'anonymous_user' });
  });

  it('sells to an anonymous user where the catalogue says so, with tax and without promotion codes', async () => {
    const own = await openService({
      catalog: parseCatalog({
        ...CATALOG,
        checkout: { anonymousBuyers: true, automaticTax: true, promotionCodes: false },
      }),
    });
    try {
      const token = await own.project.token({ is_anonymous: true });
      const answer = await own.ask(PATH, {
        as: `Bearer ${token}`,
        body: { priceId: 'price_QUICK_SCAN' },
      });
      expect(answer.status).toBe(200);
      const session = await own.stripe.checkout.sessions.retrieve(answer.body.sessionId);
      expect(session).toMatchObject({
        automatic_tax: { enabled: true },
        allow_promotion_codes: false,
      });
    } finally {
      await own.close();
    }
  });

  it('carries nothing that a key of the language would bring along', async () => {
    const body = '{"priceId":"price_QUICK_SCAN","metadata":{"__proto__":{"userId":"x"}}}';
    const buyer = someone();
    const answer = await service.ask(PATH, { as: buyer, body });
    expect(answer.status).toBe(200);
    expect((await sessionOf(answer.body.sessionId)).metadata?.['userId']).toBe(buyer);
    const above = '{"priceId":"price_QUICK_SCAN","__proto__":{"userId":"x"}}';
    expect((await service.ask(PATH, { as: buyer, body: above })).status).toBe(400);
  });

  it('says so when Stripe does not answer, and works on when it does again', async () => {
    const body = { priceId: 'price_POWER_PACK' };
    service.sandbox.failNext(10);
    const buyer = someone();
    const down = await start(buyer, body);
    expect(down.status).toBe(503);
    expect(down.body.code).toBe('stripe_unavailable');
    expect(down.headers.get('retry-after')).toBe('5');
    service.sandbox.failNext(0);
    expect((await start(buyer, body)).status).toBe(200);
  });
});

describe('two clicks', () => {
  // Twenty at once make one customer and one session, and a later one returns it.
  it('is refused to a closed account, which could not be credited, and Stripe hears nothing of it', async () => {
    const buyer = someone();
    await closeAccount(service.fresh.db, { accountId: buyer, idempotencyKey: 'close' });
    for (const priceId of ['price_QUICK_SCAN', 'price_BASIC_MONTHLY']) {
      for (const [as, body] of [
        [buyer, { priceId }],
        ['server', { priceId, userId: buyer }],
      ] as const) {
        expect(await start(as, body)).toMatchObject({
          status: 409,
          body: { code: 'account_closed' },
        });
      }
    }
    const customers = await service.stripe.customers.list({ limit: 100 });
    expect(customers.data.filter(({ metadata }) => metadata['userId'] === buyer)).toEqual([]);
  });

  it('a second click returns the first session', async () => {
    const buyer = someone();
    const body = { priceId: 'price_QUICK_SCAN' };
    const answers = await Promise.all(Array.from({ length: 20 }, () => start(buyer, body)));
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200));
    expect(new Set(answers.map((one) => one.body.sessionId)).size).toBe(1);
    expect((await start(buyer, body)).body).toEqual(answers[0]?.body);
    const customers = await service.stripe.customers.list({ limit: 100 });
    expect(customers.data.filter(({ metadata }) => metadata['userId'] === buyer)).toHaveLength(1);
  });

  it('on different packs make two sessions, and a paid one is not returned again', async () => {
    const buyer = someone();
    const first = await start(buyer, { priceId: 'price_QUICK_SCAN' });
    const other = await start(buyer, { priceId: 'price_POWER_PACK' });
    const more = await start(buyer, { priceId: 'price_QUICK_SCAN', quantity: 3 });
    expect(new Set([first, other, more].map(({ body }) => body.sessionId)).size).toBe(3);
    service.sandbox.pay(first.body.sessionId);
    const again = await start(buyer, { priceId: 'price_QUICK_SCAN' });
    expect(again.status).toBe(200);
    expect(again.body.sessionId).not.toBe(first.body.sessionId);
  });

  it('on two plans leave one open session: the last', async () => {
    const buyer = someone();
    const basic = await start(buyer, { priceId: 'price_BASIC_MONTHLY' });
    const pro = await start(buyer, { priceId: 'price_PRO_MONTHLY' });
    expect(pro.body.sessionId).not.toBe(basic.body.sessionId);
    expect((await sessionOf(basic.body.sessionId)).status).toBe('expired');
    expect((await sessionOf(pro.body.sessionId)).status).toBe('open');
  });

  it('on two plans at once leave at most one open session', async () => {
    const buyer = someone();
    const plans = ['price_BASIC_MONTHLY', 'price_PRO_MONTHLY'];
    const answers = await Promise.all(
      Array.from({ length: 6 }, (_, n) => start(buyer, { priceId: plans[n % 2] })),
    );
    const made = new Set(
      answers.filter(({ status }) => status === 200).map((a) => a.body.sessionId),
    );
    expect(made.size).toBeGreaterThan(0);
    const customer = String((await sessionOf([...made][0])).customer);
    const all = await service.stripe.checkout.sessions.list({ customer, limit: 100 });
    expect(all.data.filter(({ status }) => status === 'open')).toHaveLength(1);
  });

  it('after a subscription is paid send its buyer to change it, webhook or not', async () => {
    const buyer = someone();
    const basic = await start(buyer, { priceId: 'price_BASIC_MONTHLY' });
    service.sandbox.faults({ dropNext: 1_000 });
    service.sandbox.pay(basic.body.sessionId);
    for (const priceId of ['price_BASIC_MONTHLY', 'price_PRO_MONTHLY']) {
      const answer = await start(buyer, { priceId });
      expect(answer.status).toBe(409);
      expect(answer.body).toMatchObject({
        code: 'already_subscribed',
        manage: expect.stringMatching(/^\/api\/create-portal-session\?subscription=sub_\w+$/),
      });
    }
    expect((await start(buyer, { priceId: 'price_QUICK_SCAN' })).status).toBe(200);
    service.sandbox.resetFaults();
    const customer = String((await sessionOf(basic.body.sessionId)).customer);
    const { data } = await service.stripe.subscriptions.list({ customer });
    service.sandbox.cancelSubscription(String(data[0]?.id));
    await service.sandbox.settled();
    expect((await start(buyer, { priceId: 'price_PRO_MONTHLY' })).status).toBe(200);
  });
});

describe('a plan session', () => {
  const mint = async (priceId: string, metadata?: Record<string, string>) => {
    const answer = await service.ask('/api/plan-session', { body: { priceId, metadata } });
    expect(answer.status).toBe(200);
    return answer.body.token as string;
  };

  it('becomes a checkout with its price and its notes', async () => {
    const planSession = await mint('price_POWER_PACK', { campaign: 'spring' });
    const answer = await start(someone(), { planSession });
    const session = await sessionOf(answer.body.sessionId);
    expect(session.metadata).toMatchObject({ priceId: 'price_POWER_PACK', campaign: 'spring' });
  });

  it('becomes one checkout, whatever races: its own buyer gets that one again', async () => {
    const planSession = await mint('price_QUICK_SCAN');
    const buyer = someone();
    const answers = await Promise.all(
      Array.from({ length: 12 }, () => start(buyer, { planSession })),
    );
    expect(new Set(answers.map((one) => one.body.sessionId)).size).toBe(1);
    const [first] = answers;
    service.sandbox.pay(first?.body.sessionId);
    const replayed = await start(buyer, { planSession });
    expect(replayed.status).toBe(400);
    expect(replayed.body.code).toBe('plan_session_invalid');
  });

  it('goes to the first of many buyers who race for it, and to no second', async () => {
    const planSession = await mint('price_QUICK_SCAN');
    const buyers = Array.from({ length: 8 }, someone);
    const answers = await Promise.all(buyers.map((buyer) => start(buyer, { planSession })));
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1);
    expect(answers.filter(({ body }) => body.code === 'plan_session_invalid')).toHaveLength(7);
  });

  it('stays usable by its buyer when Stripe failed in between', async () => {
    const planSession = await mint('price_QUICK_SCAN');
    const buyer = someone();
    service.sandbox.failNext(10);
    expect((await start(buyer, { planSession })).status).toBe(503);
    service.sandbox.failNext(0);
    expect((await start(buyer, { planSession })).status).toBe(200);
  });

  it('is refused for another price, and when it is forged', async () => {
    const planSession = await mint('price_QUICK_SCAN');
    const other = await start(someone(), { planSession, priceId: 'price_POWER_PACK' });
    expect(other.body.code).toBe('invalid_input');
    const forged = `${planSession.slice(0, -3)}AAA`;
    expect((await start(someone(), { planSession: forged })).body.code).toBe(
      'plan_session_invalid',
    );
  });

  it('counts from the cookie when the body names nothing', async () => {
    const token = await mint('price_POWER_PACK');
    const answer = await service.ask(PATH, {
      as: someone(),
      body: {},
      headers: { cookie: `__Host-plan_session=${token}` },
    });
    expect((await sessionOf(answer.body.sessionId)).metadata?.['priceId']).toBe('price_POWER_PACK');
  });
});

describe('the return from a checkout', () => {
  const status = (as: string, id: string) => service.ask(`/api/checkout-sessions/${id}`, { as });

  it('is open, then paid with the credits there', async () => {
    const buyer = someone();
    const { body } = await start(buyer, { priceId: 'price_QUICK_SCAN', quantity: 2 });
    expect((await status(buyer, body.sessionId)).body).toMatchObject({
      state: 'open',
      credits: 100,
    });
    service.sandbox.pay(body.sessionId);
    await service.sandbox.settled();
    expect((await status(buyer, body.sessionId)).body).toEqual({
      sessionId: body.sessionId,
      state: 'paid',
      priceId: 'price_QUICK_SCAN',
      planType: 'credits',
      credits: 100,
    });
    expect((await service.ask('/api/balance', { as: buyer })).body.available).toBe(100);
  });

  it.each(['price_QUICK_SCAN', 'price_BASIC_MONTHLY'])(
    'settles a paid checkout of %s whose webhook is late, and never credits twice',
    async (priceId) => {
      const buyer = someone();
      const { body } = await start(buyer, { priceId });
      service.sandbox.faults({ dropNext: 1_000 });
      service.sandbox.pay(body.sessionId);
      await service.sandbox.settled();
      expect((await service.ask('/api/balance', { as: buyer })).body.available).toBe(0);
      const asked = await Promise.all(
        Array.from({ length: 5 }, () => status(buyer, body.sessionId)),
      );
      expect(asked.map((one) => one.body.state)).toEqual(Array(5).fill('paid'));
      const credits = priceId === 'price_QUICK_SCAN' ? 50 : 100;
      expect((await service.ask('/api/balance', { as: buyer })).body.available).toBe(credits);
      service.sandbox.resetFaults();
      for (const { id } of service.sandbox.events()) {
        service.sandbox.resend(id);
      }
      await service.sandbox.settled();
      expect((await service.ask('/api/balance', { as: buyer })).body.available).toBe(credits);
    },
  );

  it('is pending while a bank debit is on its way, then paid or failed', async () => {
    for (const [outcome, state] of [
      ['succeeded', 'paid'],
      ['failed', 'failed'],
    ] as const) {
      const buyer = someone();
      const { body } = await start(buyer, { priceId: 'price_QUICK_SCAN' });
      const paid = service.sandbox.pay(body.sessionId, { card: 'sepa_debit' });
      await service.sandbox.settled();
      expect(paid.outcome).toBe('complete');
      expect((await status(buyer, body.sessionId)).body.state).toBe('pending');
      const session = await sessionOf(body.sessionId);
      service.sandbox.settle(String(session.payment_intent), outcome);
      await service.sandbox.settled();
      expect((await status(buyer, body.sessionId)).body.state).toBe(state);
    }
  });

  it('is expired when the buyer never came back', async () => {
    const buyer = someone();
    const { body } = await start(buyer, { priceId: 'price_QUICK_SCAN' });
    await service.stripe.checkout.sessions.expire(body.sessionId);
    expect((await status(buyer, body.sessionId)).body.state).toBe('expired');
  });

  it('shows a checkout to its own buyer only', async () => {
    const { body } = await start(ADA, { priceId: 'price_POWER_PACK' });
    expect((await status(BOB, body.sessionId)).status).toBe(404);
    expect((await status(ADA, 'cs_test_nothing')).status).toBe(404);
    expect((await status(ADA, '..%2f..%2fcustomers')).status).toBe(404);
    expect((await service.ask(`/api/checkout-sessions/${body.sessionId}`)).status).toBe(401);
  });
});

describe('the billing page', () => {
  it("opens for the account's own customer and leads back to APP_URL", async () => {
    const buyer = someone();
    const before = await service.ask('/api/create-portal-session', { as: buyer, body: {} });
    expect(before.status).toBe(404);
    await start(buyer, { priceId: 'price_QUICK_SCAN' });
    const answer = await service.ask('/api/create-portal-session', { as: buyer, body: {} });
    expect(answer.status).toBe(200);
    expect(answer.body.url).toContain(service.sandbox.url);
  });
});

describe('a subscription that a payment link brought to an account', () => {
  /** Whoever knows the account's id may write it into the link's address. */
  async function buyThroughLink(account: string, email: string) {
    const link = await service.stripe.paymentLinks.create({
      line_items: [{ price: 'price_BASIC_MONTHLY', quantity: 1 }],
    });
    const page = await fetch(`${link.url}?client_reference_id=${account}`, { redirect: 'manual' });
    const sessionId = /cs_test_\w+/.exec(page.headers.get('location') ?? '')?.[0] ?? '';
    service.sandbox.pay(sessionId, { email });
    await service.sandbox.settled();
    const { subscription, customer } = await sessionOf(sessionId);
    return { subscription: String(subscription), customer: String(customer) };
  }
  const portal = (as: string, query = '') =>
    service.ask(`/api/create-portal-session${query}`, { as, body: {} });
  const customersOf = async (account: string) =>
    (await service.stripe.customers.list({ limit: 100 })).data.filter(
      ({ metadata }) => metadata['userId'] === account,
    );

  it("of a stranger neither blocks a checkout nor opens the stranger's billing page", async () => {
    const buyer = crypto.randomUUID();
    const evil = await buyThroughLink(buyer, 'evil@example.com');
    expect((await portal(buyer)).status).toBe(404);
    expect((await portal(buyer, `?subscription=${evil.subscription}`)).status).toBe(404);
    const own = await start(buyer, { priceId: 'price_PRO_MONTHLY' });
    expect(own.status).toBe(200);
    const { customer } = await sessionOf(own.body.sessionId);
    expect(customer).not.toBe(evil.customer);
  });

  it('with the address of the user is changed and ended on its own billing page', async () => {
    const buyer = crypto.randomUUID();
    const honest = await buyThroughLink(buyer, `${buyer.slice(0, 8)}@Example.com`);
    const refused = await start(buyer, { priceId: 'price_PRO_MONTHLY' });
    expect(refused.status).toBe(409);
    expect(refused.body).toMatchObject({
      code: 'already_subscribed',
      subscriptionId: honest.subscription,
      manage: `/api/create-portal-session?subscription=${honest.subscription}`,
    });
    // Refused, so nothing was made.
    expect(await customersOf(buyer)).toEqual([]);
    for (const opened of [
      await portal(buyer),
      await portal(buyer, refused.body.manage.slice(26)),
    ]) {
      const page = await (await fetch(opened.body.url)).text();
      expect(page).toContain(honest.subscription);
    }
    service.sandbox.cancelSubscription(honest.subscription);
    await service.sandbox.settled();
    expect((await start(buyer, { priceId: 'price_PRO_MONTHLY' })).status).toBe(200);
  });

  it("beside an own one leaves the own one's page first, and each is opened by its id", async () => {
    const buyer = crypto.randomUUID();
    const { body } = await start(buyer, { priceId: 'price_PRO_MONTHLY' });
    service.sandbox.pay(body.sessionId);
    await service.sandbox.settled();
    const own = await sessionOf(body.sessionId);
    const linked = await buyThroughLink(buyer, `${buyer.slice(0, 8)}@example.com`);
    const shown = async (query: string) =>
      (await fetch((await portal(buyer, query)).body.url)).text();
    expect(await shown('')).toContain(String(own.subscription));
    expect(await shown(`?subscription=${own.subscription}`)).toContain(String(own.subscription));
    expect(await shown(`?subscription=${linked.subscription}`)).toContain(linked.subscription);
    expect((await portal(buyer, '?subscription=..')).status).toBe(400);
  });
});

describe('the shop', () => {
  it("shows the catalogue in its order, with Stripe's amounts", async () => {
    const { body } = await service.ask('/api/plans');
    expect(body.plans.map((plan: { priceId: string }) => plan.priceId)).toEqual([
      'price_BASIC_MONTHLY',
      'price_PRO_MONTHLY',
      'price_QUICK_SCAN',
      'price_POWER_PACK',
    ]);
    expect(body.plans[0]).toEqual({
      priceId: 'price_BASIC_MONTHLY',
      name: 'Basic',
      description: null,
      kind: 'recurring',
      planType: 'basic',
      credits: 100,
      amountMinor: 900,
      currency: 'usd',
      interval: 'month',
      intervalCount: 1,
      expiresAfter: null,
      expires: null,
      perSeat: false,
    });
    expect(body.plans[3]).toMatchObject({ expiresAfter: 'P1Y', interval: null });
  });

  it('leaves out a price that is archived in Stripe, and does not sell it', async () => {
    const own = await openService();
    try {
      await own.stripe.prices.update('price_POWER_PACK', { active: false });
      const { body } = await own.ask('/api/plans');
      expect(body.plans).toHaveLength(3);
      const refused = await own.ask(PATH, { as: ADA, body: { priceId: 'price_POWER_PACK' } });
      expect(refused.body.code).toBe('stripe_rejected');
    } finally {
      await own.close();
    }
  });

  it('shows no amount rather than a wrong one while Stripe does not answer', async () => {
    const own = await openService();
    try {
      own.sandbox.failNext(1_000);
      const { status, body } = await own.ask('/api/plans');
      expect(status).toBe(200);
      expect(body.plans[0]).toMatchObject({
        name: 'Basic Monthly',
        credits: 100,
        amountMinor: null,
      });
    } finally {
      await own.close();
    }
  });
});
