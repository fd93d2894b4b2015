import { type ZodType, z } from 'zod';
import { MAX_CREDITS } from './amounts.ts';
import { FlorinError } from './errors.ts';
import { isUuid } from './ids.ts';
import { isPlainObject, type JsonLimits, type JsonObject, toPlainJson } from './json.ts';
import { isStorableText } from './text.ts';

/** What comes from outside, by HTTP or by a call of the library, is checked by the same schemas. */

/** What an entry may carry: a note, not a document. */
export const METADATA_LIMITS: JsonLimits = { maxDepth: 32, maxBytes: 64 * 1024 };

const MAX_HOLD_SECONDS = 30 * 86_400;

export const text = z
  .string({ error: 'must be a text' })
  .refine(isStorableText, { error: 'must be well-formed Unicode without NUL' });

/** A uuid, in lower case from here on. */
export const uuid = z
  .string({ error: 'must be a uuid' })
  .refine(isUuid, { error: 'must be a uuid' })
  .toLowerCase();

/**
 * Marks a schema as an amount of credits. Inside amounts are whole numbers of the smallest unit; the
 * edges find this mark and speak credits with the catalogue's decimals (src/credit).
 */
export const AMOUNT = { format: 'credits' } as const;

/** An amount that is taken: whole, from `least` on. */
export function creditsFrom(least: number) {
  const error = `must be a whole number of credits from ${least} to ${MAX_CREDITS}`;
  return z.int({ error }).min(least, { error }).max(MAX_CREDITS, { error }).meta(AMOUNT);
}

export const credits = creditsFrom(1);

/** Where credits come from. */
export const source = text
  .min(1, { error: 'must not be empty' })
  .max(100, { error: 'must be at most 100 characters' });
export const priority = z.int32({ error: 'must be a whole number of 32 bits' });
export const expiresInSeconds = z
  .number({ error: 'must be a number of seconds' })
  .positive({ error: 'must be above 0' })
  .max(MAX_HOLD_SECONDS, { error: `must be at most ${MAX_HOLD_SECONDS}` });
export const overage = z.enum(['refuse', 'up_to_available', 'debt'], {
  error: 'must be refuse, up_to_available or debt',
});

/** The app's own name for whoever used credits, or for what they were used in. */
export const usedBy = text
  .min(1, { error: 'must not be empty' })
  .max(200, { error: 'must be at most 200 characters' })
  .refine((name) => name !== '*', { error: 'must not be *' });

/** What a limit is about; `*` stands for each actor, or each feature, on its own. */
export const limitScope = {
  window: z.enum(['hour', 'day', 'month', 'lifetime'], {
    error: 'must be hour, day, month or lifetime',
  }),
  actor: z.union([usedBy, z.literal('*')]).optional(),
  feature: z.union([usedBy, z.literal('*')]).optional(),
  soft: z.boolean({ error: 'must be true or false' }).default(false),
};

/** What a user may do with an account, each more than the one before. */
export const memberRole = z.enum(['viewer', 'member', 'admin', 'owner'], {
  error: 'must be viewer, member, admin or owner',
});
export type MemberRole = z.output<typeof memberRole>;

const decimal = z.union([z.number(), z.string()], {
  error: 'must be a number, or a decimal as text',
});

/** What was used: one quantity, or units of each kind and whose. */
export const measured = z.object({
  meter: text
    .min(1, { error: 'must not be empty' })
    .max(200, { error: 'must be at most 200 characters' }),
  quantity: decimal.optional(),
  usage: z
    .object(
      { model: text.max(200, { error: 'must be at most 200 characters' }) },
      { error: 'must be an object with a model' },
    )
    .catchall(decimal.optional())
    .optional(),
});

/** Free fields, as plain JSON. */
export const metadata = z
  .custom<JsonObject>(isPlainObject, { error: 'must be a plain object' })
  .transform((given, context): JsonObject => {
    try {
      return toPlainJson(given, '', METADATA_LIMITS) as JsonObject;
    } catch (error) {
      const { where, fault } = error instanceof FlorinError ? error.details : {};
      const path = String(where).split('.').slice(1);
      context.addIssue({ code: 'custom', path, message: String(fault) });
      return z.NEVER;
    }
  });

export type Issue = {
  readonly code?: string | undefined;
  readonly path: readonly PropertyKey[];
  readonly message: string;
  /** The fields that nobody asked for, where that is the fault. */
  readonly keys?: readonly string[] | undefined;
};

/**
 * `value` in the shape of `schema`. Throws `invalid_input`, which names each field that is wrong, or
 * what `toError` makes of the issues.
 */
export function check<S extends ZodType>(
  schema: S,
  value: unknown,
  toError: (issues: readonly Issue[]) => FlorinError = toInvalidInput,
): z.infer<S> {
  const issues = [{ path: [], message: 'cannot be read' }];
  let result: ReturnType<S['safeParse']> | undefined;
  try {
    result = schema.safeParse(value) as ReturnType<S['safeParse']>;
  } catch {
    // A getter or a proxy of the caller's threw.
  }
  if (result?.success) {
    return result.data as z.infer<S>;
  }
  throw toError(result?.error.issues ?? issues);
}

export function toInvalidInput(issues: readonly Issue[]): FlorinError {
  const said = issues.map(({ path, message }) =>
    path.length === 0 ? message : `${path.map(String).join('.')}: ${message}`,
  );
  // Several rules may refuse one value by the same words.
  const faults = [...new Set(said)];
  return new FlorinError('invalid_input', faults.join('; '), { details: { faults } });
}
