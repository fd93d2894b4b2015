import { z } from 'zod';
import { limitScope, text } from '../kernel/index.ts';
import { amount, creditsOrNone, instant, ofAccount } from './fields.ts';
import type { Operations } from './operation.ts';

export const limit = z.object({
  window: limitScope.window,
  actor: z.string().nullable().meta({ description: '`*`: each actor on its own; null: any' }),
  feature: z.string().nullable(),
  credits: amount,
  soft: z.boolean(),
  timeZone: z.string(),
  used: amount.nullable().meta({ description: 'In this window, with what holds reserve' }),
  resetsAt: instant.nullable(),
});
const schema = z.object({ limits: z.array(limit) });

const path = '/api/accounts/{id}/limits';
const shared = {
  path,
  tag: 'Members',
  callers: ['user', 'server'],
  role: 'admin',
  params: ofAccount,
} as const;
const problems = {
  400: 'Not a limit that can be set',
  401: 'Not signed in',
  403: "Not an admin of the account, or a limit that is the app's to set",
};

/** What an account, its actors and its features may use at most. */
export const LIMITS = {
  list: {
    ...shared,
    method: 'get',
    summary: 'The limits of an account, and how they stand',
    answers: { 200: { description: 'The limits of the account', schema } },
    problems,
  },
  set: {
    ...shared,
    method: 'put',
    summary: 'Sets the limit of one scope and window, or changes it',
    body: z.strictObject({
      credits: creditsOrNone.meta({ example: 1_000_000 }),
      ...limitScope,
      timeZone: text.optional(),
    }),
    answers: { 200: { description: 'The limits of the account', schema } },
    problems,
  },
  remove: {
    ...shared,
    method: 'delete',
    summary: 'Removes the limit of one scope and window',
    // A name that is misspelt would remove another limit than the one that was meant.
    query: z.strictObject({
      ...limitScope,
      soft: z.enum(['true', 'false'], { error: 'must be true or false' }).default('false'),
    }),
    answers: { 200: { description: 'The limits that are left', schema } },
    problems: { ...problems, 404: 'There is no such limit' },
  },
} satisfies Operations;
