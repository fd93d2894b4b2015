import { z } from 'zod';
import { AMOUNT, type Credits, MAX_CREDITS } from '../kernel/index.ts';
import { adminEvent } from './admin-events.ts';
import { accountId, amount, balance, cursor, instant, written } from './fields.ts';
import type { Operations, Shown } from './operation.ts';
import { OPERATOR_PROBLEMS, uuidText } from './operator.ts';
import { entryCursor, liveGrant, transaction } from './statement.ts';

const tag = 'Operator';
const callers = ['user', 'server'] as const;
const params = z.object({ id: accountId });
const NO_ACCOUNT = { ...OPERATOR_PROBLEMS, 404: 'There is no such account' };

const hit = balance.extend({
  accountId: z.string(),
  customerId: z.string().nullable(),
  email: z.string().nullable(),
  closedAt: instant.nullable(),
});
/** One account as a list shows it. */
export interface AdminAccountHit extends Shown<typeof hit> {}

const found = z.object({
  /** The id of Stripe's within what was pasted; null for an account or an address. */
  stripeId: z.string().nullable(),
  accounts: z.array(hit),
  /** Whose it is too, where nothing was ever granted or bought through us. */
  withoutLedger: z.array(z.string()),
  /** Newest first, about this payment or object alone. */
  events: z.array(adminEvent),
  /** What Stripe said; null where it was not asked. */
  atStripe: z.enum(['known', 'unknown']).nullable(),
});
/** Whose something is, and the events about it. */
export interface AdminSearch extends Shown<typeof found> {}

const grant = liveGrant.extend({
  priority: z.int(),
  burned: amount,
  expired: amount,
  voided: amount,
  reversed: amount,
  moved: amount,
  createdAt: instant,
  metadata: z.record(z.string(), z.unknown()),
  /** Who gave it by hand: an operator's account, `server`, or the name of whoever ran the command. */
  actor: z.string().nullable(),
  internalNote: z.string().nullable(),
});
/** amount = remaining + burned + expired + voided + reversed + moved, always. */
export interface AdminGrant extends Shown<typeof grant> {}

const hold = z.object({
  holdId: z.string(),
  status: z.enum(['open', 'captured', 'released', 'expired']),
  amount,
  captured: amount.nullable(),
  expiresAt: instant,
  createdAt: instant,
});
export interface AdminHold extends Shown<typeof hold> {}

const entry = transaction.extend({
  idempotencyKey: z.string(),
  /** Who made it by hand, or who used the credits, by the app's name. */
  actor: z.string().nullable(),
  /** What operators noted for each other. */
  internalNote: z.string().nullable(),
  /** What a charge was computed from: the rate, with what the app adds to it. */
  pricing: z.record(z.string(), z.unknown()).nullable(),
});
export interface AdminEntry extends Shown<typeof entry> {}

const topUps = z.object({
  /** Null when the account never agreed to it. */
  consent: z
    .object({
      status: z.string(),
      pauseReason: z.string().nullable(),
      priceId: z.string(),
      credits: amount,
      amountMinor: z.int(),
      currency: z.string(),
      threshold: amount,
      maxPerMonth: z.int(),
      paymentMethod: z.string().nullable(),
      /** Nothing is charged before this; null: nothing holds it back. */
      notBefore: instant.nullable(),
      consentedAt: instant,
    })
    .nullable(),
  topUps: z.array(
    z.object({
      topUpId: z.string(),
      status: z.string(),
      credits: amount,
      amountMinor: z.int(),
      currency: z.string(),
      invoiceId: z.string().nullable(),
      failureCode: z.string().nullable(),
      failure: z.string().nullable(),
      createdAt: instant,
    }),
  ),
});
export interface AdminTopUps extends Shown<typeof topUps> {}

const account = z.object({
  accountId: z.string(),
  customerId: z.string().nullable(),
  email: z.string().nullable(),
  closedAt: instant.nullable(),
  balance,
  grants: z.array(grant),
  holds: z.array(hold),
  topUp: topUps,
  /** Paid for by its live subscriptions, beside the members who may use credits; null where it pays for none. */
  seats: z.object({ bought: z.int(), members: z.int() }).nullable(),
  entries: z.array(entry),
  nextCursor: cursor,
});
/** An account's ledger with its lineage. */
export interface AdminAccount extends Shown<typeof account> {}

const byHand = z.int({ error: 'must be a whole number of credits' }).max(MAX_CREDITS).meta(AMOUNT);
const gift = byHand.min(1, { error: 'must be above 0' });
const correction = byHand.min(-MAX_CREDITS).refine((n) => n !== 0, { error: 'must not be 0' });
const change = {
  reason: z
    .string()
    .trim()
    .min(1, { error: 'must say why; it is kept in the ledger, and the buyer reads it' })
    .max(500, { error: 'must be at most 500 characters' })
    .meta({ example: 'The scan failed twice' }),
  /** For operators; no buyer reads it. */
  internalNote: z.string().trim().max(500, { error: 'must be at most 500 characters' }).optional(),
  /** One press of the button: the same key again has no second effect. */
  idempotencyKey: uuidText('must be a uuid, new for each change').meta({
    example: '0f8d2a77-3b1c-4d5e-8f90-a1b2c3d4e5f6',
  }),
};

const adjustment = z.strictObject({
  amount: correction as unknown as z.ZodType<Credits>,
  ...change,
});
/** What an operator changes by hand: a gift, above 0, or a correction, up or down. */
export interface AdminChange extends Readonly<z.output<typeof adjustment>> {}

/** What operators look up about accounts, and what they change by hand. */
export const ADMIN_ACCOUNTS = {
  search: {
    method: 'get',
    path: '/api/admin/accounts',
    summary:
      'Whose an account id, any Stripe id or an email is, with the events about it; without a query the latest customers',
    tag,
    callers,
    query: z.object({ query: z.string().max(500).optional() }),
    answers: { 200: { description: 'The accounts and the events about it', schema: found } },
    problems: OPERATOR_PROBLEMS,
  },
  show: {
    method: 'get',
    path: '/api/admin/accounts/{id}',
    summary: "An account's ledger with its lineage",
    tag,
    callers,
    params,
    query: entryCursor,
    answers: { 200: { description: 'The account, with a page of its entries', schema: account } },
    problems: NO_ACCOUNT,
  },
  grant: {
    method: 'post',
    path: '/api/admin/accounts/{id}/grant',
    summary: 'Gives credits by hand; who and why are kept',
    tag,
    callers,
    params,
    body: z.strictObject({
      amount: gift as unknown as z.ZodType<Credits>,
      expiresAt: z.iso.datetime({ error: 'must be an instant in UTC' }).nullish(),
      ...change,
    }),
    answers: {
      200: { description: 'The balance after it', schema: written.extend({ grantId: z.string() }) },
    },
    problems: NO_ACCOUNT,
  },
  adjust: {
    method: 'post',
    path: '/api/admin/accounts/{id}/adjust',
    summary: 'Corrects a balance by hand, up or down; who and why are kept',
    tag,
    callers,
    params,
    body: adjustment,
    answers: { 200: { description: 'The balance after it', schema: written } },
    problems: { ...NO_ACCOUNT, 402: 'Fewer credits are available than it would take' },
  },
} satisfies Operations;
