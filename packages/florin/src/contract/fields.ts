import { z } from 'zod';
import {
  AMOUNT,
  credits as anyCredits,
  metadata as anyMetadata,
  type Credits,
  creditsFrom,
  text,
  uuid,
} from '../kernel/index.ts';
import type { Shown } from './operation.ts';

/** ISO 8601 in UTC. */
export const instant = z.iso.datetime();

/**
 * An amount of credits that is answered. Every amount of the contract is this one or one of the next:
 * by their mark the service speaks credits where the catalogue has decimals, and whole ones elsewhere.
 */
export const amount = z.int().meta(AMOUNT) as unknown as z.ZodType<Credits>;

/** An amount of credits that is taken, above 0. */
export const credits = anyCredits.meta({ example: 3 }) as unknown as z.ZodType<Credits>;

/** The same, from 0. */
export const creditsOrNone = creditsFrom(0) as unknown as z.ZodType<Credits>;

export const freeMetadata = anyMetadata.meta({
  type: 'object',
  example: { reason: 'scan', pages: 3 },
});

export const textMetadata = z.record(text, text);

export const accountId = uuid.meta({ example: '6b3c0a52-7c1e-4f0f-9a55-0d8a5f0e7c11' });

export const priceId = z.string().min(1).max(200).meta({ example: 'price_QUICK_SCAN' });

/** A checkout session of Stripe's: nothing else is asked for there. */
export const sessionId = z
  .string()
  .regex(/^cs_[A-Za-z0-9_]{1,250}$/, { error: 'must be a checkout session: cs_…' })
  .meta({ example: 'cs_test_a1B2c3' });

/** The account in the path of what the app's own server calls. */
export const ofAccount = z.object({ id: accountId });

/** How long the name of an operation may be. */
export const MAX_KEY = 255;

/** Every write has a key, so that it may be repeated. */
export const keyed = z.object({
  'Idempotency-Key': z.string().min(1).max(MAX_KEY).meta({ example: 'scan:job_81' }),
});

/** A subscription of Stripe's. */
export const subscriptionId = z
  .string()
  .regex(/^sub_\w{1,250}$/, { error: 'is not the id of a subscription' });

/** Units of what is bought. */
export const quantity = z
  .int({ error: 'must be a whole number' })
  .min(1, { error: 'must be at least 1' });

/** Where a page of a list ends and the next one begins. */
export const cursor = z.string().nullable();

/** An address of Stripe's, where the buyer is sent. */
export const redirect = z.object({ url: z.string() });

const amounts = {
  posted: amount,
  held: amount,
  /** posted − held. */
  available: amount,
};

export const balance = z
  .object({ ...amounts, nextExpiryAt: instant.nullable() })
  .meta({ id: 'Balance' });
export interface Balance extends Shown<typeof balance> {}

/** What every write of the ledger answers. */
export const written = z
  .object({
    entryId: z.string(),
    ...amounts,
    replayed: z.boolean().meta({ description: 'True when the key was used before.' }),
  })
  .meta({ id: 'Written' });
export interface Written extends Shown<typeof written> {}

/** RFC 9457, with the details of its `code` beside the fields that all have. */
export const problem = z
  .looseObject({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    code: z.string(),
    detail: z.string(),
    requestId: z.string(),
  })
  .meta({ id: 'Problem' });
