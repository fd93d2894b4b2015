import { z } from '@hono/zod-openapi';
import { credits as anyCredits, metadata as anyMetadata, text, uuid } from '../kernel/index.ts';

/**
 * Bodies and answers, once: what is checked at the edge and what the OpenAPI document says. Schemas that
 * the library shares are cloned, since only those made after the import above have `openapi`.
 */

export const credits = anyCredits.clone().openapi({ example: 3 });

export const freeMetadata = anyMetadata.clone().openapi({
  type: 'object',
  example: { reason: 'scan', pages: 3 },
});

export const textMetadata = z.record(text, text);

/** A checkout session of Stripe's: nothing else is asked for there. */
export const sessionId = z
  .string()
  .regex(/^cs_[A-Za-z0-9_]{1,250}$/, { error: 'must be a checkout session: cs_…' })
  .openapi({ example: 'cs_test_a1B2c3' });

const balanceFields = {
  posted: z.int(),
  held: z.int(),
  available: z.int(),
};

export const balance = z
  .object({ ...balanceFields, nextExpiryAt: z.string().nullable() })
  .openapi('Balance');

export const written = z
  .object({
    entryId: z.string(),
    ...balanceFields,
    replayed: z.boolean().openapi({ description: 'True when the key was used before.' }),
  })
  .openapi('Written');

export const liveGrant = z.object({
  grantId: z.string(),
  source: z.string(),
  reason: z.string().nullable(),
  planType: z.string().nullable(),
  amount: z.int(),
  remaining: z.int(),
  effectiveAt: z.string(),
  expiresAt: z.string().nullable(),
});

export const problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    code: z.string(),
    detail: z.string(),
    requestId: z.string(),
  })
  .openapi('Problem');

export const accountId = uuid.clone().openapi({ example: '6b3c0a52-7c1e-4f0f-9a55-0d8a5f0e7c11' });

/** An operation's answers: its success, and the problems that are worth naming. */
export function answers(
  success: { status?: number; description: string; schema?: z.ZodType; type?: string },
  problems: Readonly<Record<number, string>> = {},
) {
  const { status = 200, description, schema, type = 'application/json' } = success;
  const named = Object.entries(problems).map(([code, text]) => [
    code,
    { description: text, content: { 'application/problem+json': { schema: problem } } },
  ]);
  return {
    [status]: {
      description,
      ...(schema === undefined ? {} : { content: { [type]: { schema } } }),
    },
    ...Object.fromEntries(named),
  };
}

export function jsonBody(schema: z.ZodType) {
  return { body: { required: true, content: { 'application/json': { schema } } } };
}

export const BUYER = [{ user: [] }];
export const SERVER = [{ server: [] }];
export const OPERATOR = [{ user: [] }, { server: [] }];
