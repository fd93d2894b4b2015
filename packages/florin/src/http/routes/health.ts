import { z } from '@hono/zod-openapi';
import { readBacklog, readReconcileRuns, reconcileFigures } from '../../console/index.ts';
import { readBalance } from '../../ledger/index.ts';
import { API_HEADERS, json } from '../headers.ts';
import type { Parts } from '../parts.ts';
import { type App, addRoute } from '../route.ts';
import { answers } from '../shapes.ts';

const NOBODY = '00000000-0000-0000-0000-000000000000';

/** For whoever keeps the service running. */
export function addHealth(app: App, { metrics, webhooks }: Parts): void {
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
      summary: 'The ledger answers: send requests here',
      tags: ['Operations'],
      responses: answers(
        { description: 'Ready', schema: z.object({ status: z.literal('ready') }) },
        { 503: 'The database does not answer' },
      ),
    },
    async handler() {
      await readBalance(webhooks.db, NOBODY);
      return json({ status: 'ready' });
    },
  });

  addRoute(app, {
    method: 'get',
    path: '/metrics',
    docs: {
      summary: 'Figures for Prometheus',
      tags: ['Operations'],
      responses: answers({
        description: 'Counts and durations, without any id',
        schema: z.string(),
        type: 'text/plain',
      }),
    },
    async handler() {
      const { registry } = metrics;
      await metrics.measureInbox(() => readBacklog(webhooks.db));
      await metrics.measureReconcile(async () =>
        reconcileFigures(await readReconcileRuns(webhooks.db)),
      );
      return new Response(await registry.metrics(), {
        headers: { ...API_HEADERS, 'content-type': registry.contentType },
      });
    },
  });
}
