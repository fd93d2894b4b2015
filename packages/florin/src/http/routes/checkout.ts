import { z } from '@hono/zod-openapi';
import {
  type CheckoutDeps,
  createCheckout,
  createPortalSession,
  readCheckoutStatus,
} from '../../checkout/index.ts';
import { FlorinError } from '../../kernel/index.ts';
import { readJson, readQuery } from '../body.ts';
import type { Caller } from '../callers.ts';
import type { RequestContext } from '../context.ts';
import { cookieHeader, json } from '../headers.ts';
import type { Parts } from '../parts.ts';
import { type App, addRoute } from '../route.ts';
import { accountId, answers, BUYER, jsonBody, OPERATOR, textMetadata } from '../shapes.ts';

const request = z.strictObject({
  priceId: z.string().min(1).max(200).optional().openapi({ example: 'price_QUICK_SCAN' }),
  quantity: z
    .int({ error: 'must be a whole number' })
    .min(1, { error: 'must be at least 1' })
    .optional(),
  metadata: textMetadata.optional(),
  planSession: z.string().min(1).optional(),
  userId: accountId.optional().openapi({ description: 'Of a server only: whose checkout it is' }),
  planType: z.string().optional().openapi({ description: "Optional; must be the price's own" }),
});

type Body = z.infer<typeof request>;

const portalQuery = z.object({
  subscription: z
    .string()
    .regex(/^sub_\w{1,250}$/, { error: 'is not the id of a subscription' })
    .optional()
    .openapi({ description: 'Which one, where the account has several customers at Stripe' }),
});

export function addCheckout(app: App, parts: Parts): void {
  const { callers, planCookie, rateLimits, catchUpSession, recentSessions, webhooks } = parts;
  const checkoutFor = (c: RequestContext, accountId: string): CheckoutDeps => ({
    ...parts.checkout,
    stripe: parts.stripeFor(c, accountId),
  });

  addRoute(app, {
    method: 'post',
    path: '/api/create-checkout-session',
    docs: {
      summary: 'Starts a checkout, or returns the one that is open for the same choice',
      tags: ['Buyer'],
      security: OPERATOR,
      request: jsonBody(request),
      responses: answers(
        {
          description: 'Where to send the buyer',
          schema: z.object({ sessionId: z.string(), url: z.string() }),
        },
        {
          400: 'Something about the request is not for sale',
          401: 'Not signed in',
          403: "Another user's account, or an anonymous user",
          409: 'There is a subscription already',
        },
      ),
    },
    async handler(c) {
      const caller = await callers.buyerOrServer(c);
      const body = await readJson(c, request);
      const buyer = buyerOf(caller, body);
      refuseAnonymous(caller, parts.checkout.catalog.checkout.anonymousBuyers);
      c.set('accountId', buyer.accountId);
      await rateLimits.take('checkout', buyer.accountId);
      const namesNothing = body.priceId === undefined && body.planSession === undefined;
      const fromCookie =
        namesNothing && caller.kind === 'buyer' ? planCookie.find(cookieHeader(c)) : undefined;
      const { userId: _, planSession = fromCookie, ...rest } = body;
      const deps = checkoutFor(c, buyer.accountId);
      const made = await createCheckout(deps, { ...rest, ...buyer, planSession });
      webhooks.logger.info({ ...buyerLog(buyer), sessionId: made.sessionId }, 'checkout started');
      return json(made);
    },
  });

  addRoute(app, {
    method: 'post',
    path: '/api/create-portal-session',
    docs: {
      summary: "Opens Stripe's page for invoices, cards and subscriptions",
      tags: ['Buyer'],
      security: BUYER,
      request: { query: portalQuery },
      responses: answers(
        { description: 'Where to send the buyer', schema: z.object({ url: z.string() }) },
        { 401: 'Not signed in', 404: 'Nothing was bought yet, or no such subscription' },
      ),
    },
    async handler(c) {
      const buyer = await callers.buyer(c);
      await rateLimits.take('checkout', buyer.accountId);
      const { subscription } = readQuery(c, portalQuery);
      const { accountId, email } = buyer;
      const deps = checkoutFor(c, accountId);
      return json(
        await createPortalSession(deps, { accountId, email, subscriptionId: subscription }),
      );
    },
  });

  addRoute(app, {
    method: 'get',
    path: '/api/checkout-sessions/{id}',
    docs: {
      summary: 'What became of a checkout; a paid one whose webhook is late is settled first',
      tags: ['Buyer'],
      security: BUYER,
      request: { params: z.object({ id: z.string() }) },
      responses: answers(
        {
          description: 'Its state',
          schema: z.object({
            sessionId: z.string(),
            state: z.enum(['open', 'processing', 'pending', 'paid', 'failed', 'expired']),
            priceId: z.string().nullable(),
            planType: z.string().nullable(),
            credits: z.int().nullable(),
          }),
        },
        { 401: 'Not signed in', 404: 'Not a checkout of this account' },
      ),
    },
    async handler(c) {
      const buyer = await callers.buyer(c);
      await rateLimits.take('buyer', buyer.accountId);
      const deps = checkoutFor(c, buyer.accountId);
      return json(
        await readCheckoutStatus(
          { ...deps, catchUp: catchUpSession, recent: recentSessions },
          { accountId: buyer.accountId, sessionId: c.req.param('id') ?? '' },
        ),
      );
    },
  });
}

/** A buyer's account is the token's; a server says whose it is. */
function buyerOf(
  caller: Caller,
  { userId }: Body,
): { accountId: string; email?: string | undefined } {
  if (caller.kind === 'server') {
    if (userId === undefined) {
      throw new FlorinError('invalid_input', 'userId: a server says whose checkout it is.');
    }
    return { accountId: userId.toLowerCase() };
  }
  if (userId !== undefined && userId.toLowerCase() !== caller.accountId) {
    throw new FlorinError('forbidden', 'A checkout is for the signed-in user only.', {
      details: { reason: 'another_user' },
    });
  }
  return { accountId: caller.accountId, email: caller.email };
}

/** What an anonymous user buys is lost with their browser: they sign up first (docs/decisions/0032). */
export function refuseAnonymous(caller: Caller, anonymousBuyers: boolean): void {
  if (caller.kind === 'buyer' && caller.isAnonymous && !anonymousBuyers) {
    throw new FlorinError(
      'forbidden',
      'Create an account before buying, so that it can be found again.',
      {
        details: { reason: 'anonymous_user' },
      },
    );
  }
}

function buyerLog({ accountId: id }: { accountId: string }) {
  return { accountId: id };
}
