import { z } from '@hono/zod-openapi';
import { readReconcileRuns } from '../../console/index.ts';
import { reconcileByHand } from '../../reconcile/index.ts';
import { readJson } from '../body.ts';
import { json } from '../headers.ts';
import type { Parts } from '../parts.ts';
import { type App, addRoute } from '../route.ts';
import { answers, jsonBody, OPERATOR } from '../shapes.ts';

const runBody = z.strictObject({
  /** 30: all that Stripe keeps, and all of the ledger. */
  days: z.int().min(1).max(30, { error: 'Stripe keeps events for 30 days' }),
});

/** What the comparisons of Stripe with the ledger found, and another one now. Neither repairs. */
export function addAdminReconcile(app: App, { callers, webhooks, stripe }: Parts): void {
  const { db, logger } = webhooks;
  const shown = { description: 'The newest runs', schema: z.looseObject({}) };
  const docs = { tags: ['Operator'], security: OPERATOR };
  const problems = { 401: 'Not signed in', 403: 'Not an operator' };

  addRoute(app, {
    method: 'get',
    path: '/api/admin/reconcile',
    docs: {
      ...docs,
      summary: 'What the newest hourly, daily and hand-made comparison found',
      responses: answers(shown, problems),
    },
    async handler(c) {
      await callers.operator(c);
      return json({ runs: await readReconcileRuns(db) });
    },
  });

  addRoute(app, {
    method: 'post',
    path: '/api/admin/reconcile',
    docs: {
      ...docs,
      summary: 'Compares Stripe with the ledger now, and repairs nothing',
      request: jsonBody(runBody),
      responses: answers(shown, {
        ...problems,
        409: 'Another one is under way, or the secret key is of another Stripe account',
        503: 'Stripe does not answer',
      }),
    },
    async handler(c) {
      const operator = await callers.operator(c);
      const { days } = await readJson(c, runBody);
      const run = { sinceDays: days, startedBy: operator };
      const { findings } = await reconcileByHand({ ...webhooks, client: stripe }, run);
      logger.info({ days, operator, findings: findings.length }, 'an operator reconciles');
      return json({ runs: await readReconcileRuns(db) });
    },
  });
}
