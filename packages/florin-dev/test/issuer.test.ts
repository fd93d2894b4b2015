import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createIssuer, type IssuerOptions } from '../src/issuer/issuer.ts';

type Answer = {
  status: number;
  body: { access_token: string; refresh_token: string; user: { id: string } } & Record<
    string,
    unknown
  >;
};

async function issuerUnderTest(options: IssuerOptions = {}) {
  const issuer = createIssuer({ port: 0, ...options });
  await issuer.start();
  onTestFinished(() => issuer.stop());
  const base = () => `${issuer.url}/auth/v1`;
  const call = async (path: string, init: RequestInit = {}): Promise<Answer> => {
    const response = await fetch(base() + path, init);
    const text = await response.text();
    return { status: response.status, body: text === '' ? {} : JSON.parse(text) };
  };
  const post = (path: string, body: object, token?: string) =>
    call(path, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify(body),
    });
  return { issuer, base, call, post };
}

const ANN = { email: 'Ann@example.com', password: 'correct horse' };

describe('the development sign-in', () => {
  it('signs up, signs in and issues tokens that its published keys verify', async () => {
    const { base, post, call } = await issuerUnderTest();
    const made = await post('/signup', ANN);
    expect(made).toMatchObject({ status: 200, body: { token_type: 'bearer', expires_in: 3600 } });
    const again = await post('/token?grant_type=password', ANN);
    expect(again.body.user.id).toBe(made.body.user.id);
    const keys = createRemoteJWKSet(new URL(`${base()}/.well-known/jwks.json`));
    const { payload, protectedHeader } = await jwtVerify(again.body.access_token, keys, {
      algorithms: ['ES256'],
      issuer: base(),
      audience: 'authenticated',
    });
    expect(protectedHeader).toMatchObject({ alg: 'ES256', typ: 'JWT' });
    expect(payload).toMatchObject({
      sub: made.body.user.id,
      role: 'authenticated',
      email: 'ann@example.com',
      is_anonymous: false,
    });
    const me = await call('/user', {
      headers: { authorization: `Bearer ${again.body.access_token}` },
    });
    expect(me.body).toMatchObject({ email: 'ann@example.com', role: 'authenticated' });
  });

  it('refuses wrong passwords, second accounts, weak passwords and foreign tokens', async () => {
    const { post, call } = await issuerUnderTest();
    const made = await post('/signup', ANN);
    const wrong = { ...ANN, password: 'wrong horse' };
    const unknown = { ...ANN, email: 'bob@example.com' };
    expect((await post('/token?grant_type=password', wrong)).body).toEqual(
      (await post('/token?grant_type=password', unknown)).body,
    );
    expect(await post('/signup', ANN)).toMatchObject({
      status: 422,
      body: { error_code: 'user_already_exists' },
    });
    expect((await post('/signup', { email: 'c@example.com', password: 'abc' })).body).toMatchObject(
      { error_code: 'weak_password' },
    );
    const [head, , signature] = made.body.access_token.split('.');
    const forged = `${head}.${Buffer.from('{"sub":"x"}').toString('base64url')}.${signature}`;
    expect((await call('/user', { headers: { authorization: `Bearer ${forged}` } })).status).toBe(
      403,
    );
    expect((await call('/user')).status).toBe(401);
    expect((await post('/token?grant_type=password', { email: 1 })).status).toBe(400);
  });

  it('refreshes a session once, and not after signing out', async () => {
    const { post } = await issuerUnderTest();
    const made = await post('/signup', ANN);
    const refreshed = await post('/token?grant_type=refresh_token', {
      refresh_token: made.body.refresh_token,
    });
    expect(refreshed.status).toBe(200);
    expect(await post('/logout', {}, refreshed.body.access_token)).toMatchObject({ status: 204 });
    const late = await post('/token?grant_type=refresh_token', {
      refresh_token: refreshed.body.refresh_token,
    });
    expect(late).toMatchObject({ status: 400, body: { error_code: 'refresh_token_not_found' } });
  });

  it('ends a session whose used refresh token comes back late', async () => {
    let now = Date.now();
    const { post } = await issuerUnderTest({ clock: { now: () => new Date(now) } });
    const made = await post('/signup', ANN);
    const refresh = (token: string) =>
      post('/token?grant_type=refresh_token', { refresh_token: token });
    const next = await refresh(made.body.refresh_token);
    now += 11_000;
    expect((await refresh(made.body.refresh_token)).body).toMatchObject({
      error_code: 'refresh_token_already_used',
    });
    expect((await refresh(next.body.refresh_token)).status).toBe(400);
  });

  it('knows anonymous users, and operators by their address', async () => {
    const { post } = await issuerUnderTest();
    expect((await post('/signup', { data: {} })).body.user).toMatchObject({
      is_anonymous: true,
      role: 'authenticated',
    });
    const operator = await post('/signup', { ...ANN, email: 'operator@example.com' });
    expect(operator.body.user).toMatchObject({ app_metadata: { florin_role: 'operator' } });
    expect((await post('/signup', ANN)).body.user).not.toHaveProperty('app_metadata.florin_role');
  });

  it('keeps accounts, sessions and its key over a restart, and no password', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'florin-issuer-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const storage = join(folder, 'issuer.jsonl');
    const first = createIssuer({ port: 0, storage });
    await first.start();
    const made = await signUpAt(first.url);
    await first.stop();
    const second = createIssuer({ port: Number(new URL(first.url).port), storage });
    await second.start();
    onTestFinished(() => second.stop());
    const me = await fetch(`${second.url}/auth/v1/user`, {
      headers: { authorization: `Bearer ${made.access_token}` },
    });
    expect(await me.json()).toMatchObject({ email: 'ann@example.com' });
    expect(await readFile(storage, 'utf8')).not.toContain(ANN.password);
  });

  it('lets any page of any origin ask, without credentials', async () => {
    const { base } = await issuerUnderTest();
    const preflight = await fetch(`${base()}/token`, {
      method: 'OPTIONS',
      headers: {
        origin: 'http://app.localhost:4242',
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'content-type,apikey',
      },
    });
    expect(preflight.headers.get('access-control-allow-origin')).toBe('*');
    expect(preflight.headers.get('access-control-allow-credentials')).toBeNull();
  });
});

async function signUpAt(url: string): Promise<{ access_token: string }> {
  const response = await fetch(`${url}/auth/v1/signup`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(ANN),
  });
  return (await response.json()) as { access_token: string };
}
