import { randomInt, randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { statusOf } from '../../src/http/problem.ts';
import type { ErrorCode } from '../../src/kernel/index.ts';
import { SERVER_KEY } from '../integration/http/florin-service.ts';
import type { Served } from '../support/served.ts';
import {
  hostileRequest,
  type OpenApi,
  type Operation,
  operationsOf,
  type SentRequest,
  toRequest,
} from './operations.ts';
import { errorsOf, expectGood, signatureOf, startTarget } from './target.ts';

/** Hostile requests to each operation; 500 under `npm run proof`. */
const REQUESTS = Number(process.env['FLORIN_PROOF_REQUESTS'] ?? 25);
const SEED = Number(process.env['FLORIN_PROOF_SEED'] ?? 10);
const MAX_MS = 30_000;

type Send = (request: SentRequest, authorization: string | undefined) => Promise<Response>;

describe('a hostile request', { timeout: 300_000 }, () => {
  let served: Served;
  let operations: Operation[];
  beforeAll(async () => {
    served = await startTarget();
    const document = await fetch(`${served.url}/openapi.json`);
    operations = operationsOf((await document.json()) as OpenApi);
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
    const sub = randomUUID();
    const operator = { app_metadata: { florin_role: 'operator' } };
    switch (as) {
      case 'nobody':
        return undefined;
      case 'junk':
        return 'Bearer \u00ff.a.b';
      case 'server':
        return `Bearer ${SERVER_KEY}`;
      default:
        return `Bearer ${await served.project.token({ sub, ...(as === 'operator' ? operator : {}) })}`;
    }
  }

  const fuzz = (operation: Operation, by: Send) =>
    fc.asyncProperty(hostileRequest, async (hostile) => {
      const request = toRequest(operation, hostile);
      await expectAnswered(await by(request, await authorizationOf(hostile.as)));
      await expectGood(served);
    });

  it('to every operation of the OpenAPI document is answered without an error of ours', async () => {
    expect(operations.length).toBeGreaterThan(30);
    for (const operation of operations) {
      const outcome = await fc.check(fuzz(operation, send), { seed: SEED, numRuns: REQUESTS });
      const where = `${operation.method} ${operation.path}`;
      expect(outcome.failed, `${where}: ${fc.defaultReportMessage(outcome)}`).toBe(false);
      expect(errorsOf(served), where).toEqual([]);
    }
  });

  it('is noticed where an operation answers with 500', async () => {
    const careless: Send = async (request, authorization) =>
      request.body?.includes('\\u0000')
        ? new Response('{"code":"internal"}', { status: 500 })
        : send(request, authorization);
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
  expect(answer.status, text).toBeLessThan(500);
  if (answer.status >= 400) {
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
    const { code } = JSON.parse(text) as { code: ErrorCode };
    expect(statusOf(code), text).toBe(answer.status);
  }
}
