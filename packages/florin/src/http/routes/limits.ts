import { z } from '@hono/zod-openapi';
import { FlorinError, MAX_CREDITS, text } from '../../kernel/index.ts';
import { limitScope, listLimits, removeLimit, setLimit } from '../../ledger/index.ts';
import { readJson, readQuery } from '../body.ts';
import type { RequestContext } from '../context.ts';
import { json } from '../headers.ts';
import type { Parts } from '../parts.ts';
import { type App, addRoute } from '../route.ts';
import { uuidOf } from '../server-calls.ts';
import { accountId, answers, jsonBody, SERVER } from '../shapes.ts';

const setting = z.strictObject({
  credits: z.int().min(0).max(MAX_CREDITS).openapi({ example: 1_000_000 }),
  ...limitScope,
  timeZone: text.optional(),
});
const removing = z.object({
  ...limitScope,
  soft: z.enum(['true', 'false'], { error: 'must be true or false' }).default('false'),
});

const limit = z.object({
  window: z.enum(['hour', 'day', 'month', 'lifetime']),
  actor: z.string().nullable().openapi({ description: '`*`: each actor on its own; null: any' }),
  feature: z.string().nullable(),
  credits: z.int(),
  soft: z.boolean(),
  timeZone: z.string(),
  used: z.int().nullable().openapi({ description: 'In this window, with what holds reserve' }),
  resetsAt: z.string().nullable(),
});

const account = z.object({ id: accountId });
const PROBLEMS = { 400: 'Not a limit that can be set', 401: 'Not the server key' };

/** What an account, its actors and its features may use at most. Setting a limit again changes it. */
export function addLimits(app: App, { callers, webhooks: { db } }: Parts): void {
  const answerLimits = async (c: RequestContext) =>
    json({ limits: await listLimits(db, uuidOf(c, 'id')) });
  const docs = (summary: string, more: object = {}) => ({
    summary,
    tags: ['Server'],
    security: SERVER,
    request: { params: account, ...more },
  });
  const all = answers(
    { description: 'The limits of the account', schema: z.object({ limits: z.array(limit) }) },
    PROBLEMS,
  );

  addRoute(app, {
    method: 'get',
    path: '/api/accounts/{id}/limits',
    docs: { ...docs('The limits of an account, and how they stand'), responses: all },
    async handler(c) {
      await callers.server(c);
      return answerLimits(c);
    },
  });

  addRoute(app, {
    method: 'put',
    path: '/api/accounts/{id}/limits',
    docs: {
      ...docs('Sets the limit of one scope and window, or changes it', jsonBody(setting)),
      responses: all,
    },
    async handler(c) {
      await callers.server(c);
      await setLimit(db, { accountId: uuidOf(c, 'id'), ...(await readJson(c, setting)) });
      return answerLimits(c);
    },
  });

  addRoute(app, {
    method: 'delete',
    path: '/api/accounts/{id}/limits',
    docs: {
      ...docs('Removes the limit of one scope and window', { query: removing }),
      responses: {
        ...all,
        ...answers({ description: 'The limits that are left' }, { 404: 'There is no such limit' }),
      },
    },
    async handler(c) {
      await callers.server(c);
      const { soft, ...scope } = readQuery(c, removing);
      const one = { accountId: uuidOf(c, 'id'), ...scope, soft: soft === 'true' };
      if (!(await removeLimit(db, one))) {
        throw new FlorinError('not_found', 'The account has no such limit.');
      }
      return answerLimits(c);
    },
  });
}
