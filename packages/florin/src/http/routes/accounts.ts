import { z } from '@hono/zod-openapi';
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
  usedBy,
} from '../../ledger/index.ts';
import { readJson } from '../body.ts';
import { json } from '../headers.ts';
import type { Parts } from '../parts.ts';
import { type App, addRoute } from '../route.ts';
import { createServerWrite, key, uuidOf } from '../server-calls.ts';
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

const spending = z.strictObject({
  amount: credits,
  actor: usedBy.optional(),
  feature: usedBy.optional(),
  metadata: freeMetadata.optional(),
});
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
  actor: usedBy.optional(),
  feature: usedBy.optional(),
  metadata: freeMetadata.optional(),
});
const capturing = z.strictObject({
  amount: credits.optional(),
  overage: overage.optional(),
  metadata: freeMetadata.optional(),
});
const extending = z.strictObject({ expiresInSeconds: expiresInSeconds.int().min(1) });

const account = z.object({ id: accountId });
const hold = account.extend({ holdId: accountId });
const PROBLEMS = {
  400: 'The key, the amount or the body is not usable',
  401: 'Not the server key',
  409: 'The key names another operation, or the hold is not open',
};

/** For your own server, with FLORIN_SECRET_KEY. Every write has a key, so that it may be repeated. */
export function addAccounts(app: App, parts: Parts): void {
  const { callers, spend } = parts;
  const { db } = parts.webhooks;
  const write = createServerWrite(parts);

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
        {
          ...PROBLEMS,
          402: 'Not enough credits (`available`, `required`), or `limit_reached` (`rule`, `used`, `limit`, `resetsAt`)',
        },
      ),
    },
    handler: write(async (c, call) => {
      const { amount, actor, feature, metadata } = await readJson(c, spending);
      return spend({
        ...call,
        amount,
        actor,
        feature,
        ...(metadata === undefined ? {} : { metadata }),
      });
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
        { ...PROBLEMS, 402: 'Not enough credits, or `limit_reached`' },
      ),
    },
    handler: write(async (c, call) => {
      const { amount, actor, feature, expiresInSeconds, metadata } = await readJson(c, holding);
      return placeHold(db, {
        ...call,
        amount,
        actor,
        feature,
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
        { ...PROBLEMS, 402: 'More debt than the account may have, or `limit_reached`' },
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
        debtLimit: parts.catalog.debtLimit,
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
