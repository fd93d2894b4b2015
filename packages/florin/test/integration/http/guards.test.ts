import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  ADA,
  APP_URL,
  JWT_SECRET,
  openService,
  read,
  SERVER_KEY,
  SHOP_URL,
  STRIPE_KEY,
  type TestService,
  WEBHOOK_SECRET,
} from './florin-service.ts';

let service: TestService;
beforeAll(async () => {
  service = await openService();
});
afterAll(() => service.close());

const EVIL = 'https://evil.example';
const PLAN = '/api/plan-session';
const choice = { priceId: 'price_QUICK_SCAN' };

describe('CORS', () => {
  it('names an allowed origin, with credentials, and never a wildcard', async () => {
    for (const origin of [APP_URL, SHOP_URL]) {
      const answer = await service.ask('/api/plans', { headers: { origin } });
      expect(answer.headers.get('access-control-allow-origin')).toBe(origin);
      expect(answer.headers.get('access-control-allow-credentials')).toBe('true');
      expect(answer.headers.get('vary')).toContain('Origin');
    }
  });

  it.each([
    EVIL,
    'null',
    'http://shop.localhost',
    'https://shop.localhost:4242',
    `${SHOP_URL}.evil.example`,
    `http://evil${SHOP_URL.slice('http://'.length)}`,
    `${SHOP_URL}/`,
    SHOP_URL.toUpperCase(),
    '*',
  ])('gives nothing to the origin %s', async (origin) => {
    const reading = await service.ask('/api/plans', { headers: { origin } });
    expect(reading.headers.get('access-control-allow-origin')).toBeNull();
    const preflight = await service.ask(PLAN, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'POST' },
    });
    expect(preflight.status).toBe(403);
    expect(preflight.headers.get('access-control-allow-origin')).toBeNull();
    const writing = await service.ask(PLAN, { body: choice, headers: { origin } });
    expect(writing.status).toBe(403);
    expect(writing.headers.get('set-cookie')).toBeNull();
    expect((await service.ask(PLAN, { headers: { origin } })).status).toBe(403);
  });

  it('answers the preflight of an allowed origin', async () => {
    const answer = await service.ask('/api/create-checkout-session', {
      method: 'OPTIONS',
      headers: {
        origin: SHOP_URL,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,content-type',
      },
    });
    expect(answer.status).toBe(204);
    expect(answer.headers.get('access-control-allow-origin')).toBe(SHOP_URL);
    expect(answer.headers.get('access-control-allow-headers')).toContain('authorization');
  });

  it('opens neither the server routes nor the webhook to any page', async () => {
    for (const path of [`/api/accounts/${ADA}`, '/api/stripe/webhook', '/metrics']) {
      const answer = await service.ask(path, { as: 'server', headers: { origin: SHOP_URL } });
      expect(answer.headers.get('access-control-allow-origin')).toBeNull();
    }
  });

  it('lets an allowed page read a refusal', async () => {
    const answer = await service.ask('/api/balance', { headers: { origin: SHOP_URL } });
    expect(answer.status).toBe(401);
    expect(answer.headers.get('access-control-allow-origin')).toBe(SHOP_URL);
  });
});

describe('CSRF', () => {
  it.each([
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    'text/plain',
    'text/plain; application/json',
    'application/jsonp',
    '',
  ])('refuses a post as %j', async (type) => {
    for (const path of [PLAN, '/api/create-checkout-session', `/api/accounts/${ADA}/spend`]) {
      const answer = await service.ask(path, {
        method: 'POST',
        as: path.includes('accounts') ? 'server' : ADA,
        body: JSON.stringify(choice),
        headers: { 'content-type': type, 'idempotency-key': 'k' },
      });
      expect(answer.status).toBe(415);
      expect(answer.headers.get('set-cookie')).toBeNull();
    }
  });

  it('refuses a cross-site write that hides its origin', async () => {
    const headers = { 'sec-fetch-site': 'cross-site' };
    expect((await service.ask(PLAN, { body: choice, headers })).status).toBe(403);
    expect((await service.ask(PLAN, { method: 'DELETE', headers })).status).toBe(403);
  });
});

