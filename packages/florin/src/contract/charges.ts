import { z } from 'zod';
import { measured, usedBy } from '../kernel/index.ts';
import { amount, freeMetadata, keyed, ofAccount, written } from './fields.ts';
import type { Operations } from './operation.ts';

const tag = 'Server';
const callers = ['server'] as const;

/** Of a meter with models the units stand beside the model: `?meter=tokens&model=a/b&input=1200`. */
const asking = z
  .object({
    meter: z.string({ error: 'must be given' }),
    quantity: z.string().optional(),
    model: z.string().optional(),
    actor: usedBy.optional(),
    feature: usedBy.optional(),
  })
  .catchall(z.string())
  .superRefine(({ meter, quantity, model, actor, feature, ...units }, context) => {
    const keys = Object.keys(units);
    if (model === undefined && keys.length > 0) {
      const message = `${keys.join(', ')}: not asked for here; units stand beside a model`;
      context.addIssue({ code: 'custom', message });
    }
  });

const cost = {
  credits: amount.meta({ description: 'What it costs, from 0' }),
  rate: z.record(z.string(), z.unknown()).meta({ description: 'What it was computed with' }),
  version: z.int(),
};

const problems = {
  400: '`meter_unknown`, `rate_missing`, or a quantity or a key that is not usable',
  401: 'Not the server key',
};

/** Credits by what was used: the rate card knows the price. */
export const CHARGES = {
  charge: {
    method: 'post',
    path: '/api/accounts/{id}/charge',
    summary: 'Takes the credits that a use costs by the rate card',
    tag,
    callers,
    params: ofAccount,
    headers: keyed,
    body: z.strictObject({
      ...measured.shape,
      actor: usedBy.optional(),
      feature: usedBy.optional(),
      metadata: freeMetadata.optional(),
    }),
    answers: {
      200: { description: 'The balance after it, and the price', schema: written.extend(cost) },
    },
    problems: {
      ...problems,
      402: 'Not enough credits (`available`, `required`), or `limit_reached`',
      409: 'The key names another operation, or the account is closed',
    },
  },
  quote: {
    method: 'get',
    path: '/api/accounts/{id}/quote',
    summary: 'What a use would cost, and whether the account can pay it now, within its limits',
    tag,
    callers,
    params: ofAccount,
    query: asking,
    answers: {
      200: {
        description:
          'The price. Of a meter with models `model` and the units of each kind are parameters',
        schema: z.object({ ...cost, affordable: z.boolean(), available: amount }),
      },
    },
    problems,
  },
} satisfies Operations;
