import { z } from 'zod';
import { instant, priceId, textMetadata } from './fields.ts';
import type { Operations, Shown } from './operation.ts';

const path = '/api/plan-session';
const tag = 'Buyer';

const remembered = z.object({
  priceId: z.string(),
  planType: z.string(),
  metadata: textMetadata,
  expiresAt: instant,
});
/** The chosen plan, as the service has verified it. */
export interface PlanSession extends Shown<typeof remembered> {}

const choice = z.strictObject({ priceId, metadata: textMetadata.optional() });
const handOff = z.strictObject({ token: z.string().min(1) });

/** The chosen plan, before anybody has signed in. */
export const PLAN_SESSION = {
  choose: {
    method: 'post',
    path,
    summary: 'Remembers a plan for 15 minutes, or takes over a token from another domain',
    tag,
    body: z.union([choice, handOff], { error: 'must be {priceId, metadata?} or {token}' }),
    answers: {
      200: {
        description: 'The token, and the same in the cookie `plan_session`',
        schema: remembered.extend({ token: z.string() }),
      },
    },
    problems: { 400: 'An unknown price or an invalid token', 403: 'The origin may not call' },
  },
  read: {
    method: 'get',
    path,
    summary: "The remembered plan, verified: the cookie's, or none (204)",
    tag,
    answers: {
      200: { description: 'The plan', schema: remembered },
      204: { description: 'No plan is remembered' },
    },
    problems: { 400: 'The cookie holds no valid plan session; it is removed' },
  },
  forget: {
    method: 'delete',
    path,
    summary: 'Forgets the remembered plan',
    tag,
    answers: { 204: { description: 'Forgotten' } },
  },
} satisfies Operations;
