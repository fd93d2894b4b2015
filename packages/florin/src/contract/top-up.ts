import { z } from 'zod';
import { amount, credits, instant, redirect, sessionId } from './fields.ts';
import type { Operations, Shown } from './operation.ts';

const MAX_PER_MONTH = 100;

const path = '/api/top-up';
const tag = 'Buyer';
const callers = ['user'] as const;

const whole = (most: number) =>
  z
    .int({ error: 'must be a whole number' })
    .min(1, { error: 'must be at least 1' })
    .max(most, { error: `must be at most ${most}` });

const agreement = z.strictObject({
  consent: z.literal(true, { error: 'must be true: the buyer agreed to these terms' }),
  priceId: z.string().min(1).max(200).meta({ example: 'price_POWER_PACK' }),
  quantity: whole(999_999).default(1),
  threshold: credits.meta({
    description: 'A top-up begins when fewer credits than this are available',
  }),
  maxPerMonth: whole(MAX_PER_MONTH).meta({
    description: 'Top-ups in a calendar month (UTC) at most',
  }),
  amountMinor: whole(Number.MAX_SAFE_INTEGER).meta({
    description: 'What the buyer was shown for one top-up, before taxes',
  }),
  currency: z
    .string()
    .regex(/^[a-z]{3}$/, { error: 'must be three small letters, as Stripe writes it' }),
});
/** What a buyer agrees to: below `threshold` available credits, one purchase at this price. */
export interface TopUpTerms extends Readonly<Omit<z.output<typeof agreement>, 'consent'>> {}

const consent = z.object({
  status: z.enum(['active', 'paused', 'off']),
  /** Why nothing is bought until the buyer acts; docs/top-up.md. */
  pauseReason: z.string().nullable(),
  priceId: z.string(),
  quantity: z.int(),
  credits: amount,
  amountMinor: z.int(),
  currency: z.string(),
  threshold: amount,
  maxPerMonth: z.int(),
  /** `visa •••• 4242` */
  paymentMethod: z.string().nullable(),
  consentedAt: instant,
});
/** What a buyer has agreed to: below `threshold` available, one purchase of `credits`. */
export interface TopUpConsent extends Shown<typeof consent> {}

const topUp = z.object({
  topUpId: z.uuid(),
  status: z.enum(['charging', 'needs_action', 'voiding', 'paid', 'credited', 'failed']),
  credits: amount,
  amountMinor: z.int(),
  currency: z.string(),
  failureCode: z.string().nullable(),
  /** Where the buyer pays when their bank asks for them. */
  payUrl: z.string().nullable(),
  createdAt: instant,
});
export interface TopUp extends Shown<typeof topUp> {}

const state = z.object({
  consent: consent.nullable(),
  /** Newest first. */
  topUps: z.array(topUp),
  /** What may be chosen. */
  offers: z.array(z.object({ priceId: z.string(), credits: amount })),
});
export interface TopUpState extends Shown<typeof state> {}

const shown = { 200: { description: 'What is agreed to, and the latest top-ups', schema: state } };

/** Auto top-up: a buyer's consent, and what was bought under it. */
export const TOP_UP = {
  read: {
    method: 'get',
    path,
    summary: 'What the buyer has agreed to, and the latest top-ups',
    tag,
    callers,
    role: 'owner',
    answers: shown,
    problems: { 401: 'Not signed in' },
  },
  agree: {
    method: 'post',
    path,
    summary: 'Agrees to auto top-up, or to other terms; paused until a card is saved',
    tag,
    callers,
    role: 'owner',
    body: agreement,
    answers: shown,
    problems: {
      400: 'Terms that cannot be agreed to',
      401: 'Not signed in',
      403: 'An anonymous user',
      409: 'It costs something else now',
    },
  },
  stop: {
    method: 'delete',
    path,
    summary: 'Turns auto top-up off',
    tag,
    callers,
    role: 'owner',
    answers: shown,
    problems: { 401: 'Not signed in' },
  },
  saveCard: {
    method: 'post',
    path: `${path}/payment-method`,
    summary: "Opens Stripe's page that saves a card",
    tag,
    callers,
    role: 'owner',
    answers: { 200: { description: 'Where to send the buyer', schema: redirect } },
    problems: { 401: 'Not signed in', 404: 'Auto top-up is off' },
  },
  resume: {
    method: 'post',
    path: `${path}/resume`,
    summary: 'Resumes with a saved card, under the terms agreed to',
    tag,
    callers,
    role: 'owner',
    body: z.strictObject({
      sessionId: sessionId.optional().meta({
        description: 'The setup session that has just saved a card',
      }),
    }),
    answers: shown,
    problems: { 401: 'Not signed in', 404: 'Auto top-up is off', 409: 'No card is saved' },
  },
} satisfies Operations;
