import { z } from 'zod';
import { text } from '../kernel/index.ts';
import { accountId, credits, keyed as headers, written } from './fields.ts';
import type { Operations } from './operation.ts';

/** Bought credits, moved to another account. */
export const TRANSFERS = {
  transfer: {
    method: 'post',
    path: '/api/transfers',
    summary: 'Moves bought credits between two accounts that the user owns; the server moves any',
    tag: 'Members',
    callers: ['user', 'server'],
    headers,
    body: z.strictObject({
      from: accountId,
      to: accountId.meta({ example: '0a6a4c1e-6f3f-4f0e-8a56-2f1c9d3b7e20' }),
      amount: credits,
      reason: text.max(200).meta({ example: 'credits for the team' }),
    }),
    answers: { 200: { description: "The giver's balance after it", schema: written } },
    problems: {
      400: 'The key, the amount or the body is not usable',
      401: 'Not signed in',
      402: 'Not enough bought credits (`available` of them, `required`)',
      403: '`not_a_member` or `role_too_low`: a user must own both accounts',
      409: 'The key names another operation, or an account is closed',
    },
  },
} satisfies Operations;
