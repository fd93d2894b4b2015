import { z } from '@hono/zod-openapi';
import { FlorinError, isUuid } from '../../kernel/index.ts';
import {
  captureHold,
  expiresInSeconds,
  explainBalance,
  extendHold,
  issueGrant,
  overage,
  placeHold,
  priority,
  readBalance,
  releaseHold,
  source,
} from '../../ledger/index.ts';
import { readJson } from '../body.ts';
import type { RequestContext } from '../context.ts';
import { json } from '../headers.ts';
import type { Parts } from '../parts.ts';
import { type App, addRoute } from '../route.ts';
import {
  accountId,
  answers,
  balance,
  credits,
  freeMetadata,
  jsonBody,
  SERVER,
  written,
} from '../shapes.ts';

const MAX_KEY = 255;
const REPLAYED = { 'idempotent-replayed': 'true' };

const spending = z.strictObject({ amount: credits, metadata: freeMetadata.optional() });
const granting = z.strictObject({
  amount: credits,
  source: source.default('server').openapi({ example: 'bonus' }),
  priority: priority.optional(),
  effectiveAt: z.iso.datetime({ offset: true }).optional(),
  expiresAt: z.iso.datetime({ offset: true }).optional(),
  metadata: freeMetadata.optional(),
});
const holding = z.strictObject({
  amount: credits,
  expiresInSeconds: expiresInSeconds.int().min(1).optional(),
  metadata: freeMetadata.optional(),
});
const capturing = z.strictObject({
  amount: credits.optional(),
  overage: overage.optional(),
  metadata: freeMetadata.optional(),
});
const extending = z.strictObject({ expiresInSeconds: expiresInSeconds.int().min(1) });

const key = z.object({
  'Idempotency-Key': z.string().min(1).max(MAX_KEY).openapi({ example: 'scan:job_81' }),
});
const account = z.object({ id: accountId });
const hold = account.extend({ holdId: accountId });
const PROBLEMS = {
  400: 'The key, the amount or the body is not usable',
  401: 'Not the server key',
  409: 'The key names another operation, or the hold is not open',
};

