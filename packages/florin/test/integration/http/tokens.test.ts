import { createHmac, generateKeyPairSync } from 'node:crypto';
import { base64url, exportJWK, exportSPKI, generateKeyPair, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  ADA,
  openService,
  SERVER_KEY,
  supabaseClaims,
  type TestService,
} from './florin-service.ts';

const SHARED_SECRET = 'q8Wn3Zr7Vx1Kt5Lp9Hd2Mf6Bj0Sg4Cy8';

let service: TestService;
beforeAll(async () => {
  service = await openService({ limits: { refused: 10_000 } });
});
afterAll(() => service.close());

const balance = (token: string, on = service) => on.ask('/api/balance', { as: `Bearer ${token}` });
const encode = (value: object) => base64url.encode(JSON.stringify(value));

/** A token with any header and claims, signed with the project's own key. */
function signed(
  claims: Record<string, unknown> = {},
  header: Record<string, unknown> = {},
): Promise<string> {
  return service.project.token(claims, header);
}

describe("a user's token", () => {
  it('is accepted as Supabase signs it', async () => {
    expect((await balance(await signed())).status).toBe(200);
    expect((await balance(await signed({ aud: ['authenticated', 'other'] }))).status).toBe(200);
    expect((await balance(await signed({ is_anonymous: true, email: '' }))).status).toBe(200);
    const scheme = await service.ask('/api/balance', { as: `bearer ${await signed()}` });
    expect(scheme.status).toBe(200);
  });

  it('is not accepted when it is forged, injected, cut or of another project', async () => {
    const { project } = service;
    const now = Math.floor(Date.now() / 1000);
    const good = await signed();
    const [header = '', payload = '', signature = ''] = good.split('.');
    const other = await generateKeyPair('ES256', { extractable: true });
    const jwk = await exportJWK(other.publicKey);
    const spki = await exportSPKI(project.keys.publicKey);
    const claims = supabaseClaims(project.url, {});
    const byOther = (more: Record<string, unknown> = {}) =>
      new SignJWT(claims)
        .setProtectedHeader({ alg: 'ES256', kid: project.kid, typ: 'JWT', ...more })
        .sign(other.privateKey);
    const hmac = (key: string | Buffer, head: object) => {
      const input = `${encode(head)}.${encode(claims)}`;
      return `${input}.${createHmac('sha256', key).update(input).digest('base64url')}`;
    };
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
    const attacks: Record<string, string> = {
      'alg none': `${encode({ alg: 'none', kid: project.kid })}.${encode(claims)}.`,
      'alg None': `${encode({ alg: 'None', kid: project.kid })}.${encode(claims)}.`,
      'alg none with the old signature': `${encode({ alg: 'none', kid: project.kid, typ: 'JWT' })}.${payload}.${signature}`,
      'no alg': `${encode({ kid: project.kid })}.${payload}.${signature}`,
      'HS256 with the public key as its secret': hmac(spki, { alg: 'HS256', kid: project.kid }),
      'HS256 with the JWK as its secret': hmac(
        JSON.stringify(await exportJWK(project.keys.publicKey)),
        { alg: 'HS256', kid: project.kid },
      ),
      'HS256 with an empty secret': hmac('', { alg: 'HS256' }),
      'HS256 with the secret of plan sessions': hmac(service.config.planSessionSecrets[0] ?? '', {
        alg: 'HS256',
      }),
      'another key under the same kid': await byOther(),
      'a key in the header': await byOther({ jwk }),
      'a key address in the header': await byOther({ jku: 'https://evil.example/jwks.json' }),
      'a certificate address in the header': await byOther({ x5u: 'https://evil.example/x' }),
      'RS256 by a stranger': await new SignJWT(claims)
        .setProtectedHeader({ alg: 'RS256', kid: project.kid })
        .sign(rsa),
      'the right key with a key in the header': await signed({}, { jwk }),
      'an unknown kid': await signed({}, { kid: 'e1f3a5b7-0000-4000-8000-00000000ffff' }),
      'a kid that is a path': await signed({}, { kid: '../../../../dev/null' }),
      'a kid that is a statement': await signed({}, { kid: "x' or 1=1 --" }),
      'no kid': await signed({}, { kid: undefined }),
      'a critical extension': `${encode({ alg: 'ES256', kid: project.kid, crit: ['exp'], exp: 1 })}.${payload}.${signature}`,
      'an unencoded payload': `${encode({ alg: 'ES256', kid: project.kid, b64: false, crit: ['b64'] })}.${payload}.${signature}`,
      'b64 alone': await signed({}, { b64: true }),
      expired: await signed({ exp: now - 60 }),
      'no expiry': await signed({ exp: undefined }),
      'an expiry as text': await signed({ exp: String(now + 60) }),
      'not valid yet': await signed({ nbf: now + 600 }),
      'another issuer': await signed({ iss: 'https://evil.supabase.co/auth/v1' }),
      'an issuer that only begins alike': await signed({ iss: `${project.url}/auth/v1/evil` }),
      'no issuer': await signed({ iss: undefined }),
      'another audience': await signed({ aud: 'anon' }),
      'no audience': await signed({ aud: undefined }),
      'the role anon': await signed({ role: 'anon' }),
      'the role service_role': await signed({ role: 'service_role' }),
      'no role': await signed({ role: undefined }),
      'no subject': await signed({ sub: undefined }),
      'a subject that is no uuid': await signed({ sub: 'admin' }),
      'a subject that is a statement': await signed({ sub: `${ADA}' or '1'='1` }),
      'changed claims': `${header}.${encode({ ...claims, sub: crypto.randomUUID() })}.${signature}`,
      'a cut signature': good.slice(0, -2),
      'no signature': `${header}.${payload}.`,
      'two parts': `${header}.${payload}`,
      'five parts': `${good}.a.b`,
      'a plan session': (
        await service.ask('/api/plan-session', { body: { priceId: 'price_QUICK_SCAN' } })
      ).body.token,
      'ten megabytes': `${good}${'A'.repeat(10_000_000)}`,
      'ten megabytes of dots': '.'.repeat(10_000_000),
      rubbish: 'rubbish',
      'a publishable key': 'sb_publishable_ACJWlzQHlZjBrEguHvfOxg',
      'most of the server key': SERVER_KEY.slice(0, -1),
      'the server key and more': `${SERVER_KEY}A`,
    };
    const accepted: string[] = [];
    for (const [what, token] of Object.entries(attacks)) {
      const answer = await balance(token);
      if (answer.status !== 401 || answer.body.code !== 'unauthenticated') {
        accepted.push(`${what}: ${answer.status} ${answer.text.slice(0, 200)}`);
      }
    }
    expect(accepted).toEqual([]);
  });

  it('is asked for by a clear message when there is none', async () => {
    for (const authorization of ['', 'Basic YTpi', 'Bearer', 'Bearer  ', 'Token abc']) {
      const answer = await service.ask('/api/balance', { headers: { authorization } });
      expect(answer.status).toBe(401);
      expect(answer.headers.get('www-authenticate')).toContain('Bearer');
    }
    expect((await service.ask(`/api/balance?access_token=${await signed()}`)).status).toBe(401);
  });

  it('makes nobody an operator by what users write themselves', async () => {
    const attempts = [
      { user_metadata: { florin_role: 'operator' } },
      { florin_role: 'operator' },
      { app_metadata: { role: 'operator' } },
      { app_metadata: { florin_role: ['operator'] } },
    ];
    for (const claims of attempts) {
      const as = `Bearer ${await signed(claims)}`;
      expect((await service.ask('/api/admin/events', { as })).status).toBe(403);
    }
    const as = `Bearer ${await signed({ app_metadata: { florin_role: 'operator' } })}`;
    expect((await service.ask('/api/admin/events', { as })).status).toBe(200);
    expect((await service.ask('/api/admin/events', { as: 'server' })).status).toBe(200);
    expect((await service.ask('/api/admin/events')).status).toBe(401);
  });

  it('opens no route of the server, and the server key none of a user', async () => {
    const path = `/api/accounts/${ADA}/spend`;
    const request = { body: { amount: 1 }, headers: { 'idempotency-key': 'k' } };
    expect((await service.ask(path, { ...request, as: ADA })).status).toBe(403);
    expect((await service.ask(path, request)).status).toBe(401);
    const asServer = await service.ask('/api/balance', { as: 'server' });
    expect(asServer.status).toBe(403);
  });
});

