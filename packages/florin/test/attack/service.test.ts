import { createHmac, randomUUID } from 'node:crypto';
import { exportSPKI, generateKeyPair, SignJWT, UnsecuredJWT } from 'jose';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  ADA,
  APP_URL,
  BOB,
  SERVER_KEY,
  supabaseClaims,
} from '../integration/http/florin-service.ts';
import { purchase } from '../integration/webhooks/objects.ts';
import type { Served } from '../support/served.ts';
import { deliver, errorsOf, expectGood, rawStatuses, SERVERS } from './target.ts';

const HOST = 'host: attacked.example';

describe.each(SERVERS)('a service on $name goes on after', { timeout: 60_000 }, ({ start }) => {
  let served: Served;
  /** How many errors in the log were looked at, and are as they should be. */
  let known = 0;
  beforeAll(async () => {
    served = await start();
    await expectGood(served);
  }, 240_000);
  afterAll(() => served?.close());
  afterEach(async () => {
    await expectGood(served);
    const errors = await errorsOf(served);
    expect(errors.slice(known)).toEqual([]);
  });

  const nested = (levels: number) => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`;
  const raw = (path: string, body: string, headers: Record<string, string> = {}) =>
    fetch(served.url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body,
    });
  const asBuyer = async (token: string | Promise<string>, path = '/api/balance') =>
    fetch(served.url + path, { headers: { authorization: `Bearer ${await token}` } });

  describe('values that poison', () => {
    it.each([
      ['9,000 levels', nested(9_000)],
      ['60 levels', nested(60)],
      ['NUL in a key', '{"a\\u0000b":1}'],
      ['half a surrogate pair', '{"a":"\\ud800"}'],
      ['a number beyond a double', '{"a":1e400}'],
      ['a list', '[1]'],
    ])('metadata with %s in a spend, a grant and a hold', async (_what, metadata) => {
      for (const write of ['spend', 'grants', 'holds']) {
        const answer = await served.ask(`/api/accounts/${ADA}/${write}`, {
          as: 'server',
          headers: { 'idempotency-key': randomUUID() },
          body: { amount: 1, metadata: '@' },
        });
        expect(answer.status).toBe(400);
        const bare = await raw(
          `/api/accounts/${ADA}/${write}`,
          `{"amount":1,"metadata":${metadata}}`,
          {
            authorization: `Bearer ${SERVER_KEY}`,
            'idempotency-key': randomUUID(),
          },
        );
        expect(bare.status).toBe(400);
      }
    });

    it.each([
      ['NUL in a key', { 'a\0b': 'x' }],
      ['half a surrogate pair in a key', { 'a\ud800': 'x' }],
    ])('a signed event with %s, which is kept and credited', async (_what, metadata) => {
      const account = randomUUID();
      const bought = purchase({
        client_reference_id: account,
        metadata: { userId: account, ...metadata },
      });
      const answer = await deliver(served, JSON.stringify(bought));
      expect(answer.status).toBe(200);
      const balance = await served.ask(`/api/accounts/${account}`, { as: 'server' });
      expect(await balance.json()).toMatchObject({ available: 50 });
    });

    it.each([
      ['a number of 300,000 digits', `{"n":${'9'.repeat(300_000)}}`],
      ['1e200000', '{"n":1e200000}'],
      ['200,000 brackets', `{"n":${'['.repeat(200_000)}${']'.repeat(200_000)}}`],
    ])('a signed event with %s, which is kept', async (_what, metadata) => {
      const event = purchase({ metadata: '@' as never });
      const answer = await deliver(served, JSON.stringify(event).replace('"@"', metadata));
      expect(answer.status).toBe(200);
      const shown = await served.ask(`/api/admin/events/${event['id']}`, { as: 'server' });
      expect(shown.status).toBe(200);
    });
  });

  describe('tokens', () => {
    const claims = (changes = {}) => supabaseClaims(served.project.url, changes);
    const header = { alg: 'ES256', typ: 'JWT' };
    const without = (name: string) => served.project.token({ [name]: undefined });
    const forged: Record<string, () => string | Promise<string>> = {
      'without a signature': () => new UnsecuredJWT(claims()).encode(),
      'of alg None, with a capital': async () => {
        const head = Buffer.from('{"alg":"None","typ":"JWT"}').toString('base64url');
        return `${head}.${(await served.project.token()).split('.')[1]}.`;
      },
      'of another issuer': () => served.project.token({ iss: 'https://evil.example/auth/v1' }),
      'for another audience': () => served.project.token({ aud: 'anon' }),
      'of another role': () => served.project.token({ role: 'service_role' }),
      'that has expired': () => served.project.token({ exp: Math.floor(Date.now() / 1000) - 60 }),
      'that begins tomorrow': () =>
        served.project.token({ nbf: Math.floor(Date.now() / 1000) + 86_400 }),
      'without an end': () => without('exp'),
      'without a subject': () => without('sub'),
      'whose subject is no uuid': () => served.project.token({ sub: "' or 1=1 --" }),
      'of a foreign key': async () => {
        const { privateKey } = await generateKeyPair('ES256');
        const protectedHeader = { ...header, kid: served.project.kid };
        return new SignJWT(claims()).setProtectedHeader(protectedHeader).sign(privateKey);
      },
      'of an unknown key': () => served.project.token({}, { kid: randomUUID() }),
      'that brings its own key': () =>
        served.project.token({}, { jku: 'http://evil.example/jwks' }),
      'signed HS256 with the public key': async () => {
        const spki = await exportSPKI(served.project.keys.publicKey);
        return new SignJWT(claims()).setProtectedHeader({ alg: 'HS256' }).sign(Buffer.from(spki));
      },
      'signed HS256 with a weak secret': () =>
        new SignJWT(claims()).setProtectedHeader({ alg: 'HS256' }).sign(Buffer.from('secret')),
      'with changed claims': async () => {
        const [head, , signature] = (await served.project.token()).split('.');
        const body = Buffer.from(JSON.stringify(claims({ sub: BOB }))).toString('base64url');
        return `${head}.${body}.${signature}`;
      },
      'of 100,000 characters': () => 'a'.repeat(10_000),
      'that is not one': () => 'null',
    };
    it.each(Object.keys(forged))('one %s, which is refused', async (name) => {
      expect((await asBuyer(forged[name]?.() ?? '')).status).toBe(401);
    });
    it('one that is right, which is taken', async () => {
      expect((await asBuyer(served.project.token())).status).toBe(200);
    });
    it('one that makes itself an operator in its user_metadata', async () => {
      const token = served.project.token({
        user_metadata: { florin_role: 'operator' },
        florin_role: 'operator',
      });
      expect((await asBuyer(token, '/api/admin/events')).status).toBe(403);
    });
  });

  describe('tampering', () => {
    const event = () => JSON.stringify(purchase());
    it.each([
      ['whose body was changed', () => deliver(served, event(), { sent: event() })],
      ['of another secret', () => deliver(served, event(), { secret: 'whsec_evil' })],
      ['recorded an hour ago', () => deliver(served, event(), { secondsAgo: 3_600 })],
      ['from the future', () => deliver(served, event(), { secondsAgo: -3_600 })],
      ['without a signature', () => raw('/api/stripe/webhook', event())],
      [
        'with an absurd signature',
        () => raw('/api/stripe/webhook', event(), { 'stripe-signature': 't=,v1=,v1=,t=1e9' }),
      ],
      ['of 2 MB', () => deliver(served, ' '.repeat(2_000_000))],
    ])('a delivery %s, which is refused', async (_what, send) => {
      expect([400, 413]).toContain((await send()).status);
    });

    const plan = async () => {
      const answer = await raw('/api/plan-session', '{"priceId":"price_QUICK_SCAN"}', {
        origin: APP_URL,
      });
      return ((await answer.json()) as { token: string }).token;
    };
    const flip = (token: string) => token.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A'));
    const spoilt: Record<string, (token: string) => string> = {
      'with its first letter changed': (token) => `x${token.slice(1)}`,
      'with another ending': (token) => flip(flip(token).slice(0, -1)),
      'cut short': (token) => token.slice(0, -10),
      'signed by somebody else': (token) => {
        const [body = ''] = token.split('.');
        return `${body}.${createHmac('sha256', 'evil').update(body).digest('base64url')}`;
      },
      'of 60,000 characters': () => 'a.'.repeat(30_000),
    };
    it.each(Object.keys(spoilt))('a plan session %s, in a body and in a cookie', async (name) => {
      const token = spoilt[name]?.(await plan()) ?? '';
      const taken = await raw('/api/plan-session', JSON.stringify({ token }), { origin: APP_URL });
      expect(taken).toMatchObject({ status: 400 });
      const cookie = `__Host-plan_session=${token.slice(0, 7_000)}`;
      const found = await fetch(`${served.url}/api/plan-session`, { headers: { cookie } });
      expect(found.status).toBe(400);
    });
    it('a plan session that is right is taken: the others are told from it', async () => {
      const headers = { cookie: `__Host-plan_session=${await plan()}` };
      expect((await fetch(`${served.url}/api/plan-session`, { headers })).status).toBe(200);
    });
    it.each(['null', 'https://evil.example', `${APP_URL}.evil.example`, `${APP_URL}, ${APP_URL}`])(
      'a page of origin %s',
      async (origin) => {
        const answer = await raw('/api/plan-session', '{"priceId":"price_QUICK_SCAN"}', { origin });
        expect(answer.status).toBe(403);
      },
    );
    it.each([
      '/assets/..%2f..%2fpackage.json',
      '/.env',
      '/assets/%2e%2e/%2e%2e/etc/passwd',
      '//evil.example',
      '/api/%',
    ])('a path that leads elsewhere: %s', async (path) => {
      const statuses = await rawStatuses(
        served,
        `GET ${path} HTTP/1.1\r\n${HOST}\r\nconnection: close\r\n\r\n`,
      );
      expect(statuses).toHaveLength(1);
      expect([400, 404]).toContain(statuses[0]);
    });
  });

  describe('what takes long', () => {
    it('an account whose row is locked, while others spend', async () => {
      const locked = randomUUID();
      const headers = () => ({ 'idempotency-key': randomUUID() });
      const path = `/api/accounts/${locked}`;
      await served.ask(`${path}/grants`, {
        as: 'server',
        body: { amount: 100 },
        headers: headers(),
      });
      const admin = new pg.Client({ connectionString: served.fresh.adminUrl });
      await admin.connect();
      await admin.query('begin');
      await admin.query('select from credits.accounts where account_id = $1 for update', [locked]);
      const body = { amount: 1, metadata: { a: 1 } };
      const waiting = Array.from({ length: 12 }, () =>
        served.ask(`${path}/spend`, { as: 'server', body, headers: headers() }),
      );
      const blocked = async () =>
        (
          await admin.query(
            `select from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`,
          )
        ).rowCount;
      await expect.poll(blocked).toBeGreaterThan(0);
      for (let n = 0; n < 5; n += 1) {
        await expectGood(served);
      }
      expect((await deliver(served, JSON.stringify(purchase()))).status).toBe(200);
      const refused = await Promise.all(waiting);
      await admin.end();
      expect(new Set(refused.map(({ status }) => status))).toEqual(new Set([503]));
      const errors = await errorsOf(served);
      const told = /"code":"(account_busy|database_unavailable)"/;
      expect(errors.slice(known).filter((line) => !told.test(line))).toEqual([]);
      known = errors.length;
    });

    it('streams, polls and made-up sessions of free users', async () => {
      const controller = new AbortController();
      const { signal } = controller;
      // Kept: a response that nobody holds is collected, and its stream closed.
      const streams = await Promise.all(
        Array.from({ length: 250 }, async (_, n) => {
          const token = await served.project.token({ sub: randomUUID() });
          const address = { 'x-forwarded-for': `203.0.113.9:${1_000 + n}` };
          const headers = { authorization: `Bearer ${token}`, ...address };
          return fetch(`${served.url}/api/balance/stream`, { headers, signal });
        }),
      );
      await expectGood(served);
      expect(streams.filter(({ status }) => status === 200)).toHaveLength(200);
      controller.abort();
      const asked = served.asked.length;
      const polls = await Promise.all(
        Array.from({ length: 100 }, () =>
          asBuyer(
            served.project.token(),
            `/api/checkout-sessions/cs_test_${randomUUID().replaceAll('-', '')}`,
          ),
        ),
      );
      expect(new Set(polls.map(({ status }) => status))).toEqual(new Set([404]));
      expect(served.asked.length).toBe(asked);
      expect((await fetch(`${served.url}/metrics`)).status).toBe(401);
    });
  });
});