/** For your own server, with FLORIN_SECRET_KEY. Every write has a key, so that it may be repeated. */
export function addAccounts(app: App, parts: Parts): void {
  const { callers, feed, spend } = parts;
  const { db } = parts.webhooks;

  /** One write: who calls, the key, the body, the ledger, and the first result again for a repetition. */
  function write<T extends { replayed: boolean }>(
    work: (c: RequestContext, call: { accountId: string; idempotencyKey: string }) => Promise<T>,
  ) {
    return async (c: RequestContext) => {
      const refusing = callers.server(c);
      if (refusing !== undefined) {
        await refusing;
      }
      const call = { accountId: uuidOf(c, 'id'), idempotencyKey: keyOf(c) };
      const result = await work(c, call);
      feed.changed(call.accountId);
      return json(result, result.replayed ? { headers: REPLAYED } : {});
    };
  }

  addRoute(app, {
    method: 'post',
    path: '/api/accounts/{id}/spend',
    docs: {
      summary: 'Takes credits',
      tags: ['Server'],
      security: SERVER,
      request: { params: account, headers: key, ...jsonBody(spending) },
      responses: answers(
        { description: 'The balance after it', schema: written },
        { ...PROBLEMS, 402: 'Not enough credits: `available` and `required` say how many' },
      ),
    },
    handler: write(async (c, call) => {
      const { amount, metadata } = await readJson(c, spending);
      return spend({ ...call, amount, ...(metadata === undefined ? {} : { metadata }) });
    }),
  });

  addRoute(app, {
    method: 'post',
    path: '/api/accounts/{id}/grants',
    docs: {
      summary: 'Gives credits',
      tags: ['Server'],
      security: SERVER,
      request: { params: account, headers: key, ...jsonBody(granting) },
      responses: answers(
        { description: 'The grant', schema: written.extend({ grantId: z.string() }) },
        PROBLEMS,
      ),
    },
    handler: write(async (c, call) => {
      const { effectiveAt, expiresAt, priority, metadata, ...grant } = await readJson(c, granting);
      return issueGrant(db, {
        ...call,
        ...grant,
        ...(priority === undefined ? {} : { priority }),
        ...(metadata === undefined ? {} : { metadata }),
        ...(effectiveAt === undefined ? {} : { effectiveAt: new Date(effectiveAt) }),
        ...(expiresAt === undefined ? {} : { expiresAt: new Date(expiresAt) }),
      });
    }),
  });

  addRoute(app, {
    method: 'post',
    path: '/api/accounts/{id}/holds',
    docs: {
      summary: 'Reserves credits',
      tags: ['Server'],
      security: SERVER,
      request: { params: account, headers: key, ...jsonBody(holding) },
      responses: answers(
        {
          description: 'The hold',
          schema: written.extend({ holdId: z.string(), expiresAt: z.string() }),
        },
        { ...PROBLEMS, 402: 'Not enough credits' },
      ),
    },
    handler: write(async (c, call) => {
      const { amount, expiresInSeconds, metadata } = await readJson(c, holding);
      return placeHold(db, {
        ...call,
        amount,
        ...(expiresInSeconds === undefined ? {} : { expiresInSeconds }),
        ...(metadata === undefined ? {} : { metadata }),
      });
    }),
  });

  addRoute(app, {
    method: 'post',
    path: '/api/accounts/{id}/holds/{holdId}/capture',
    docs: {
      summary: 'Charges all of a hold, or `amount` of it, and gives the rest back',
      tags: ['Server'],
      security: SERVER,
      request: { params: hold, headers: key, ...jsonBody(capturing) },
      responses: answers(
        {
          description: 'The balance after it',
          schema: written.extend({ captured: z.int(), uncovered: z.int() }),
        },
        { ...PROBLEMS, 402: 'More debt than the account may have' },
      ),
    },
    handler: write(async (c, { accountId: id }) => {
      const { amount, overage } = await readJson(c, capturing);
      const holdId = uuidOf(c, 'holdId');
      return captureHold(db, {
        accountId: id,
        holdId,
        ...(amount === undefined ? {} : { amount }),
        ...(overage === undefined ? {} : { overage }),
      });
    }),
  });

  addRoute(app, {
    method: 'post',
    path: '/api/accounts/{id}/holds/{holdId}/extend',
    docs: {
      summary: 'Gives a hold more time, at most 30 days from now',
      tags: ['Server'],
      security: SERVER,
      request: { params: hold, headers: key, ...jsonBody(extending) },
      responses: answers(
        {
          description: 'The hold',
          schema: written.extend({ holdId: z.string(), expiresAt: z.string() }),
        },
        PROBLEMS,
      ),
    },
    handler: write(async (c, call) => {
      const { expiresInSeconds } = await readJson(c, extending);
      return extendHold(db, { ...call, holdId: uuidOf(c, 'holdId'), expiresInSeconds });
    }),
  });

  addRoute(app, {
    method: 'post',
    path: '/api/accounts/{id}/holds/{holdId}/release',
    docs: {
      summary: 'Gives a hold back',
      tags: ['Server'],
      security: SERVER,
      request: { params: hold, headers: key },
      responses: answers({ description: 'The balance after it', schema: written }, PROBLEMS),
    },
    handler: write((c, { accountId: id }) =>
      releaseHold(db, { accountId: id, holdId: uuidOf(c, 'holdId') }),
    ),
  });

  addRoute(app, {
    method: 'get',
    path: '/api/accounts/{id}',
    docs: {
      summary: 'The balance, and why it is what it is',
      tags: ['Server'],
      security: SERVER,
      request: { params: account },
      responses: answers(
        {
          description: 'Zeros for an unknown account',
          schema: balance.extend({ accountId, grants: z.array(z.looseObject({})) }),
        },
        { 401: 'Not the server key' },
      ),
    },
    async handler(c) {
      await callers.server(c);
      const id = uuidOf(c, 'id');
      const [now, grants] = await Promise.all([readBalance(db, id), explainBalance(db, id)]);
      return json({ accountId: id, ...now, grants });
    },
  });
}

function uuidOf(c: RequestContext, name: string): string {
  const value = c.req.param(name);
  if (!isUuid(value)) {
    throw new FlorinError('invalid_input', `${name}: must be a uuid.`);
  }
  return value.toLowerCase();
}

/** The header of the IETF draft: a text in quotes, or bare as Stripe writes it. */
function keyOf(c: RequestContext): string {
  const header = c.req.header('idempotency-key')?.trim() ?? '';
  if (header === '') {
    throw new FlorinError(
      'idempotency_key_missing',
      'Send the header Idempotency-Key with a name for this one operation, and repeat it on every retry.',
    );
  }
  const quoted = /^"((?:[\x20-\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"$/.exec(header)?.[1];
  const value = quoted === undefined ? header : quoted.replaceAll(/\\(["\\])/g, '$1');
  if (value === '' || value.length > MAX_KEY || !/^[\x20-\x7e]+$/.test(value)) {
    throw new FlorinError(
      'idempotency_key_invalid',
      `Idempotency-Key must be 1 to ${MAX_KEY} printable ASCII characters.`,
    );
  }
  return value;
}
