import { base64url, SignJWT } from 'jose';
import { describe, expect, it } from 'vitest';
import { type FlorinError, randomIds } from '../kernel/index.ts';
import { createPlanCookie, createPlanSessions, PLAN_SESSION_SECONDS } from './index.ts';

const SECRET = 'k3v9Q2mZr8tW5xYb1nLpA7cFhJ0sDgUe';
const OTHER = 'Zq4w8Ns1Vb6Kx0Tj3Ry9Mh2Lf7Pd5CgA';
const CHOICE = { priceId: 'price_QUICK_SCAN', metadata: { campaign: 'spring' } };

let now = new Date('2026-11-23T12:00:00Z');
const clock = { now: () => now };
const sessions = (...secrets: string[]) => createPlanSessions({ secrets, clock, ids: randomIds });

function forge(change: {
  secret?: string;
  header?: Record<string, unknown>;
  claims?: Record<string, unknown>;
}) {
  const seconds = Math.floor(now.getTime() / 1000);
  return (kid: string) =>
    new SignJWT({
      iss: 'florin',
      aud: 'florin:checkout',
      iat: seconds,
      exp: seconds + 900,
      jti: randomIds.token(16),
      price: 'price_QUICK_SCAN',
      meta: {},
      ...change.claims,
    })
      .setProtectedHeader({
        alg: 'HS256',
        typ: 'florin-plan-session+jwt',
        kid,
        ...change.header,
      } as { alg: string })
      .sign(new TextEncoder().encode(change.secret ?? SECRET));
}

async function kidOf(secret: string): Promise<string> {
  const { token } = await sessions(secret).issue(CHOICE);
  return JSON.parse(new TextDecoder().decode(base64url.decode(token.split('.')[0] ?? ''))).kid;
}

async function refusal(token: string, ...secrets: string[]): Promise<string> {
  const reading = sessions(...(secrets.length > 0 ? secrets : [SECRET])).read(token);
  return reading.then(
    () => 'accepted',
    (error: FlorinError) => error.code,
  );
}

describe('a plan session token', () => {
  it('brings the choice back, with a nonce of its own and fifteen minutes to live', async () => {
    const first = await sessions(SECRET).issue(CHOICE);
    const second = await sessions(SECRET).issue(CHOICE);
    expect(await sessions(SECRET).read(first.token)).toEqual(first.session);
    expect(first.session).toMatchObject(CHOICE);
    expect(first.session.nonce).not.toBe(second.session.nonce);
    expect(first.session.expiresAt.getTime() - now.getTime()).toBe(PLAN_SESSION_SECONDS * 1000);
  });

  it('is refused after fifteen minutes', async () => {
    const { token } = await sessions(SECRET).issue(CHOICE);
    const start = now;
    now = new Date(start.getTime() + 899_000);
    expect(await refusal(token)).toBe('accepted');
    now = new Date(start.getTime() + 906_000);
    expect(await refusal(token)).toBe('plan_session_invalid');
    now = start;
  });

  it('survives the rotation of its secret until the old one is removed', async () => {
    const { token } = await sessions(SECRET).issue(CHOICE);
    expect(await refusal(token, OTHER, SECRET)).toBe('accepted');
    expect(await refusal(token, OTHER)).toBe('plan_session_invalid');
  });

  it('is not accepted when anything about it is not ours', async () => {
    const kid = await kidOf(SECRET);
    const { token } = await sessions(SECRET).issue(CHOICE);
    const [header = '', payload = '', signature = ''] = token.split('.');
    const encode = (value: object) => base64url.encode(JSON.stringify(value));
    const seconds = Math.floor(now.getTime() / 1000);
    const forged = {
      'another secret': await forge({ secret: OTHER })(kid),
      "the seed's default secret": await forge({ secret: 'your-secret-key'.padEnd(32) })(kid),
      'an unknown kid': await forge({})('AAAAAAAA'),
      'no kid': await forge({ header: { kid: undefined } })(kid),
      'another type': await forge({ header: { typ: 'JWT' } })(kid),
      'another algorithm': await forge({ header: { alg: 'HS512' } })(kid),
      'alg none': `${encode({ alg: 'none', typ: 'florin-plan-session+jwt', kid })}.${payload}.`,
      'a key in the header': await forge({ header: { jwk: { kty: 'oct', k: 'AAAA' } } })(kid),
      'a key address in the header': await forge({ header: { jku: 'https://evil.example' } })(kid),
      'another issuer': await forge({ claims: { iss: 'ocr-pro' } })(kid),
      'another audience': await forge({ claims: { aud: 'payment-flow' } })(kid),
      'a longer life': await forge({ claims: { exp: seconds + 86_400, iat: seconds - 3_600 } })(
        kid,
      ),
      'no expiry': await forge({ claims: { exp: undefined } })(kid),
      'no nonce': await forge({ claims: { jti: undefined } })(kid),
      'a nonce of its own making': await forge({ claims: { jti: '../../etc' } })(kid),
      'not valid before tomorrow': await forge({ claims: { nbf: seconds + 86_400 } })(kid),
      'another claim': await forge({ claims: { credits: 1_000_000 } })(kid),
      'a changed price': `${header}.${encode({ price: 'price_ENTERPRISE' })}.${signature}`,
      'a cut end': token.slice(0, -4),
      'no signature': `${header}.${payload}.`,
      nothing: '',
      rubbish: 'a.b.c',
      'ten megabytes': `${token}${'A'.repeat(10_000_000)}`,
    };
    const outcomes = await Promise.all(
      Object.entries(forged).map(async ([what, each]) => [what, await refusal(each)]),
    );
    expect(Object.fromEntries(outcomes)).toEqual(
      Object.fromEntries(Object.keys(forged).map((what) => [what, 'plan_session_invalid'])),
    );
  });

  it('is not made when it would not fit into a cookie', async () => {
    const metadata = { note: 'x'.repeat(4_000) };
    await expect(sessions(SECRET).issue({ ...CHOICE, metadata })).rejects.toThrow('less metadata');
  });
});

describe("the plan session's cookie", () => {
  it('is bound to its host unless a domain is set', () => {
    expect(createPlanCookie(undefined).keep('t')).toBe(
      '__Host-plan_session=t; Max-Age=900; Path=/; HttpOnly; Secure; SameSite=Lax',
    );
    expect(createPlanCookie('example.com').keep('t')).toBe(
      'plan_session=t; Max-Age=900; Path=/; HttpOnly; Secure; SameSite=Lax; Domain=example.com',
    );
  });

  it('is found among others, the bound one first', () => {
    const { find } = createPlanCookie(undefined);
    expect(find('a=1; plan_session=loose; __Host-plan_session=bound; b=2')).toBe('bound');
    expect(find('plan_session=loose')).toBe('loose');
    expect(find('xplan_session=other; plan_sessionx=other')).toBeUndefined();
    expect(find('plan_session=')).toBeUndefined();
    expect(find(undefined)).toBeUndefined();
  });

  it('is forgotten under the same name, path and domain', () => {
    expect(createPlanCookie(undefined).forget()).toEqual([
      '__Host-plan_session=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax',
    ]);
  });
});
