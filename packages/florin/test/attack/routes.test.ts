import { randomInt, randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { statusOf } from '../../src/http/problem.ts';
import { SERVER_KEY } from '../integration/http/florin-service.ts';
import { purchase } from '../integration/webhooks/objects.ts';
import type { Served } from '../support/served.ts';
import {
  GOOD_REQUEST,
  hostileRequest,
  type Known,
  type OpenApi,
  type Operation,
  operationsOf,
  type SentRequest,
  toRequest,
} from './operations.ts';
import { deliver, errorsOf, expectGood, signatureOf, startTarget } from './target.ts';

/** Hostile requests to each operation; 500 under `npm run proof`. */
const REQUESTS = Number(process.env['FLORIN_PROOF_REQUESTS'] ?? 25);
const SEED = Number(process.env['FLORIN_PROOF_SEED'] ?? 10);
const MAX_MS = 30_000;
const [VICTIM, LIMITED, SHARED, MEMBER] = [randomUUID(), randomUUID(), randomUUID(), randomUUID()];
/** What the document leaves out: pages, their parts, and the document. */
const PAGES: OpenApi['paths'] = {
  ...Object.fromEntries(
    ['/', '/pricing.html', '/admin', '/docs', '/openapi.json'].map((path) => [path, { get: {} }]),
  ),
  '/assets/{name}': {
    get: { parameters: [{ in: 'path', name: 'name', schema: { type: 'string' } }] },
  },
};
const CONSENT = {
  consent: true,
  priceId: 'price_QUICK_SCAN',
  quantity: 1,
  threshold: 1,
  maxPerMonth: 1,
  amountMinor: 500,
  currency: 'usd',
};
/** A limit of its own account: it would stop what is attacked after it. */
const LIMIT = { window: 'month', actor: 'ada', feature: 'scan', credits: 1_000, timeZone: 'UTC' };
const GOOD_VALUES = {
  ...CONSENT,
  ...LIMIT,
  meter: 'page',
  usage: undefined,
  model: undefined,
  planType: 'credits',
  planSession: undefined,
  subscription: undefined,
  cursor: undefined,
  from: '2026-11-01',
  to: '2026-11-30',
  account: VICTIM,
  'Florin-Account': VICTIM,
};

type Send = (request: SentRequest, authorization: string | undefined) => Promise<Response>;

describe('a hostile request', { timeout: 300_000 }, () => {
  let served: Served;
  let operations: Operation[];
  const event = purchase({ client_reference_id: VICTIM });
  let session = '';
  let savedCard = '';
  let asset = '';
  let previews = 0;
  const topUp = (what: string, body: object) =>
    served.ask(`/api/top-up${what}`, { as: VICTIM, body });
  const checkout = async (priceId: string) => {
    const body = { priceId };
    const answer = await served.ask('/api/create-checkout-session', { as: VICTIM, body });
    return ((await answer.json()) as { sessionId: string }).sessionId;
  };
  const subscriptions = async () => {
    const answer = await served.ask('/api/subscriptions', { as: VICTIM });
    return ((await answer.json()) as { subscriptions: unknown[] }).subscriptions;
  };
  /** Another number of units each time: what is as it was is no change. */
  const otherPlan = () => {
    previews += 1;
    return { priceId: 'price_BASIC_MONTHLY', quantity: 2 + (previews % 8) };
  };
  beforeAll(async () => {
    served = await startTarget();
    await deliver(served, JSON.stringify(event));
    for (const id of [VICTIM, LIMITED]) {
      await served.ask(`/api/accounts/${id}/grants`, {
        as: 'server',
        body: { amount: 1_000_000_000 },
        headers: { 'idempotency-key': randomUUID() },
      });
    }
    session = await checkout('price_QUICK_SCAN');
    served.sandbox.pay(await checkout('price_BASIC_MONTHLY'));
    await vi.waitFor(async () => expect(await subscriptions()).toHaveLength(1), 60_000);
    await topUp('', CONSENT);
    const saving = (await (await topUp('/payment-method', {})).json()) as { url: string };
    savedCard = /cs_test_\w+/.exec(saving.url)?.[0] ?? '';
    served.sandbox.pay(savedCard);
    const document = (await (await fetch(`${served.url}/openapi.json`)).json()) as OpenApi;
    operations = operationsOf({ ...document, paths: { ...document.paths, ...PAGES } });
    const page = await (await fetch(`${served.url}/pricing.html`)).text();
    asset = /assets\/([\w.-]+\.js)/.exec(page)?.[1] ?? '';
  }, 240_000);
  afterAll(() => served?.close());

  const send: Send = async ({ address, method, headers, body, contentType }, authorization) =>
    fetch(served.url + address, {
      method,
      redirect: 'manual',
      signal: AbortSignal.timeout(MAX_MS),
      headers: {
        // An address of its own each: limits have tests of their own.
        'x-forwarded-for': `10.${randomInt(256)}.${randomInt(256)}.${randomInt(256)}`,
        ...(body === undefined ? {} : { 'content-type': contentType }),
        ...(authorization === undefined ? {} : { authorization }),
        ...(address.startsWith('/api/stripe/')
          ? { 'stripe-signature': signatureOf(body ?? '') }
          : {}),
        ...headers,
      },
      ...(body === undefined ? {} : { body }),
    });

  async function authorizationOf(as: string): Promise<string | undefined> {
    const operator = { sub: randomUUID(), app_metadata: { florin_role: 'operator' } };
    switch (as) {
      case 'nobody':
        return undefined;
      case 'junk':
        return 'Bearer \u00ff.a.b';
      case 'server':
        return `Bearer ${SERVER_KEY}`;
      default:
        return `Bearer ${await served.project.token(as === 'operator' ? operator : { sub: VICTIM })}`;
    }
  }

  const preview = async () => {
    const asked = { as: VICTIM, body: otherPlan() };
    const answer = await served.ask('/api/change-plan/preview', asked);
    return ((await answer.json()) as { preview: string }).preview;
  };

  const put = async (address: string, body: object) => {
    const asked = { address, method: 'PUT', headers: {}, body: JSON.stringify(body) };
    return send({ ...asked, contentType: 'application/json' }, await authorizationOf('server'));
  };

  /** A request that only what is made hostile of it keeps from succeeding. */
  async function knownFor({ path, method }: Operation, as: string): Promise<Known> {
    const hold = async () => {
      const answer = await served.ask(`/api/accounts/${VICTIM}/holds`, {
        as: 'server',
        body: { amount: 5 },
        headers: { 'idempotency-key': randomUUID() },
      });
      return ((await answer.json()) as { holdId: string }).holdId;
    };
    if (path.startsWith('/api/top-up/')) {
      await topUp('', CONSENT);
    }
    const isLimits = path.endsWith('/limits');
    if (isLimits && method === 'DELETE') {
      await put(path.replace('{id}', LIMITED), LIMIT);
    }
    const isMembers = path.includes('/members');
    if (isMembers) {
      await put(`/api/accounts/${SHARED}/members/${MEMBER}`, { role: 'viewer' });
    }
    const account = isMembers ? SHARED : isLimits ? LIMITED : VICTIM;
    return {
      ...GOOD_VALUES,
      ...(path.startsWith('/api/change-plan') ? otherPlan() : {}),
      ...(path === '/api/change-plan' ? { preview: await preview() } : {}),
      ...(path === '/api/transfers' ? { from: VICTIM, to: LIMITED, amount: 1 } : {}),
      ...(isLimits ? { soft: method === 'DELETE' ? 'false' : false } : {}),
      sessionId: savedCard,
      name: asset,
      id: path.includes('/events/') ? event['id'] : path.includes('/checkout-') ? session : account,
      ...(path.includes('{holdId}') ? { holdId: await hold() } : {}),
      userId: isMembers ? MEMBER : as === 'server' ? VICTIM : undefined,
      'Idempotency-Key': randomUUID(),
      idempotencyKey: randomUUID(),
      effectiveAt: new Date().toISOString(),
      expiresAt: new Date(Date.now() + 86_400_000).toISOString(),
      body: path === '/api/stripe/webhook' ? purchase({ client_reference_id: VICTIM }) : undefined,
    };
  }

  const fuzz = (operation: Operation, by: Send) =>
    fc.asyncProperty(hostileRequest, async (hostile) => {
      const known = await knownFor(operation, hostile.as);
      const request = toRequest(operation, { known, hostile });
      await expectAnswered(await by(request, await authorizationOf(hostile.as)));
      await expectGood(served);
    });

  it('is made of a good one that succeeds: otherwise it would be refused unread', async () => {
    const refused: string[] = [];
    for (const operation of operations) {
      const answers: string[] = [];
      for (const as of ['server', 'operator', 'buyer']) {
        const known = await knownFor(operation, as);
        const request = toRequest(operation, { known, hostile: GOOD_REQUEST });
        const answer = await send(request, await authorizationOf(as));
        const why = answer.ok ? await answer.body?.cancel() : await answer.text();
        answers.push(`${answer.status} ${why ?? ''}`);
      }
      if (!answers.some((answer) => answer.startsWith('2'))) {
        refused.push(`${operation.method} ${operation.path}: ${answers.join()}`);
      }
    }
    expect(refused).toEqual([]);
  });

  it('to every operation of the OpenAPI document, and to the pages, is answered without an error of ours', async () => {
    expect(operations.length).toBeGreaterThan(30);
    for (const operation of operations) {
      const outcome = await fc.check(fuzz(operation, send), { seed: SEED, numRuns: REQUESTS });
      const where = `${operation.method} ${operation.path}`;
      const why = `${fc.defaultReportMessage(outcome)}\n${outcome.errorInstance}`;
      expect(outcome.failed, `${where}: ${why}`).toBe(false);
      expect(await errorsOf(served), where).toEqual([]);
    }
  });

  it('is noticed where an operation answers with 500', async () => {
    const careless: Send = async (request, authorization) => {
      const answer = await send(request, authorization);
      if (answer.status !== 400) {
        return answer;
      }
      await answer.body?.cancel();
      return new Response('{"code":"internal"}', { status: 500 });
    };
    const spend = operations.find(({ path }) => path.endsWith('/spend')) as Operation;
    const run = { seed: SEED, numRuns: 200 };
    expect((await fc.check(fuzz(spend, careless), run)).failed).toBe(true);
  });
});

/** A success, or a problem with a code and the status that belongs to it. */
async function expectAnswered(answer: Response): Promise<void> {
  if (answer.headers.get('content-type') === 'text/event-stream') {
    await answer.body?.cancel();
    return;
  }
  const text = await answer.text();
  if (answer.status === 431) {
    // Node's own answer to an address and headers of more than 16 KiB, which reach no route.
    return;
  }
  expect(answer.status, text).toBeLessThan(500);
  if (answer.status >= 400) {
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    const { code } = JSON.parse(text) as { code: Parameters<typeof statusOf>[0] };
    expect(statusOf(code), text).toBe(answer.status);
  }
}
