import type Stripe from 'stripe';
import type { Sandbox, SandboxOptions } from 'stripe-sandbox';
import { expect, onTestFinished } from 'vitest';
import {
  endpointUnderTest,
  PRICES,
  sandboxUnderTest,
} from '../../../../stripe-sandbox/test/sandbox-under-test.ts';
import { createStripeLookups } from '../../../src/stripe/index.ts';
import { webhookEventTypes } from '../../../src/webhooks/index.ts';
import { testCatalog } from './catalog.ts';
import { ACCOUNT } from './objects.ts';
import { openShop, type Shop } from './shop.ts';

export const URLS = { success_url: 'http://shop.test/', cancel_url: 'http://shop.test/cancel' };

/** A shop whose Stripe is the sandbox, through the real SDK, with an endpoint of one API version. */
export async function shopOnSandbox(
  apiVersion: string,
  catalog = testCatalog(),
  more: NonNullable<SandboxOptions['prices']> = [],
) {
  const { sandbox, stripe } = await sandboxUnderTest({ prices: [...PRICES, ...more] });
  const endpoint = await endpointUnderTest();
  sandbox.addEndpoint({
    url: endpoint.url,
    apiVersion,
    enabledEvents: webhookEventTypes(),
  });
  const shop = (await openShop({ catalog })).with({ stripe: createStripeLookups(stripe) });
  onTestFinished(() => shop.close());
  const subscribed = new Set(webhookEventTypes());
  let taken = 0;
  /** What was delivered since the last time, once all of it has come. */
  const delivered = async () => {
    await expect
      .poll(() => endpoint.received.length)
      .toBe(sandbox.events().filter((event) => subscribed.has(event.type)).length);
    const fresh = endpoint.received.slice(taken);
    taken = endpoint.received.length;
    return fresh;
  };
  /** Hands on everything that was delivered since the last time, last first and each twice. */
  const settle = async () => {
    const fresh = (await delivered()).reverse();
    for (const { body } of [...fresh, ...fresh]) {
      const outcome = await shop.deliver(JSON.parse(body));
      expect(outcome.kind).toBe('accepted');
    }
    await shop.drain();
    expect(await waiting(shop)).toEqual([]);
  };
  return { sandbox, stripe, shop, settle, delivered, waiting: () => waiting(shop) };
}

async function waiting(shop: Shop) {
  return shop.deps.db.query(
    "select type, error from billing.events where status in ('received', 'failed', 'dead')",
  );
}

export async function buyPack(
  stripe: Stripe,
  pay: (id: string) => unknown,
): Promise<Stripe.Charge> {
  const session = await stripe.checkout.sessions.create({
    mode: 'payment',
    client_reference_id: ACCOUNT,
    line_items: [{ price: 'price_QUICK_SCAN', quantity: 2 }],
    ...URLS,
  });
  pay(session.id);
  const paid = await stripe.checkout.sessions.retrieve(session.id, {
    expand: ['payment_intent.latest_charge'],
  });
  return (paid.payment_intent as Stripe.PaymentIntent).latest_charge as Stripe.Charge;
}

/** Changes the only subscription to Pro, half a month from its start to its next, and has the rest invoiced. */
export async function upgradeInMidMonth({
  sandbox,
  stripe,
}: {
  sandbox: Sandbox;
  stripe: Stripe;
}): Promise<Stripe.Subscription> {
  const [subscription] = (await stripe.subscriptions.list()).data;
  const item = subscription?.items.data[0];
  if (subscription === undefined || item === undefined) {
    throw new Error('There is no subscription.');
  }
  const half = Math.floor((item.current_period_start + item.current_period_end) / 2);
  sandbox.advance({ seconds: half - sandbox.now() });
  return stripe.subscriptions.update(subscription.id, {
    items: [{ id: item.id, price: 'price_PRO_MONTHLY' }],
    proration_behavior: 'always_invoice',
    proration_date: half,
  });
}

/** A subscription of one, paid for, half a month from its start to its next. */
export async function subscribe(on: {
  sandbox: Sandbox;
  stripe: Stripe;
  settle: () => Promise<void>;
  price?: string;
}) {
  const { sandbox, stripe, settle, price = 'price_BASIC_MONTHLY' } = on;
  const session = await stripe.checkout.sessions.create({
    mode: 'subscription',
    client_reference_id: ACCOUNT,
    line_items: [{ price, quantity: 1 }],
    ...URLS,
  });
  sandbox.pay(session.id);
  await settle();
  const { subscription } = await stripe.checkout.sessions.retrieve(session.id);
  const made = await stripe.subscriptions.retrieve(String(subscription));
  const item = made.items.data[0];
  if (item === undefined) {
    throw new Error('The subscription has no item.');
  }
  const half = Math.floor((item.current_period_start + item.current_period_end) / 2);
  return {
    id: made.id,
    item: item.id,
    customer: String(made.customer),
    half,
    end: item.current_period_end,
  };
}
