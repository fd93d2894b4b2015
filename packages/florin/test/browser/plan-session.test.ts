import { beforeEach, describe, expect, it } from 'vitest';
import { createFlorinClient, type FlorinClient } from '../../src/browser/index.ts';
import { type Answer, answerJson, FakeHost, problem } from './fake-host.ts';

const MINUTE = 60_000;
const KEY = 'florin.plan_choice';

/** The service's plan sessions, with or without a browser that keeps its cookie. */
function service(host: FakeHost, options: { cookies: boolean }) {
  let cookie: { priceId: string; expiresAt: string } | null = null;
  let minted = 0;
  const answer: Answer = ({ method, body }) => {
    const asked = body as { priceId?: string; token?: string } | undefined;
    if (method === 'DELETE') {
      cookie = null;
      return new Response(null, { status: 204 });
    }
    if (method === 'GET') {
      return cookie === null
        ? problem(404, 'plan_session_invalid')
        : answerJson({ ...cookie, planType: 'credits', metadata: {} });
    }
    const priceId = asked?.token === undefined ? asked?.priceId : asked.token.split('|')[1];
    if (priceId !== 'price_A' && priceId !== 'price_B') {
      return problem(404, 'price_unknown');
    }
    minted += 1;
    const expiresAt = new Date(host.time + 15 * MINUTE).toISOString();
    if (options.cookies) {
      cookie = { priceId, expiresAt };
    }
    return answerJson({ token: `t${minted}|${priceId}`, priceId, planType: 'credits', expiresAt });
  };
  host.answer = answer;
}

let host: FakeHost;
let client: FlorinClient;

beforeEach(() => {
  host = new FakeHost();
  client = createFlorinClient({ host });
});

describe('the plan session in the browser', () => {
  it('reads back from the cookie what was remembered', async () => {
    service(host, { cookies: true });
    await client.rememberPlan('price_A');
    expect(await createFlorinClient({ host }).readPlan()).toMatchObject({
      priceId: 'price_A',
      planType: 'credits',
    });
    expect(host.asked.every(({ credentials }) => credentials === 'include')).toBe(true);
  });

  it('falls back to localStorage where cookies are blocked, and has the server verify it', async () => {
    service(host, { cookies: false });
    await client.rememberPlan('price_A');
    const posts = host.asked.length;
    expect(await createFlorinClient({ host }).readPlan()).toMatchObject({ priceId: 'price_A' });
    expect(host.asked.slice(posts).map(({ method }) => method)).toEqual(['GET', 'POST']);
  });

  it.each(['blocked', 'full', 'absent'] as const)(
    'falls back to memory where storage is %s and cookies are blocked',
    async (stored) => {
      host.stored = stored;
      service(host, { cookies: false });
      await client.rememberPlan('price_A');
      expect(client.planHint()).toMatchObject({ priceId: 'price_A' });
      expect(await client.readPlan()).toMatchObject({ priceId: 'price_A' });
      await client.forgetPlan();
      expect(await client.readPlan()).toBeNull();
    },
  );

  it('does not believe a forged hint: the server knows no such price', async () => {
    service(host, { cookies: false });
    (host.stored as Map<string, string>).set(
      KEY,
      JSON.stringify({ priceId: 'price_FREE', expiresAt: '2099-01-01T00:00:00Z' }),
    );
    expect(await client.readPlan()).toBeNull();
    expect(host.stored).toEqual(new Map());
  });

  it.each(['', 'null', '[]', '{"priceId":1}', '{{', '"x"'])(
    'ignores a broken hint: %s',
    async (text) => {
      service(host, { cookies: false });
      (host.stored as Map<string, string>).set(KEY, text);
      expect(client.planHint()).toBeNull();
      expect(await client.readPlan()).toBeNull();
    },
  );

  it('forgets a hint after fifteen minutes', async () => {
    service(host, { cookies: false });
    await client.rememberPlan('price_A');
    await host.pass(15 * MINUTE);
    expect(client.planHint()).toBeNull();
    expect(client.planToken()).toBeNull();
    expect(await client.readPlan()).toBeNull();
  });

  it('keeps no token in storage', async () => {
    service(host, { cookies: false });
    await client.rememberPlan('price_A', { metadata: { campaign: 'autumn' } });
    const text = JSON.stringify([...(host.stored as Map<string, string>)]);
    expect(text).toContain('price_A');
    expect(text).not.toContain(String(client.planToken()));
  });

  it('keeps the choice while the service is away, and verifies it later', async () => {
    host.answer = () => Promise.reject(new TypeError('Failed to fetch'));
    expect(await client.rememberPlan('price_B')).toBeNull();
    await expect(client.readPlan()).rejects.toMatchObject({ code: 'network', status: 0 });
    expect(client.planHint()).toMatchObject({ priceId: 'price_B' });
    service(host, { cookies: true });
    expect(await client.readPlan()).toMatchObject({ priceId: 'price_B' });
  });

  it('passes on what the service refuses, and remembers nothing of it', async () => {
    service(host, { cookies: true });
    await expect(client.rememberPlan('price_X')).rejects.toMatchObject({ code: 'price_unknown' });
    expect(client.planHint()).toBeNull();
  });

  it('hears from other tabs, and from the back button', async () => {
    service(host, { cookies: true });
    await client.rememberPlan('price_A');
    let heard = 0;
    const stop = client.onPlanChange(() => {
      heard += 1;
    });
    host.emit('storage', 'something.else');
    expect(heard).toBe(0);
    host.emit('storage', KEY);
    host.emit('storage', null);
    host.emit('restored');
    expect(heard).toBe(3);
    stop();
    host.emit('storage', KEY);
    expect(heard).toBe(3);
  });

  it('offers no token after the back button: it may have become a checkout', async () => {
    service(host, { cookies: true });
    await client.rememberPlan('price_A');
    expect(client.planToken()).not.toBeNull();
    host.emit('restored');
    expect(client.planToken()).toBeNull();
  });
});

