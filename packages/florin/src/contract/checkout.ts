import { z } from 'zod';
import {
  accountId,
  amount,
  priceId,
  quantity,
  redirect,
  subscriptionId,
  textMetadata,
} from './fields.ts';
import type { Operations, Shown } from './operation.ts';

const tag = 'Buyer';

const request = z.strictObject({
  priceId: priceId.optional(),
  quantity: quantity.optional(),
  metadata: textMetadata.optional(),
  planSession: z.string().min(1).optional(),
  userId: accountId.optional().meta({ description: 'Of a server only: who buys' }),
  planType: z.string().optional().meta({ description: "Optional; must be the price's own" }),
});
export interface CheckoutBody extends Readonly<z.output<typeof request>> {}

const session = z.object({ sessionId: z.string(), url: z.string() });
export interface CheckoutSession extends Shown<typeof session> {}

const status = z.object({
  sessionId: z.string(),
  state: z.enum(['open', 'processing', 'pending', 'paid', 'failed', 'expired']),
  priceId: z.string().nullable(),
  planType: z.string().nullable(),
  /** Credits that this checkout brought, or will bring. */
  credits: amount.nullable(),
});
/** What became of a checkout. */
export interface CheckoutStatus extends Shown<typeof status> {}
/**
 * `open`: not finished by the buyer. `processing`: paid or about to be, credits not written yet.
 * `pending`: a payment method that takes days (SEPA) is on its way. `paid`: the credits are there.
 */
export type CheckoutState = CheckoutStatus['state'];

/** Buying: the ways to Stripe's pages, and the way back. */
export const CHECKOUT = {
  create: {
    method: 'post',
    path: '/api/create-checkout-session',
    summary: 'Starts a checkout, or returns the one that is open for the same choice',
    tag,
    callers: ['user', 'server'],
    role: 'owner',
    body: request,
    answers: { 200: { description: 'Where to send the buyer', schema: session } },
    problems: {
      400: 'Something about the request is not for sale',
      401: 'Not signed in',
      403: "Another user's account, or an anonymous user",
      409: '`already_subscribed`, or the account is closed',
    },
  },
  portal: {
    method: 'post',
    path: '/api/create-portal-session',
    summary: "Opens Stripe's page for invoices, cards and subscriptions",
    tag,
    callers: ['user'],
    role: 'owner',
    query: z.object({
      subscription: subscriptionId
        .optional()
        .meta({ description: 'Which one, where the account has several customers at Stripe' }),
    }),
    answers: { 200: { description: 'Where to send the buyer', schema: redirect } },
    problems: { 401: 'Not signed in', 404: 'Nothing was bought yet, or no such subscription' },
  },
  status: {
    method: 'get',
    path: '/api/checkout-sessions/{id}',
    summary: 'What became of a checkout; a paid one whose webhook is late is credited first',
    tag,
    callers: ['user'],
    role: 'owner',
    params: z.object({ id: z.string() }),
    answers: { 200: { description: 'Its state', schema: status } },
    problems: { 401: 'Not signed in', 404: 'Not a checkout of this account' },
  },
} satisfies Operations;
