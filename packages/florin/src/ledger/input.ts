import { type ZodType, z } from 'zod';
import {
  AmountNotAllowedError,
  check,
  credits,
  type FlorinError,
  type Issue,
  MAX_CREDITS,
  metadata,
  text,
  toInvalidInput,
  uuid,
} from '../kernel/index.ts';

const MAX_HOLD_SECONDS = 30 * 86_400;

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
const date = z.date({ error: 'must be a date' });

/** The app's own name for who used credits, or for what. */
export const usedBy = text
  .min(1, { error: 'must not be empty' })
  .max(200, { error: 'must be at most 200 characters' })
  .refine((name) => name !== '*', { error: 'must not be *' });

const account = z.object({ accountId: uuid });
const write = account.extend({ idempotencyKey: text, metadata: metadata.default({}) });
const ofHold = account.extend({ holdId: uuid });
const ofGrant = write.extend({ grantId: uuid });
/** What a limit is about; `*` stands for each actor, or each feature, on its own. */
export const limitScope = {
  window: z.enum(['hour', 'day', 'month', 'lifetime'], {
    error: 'must be hour, day, month or lifetime',
  }),
  actor: z.union([usedBy, z.literal('*')]).optional(),
  feature: z.union([usedBy, z.literal('*')]).optional(),
  soft: z.boolean({ error: 'must be true or false' }).default(false),
};
const limited = account.extend(limitScope);
const batchItem = account.extend({ amount: credits, idempotencyKey: text });

/** What each function of the ledger takes. What fields alone cannot say, SQL refuses. */
export const REQUESTS = {
  account,
  accountOrAll: z.object({ accountId: uuid.nullable() }),
  spend: write.extend({
    amount: credits,
    actor: usedBy.optional(),
    feature: usedBy.optional(),
  }),
  metered: write.extend({
    amount: z.int().min(0).max(MAX_CREDITS),
    actor: usedBy.optional(),
    feature: usedBy.optional(),
    meter: text,
    quantity: text,
    pricing: metadata,
  }),
  spendBatch: z.object({ items: z.array(batchItem, { error: 'must be a list' }) }),
  issueGrant: write.extend({
    amount: credits,
    source,
    priority: priority.default(0),
    effectiveAt: date.optional(),
    expiresAt: date.optional(),
  }),
  grantPart: ofGrant.extend({ amount: credits }),
  voidGrant: ofGrant,
  placeHold: write.extend({
    amount: credits,
    actor: usedBy.optional(),
    feature: usedBy.optional(),
    expiresInSeconds: expiresInSeconds.default(15 * 60),
  }),
  captureHold: ofHold.extend({
    amount: credits.optional(),
    overage: overage.default('refuse'),
    debtLimit: z.int().min(0).default(0),
  }),
  extendHold: ofHold.extend({ expiresInSeconds, idempotencyKey: text }),
  hold: ofHold,
  adjust: account.extend({
    amount: z.int(),
    idempotencyKey: text,
    reason: text,
    actor: text,
    internalNote: text.optional(),
  }),
  closeAccount: write,
  setLimit: limited.extend({
    credits: z.int().min(0).max(MAX_CREDITS),
    timeZone: text.default('UTC'),
  }),
  removeLimit: limited,
} as const;

/** A request in its shape. Throws `invalid_input`, or `amount_not_allowed` where only the amount is out of range. */
export function read<S extends ZodType>(schema: S, request: unknown): z.infer<S> {
  return check(schema, request, toError);
}

function toError(issues: readonly Issue[]): FlorinError {
  const invalid = toInvalidInput(issues);
  const onlyRange = issues.every(
    ({ code, path }) => path.at(-1) === 'amount' && (code === 'too_small' || code === 'too_big'),
  );
  return onlyRange
    ? new AmountNotAllowedError(invalid.message, { details: invalid.details })
    : invalid;
}
