import { z } from '@hono/zod-openapi';
import {
  consentToTopUp,
  readTopUp,
  resumeTopUp,
  saveCard,
  stopTopUp,
  type TopUpDeps,
} from '../../top-up/index.ts';
import { readJson } from '../body.ts';
import type { RequestContext } from '../context.ts';
import { json } from '../headers.ts';
import type { Parts } from '../parts.ts';
import { type App, addRoute } from '../route.ts';
import { answers, BUYER, jsonBody, sessionId } from '../shapes.ts';
import { refuseAnonymous } from './checkout.ts';

const MAX_PER_MONTH = 100;

const whole = (most: number) =>
  z
    .int({ error: 'must be a whole number' })
    .min(1, { error: 'must be at least 1' })
    .max(most, { error: `must be at most ${most}` });

const agreement = z.strictObject({
  consent: z.literal(true, { error: 'must be true: the buyer agreed to these terms' }),
  priceId: z.string().min(1).max(200).openapi({ example: 'price_POWER_PACK' }),
  quantity: whole(999_999).default(1),
  threshold: whole(Number.MAX_SAFE_INTEGER).openapi({
    description: 'A top-up begins when fewer credits than this are available',
  }),
  maxPerMonth: whole(MAX_PER_MONTH).openapi({
    description: 'Top-ups in a calendar month (UTC) at most',
  }),
  amountMinor: whole(Number.MAX_SAFE_INTEGER).openapi({
    description: 'What the buyer was shown for one top-up, before taxes',
  }),
  currency: z
    .string()
    .regex(/^[a-z]{3}$/, { error: 'must be three small letters, as Stripe writes it' }),
});

const resume = z.strictObject({
  sessionId: sessionId.optional().openapi({
    description: 'The setup session that has just saved a card',
  }),
});

const state = z.object({
  consent: z
    .object({
      status: z.enum(['active', 'paused', 'off']),
      pauseReason: z.string().nullable(),
      priceId: z.string(),
      quantity: z.int(),
      credits: z.int(),
      amountMinor: z.int(),
      currency: z.string(),
      threshold: z.int(),
      maxPerMonth: z.int(),
      paymentMethod: z.string().nullable(),
      consentedAt: z.iso.datetime(),
    })
    .nullable(),
  topUps: z.array(
    z.object({
      topUpId: z.uuid(),
      status: z.enum(['charging', 'needs_action', 'voiding', 'paid', 'credited', 'failed']),
      credits: z.int(),
      amountMinor: z.int(),
      currency: z.string(),
      failureCode: z.string().nullable(),
      payUrl: z.string().nullable(),
      createdAt: z.iso.datetime(),
    }),
  ),
  offers: z.array(z.object({ priceId: z.string(), credits: z.int() })),
});

const shown = { description: 'What is agreed to, and the latest top-ups', schema: state };

/** Auto top-up: a buyer's consent, and what was bought under it. */
export function addTopUp(app: App, parts: Parts): void {
  const { callers, checkout, rateLimits, webhooks } = parts;
  const depsFor = (c: RequestContext, accountId: string): TopUpDeps => ({
    ...checkout,
    stripe: parts.stripeFor(c, accountId),
  });

  async function buyerOf(c: RequestContext) {
    const buyer = await callers.buyer(c);
    c.set('accountId', buyer.accountId);
    await rateLimits.take(c.req.method === 'GET' ? 'buyer' : 'checkout', buyer.accountId);
    return buyer;
  }

  addRoute(app, {
    method: 'get',
    path: '/api/top-up',
    docs: {
      summary: 'What the buyer has agreed to, and the latest top-ups',
      tags: ['Buyer'],
      security: BUYER,
      responses: answers(shown, { 401: 'Not signed in' }),
    },
    async handler(c) {
      const { accountId } = await buyerOf(c);
      return json(await readTopUp(checkout, accountId));
    },
  });

  addRoute(app, {
    method: 'post',
    path: '/api/top-up',
    docs: {
      summary: 'Agrees to auto top-up, or to other terms; paused until a card is saved',
      tags: ['Buyer'],
      security: BUYER,
      request: jsonBody(agreement),
      responses: answers(shown, {
        400: 'Terms that cannot be agreed to',
        401: 'Not signed in',
        403: 'An anonymous user',
        409: 'It costs something else now',
      }),
    },
    async handler(c) {
      const buyer = await buyerOf(c);
      refuseAnonymous({ kind: 'buyer', ...buyer }, checkout.catalog.checkout.anonymousBuyers);
      const { accountId, email } = buyer;
      const { consent: _, ...terms } = await readJson(c, agreement);
      await consentToTopUp(depsFor(c, accountId), { ...terms, accountId, email });
      webhooks.logger.info({ accountId, ...terms }, 'auto top-up was agreed to');
      return json(await readTopUp(checkout, accountId));
    },
  });

  addRoute(app, {
    method: 'delete',
    path: '/api/top-up',
    docs: {
      summary: 'Turns auto top-up off',
      tags: ['Buyer'],
      security: BUYER,
      responses: answers(shown, { 401: 'Not signed in' }),
    },
    async handler(c) {
      const { accountId } = await buyerOf(c);
      await stopTopUp(checkout.db, accountId);
      webhooks.logger.info({ accountId }, 'auto top-up was turned off');
      return json(await readTopUp(checkout, accountId));
    },
  });

  addRoute(app, {
    method: 'post',
    path: '/api/top-up/payment-method',
    docs: {
      summary: "Opens Stripe's page that saves a card",
      tags: ['Buyer'],
      security: BUYER,
      responses: answers(
        { description: 'Where to send the buyer', schema: z.object({ url: z.string() }) },
        { 401: 'Not signed in', 404: 'Auto top-up is off' },
      ),
    },
    async handler(c) {
      const { accountId } = await buyerOf(c);
      return json(await saveCard(depsFor(c, accountId), accountId));
    },
  });

  addRoute(app, {
    method: 'post',
    path: '/api/top-up/resume',
    docs: {
      summary: 'Goes on with a saved card, under the terms agreed to',
      tags: ['Buyer'],
      security: BUYER,
      request: jsonBody(resume),
      responses: answers(shown, {
        401: 'Not signed in',
        404: 'Auto top-up is off',
        409: 'No card is saved',
      }),
    },
    async handler(c) {
      const { accountId } = await buyerOf(c);
      const { sessionId: setupSessionId } = await readJson(c, resume);
      await resumeTopUp(depsFor(c, accountId), { accountId, setupSessionId });
      webhooks.logger.info({ accountId }, 'auto top-up goes on');
      return json(await readTopUp(checkout, accountId));
    },
  });
}
