import { z } from '@hono/zod-openapi';
import {
  changePlan,
  listCurrentPlans,
  type PlanChangeDeps,
  previewPlanChange,
} from '../../plan-change/index.ts';
import { createStripeLookups } from '../../stripe/index.ts';
import { readJson } from '../body.ts';
import type { RequestContext } from '../context.ts';
import { json } from '../headers.ts';
import type { Parts } from '../parts.ts';
import { type App, addRoute } from '../route.ts';
import { answers, BUYER, jsonBody } from '../shapes.ts';
import { refuseAnonymous } from './checkout.ts';

const wanted = z.strictObject({
  priceId: z.string().min(1).max(200).openapi({ example: 'price_PRO_MONTHLY' }),
  quantity: z
    .int({ error: 'must be a whole number' })
    .min(1, { error: 'must be at least 1' })
    .optional()
    .openapi({ description: 'Units of the new plan; absent: as many as now' }),
  subscription: z
    .string()
    .regex(/^sub_\w{1,250}$/, { error: 'is not the id of a subscription' })
    .optional()
    .openapi({ description: 'Which one, where the account has several' }),
});

const confirmed = z.strictObject({
  preview: z
    .string()
    .min(1)
    .openapi({ description: 'The token of the preview that the buyer says yes to' }),
});

const moment = z.iso.datetime();

const plan = z.object({ priceId: z.string(), planType: z.string(), quantity: z.int() });

const previewed = z.object({
  preview: z.string(),
  expiresAt: moment,
  subscriptionId: z.string(),
  from: plan,
  to: plan,
  effectiveAt: moment,
  renewsAt: moment,
  charge: z.object({
    when: z.enum(['now', 'next_invoice']),
    date: moment,
    currency: z.string(),
    lines: z.array(
      z.object({
        description: z.string(),
        amountMinor: z.int(),
        periodStart: moment,
        periodEnd: moment,
      }),
    ),
    discountMinor: z.int(),
    taxMinor: z.int(),
    totalMinor: z.int(),
    fromBalanceMinor: z.int(),
    dueMinor: z.int(),
    keptMinor: z.int(),
  }),
  credits: z.object({
    added: z.int(),
    back: z.int(),
    laterAdded: z.int(),
    laterStopped: z.int(),
    available: z.int(),
    availableAfter: z.int(),
  }),
});

const changed = z.object({
  subscriptionId: z.string(),
  to: plan,
  payment: z.enum(['paid', 'processing', 'later']),
  invoiceId: z.string().nullable(),
  credits: z.object({ added: z.int(), back: z.int() }),
  replayed: z.boolean(),
});

const current = z.object({
  subscriptions: z.array(
    z.object({
      subscriptionId: z.string(),
      status: z.string(),
      priceId: z.string().nullable(),
      planType: z.string().nullable(),
      quantity: z.int(),
      currentPeriodEnd: moment.nullable(),
      cancelAtPeriodEnd: z.boolean(),
    }),
  ),
});

/** A buyer's plans: which they have, and another one, shown before it is agreed to. */
export function addPlanChange(app: App, parts: Parts): void {
  const { callers, checkout, confirmations, rateLimits, webhooks } = parts;
  const depsFor = (c: RequestContext, accountId: string): PlanChangeDeps => {
    const stripe = parts.stripeFor(c, accountId);
    const lookups = createStripeLookups(stripe);
    return { ...checkout, stripe, confirmations, webhooks: { ...webhooks, stripe: lookups } };
  };

  async function buyerOf(c: RequestContext) {
    const buyer = await callers.buyer(c);
    refuseAnonymous({ kind: 'buyer', ...buyer }, checkout.catalog.checkout.anonymousBuyers);
    await rateLimits.take('checkout', buyer.accountId);
    const { accountId, email } = buyer;
    return { accountId, email };
  }

  addRoute(app, {
    method: 'get',
    path: '/api/subscriptions',
    docs: {
      summary: 'The plans that the account has, as the webhooks have told of them',
      tags: ['Buyer'],
      security: BUYER,
      responses: answers(
        { description: 'Its live subscriptions', schema: current },
        { 401: 'Not signed in' },
      ),
    },
    async handler(c) {
      const { accountId, email } = await callers.buyer(c);
      await rateLimits.take('buyer', accountId);
      const buyer = { accountId, email };
      return json({ subscriptions: await listCurrentPlans(depsFor(c, accountId), buyer) });
    },
  });

  addRoute(app, {
    method: 'post',
    path: '/api/change-plan/preview',
    docs: {
      summary: 'What another plan would cost now and do to the credits; nothing is changed',
      tags: ['Buyer'],
      security: BUYER,
      request: jsonBody(wanted),
      responses: answers(
        {
          description: 'Money, credits, and a token that confirms exactly this',
          schema: previewed,
        },
        {
          400: 'Not a plan, or not in the catalogue',
          401: 'Not signed in',
          403: 'An anonymous user',
          404: 'No subscription, or not of this account',
          409: 'A plan that cannot be changed like this; `reason` says why',
        },
      ),
    },
    async handler(c) {
      const buyer = await buyerOf(c);
      const { subscription: subscriptionId, ...rest } = await readJson(c, wanted);
      const deps = depsFor(c, buyer.accountId);
      return json(await previewPlanChange(deps, { ...buyer, ...rest, subscriptionId }));
    },
  });

  addRoute(app, {
    method: 'post',
    path: '/api/change-plan',
    docs: {
      summary:
        'Changes the plan as a preview has shown, or not at all; a repetition changes nothing',
      tags: ['Buyer'],
      security: BUYER,
      request: jsonBody(confirmed),
      responses: answers(
        { description: 'Changed; the credits come with the invoice', schema: changed },
        {
          401: 'Not signed in',
          402: 'The payment failed, or needs its buyer; nothing was changed',
          403: 'An anonymous user',
          404: 'The subscription is over',
          409: 'It would cost or bring something else now: ask for a new preview',
        },
      ),
    },
    async handler(c) {
      const buyer = await buyerOf(c);
      const { preview } = await readJson(c, confirmed);
      const done = await changePlan(depsFor(c, buyer.accountId), { ...buyer, preview });
      const { accountId } = buyer;
      webhooks.logger.info({ accountId, ...done }, 'a plan was changed');
      return json(done);
    },
  });
}