describe('the hand-off to another domain', () => {
  it('carries the token behind # and takes it out of the address before anything else', async () => {
    service(host, { cookies: true });
    await client.rememberPlan('price_B');
    const address = await client.handOff('https://app.example/pricing.html?x=1#top=1');
    expect(address).toMatch(/^https:\/\/app\.example\/pricing\.html\?x=1#/);
    expect(new URL(address).search).not.toContain('plan_session');

    const there = new FakeHost();
    there.url = address;
    service(there, { cookies: false });
    const app = createFlorinClient({ host: there });
    const reading = app.readPlan();
    expect(there.url).toBe('https://app.example/pricing.html?x=1#top=1');
    expect(await reading).toMatchObject({ priceId: 'price_B' });
    expect(there.asked.map(({ path }) => path).join()).not.toContain('|price_B');
    expect(app.planHint()).toMatchObject({ priceId: 'price_B' });
  });

  it('survives a service that does not answer at first, and two readers at once', async () => {
    host.url = 'https://app.example/#plan_session=t1|price_B';
    host.answer = () => problem(429, 'rate_limited');
    await expect(client.readPlan()).rejects.toMatchObject({ code: 'rate_limited' });
    expect(host.url).toBe('https://app.example/');
    service(host, { cookies: false });
    const before = host.asked.length;
    const read = await Promise.all([client.readPlan(), client.readPlan()]);
    expect(read.map((session) => session?.priceId)).toEqual(['price_B', 'price_B']);
    expect(host.asked.slice(before)).toHaveLength(1);
  });

  it('mints again from the hint where this page holds no token', async () => {
    service(host, { cookies: false });
    await client.rememberPlan('price_A');
    const address = await createFlorinClient({ host }).handOff('https://app.example/');
    expect(address).toContain('#plan_session=');
  });

  it('continues with the plan of this domain when the carried token is refused', async () => {
    service(host, { cookies: true });
    await client.rememberPlan('price_A');
    host.url = 'https://app.example/#plan_session=forged';
    expect(await client.readPlan()).toMatchObject({ priceId: 'price_A' });
    expect(host.url).toBe('https://app.example/');
  });

  it('leaves the address as it is when nothing was chosen', async () => {
    service(host, { cookies: true });
    expect(await client.handOff('https://app.example/?a=b')).toBe('https://app.example/?a=b');
  });
});