describe("the plan session's cookie", () => {
  it('is bound to the host, and neither scripts nor other sites get it', async () => {
    const answer = await service.ask(PLAN, { body: choice, headers: { origin: SHOP_URL } });
    expect(answer.status).toBe(200);
    const cookie = answer.headers.get('set-cookie') ?? '';
    expect(cookie).toBe(
      `__Host-plan_session=${answer.body.token}; Max-Age=900; Path=/; HttpOnly; Secure; SameSite=Lax`,
    );
    const kept = await service.ask(PLAN, { headers: { cookie: cookie.split(';')[0] ?? '' } });
    expect(kept.body).toEqual({
      priceId: 'price_QUICK_SCAN',
      planType: 'credits',
      metadata: {},
      expiresAt: answer.body.expiresAt,
    });
    expect(kept.headers.get('cache-control')).toBe('no-store');
  });

  it('is shared by the subdomains of COOKIE_DOMAIN only where that is set', async () => {
    const own = await openService({ environment: { COOKIE_DOMAIN: 'example.com' } });
    try {
      const answer = await own.ask(PLAN, { body: choice });
      expect(answer.headers.get('set-cookie')).toMatch(
        /^plan_session=.*; Path=\/; HttpOnly; Secure; SameSite=Lax; Domain=example\.com$/,
      );
    } finally {
      await own.close();
    }
  });

  it('may be absent, is refused when invalid, and can be forgotten', async () => {
    expect((await service.ask(PLAN)).status).toBe(204);
    const forged = await service.ask(PLAN, { headers: { cookie: '__Host-plan_session=a.b.c' } });
    expect(forged.status).toBe(400);
    expect(forged.body.code).toBe('plan_session_invalid');
    expect(forged.headers.get('set-cookie')).toContain('Max-Age=0');
    const gone = await service.ask(PLAN, { method: 'DELETE' });
    expect(gone.status).toBe(204);
    expect(gone.headers.get('set-cookie')).toContain('Max-Age=0');
  });

  it('is refused for what is not for sale', async () => {
    for (const body of [{ priceId: 'price_NONE' }, { priceId: '' }, {}, { token: 'x' }, [], null]) {
      const answer = await service.ask(PLAN, { body });
      expect(answer.status).toBe(400);
      expect(answer.headers.get('set-cookie')).toBeNull();
    }
    const metadata = { userId: ADA };
    expect((await service.ask(PLAN, { body: { ...choice, metadata } })).status).toBe(400);
  });

  it('takes over a token from another domain, in a body', async () => {
    const minted = await service.ask(PLAN, { body: choice });
    const taken = await service.ask(PLAN, { body: { token: minted.body.token } });
    expect(taken.body).toEqual(minted.body);
    expect(taken.headers.get('set-cookie')).toContain(minted.body.token);
    const inAddress = await service.ask(`${PLAN}?token=${minted.body.token}`);
    expect(inAddress.status).toBe(204);
  });
});

describe('headers', () => {
  it('let nothing run, be framed or be sniffed', async () => {
    for (const path of ['/api/plans', '/api/balance', '/healthz', '/nothing']) {
      const { headers } = await service.ask(path);
      expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
      expect(headers.get('content-security-policy')).toContain("default-src 'none'");
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('referrer-policy')).toBe('no-referrer');
      expect(headers.get('cache-control')).toBe('no-store');
      expect(headers.get('strict-transport-security')).toBeNull();
    }
    const docs = await service.ask('/docs');
    expect(docs.headers.get('content-security-policy')).toContain("script-src 'self'");
    expect(docs.text).not.toMatch(/<script|https?:\/\/(?!www\.w3)/);
  });

  it('hold browsers to https where the service is behind it', async () => {
    const own = await openService({
      environment: { APP_URL: 'https://app.example.com', ALLOWED_ORIGINS: '' },
    });
    try {
      for (const path of ['/', '/api/plans', '/api/balance', '/docs', '/nothing']) {
        const { headers } = await own.ask(path);
        expect([path, headers.get('strict-transport-security')]).toEqual([
          path,
          'max-age=63072000; includeSubDomains',
        ]);
      }
    } finally {
      await own.close();
    }
  });
});

