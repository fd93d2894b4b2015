import { readBacklog, readReconcileRuns, reconcileFigures } from '../../console/index.ts';
import { OPERATING } from '../../contract/index.ts';
import { createMemory } from '../../kernel/index.ts';
import { readBalance } from '../../ledger/index.ts';
import { API_HEADERS, json } from '../headers.ts';
import type { Parts } from '../parts.ts';
import { type App, addRoute } from '../route.ts';

const NOBODY = '00000000-0000-0000-0000-000000000000';
const READY_KEPT_MS = 1_000;

/** Adds the routes for whoever keeps the service running. */
export function addHealth(app: App, parts: Parts): void {
  const { callers, clock, config, deliveries } = parts;
  const ready = createMemory<unknown>({ forMs: READY_KEPT_MS, atMost: 1, clock });

  addRoute(app, OPERATING.alive, () => ({ status: 'ok' }) as const);

  addRoute(app, OPERATING.ready, async () => {
    await ready('', () => readBalance(deliveries.db, NOBODY));
    return { status: 'ready' } as const;
  });

  if (config.metricsPort === undefined) {
    addRoute(app, OPERATING.metrics, async (c) => {
      await callers.server(c);
      return showMetrics(parts);
    });
  }
}

/** Answers `/metrics` alone and without a key, for a port that the public does not reach. */
export async function answerMetrics(parts: Parts, request: Request): Promise<Response> {
  const { pathname } = new URL(request.url);
  return pathname === OPERATING.metrics.path && request.method === 'GET'
    ? showMetrics(parts)
    : json({ title: 'Not found', status: 404, code: 'not_found' }, { status: 404 });
}

async function showMetrics({ db, metrics }: Parts): Promise<Response> {
  const { registry } = metrics;
  await metrics.measureInbox(() => readBacklog(db));
  await metrics.measureReconcile(async () => reconcileFigures(await readReconcileRuns(db)));
  return new Response(await registry.metrics(), {
    headers: { ...API_HEADERS, 'content-type': registry.contentType },
  });
}
