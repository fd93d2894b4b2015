import { z } from '@hono/zod-openapi';
import { readBacklog, readReconcileRuns, reconcileFigures } from '../../console/index.ts';
import { createMemory } from '../../kernel/index.ts';
import { readBalance } from '../../ledger/index.ts';
import { API_HEADERS, json } from '../headers.ts';
import type { Parts } from '../parts.ts';
import { type App, addRoute } from '../route.ts';
import { answers, SERVER } from '../shapes.ts';

const METRICS_PATH = '/metrics';
const NOBODY = '00000000-0000-0000-0000-000000000000';

const READY_KEPT_MS = 1_000;

/** For whoever keeps the service running. */
export function addHealth(app: App, parts: Parts): void {
  const { callers, config, deliveries, webhooks } = parts;
  const { clock } = webhooks;
  const ready = createMemory<unknown>({ forMs: READY_KEPT_MS, atMost: 1, clock });

  addRoute(app, {
    method: 'get',
    path: '/healthz',
    docs: {
      summary: 'The process is alive',
      tags: ['Operations'],
      responses: answers({
        description: 'Alive, whatever the database does',
        schema: z.object({ status: z.literal('ok') }),
      }),
    },
    handler: () => json({ status: 'ok' }),
  });

  addRoute(app, {
    method: 'get',
    path: '/readyz',
    docs: {
      summary: 'The ledger answered within the last second: send requests here',
      tags: ['Operations'],
      responses: answers(
        { description: 'Ready', schema: z.object({ status: z.literal('ready') }) },
        { 503: 'The database does not answer' },
      ),
    },
    async handler() {
      await ready('', () => readBalance(deliveries.db, NOBODY));
      return json({ status: 'ready' });
    },
  });

  if (config.metricsPort !== undefined) {
    return;
  }
  addRoute(app, {
    method: 'get',
    path: METRICS_PATH,
    docs: {
      summary: 'Figures for Prometheus, unless METRICS_PORT serves them',
      tags: ['Operations'],
      security: SERVER,
      responses: answers(
        {
          description: 'Counts and durations, without any id',
          schema: z.string(),
          type: 'text/plain',
        },
        { 401: 'Not the server key' },
      ),
    },
    async handler(c) {
      await callers.server(c);
      return showMetrics(parts);
    },
  });
}

/** `/metrics` alone, without a key: for a port that the public does not reach. */
export async function answerMetrics(parts: Parts, request: Request): Promise<Response> {
  const { pathname } = new URL(request.url);
  return pathname === METRICS_PATH && request.method === 'GET'
    ? showMetrics(parts)
    : json({ title: 'Not found', status: 404, code: 'not_found' }, { status: 404 });
}

async function showMetrics({ metrics, webhooks: { db } }: Parts): Promise<Response> {
  const { registry } = metrics;
  await metrics.measureInbox(() => readBacklog(db));
  await metrics.measureReconcile(async () => reconcileFigures(await readReconcileRuns(db)));
  return new Response(await registry.metrics(), {
    headers: { ...API_HEADERS, 'content-type': registry.contentType },
  });
}