describe('bodies', () => {
  const post = (path: string, body: BodyInit, headers: Record<string, string> = {}) =>
    fetch(service.url + path, { method: 'POST', body, headers, duplex: 'half' } as RequestInit);

  it('of more than a mebibyte are refused at the webhook, declared or not', async () => {
    const big = new Uint8Array(1024 * 1024 + 1);
    const headers = { 'stripe-signature': 't=1,v1=aa' };
    const declared = await read(await post('/api/stripe/webhook', big, headers));
    expect(declared.status).toBe(413);
    const stream = new Blob([big]).stream();
    const chunked = await read(await post('/api/stripe/webhook', stream, headers));
    expect(chunked.status).toBe(413);
    const exact = await read(
      await post('/api/stripe/webhook', new Uint8Array(1024 * 1024), headers),
    );
    expect(exact.body.code).toBe('signature_invalid');
  });

  it('of more than 64 KiB are refused elsewhere', async () => {
    const body = JSON.stringify({ priceId: 'x'.repeat(70_000) });
    const headers = { 'content-type': 'application/json' };
    expect((await read(await post(PLAN, body, headers))).status).toBe(413);
    const stream = new Blob([body]).stream();
    expect((await read(await post(PLAN, stream, headers))).status).toBe(413);
  });

  it('that are not UTF-8 are refused, not mended', async () => {
    const quoted = (bytes: readonly number[]) =>
      new Blob(['{"priceId":"', new Uint8Array(bytes), '"}']);
    const headers = { 'content-type': 'application/json' };
    for (const bytes of [[0xff], [0xc3, 0x28], [0xed, 0xa0, 0x80]]) {
      const body = new Uint8Array(await quoted(bytes).arrayBuffer());
      const answer = await read(await post(PLAN, body, headers));
      expect(answer).toMatchObject({ status: 400, body: { detail: 'The body is not UTF-8.' } });
    }
  });

  it('of neither kind are answered with both', async () => {
    for (const body of [{}, { priceId: 'price_QUICK_SCAN', token: 'x' }]) {
      const { body: problem } = await service.ask(PLAN, { body });
      expect(problem).toMatchObject({
        code: 'invalid_input',
        detail: 'must be {priceId, metadata?} or {token}',
      });
    }
  });

  it.each(['{', 'null', '[]', '"text"', '{"priceId":', '\ufeff{}', ''])(
    'that are no object are answered clearly: %j',
    async (body) => {
      const answer = await service.ask(PLAN, {
        method: 'POST',
        body,
        headers: { 'content-type': 'application/json' },
      });
      expect(answer.status).toBe(400);
      expect(answer.body.code).toBe('invalid_input');
    },
  );
});

describe('addresses', () => {
  it('that do not exist, and methods that are not allowed, are problems', async () => {
    const nowhere = await service.ask('/api/nothing');
    expect(nowhere.status).toBe(404);
    expect(nowhere.body).toMatchObject({ code: 'not_found', status: 404 });
    const method = await service.ask('/api/plans', { method: 'DELETE' });
    expect(method.status).toBe(405);
    expect(method.headers.get('allow')).toBe('GET');
    expect((await service.ask('/api/stripe/webhook')).status).toBe(405);
    expect((await service.ask(`/api/accounts/${ADA}/spend`, { as: 'server' })).status).toBe(405);
  });

  it.each([
    '/assets/../../package.json',
    '/assets/..%2f..%2fpackage.json',
    '/assets/%2e%2e/%2e%2e/package.json',
    '/assets/..%5c..%5cpackage.json',
    '/%2e%2e/package.json',
    '/assets/%00',
    '/assets/%',
  ])('of files outside the pages lead nowhere: %s', async (path) => {
    const answer = await read(await service.app.request(`http://localhost${path}`));
    expect([400, 404]).toContain(answer.status);
  });

  it('that look like another host are no redirect there', async () => {
    for (const path of ['//evil.example', '/\\evil.example', '//evil.example/%2e%2e', '/.//evil']) {
      const { status, headers } = await read(
        await fetch(service.url + path, { redirect: 'manual' }),
      );
      expect([200, 404]).toContain(status);
      expect(headers.get('location')).toBeNull();
    }
  });

  it('are never made of the Host or of what a proxy says', async () => {
    for (const headers of [
      { host: 'evil.example' },
      { 'x-forwarded-host': 'evil.example' },
      { forwarded: 'host=evil.example' },
    ] as Record<string, string>[]) {
      for (const path of ['/', '/admin', '/docs', '/openapi.json', '/api/config', '/nothing']) {
        const answer = await service.ask(path, { headers });
        expect(answer.text).not.toContain('evil.example');
        expect(answer.headers.get('location') ?? '').not.toContain('evil');
      }
    }
  });
});

