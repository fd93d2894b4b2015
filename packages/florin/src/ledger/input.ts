import { type ZodType, z } from 'zod';
import {
  AMOUNT,
  AmountNotAllowedError,
  check,
  credits,
  creditsFrom,
  expiresInSeconds,
  type FlorinError,
  type Issue,
  limitScope,
  metadata,
  overage,
  priority,
  source,
  text,
  toInvalidInput,
  usedBy,
  uuid,
} from '../kernel/index.ts';

const date = z.date({ error: 'must be a date' });

const account = z.object({ accountId: uuid });
const write = account.extend({ idempotencyKey: text, metadata: metadata.default({}) });
const ofHold = account.extend({ holdId: uuid });
const ofGrant = write.extend({ grantId: uuid });
const limited = account.extend(limitScope);
const metered = {
  amount: creditsFrom(0),
  meter: text,
  quantity: text,
  pricing: metadata,
};
const captured = ofHold.extend({
  overage: overage.default('refuse'),
  metadata: metadata.default({}),
});
const spending = write.extend({
  amount: credits,
  actor: usedBy.optional(),
  feature: usedBy.optional(),
});

/** What each function of the ledger takes. What fields alone cannot say, SQL refuses. */
export const REQUESTS = {
  account,
  accountOrAll: z.object({ accountId: uuid.nullable() }),
  spend: spending,
  metered: write.extend({
    ...metered,
    actor: usedBy.optional(),
    feature: usedBy.optional(),
  }),
  spendBatch: z.object({ items: z.array(spending, { error: 'must be a list' }) }),
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
  captureHold: captured.extend({ amount: credits.optional() }),
  meteredCapture: captured.extend(metered),
  extendHold: ofHold.extend({ expiresInSeconds, idempotencyKey: text }),
  hold: ofHold,
  adjust: account.extend({
    amount: z.int().meta(AMOUNT),
    idempotencyKey: text,
    reason: text,
    actor: text,
    internalNote: text.optional(),
  }),
  closeAccount: write,
  transfer: z.object({
    from: uuid,
    to: uuid,
    amount: credits,
    idempotencyKey: text,
    reason: text,
    actor: usedBy.optional(),
  }),
  setLimit: limited.extend({
    credits: creditsFrom(0),
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