describe("a user's token of the shared secret", () => {
  const shared = (secret: string, claims: object = {}) =>
    new SignJWT({ ...supabaseClaims(service.project.url, {}), ...claims })
      .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
      .sign(new TextEncoder().encode(secret));

  it('is accepted only where the secret is configured', async () => {
    expect((await balance(await shared(SHARED_SECRET))).status).toBe(401);
    const rotated = `${'Vb6Kx0Tj3Ry9Mh2Lf7Pd5CgAZq4w8Ns1'},${SHARED_SECRET}`;
    const own = await openService({ environment: { SUPABASE_JWT_SECRET: rotated } });
    try {
      const token = (claims: object = {}) =>
        shared(SHARED_SECRET, { iss: `${own.project.url}/auth/v1`, ...claims });
      expect((await balance(await token(), own)).status).toBe(200);
      expect((await balance(await token({ exp: 1 }), own)).status).toBe(401);
      expect((await balance(await token({ iss: 'x' }), own)).status).toBe(401);
      const byOther = shared('another-secret-of-thirty-two-bytes', {
        iss: `${own.project.url}/auth/v1`,
      });
      expect((await balance(await byOther, own)).status).toBe(401);
      // HS256 beside published keys opens no way to take a public key for the secret.
      expect((await balance(await own.project.token(), own)).status).toBe(200);
    } finally {
      await own.close();
    }
  });
});

describe('the published keys', () => {
  it('lead to 503 while they cannot be fetched, and work again afterwards', async () => {
    const own = await openService();
    try {
      own.project.setUp(false);
      const token = await own.project.token();
      const down = await balance(token, own);
      expect(down.status).toBe(503);
      expect(down.body.code).toBe('identity_unavailable');
      own.project.setUp(true);
      expect((await balance(token, own)).status).toBe(200);
      // Known keys go on working while the address is away.
      own.project.setUp(false);
      expect((await balance(token, own)).status).toBe(200);
    } finally {
      await own.close();
    }
  });
});
