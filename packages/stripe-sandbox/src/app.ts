import { timingSafeEqual } from 'node:crypto';
import { type Context, Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { ApiError, type StripeErrorBody } from './api/errors.ts';
import { mountRoutes, type Route, refused } from './api/route.ts';
import { searchRoutes } from './api/search.ts';
import { creditNoteRoutes } from './billing/credit-notes.ts';
import { invoiceItemRoutes } from './billing/invoice-items.ts';
import { invoicePaymentRoutes } from './billing/invoice-payments.ts';
import { invoiceRoutes } from './billing/invoice-routes.ts';
import { itemRoutes } from './billing/item-routes.ts';
import { meterEventRoutes } from './billing/meter-events.ts';
import { meterStreamRoutes, opensStream, STREAM } from './billing/meter-stream.ts';
import { meterRoutes } from './billing/meters.ts';
import { previewRoutes } from './billing/preview.ts';
import { subscriptionRoutes } from './billing/subscription-routes.ts';
import { couponRoutes } from './catalog/coupons.ts';
import { entitlementRoutes } from './catalog/entitlements.ts';
import { planRoutes } from './catalog/plan-routes.ts';
import { priceRoutes } from './catalog/prices.ts';
import { productRoutes } from './catalog/product-routes.ts';
import { taxRateRoutes } from './catalog/tax-rates.ts';
import { paymentLinkRoutes } from './checkout/payment-links.ts';
import { portalRoutes } from './checkout/portal.ts';
import { portalConfigurationRoutes } from './checkout/portal-configurations.ts';
import { sessionRoutes } from './checkout/session-routes.ts';
import { testClockRoutes } from './clock/test-clocks.ts';
import { balanceTransactionRoutes } from './customers/balance-transactions.ts';
import { customerRoutes } from './customers/customers.ts';
import { paymentMethodRoutes } from './customers/payment-methods.ts';
import { taxIdRoutes } from './customers/tax-ids.ts';
import { eventRoutes } from './events/event-routes.ts';
import { v2Routes } from './events/v2-routes.ts';
import { balanceRoutes } from './payments/balance-routes.ts';
import { chargeRoutes } from './payments/charges.ts';
import { directChargeRoutes } from './payments/direct-charges.ts';
import { disputeRoutes } from './payments/disputes.ts';
import { fraudWarningRoutes } from './payments/fraud-warnings.ts';
import { intentRoutes } from './payments/intent-routes.ts';
import { payoutRoutes } from './payments/payouts.ts';
import { refundRoutes } from './payments/refund-routes.ts';
import { setupIntentRoutes } from './payments/setup-intents.ts';
import { quoteRoutes } from './quotes/quote-routes.ts';
import { scheduleRoutes } from './schedules/schedule-routes.ts';
import { newId, type World } from './world.ts';

const MAX_BODY = 1024 * 1024;

export const ROUTES: readonly Route[] = [
  ...searchRoutes,
  ...customerRoutes,
  ...taxIdRoutes,
  ...taxRateRoutes,
  ...balanceTransactionRoutes,
  ...paymentMethodRoutes,
  ...productRoutes,
  ...priceRoutes,
  ...planRoutes,
  ...entitlementRoutes,
  ...couponRoutes,
  ...sessionRoutes,
  ...paymentLinkRoutes,
  ...portalRoutes,
  ...portalConfigurationRoutes,
  ...intentRoutes,
  ...setupIntentRoutes,
  ...chargeRoutes,
  ...directChargeRoutes,
  ...balanceRoutes,
  ...payoutRoutes,
  ...refundRoutes,
  ...disputeRoutes,
  ...fraudWarningRoutes,
  // Before the invoices' own: their ids are any word.
  ...previewRoutes,
  ...invoiceRoutes,
  ...invoiceItemRoutes,
  ...invoicePaymentRoutes,
  ...subscriptionRoutes,
  ...itemRoutes,
  ...scheduleRoutes,
  ...creditNoteRoutes,
  ...meterRoutes,
  ...meterEventRoutes,
  ...meterStreamRoutes,
  ...quoteRoutes,
  ...eventRoutes,
  ...v2Routes,
  ...testClockRoutes,
];

/** What the API refuses on purpose, changed by the control. */
export type ApiSwitches = {
  /** The next this many requests are answered 429. */
  rateLimitNext: number;
  /** The next this many requests are answered 500 before they do anything. */
  failNext: number;
  /** The next this many writing requests take effect, and nobody hears their answer. */
  loseAnswers: number;
};

/** Stripe's API: everything below `/v1` and `/v2`. */
export function createApiApp(
  world: World,
  { switches, more }: { switches: ApiSwitches; more: readonly Route[] },
): Hono {
  const app = new Hono();
  app.use(
    '*',
    bodyLimit({
      maxSize: MAX_BODY,
      onError: (context) =>
        answer(world, context, {
          status: 413,
          type: 'invalid_request_error',
          message: `A request can have up to ${MAX_BODY} bytes.`,
        }),
    }),
  );
  app.use('/:version{v[12]}/*', async (context, next) => {
    const refusal = refusalOf(world, context, switches);
    if (refusal === undefined) {
      await next();
      if (context.req.method === 'POST' && switches.loseAnswers > 0) {
        switches.loseAnswers -= 1;
        hangUp(context);
      }
      return;
    }
    return answer(world, context, refusal);
  });
  const unrecognized = (context: Context) =>
    answer(world, context, {
      status: 404,
      message: `Unrecognized request URL (${context.req.method}: ${context.req.path}). The sandbox does not answer this one; docs/sandbox.md lists what it does.`,
      type: 'invalid_request_error',
    });
  app.get('/v1/:collection/:verb{upcoming|search|preview|create_preview}', (context, next) =>
    isServed(context.req.path) ? next() : unrecognized(context),
  );
  mountRoutes(app, world, [...ROUTES, ...more]);
  app.all('/:version{v[12]}/*', unrecognized);
  app.notFound(unrecognized);
  return app;
}

/** Whether a path ends in a word that a route has, rather than in an id. */
function isServed(path: string): boolean {
  return ROUTES.some(([method, route]) => method === 'get' && route === path);
}

/** As a network does in the worst moment: what was asked is done, and the connection is gone. */
function hangUp(context: Context): void {
  const { incoming } = context.env as { incoming?: { socket: { destroy(): void } } };
  incoming?.socket.destroy();
}

type Refusal = {
  status: number;
  message: string;
  type: StripeErrorBody['type'];
  code?: string;
};

function refusalOf(world: World, context: Context, switches: ApiSwitches): Refusal | undefined {
  try {
    return refuse(world, context, switches);
  } catch (error) {
    if (error instanceof ApiError) {
      return { status: error.status, ...error.body };
    }
    throw error;
  }
}

function refuse(world: World, context: Context, switches: ApiSwitches): Refusal | undefined {
  const key = keyOf(context.req.header('authorization'));
  if (key === undefined) {
    return {
      status: 401,
      type: 'invalid_request_error',
      message:
        'You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer auth.',
    };
  }
  const takes =
    context.req.path === STREAM ? opensStream : () => isKnown(world.settings.apiKeys, key);
  if (!takes(world, key)) {
    const shown = `${key.slice(0, 8)}****${key.slice(-4)}`;
    return {
      status: 401,
      type: 'invalid_request_error',
      message: `Invalid API Key provided: ${shown}`,
    };
  }
  if (switches.rateLimitNext > 0) {
    switches.rateLimitNext -= 1;
    return {
      status: 429,
      type: 'invalid_request_error',
      code: 'rate_limit',
      message: 'Request rate limit exceeded.',
    };
  }
  if (switches.failNext > 0) {
    switches.failNext -= 1;
    return { status: 500, type: 'api_error', message: 'An error occurred on the sandbox’s order.' };
  }
  return undefined;
}

function keyOf(header: string | undefined): string | undefined {
  const [scheme, credentials = ''] = header?.split(' ') ?? [];
  if (scheme?.toLowerCase() === 'bearer' && credentials !== '') {
    return credentials;
  }
  return scheme?.toLowerCase() === 'basic'
    ? Buffer.from(credentials, 'base64').toString('utf8').split(':')[0]
    : undefined;
}

/** Without configured keys any test key will do; a live key never does. */
function isKnown(known: readonly string[], key: string): boolean {
  if (!/^(sk|rk)_test_./.test(key)) {
    return false;
  }
  return (
    known.length === 0 ||
    known.some(
      (one) => one.length === key.length && timingSafeEqual(Buffer.from(one), Buffer.from(key)),
    )
  );
}

function answer(world: World, context: Context, refusal: Refusal): Response {
  const { status, type, message, code } = refusal;
  const id = newId('req', 14);
  const told = refused({
    status,
    body: { type, message, ...(code === undefined ? {} : { code }) },
  });
  world.requests.add({
    id,
    at: world.wall.now().getTime(),
    method: context.req.method,
    path: context.req.path,
    query: new URL(context.req.url).search.slice(1),
    body: '',
    version: context.req.header('stripe-version') ?? world.settings.apiVersion,
    idempotencyKey: context.req.header('idempotency-key') ?? null,
    status,
    ignored: [],
    answer: told.body,
    milliseconds: 0,
  });
  return context.body(told.body, status as 400, {
    ...told.headers,
    'content-type': 'application/json',
    'request-id': id,
  });
}