describe('rates', () => {
  it('of refused tokens are limited by address, and a right one is never locked out', async () => {
    const own = await openService({ limits: { refused: 3 } });
    try {
      const ask = (token: string) =>
        fetch(`${own.url}/api/balance`, { headers: { authorization: `Bearer ${token}` } });
      const statuses: number[] = [];
      for (let n = 0; n < 5; n += 1) {
        statuses.push((await ask('wrong')).status);
      }
      expect(statuses).toEqual([401, 401, 401, 429, 429]);
      const limited = await ask('wrong');
      expect(Number(limited.headers.get('retry-after'))).toBeGreaterThan(0);
      expect((await ask(await own.project.token())).status).toBe(200);
      const server = await fetch(`${own.url}/api/accounts/${ADA}`, {
        headers: { authorization: `Bearer ${SERVER_KEY}` },
      });
      expect(server.status).toBe(200);
    } finally {
      await own.close();
    }
  });

  it('of one user do not limit another, and X-Forwarded-For does not reset them', async () => {
    const own = await openService({ limits: { buyer: 2, anyone: 2 } });
    try {
      const statuses = async (as: string) => [
        (await own.ask('/api/balance', { as })).status,
        (await own.ask('/api/balance', { as })).status,
        (await own.ask('/api/balance', { as })).status,
      ];
      expect(await statuses(ADA)).toEqual([200, 200, 429]);
      expect((await statuses(crypto.randomUUID()))[0]).toBe(200);
      const plans: number[] = [];
      for (let n = 0; n < 3; n += 1) {
        const headers = { 'x-forwarded-for': `10.0.0.${n}` };
        plans.push((await fetch(`${own.url}/api/plans`, { headers })).status);
      }
      expect(plans).toEqual([200, 200, 429]);
    } finally {
      await own.close();
    }
  });
});

describe('the log', () => {
  it('has one line a request, and none of the secrets that passed through', async () => {
    // Nothing is delivered: a delivery of the sandbox's would be a request more, at a time of its own.
    const own = await openService({ deliver: false });
    try {
      const token = await own.project.token();
      const plan = await own.ask(PLAN, { body: choice });
      const canary = 'canary-4f1c';
      await own.ask('/api/create-checkout-session', {
        as: `Bearer ${token}`,
        body: { planSession: plan.body.token, metadata: { note: canary } },
        headers: { cookie: `__Host-plan_session=${plan.body.token}` },
      });
      await own.ask('/api/balance', { as: `Bearer ${token}x` });
      await own.ask(`/api/accounts/${ADA}/spend`, {
        as: 'server',
        body: { amount: 1, metadata: { note: canary } },
        headers: { 'idempotency-key': 'log-1' },
      });
      await own.ask('/api/stripe/webhook', { body: { canary } });
      const text = JSON.stringify(own.logs);
      const secrets = [
        token,
        plan.body.token,
        canary,
        SERVER_KEY,
        JWT_SECRET,
        STRIPE_KEY,
        WEBHOOK_SECRET,
        `${ADA.slice(0, 8)}@example.com`,
        'ada@example.com',
      ];
      expect(secrets.filter((secret) => text.includes(secret))).toEqual([]);
      const lines = own.logs.filter(({ message }) => message === 'request answered');
      expect(lines.map(({ route }) => route)).toEqual([
        PLAN,
        '/api/create-checkout-session',
        '/api/balance',
        '/api/accounts/{id}/spend',
        '/api/stripe/webhook',
      ]);
      expect(lines[2]).toMatchObject({ status: 401, code: 'unauthenticated' });
    } finally {
      await own.close();
    }
  });
});
