import { z } from 'zod';
import { written } from './fields.ts';
import type { Operations } from './operation.ts';

/** `florin dev` only. */
export const DEMO = {
  scan: {
    method: 'post',
    path: '/api/demo/scan',
    summary: 'Spends a credit a page of the signed-in user (development only)',
    tag: 'Development',
    callers: ['user'],
    body: z.strictObject({ pages: z.int().min(1).max(500) }),
    answers: { 200: { description: 'The balance after it', schema: written } },
  },
} satisfies Operations;
