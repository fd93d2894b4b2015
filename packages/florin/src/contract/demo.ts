import { z } from 'zod';
import { amount, written } from './fields.ts';
import type { Operations } from './operation.ts';

/** `florin dev` only. */
export const DEMO = {
  scan: {
    method: 'post',
    path: '/api/demo/scan',
    summary:
      'Charges the signed-in user by the rate card: meter page, or page.vision (development only)',
    tag: 'Development',
    callers: ['user'],
    role: 'member',
    body: z.strictObject({
      pages: z.int().min(1).max(500),
      vision: z.boolean({ error: 'must be true or false' }).default(false),
    }),
    answers: {
      200: {
        description: 'The balance after it, and the price',
        schema: written.extend({ credits: amount }),
      },
    },
  },
} satisfies Operations;
