import { z } from 'zod';
import { expiresInSeconds, overage, priority, source, usedBy } from '../kernel/index.ts';
import {
  accountId,
  amount,
  balance,
  credits,
  freeMetadata,
  keyed as headers,
  instant,
  ofAccount as params,
  written,
} from './fields.ts';
import type { Operations } from './operation.ts';

const tag = 'Server';
const callers = ['server'] as const;

const ofHold = params.extend({ holdId: accountId });
const problems = {
  400: 'The key, the amount or the body is not usable',
  401: 'Not the server key',
  409: 'The key names another operation, or the hold is not open',
};

const seconds = expiresInSeconds.int().min(1);
const used = { actor: usedBy.optional(), feature: usedBy.optional() };
const placed = written.extend({ holdId: z.string(), expiresAt: instant });

/** One grant, or the debt, and how it adds up to what is available. */
const balanceItem = z.object({
  item: z.enum(['grant', 'scheduled', 'debt']),
  grantId: z.string().nullable(),
  source: z.string().nullable(),
  amount,
  spent: amount.nullable(),
  reserved: amount.nullable(),
  expired: amount.nullable(),
  voided: amount.nullable(),
  reversed: amount.nullable(),
  moved: amount.nullable(),
  contributes: amount,
  expiresAt: instant.nullable(),
  issuedAt: instant.nullable(),
  metadata: z.record(z.string(), z.unknown()).nullable(),
});

/** For your own server. Every write has a key, so that it may be repeated. */
export const ACCOUNTS = {
  spend: {
    method: 'post',
    path: '/api/accounts/{id}/spend',
    summary: 'Takes credits',
    tag,
    callers,
    params,
    headers,
    body: z.strictObject({ amount: credits, ...used, metadata: freeMetadata.optional() }),
    answers: { 200: { description: 'The balance after it', schema: written } },
    problems: {
      ...problems,
      402: 'Not enough credits (`available`, `required`), or `limit_reached` (`rule`, `used`, `limit`, `resetsAt`)',
    },
  },
  grant: {
    method: 'post',
    path: '/api/accounts/{id}/grants',
    summary: 'Gives credits',
    tag,
    callers,
    params,
    headers,
    body: z.strictObject({
      amount: credits,
      source: source.default('server').meta({ example: 'bonus' }),
      priority: priority.optional(),
      effectiveAt: z.iso.datetime({ offset: true }).optional(),
      expiresAt: z.iso.datetime({ offset: true }).optional(),
      metadata: freeMetadata.optional(),
    }),
    answers: {
      200: { description: 'The grant', schema: written.extend({ grantId: z.string() }) },
    },
    problems,
  },
  placeHold: {
    method: 'post',
    path: '/api/accounts/{id}/holds',
    summary: 'Reserves credits',
    tag,
    callers,
    params,
    headers,
    body: z.strictObject({
      amount: credits,
      expiresInSeconds: seconds.optional(),
      ...used,
      metadata: freeMetadata.optional(),
    }),
    answers: { 200: { description: 'The hold', schema: placed } },
    problems: { ...problems, 402: 'Not enough credits, or `limit_reached`' },
  },
  captureHold: {
    method: 'post',
    path: '/api/accounts/{id}/holds/{holdId}/capture',
    summary: 'Captures all of a hold, or `amount` of it, and gives the rest back',
    tag,
    callers,
    params: ofHold,
    headers,
    body: z.strictObject({
      amount: credits.optional(),
      overage: overage.optional(),
      metadata: freeMetadata.optional(),
    }),
    bodyOptional: true,
    answers: {
      200: {
        description: 'The balance after it',
        schema: written.extend({ captured: amount, uncovered: amount }),
      },
    },
    problems: { ...problems, 402: 'More debt than the account may have, or `limit_reached`' },
  },
  extendHold: {
    method: 'post',
    path: '/api/accounts/{id}/holds/{holdId}/extend',
    summary: 'Gives a hold more time, at most 30 days from now',
    tag,
    callers,
    params: ofHold,
    headers,
    body: z.strictObject({ expiresInSeconds: seconds }),
    answers: { 200: { description: 'The hold', schema: placed } },
    problems,
  },
  releaseHold: {
    method: 'post',
    path: '/api/accounts/{id}/holds/{holdId}/release',
    summary: 'Gives a hold back',
    tag,
    callers,
    params: ofHold,
    headers,
    answers: { 200: { description: 'The balance after it', schema: written } },
    problems,
  },
  read: {
    method: 'get',
    path: '/api/accounts/{id}',
    summary: 'The balance, and why it is what it is',
    tag,
    callers,
    params,
    answers: {
      200: {
        description: 'Zeros for an unknown account',
        schema: balance.extend({ accountId, grants: z.array(balanceItem) }),
      },
    },
    problems: { 401: 'Not the server key' },
  },
} satisfies Operations;
