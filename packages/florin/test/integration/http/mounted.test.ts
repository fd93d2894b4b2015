import { createHmac } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ADA, openService, read, type TestService, WEBHOOK_SECRET } from './florin-service.ts';

let service: TestService;
let pages: string;
beforeAll(async () => {
  pages = await mkdtemp(join(tmpdir(), 'florin-pages-'));
  await mkdir(join(pages, 'assets'));
  await writeFile(join(pages, 'index.html'), '<!doctype html><title>Account</title>');
  await writeFile(join(pages, 'pricing.html'), '<!doctype html><title>Pricing</title>');
  await writeFile(join(pages, 'admin.html'), '<!doctype html><title>Console</title>');
  await writeFile(join(pages, 'assets', 'main-a1b2.js'), 'export {};');
  await writeFile(join(pages, 'assets', 'data.json'), '{}');
  service = await openService({ pagesDirectory: pages, deliver: false });
});
afterAll(async () => {
  await service.close();
  await rm(pages, { recursive: true });
});

describe('the pages', () => {
  it('are served under their addresses, with their own policy', async () => {
    const titles = { '/': 'Account', '/index.html': 'Account', '/pricing.html': 'Pricing' };
    for (const [path, title] of Object.entries({ ...titles, '/admin': 'Console' })) {
      const answer = await service.ask(`${path}?success=true&session_id=cs_1`);
      expect(answer.status).toBe(200);
      expect(answer.text).toContain(title);
      expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8');
      expect(answer.headers.get('cache-control')).toBe('no-cache');
      const policy = answer.headers.get('content-security-policy') ?? '';
      expect(policy).toContain(`connect-src 'self' ${service.project.url}`);
      expect(policy).not.toMatch(/unsafe|\*/);
      expect(answer.headers.get('x-frame-options')).toBe('DENY');
    }
  });

  it('are revalidated each time, their hashed assets never', async () => {
    const asset = await service.ask('/assets/main-a1b2.js');
    expect(asset.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
    expect(asset.text).toBe('export {};');
    const etag = (await service.ask('/pricing.html')).headers.get('etag') ?? '';
    const again = await service.ask('/pricing.html', { headers: { 'if-none-match': etag } });
    expect(again.status).toBe(304);
    expect(again.text).toBe('');
    const head = await read(await fetch(`${service.url}/pricing.html`, { method: 'HEAD' }));
    expect(head.status).toBe(200);
    expect(head.text).toBe('');
  });

  it('are nothing but pages: other files of the folder are not served', async () => {
    expect((await service.ask('/assets/data.json')).status).toBe(404);
    expect((await service.ask('/assets')).status).toBe(404);
    expect((await service.ask('/assets/')).status).toBe(404);
  });
});

describe("Stripe's deliveries over HTTP", () => {
  const delivery = (body: string, secret = WEBHOOK_SECRET) => {
    const at = Math.floor(Date.now() / 1000);
    const v1 = createHmac('sha256', secret).update(`${at}.${body}`).digest('hex');
    return {
      method: 'POST',
      headers: { 'stripe-signature': `t=${at},v1=${v1}`, 'content-type': 'application/json' },
      body,
    };
  };
  const address = () => `${service.url}/api/stripe/webhook`;
  const deliver = (body: string, secret?: string) => fetch(address(), delivery(body, secret));

  /**
   * Statuses of the same request, sent many times at once by a thread of its own: a sender that shares the
   * service's busy thread is late with its headers, and the service correctly cuts its connections.
   */
  const sendAtOnce = (times: number, request: object) =>
    new Promise<number[]>((resolve, reject) => {
      const code = `
        const { parentPort, workerData: { url, request, times } } = require('node:worker_threads');
        const send = async () => (await fetch(url, request)).status;
        Promise.all(Array.from({ length: times }, send)).then((all) => parentPort.postMessage(all));`;
      const sender = new Worker(code, {
        eval: true,
        workerData: { url: address(), request, times },
      });
      sender.once('message', resolve);
      sender.once('error', reject);
    });

  it('of one event, a thousand at once, grant once', { timeout: 180_000 }, async () => {
    const made = await service.ask('/api/create-checkout-session', {
      as: ADA,
      body: { priceId: 'price_QUICK_SCAN' },
    });
    service.sandbox.pay(made.body.sessionId);
    const [event] = service.sandbox.events('checkout.session.completed');
    const body = JSON.stringify(event);
    // On a machine too busy to store all in time some are told so, and come again, as Stripe's do.
    for (let left = 1_000; left > 0; ) {
      const statuses = await sendAtOnce(left, delivery(body));
      const refused = statuses.filter((status) => status !== 200);
      expect([statuses.length, new Set([503, ...refused])]).toEqual([left, new Set([503])]);
      expect(refused.length).toBeLessThan(left);
      left = refused.length;
    }
    expect((await service.ask('/api/balance', { as: ADA })).body.available).toBe(50);
  });

  it('that are unsigned, altered or signed by another store nothing', async () => {
    const file = await readFile(
      'packages/florin/test/fixtures/stripe/checkout_session_completed.json',
      'utf8',
    );
    const unsigned = await fetch(`${service.url}/api/stripe/webhook`, {
      method: 'POST',
      body: file,
    });
    expect(unsigned.status).toBe(400);
    expect((await deliver(file, 'whsec_of_somebody_else')).status).toBe(400);
    const id = JSON.parse(file).id as string;
    const stored = await service.ask(`/api/admin/events/${id}`, { as: 'server' });
    expect(stored.status).toBe(404);
  });

  it('of a price that nobody knows wait in the inbox, needing attention', async () => {
    const made = await service.ask('/api/create-checkout-session', {
      as: ADA,
      body: { priceId: 'price_POWER_PACK' },
    });
    service.sandbox.pay(made.body.sessionId);
    const event = service.sandbox.events('checkout.session.completed').at(-1);
    const strange = JSON.parse(JSON.stringify(event)) as {
      id: string;
      data: { object: Record<string, unknown> };
    };
    const own = await openService({
      deliver: false,
      catalog: (await import('../../../src/catalog/index.ts')).parseCatalog({ prices: {} }),
    });
    try {
      const at = Math.floor(Date.now() / 1000);
      const body = JSON.stringify({ ...strange, id: 'evt_strange' });
      const v1 = createHmac('sha256', WEBHOOK_SECRET).update(`${at}.${body}`).digest('hex');
      const answer = await own.app.request('/api/stripe/webhook', {
        method: 'POST',
        headers: { 'stripe-signature': `t=${at},v1=${v1}` },
        body,
      });
      expect(answer.status).toBe(200);
      const shown = await own.ask('/api/admin/events?attention=true', { as: 'server' });
      expect(shown.body.events).toMatchObject([{ eventId: 'evt_strange', needsAttention: true }]);
    } finally {
      await own.close();
    }
  });
});
