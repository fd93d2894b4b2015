import { z } from 'zod';
import { amount } from './fields.ts';
import type { Operations, Shown } from './operation.ts';

const plan = z.object({
  priceId: z.string(),
  name: z.string(),
  description: z.string().nullable(),
  kind: z.enum(['one_time', 'recurring']),
  planType: z.string(),
  /** Credits of one unit; credits bought = credits × quantity. */
  credits: amount,
  /** Null while Stripe cannot be asked: the shop then shows no amount rather than a guess. */
  amountMinor: z.int().nullable(),
  /** ISO 4217, lower case. */
  currency: z.string().nullable(),
  interval: z.enum(['day', 'week', 'month', 'year']).nullable(),
  intervalCount: z.int().nullable(),
  /** ISO 8601 duration after which the credits expire, or null. */
  expiresAfter: z.string().nullable(),
  /** `period_end` when a subscription's credits end with its period. */
  expires: z.literal('period_end').nullable(),
  /** Sold by the seat: the buyer chooses how many units, and may change it. */
  perSeat: z.boolean(),
});
/** One thing on sale. */
export interface Plan extends Shown<typeof plan> {}
export type PlanKind = Plan['kind'];

const settings = z.object({
  supabaseUrl: z.string().nullable(),
  supabasePublishableKey: z.string().nullable(),
  appUrl: z.string(),
  development: z.boolean(),
  /** Decimals that credits have: amounts that are not whole are decimal texts. */
  creditDecimals: z.int(),
});
/** What the pages need to know of this deployment. */
export interface SiteSettings extends Shown<typeof settings> {}

/** What a page needs before anybody has signed in. */
export const SHOP = {
  plans: {
    method: 'get',
    path: '/api/plans',
    summary: 'The catalogue as a shop shows it',
    tag: 'Shop',
    answers: {
      200: {
        description: "What is on sale, in the catalogue's order",
        schema: z.object({ plans: z.array(plan) }),
      },
    },
  },
  settings: {
    method: 'get',
    path: '/api/config',
    summary: 'What the pages need to know of this deployment',
    tag: 'Shop',
    answers: { 200: { description: 'Public settings', schema: settings } },
  },
} satisfies Operations;
