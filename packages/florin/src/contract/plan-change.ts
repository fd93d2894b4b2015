import { z } from 'zod';
import { amount, instant, priceId, quantity, subscriptionId } from './fields.ts';
import type { Operations, Shown } from './operation.ts';

const tag = 'Buyer';
const callers = ['user'] as const;

const wanted = z.strictObject({
  priceId,
  quantity: quantity
    .optional()
    .meta({ description: 'Units of the new plan; absent: as many as now' }),
  subscription: subscriptionId
    .optional()
    .meta({ description: 'Which one, where the account has several' }),
});
export interface PlanChangeInput extends Readonly<z.output<typeof wanted>> {}

const confirmed = z.strictObject({
  preview: z
    .string()
    .min(1)
    .meta({ description: 'The token of the preview that the buyer says yes to' }),
});

const current = z.object({
  subscriptionId: z.string(),
  /** `active`, `trialing`, `past_due`, `unpaid`, `paused`. */
  status: z.string(),
  /** Null for a price that the catalogue does not know. */
  priceId: z.string().nullable(),
  planType: z.string().nullable(),
  quantity: z.int(),
  currentPeriodEnd: instant.nullable(),
  /** It ends with its period. */
  cancelAtPeriodEnd: z.boolean(),
});
/** A plan that the account has. */
export interface CurrentPlan extends Shown<typeof current> {}

const plan = z.object({ priceId: z.string(), planType: z.string(), quantity: z.int() });

const charge = z.object({
  when: z.enum(['now', 'next_invoice']),
  date: instant,
  currency: z.string(),
  lines: z.array(
    z.object({
      description: z.string(),
      amountMinor: z.int(),
      periodStart: instant,
      periodEnd: instant,
    }),
  ),
  discountMinor: z.int(),
  taxMinor: z.int(),
  totalMinor: z.int(),
  /** Of the total, what the customer's balance at Stripe pays. */
  fromBalanceMinor: z.int(),
  dueMinor: z.int(),
  /** Kept at Stripe for the next invoices, where the total is below zero. */
  keptMinor: z.int(),
});

const credits = z.object({
  added: amount,
  back: amount,
  /** What comes in later months of a yearly plan, and what does not come any more. */
  laterAdded: amount,
  laterStopped: amount,
  available: amount,
  /** If nothing else happens meanwhile; below zero: debt. */
  availableAfter: amount,
});

const previewed = z.object({
  /** Confirms exactly this, until `expiresAt`. */
  preview: z.string(),
  expiresAt: instant,
  subscriptionId: z.string(),
  from: plan,
  to: plan,
  effectiveAt: instant,
  renewsAt: instant,
  charge,
  credits,
});
/** What another plan would cost and do to the credits. */
export interface PlanChangePreview extends Shown<typeof previewed> {}

const changed = z.object({
  subscriptionId: z.string(),
  to: plan,
  /** When the credits come: in a moment, with a bank debit, or with the next invoice. */
  payment: z.enum(['paid', 'processing', 'later']),
  invoiceId: z.string().nullable(),
  credits: z.object({ added: amount, back: amount }),
  /** True when this preview was confirmed before. */
  replayed: z.boolean(),
});
export interface PlanChanged extends Shown<typeof changed> {}

/** A buyer's plans: which they have, and another one, shown before it is agreed to. */
export const PLAN_CHANGE = {
  current: {
    method: 'get',
    path: '/api/subscriptions',
    summary: 'The plans that the account has, as the webhooks have reported them',
    tag,
    callers,
    role: 'viewer',
    answers: {
      200: {
        description: 'Its live subscriptions',
        schema: z.object({ subscriptions: z.array(current) }),
      },
    },
    problems: { 401: 'Not signed in' },
  },
  preview: {
    method: 'post',
    path: '/api/change-plan/preview',
    summary: 'What another plan would cost now and do to the credits; nothing is changed',
    tag,
    callers,
    role: 'owner',
    body: wanted,
    answers: {
      200: {
        description: 'Money, credits, and a token that confirms exactly this',
        schema: previewed,
      },
    },
    problems: {
      400: 'Not a plan, or not in the catalogue',
      401: 'Not signed in',
      403: 'An anonymous user',
      404: 'No subscription, or not of this account',
      409: 'A plan that cannot be changed like this; `reason` says why',
    },
  },
  change: {
    method: 'post',
    path: '/api/change-plan',
    summary: 'Changes the plan as a preview has shown, or not at all; a repetition changes nothing',
    tag,
    callers,
    role: 'owner',
    body: confirmed,
    answers: {
      200: { description: 'Changed; the credits come with the invoice', schema: changed },
    },
    problems: {
      401: 'Not signed in',
      402: 'The payment failed, or needs its buyer; nothing was changed',
      403: 'An anonymous user',
      404: 'The subscription is over',
      409: 'It would cost or bring something else now: ask for a new preview. Or the account is closed',
    },
  },
} satisfies Operations;
