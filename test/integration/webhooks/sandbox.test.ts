import type Stripe from 'stripe';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createStripeLookups } from '../../../src/stripe/index.ts';
import { webhookEventTypes } from '../../../src/webhooks/index.ts';
import { endpointUnderTest, PRICES, sandboxUnderTest } from '../../sandbox/sandbox-under-test.ts';
import { ACCOUNT } from './objects.ts';
import { openShop, type Shop } from './shop.ts';

const URLS = { success_url: 'http://shop.test/', cancel_url: 'http://shop.test/cancel' };

/** A shop whose Stripe is the sandbox, through the real SDK, with an endpoint of one API version. */
async function shopOnSandbox(apiVersion: string) {
  const { sandbox, stripe } = await sandboxUnderTest({ prices: PRICES });
  const endpoint = await endpointUnderTest();
  sandbox.addEndpoint({
    url: endpoint.url,
    apiVersion,
    enabledEvents: webhookEventTypes(),
  });
  const shop = (await openShop()).with({ stripe: createStripeLookups(stripe) });
  onTestFinished(() => shop.close());
  const subscribed = new Set(webhookEventTypes());
  let taken = 0;
  /** Hands on everything that was delivered since the last time, last first and each twice. */
  const settle = async () => {
    await expect
      .poll(() => endpoint.received.length, { timeout: 10_000 })
      .toBe(sandbox.events().filter((event) => subscribed.has(event.type)).length);
    const fresh = endpoint.received.slice(taken).reverse();
    taken = endpoint.received.length;
    for (const { body } of [...fresh, ...fresh]) {
      const outcome = await shop.deliver(JSON.parse(body));
      expect(outcome.kind).toBe('accepted');
    }
    await shop.drain();
    expect(await waiting(shop)).toEqual([]);
  };
  return { sandbox, stripe, shop, settle };
}

async function waiting(shop: Shop) {
  return shop.deps.db.query(
    "select type, error from billing.events where status in ('received', 'failed', 'dead')",
  );
}

async function buyPack(stripe: Stripe, pay: (id: string) => unknown): Promise<Stripe.Charge> {
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

describe.each(['2026-10-28.endive', '2020-03-02'])(
  'the sandbox, delivering in %s, last events first and each twice',
  (apiVersion) => {
    it('a pack, three partial refunds', async () => {
      const { sandbox, stripe, shop, settle } = await shopOnSandbox(apiVersion);
      const charge = await buyPack(stripe, (id) => sandbox.pay(id));
      await settle();
      expect(await shop.balance()).toBe(100);
      for (const [amount, left] of [
        [300, 70],
        [333, 37],
        [367, 0],
      ] as const) {
        await stripe.refunds.create({ charge: charge.id, amount });
        await settle();
        expect(await shop.balance()).toBe(left);
      }
    });

    it('a dispute won and one lost', async () => {
      const { sandbox, stripe, shop, settle } = await shopOnSandbox(apiVersion);
      const [won, lost] = [
        await buyPack(stripe, (id) => sandbox.pay(id)),
        await buyPack(stripe, (id) => sandbox.pay(id)),
      ];
      const [first, second] = [sandbox.dispute(won.id), sandbox.dispute(lost.id, { amount: 400 })];
      await settle();
      expect(await shop.balance()).toBe(60);
      sandbox.closeDispute(first.id, 'won');
      sandbox.closeDispute(second.id, 'lost');
      await settle();
      expect(await shop.balance()).toBe(160);
    });

    it('a subscription, its renewal, an upgrade in mid-month and its refund', async () => {
      const { sandbox, stripe, shop, settle } = await shopOnSandbox(apiVersion);
      const session = await stripe.checkout.sessions.create({
        mode: 'subscription',
        client_reference_id: ACCOUNT,
        line_items: [{ price: 'price_BASIC_MONTHLY', quantity: 1 }],
        ...URLS,
      });
      sandbox.pay(session.id);
      await settle();
      expect(await shop.balance()).toBe(100);
      sandbox.advance({ months: 1, days: 1 });
      await settle();
      expect(await shop.balance()).toBe(200);

      const [subscription] = (await stripe.subscriptions.list()).data;
      const item = subscription?.items.data[0];
      if (subscription === undefined || item === undefined) {
        throw new Error('There is no subscription.');
      }
      const half = Math.floor((item.current_period_start + item.current_period_end) / 2);
      sandbox.advance({ seconds: half - sandbox.now() });
      await stripe.subscriptions.update(subscription.id, {
        items: [{ id: item.id, price: 'price_PRO_MONTHLY' }],
        proration_behavior: 'always_invoice',
        proration_date: half,
      });
      await settle();
      expect(await shop.balance()).toBe(450);

      const [upgrade] = (await stripe.invoices.list({ limit: 1, expand: ['data.payments'] })).data;
      const intent = upgrade?.payments?.data[0]?.payment.payment_intent;
      await stripe.refunds.create({ payment_intent: String(intent) });
      await stripe.subscriptions.cancel(subscription.id);
      await settle();
      expect(await shop.balance()).toBe(200);
    });

    it('a refund that fails days later', async () => {
      const { sandbox, stripe, shop, settle } = await shopOnSandbox(apiVersion);
      const charge = await buyPack(stripe, (id) => sandbox.pay(id, { card: 'refundFail' }));
      await stripe.refunds.create({ charge: charge.id, amount: 500 });
      await settle();
      expect(await shop.balance()).toBe(50);
      sandbox.advance({ days: 6 });
      await settle();
      expect(await shop.balance()).toBe(100);
    });
  },
);
