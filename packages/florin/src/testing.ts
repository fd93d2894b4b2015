/**
 * `florin/testing`: the Stripe sandbox for a project's own tests. It answers the real Stripe SDK,
 * delivers signed events, and has a clock that can be moved; no account and no network are needed.
 */

import { createSandbox, type Sandbox, type SandboxOptions } from 'stripe-sandbox';
import { randomIds } from './kernel/index.ts';
import { idOf, openStripeClient, type StripeClient } from './stripe/index.ts';

export {
  type Advance,
  createSandbox,
  type Faults,
  type Sandbox,
  type SandboxControl,
  type SandboxOptions,
  type SeedEndpoint,
  type SeedPrice,
  signatureHeader,
} from 'stripe-sandbox';

export type StripeSandboxOptions = Omit<SandboxOptions, 'apiKeys' | 'endpoints'> & {
  /** Where events go: the address of your webhook route. More with `sandbox.addEndpoint`. */
  webhookUrl?: string;
  /** The API version of the deliveries to it; before 2025-03-31 they have the old shapes. */
  webhookApiVersion?: string;
};

/** Who buys what, and with which test card. */
export type Purchase = {
  /** A price's id. */
  price: string;
  /** Default 1. */
  quantity?: number;
  /** The account that is to be credited: becomes the session's `client_reference_id`. */
  accountId?: string;
  customer?: string;
  metadata?: Record<string, string>;
  /** The name of a test token: `visa` (default), `chargeDeclined`, `sepa_debit`, `createDispute`, … */
  card?: string;
};

export type Bought = {
  readonly sessionId: string;
  readonly customerId: string | null;
  readonly paymentStatus: string;
  /** Null in subscription mode, and when nothing had to be paid. */
  readonly chargeId: string | null;
  readonly paymentIntentId: string | null;
};

export type Subscribed = {
  readonly sessionId: string;
  readonly customerId: string;
  readonly subscriptionId: string;
  readonly invoiceId: string;
};

export type StripeSandbox = Sandbox & {
  /** Stripe's SDK on the sandbox. */
  readonly stripe: StripeClient;
  /** What the code under test needs to be told: three environment variables. */
  readonly env: {
    readonly STRIPE_SECRET_KEY: string;
    readonly STRIPE_WEBHOOK_SECRET: string;
    readonly STRIPE_API_BASE: string;
  };
  /** Buys once through a checkout session, as a buyer in a browser would. */
  buy(purchase: Purchase): Promise<Bought>;
  /** Subscribes through a checkout session. */
  subscribe(purchase: Purchase): Promise<Subscribed>;
};

/**
 * Starts a sandbox on a free port. `buy`, `subscribe` and `await sandbox.settled()` after any other
 * control resolve once each event has been answered (or has failed: see `sandbox.deliveries()`).
 * Stop it when the test ends: `await sandbox.stop()`.
 */
export async function startStripeSandbox(
  options: StripeSandboxOptions = {},
): Promise<StripeSandbox> {
  const { webhookUrl, webhookApiVersion, ...rest } = options;
  const apiKey = `sk_test_${randomIds.token(24).replaceAll(/\W/g, '0')}`;
  const secret = `whsec_${randomIds.token(24)}`;
  const sandbox = createSandbox({
    port: 0,
    ...rest,
    apiKeys: [apiKey],
    endpoints:
      webhookUrl === undefined ? [] : [{ url: webhookUrl, secret, apiVersion: webhookApiVersion }],
  });
  await sandbox.start();
  const stripe = await openStripeClient({ secretKey: apiKey, apiBase: sandbox.url });
  return Object.assign(sandbox, {
    stripe,
    env: {
      STRIPE_SECRET_KEY: apiKey,
      STRIPE_WEBHOOK_SECRET: secret,
      STRIPE_API_BASE: sandbox.url,
    },
    buy: (purchase: Purchase) => buy({ sandbox, stripe }, purchase),
    subscribe: (purchase: Purchase) => subscribe({ sandbox, stripe }, purchase),
  });
}

type Parts = { sandbox: Sandbox; stripe: StripeClient };

async function checkOut(
  { sandbox, stripe }: Parts,
  mode: 'payment' | 'subscription',
  of: Purchase,
) {
  const session = await stripe.checkout.sessions.create({
    mode,
    line_items: [{ price: of.price, quantity: of.quantity ?? 1 }],
    ...(of.customer === undefined ? {} : { customer: of.customer }),
    ...(of.accountId === undefined ? {} : { client_reference_id: of.accountId }),
    metadata: of.metadata ?? {},
    ...(mode === 'subscription' ? { subscription_data: { metadata: of.metadata ?? {} } } : {}),
    success_url: `${sandbox.url}/sandbox`,
  });
  const paid = sandbox.pay(session.id, of.card === undefined ? {} : { card: of.card });
  if (paid.outcome === 'requires_action') {
    sandbox.authenticate(paid.intent.id);
  }
  await sandbox.settled();
  return stripe.checkout.sessions.retrieve(session.id, {
    expand: ['payment_intent'],
  });
}

async function buy(parts: Parts, purchase: Purchase): Promise<Bought> {
  const session = await checkOut(parts, 'payment', purchase);
  const intent = typeof session.payment_intent === 'string' ? null : session.payment_intent;
  return {
    sessionId: session.id,
    customerId: idOf(session.customer),
    paymentStatus: session.payment_status,
    chargeId: idOf(intent?.latest_charge),
    paymentIntentId: intent?.id ?? null,
  };
}

async function subscribe(parts: Parts, purchase: Purchase): Promise<Subscribed> {
  const session = await checkOut(parts, 'subscription', purchase);
  return {
    sessionId: session.id,
    customerId: idOf(session.customer) ?? '',
    subscriptionId: idOf(session.subscription) ?? '',
    invoiceId: idOf(session.invoice) ?? '',
  };
}
