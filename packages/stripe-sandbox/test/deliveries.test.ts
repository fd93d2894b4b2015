import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type Stripe from 'stripe';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createSandbox } from '../src/index.ts';
import { endpointUnderTest, KEY, SECRET, sandboxUnderTest, sdkFor } from './sandbox-under-test.ts';

const FAST = { retryGaps: [0.02, 0.02, 0.02] };

async function buy(stripe: Stripe): Promise<string> {
  const intent = await stripe.paymentIntents.create({
    amount: 500,
    currency: 'usd',
    payment_method: 'pm_card_visa',
    confirm: true,
  });
  return String(intent.latest_charge);
}

describe('deliveries', () => {
  it("are signed as Stripe signs: the SDK accepts them, and not with another endpoint's secret", async () => {
    const endpoint = await endpointUnderTest();
    const { sandbox, stripe } = await sandboxUnderTest({
      endpoints: [{ url: endpoint.url, secret: SECRET }],
    });
    await buy(stripe);
    await sandbox.settled();
    expect(endpoint.types()).toEqual(
      expect.arrayContaining(['payment_intent.created', 'charge.succeeded']),
    );
    for (const { body, signature } of endpoint.received) {
      const event = stripe.webhooks.constructEvent(body, signature, SECRET);
      expect(event.livemode).toBe(false);
      expect(() => stripe.webhooks.constructEvent(body, signature, 'whsec_other')).toThrow();
      expect(await stripe.events.retrieve(event.id)).toMatchObject({ type: event.type });
    }
  });

  it('are repeated until the endpoint says 2xx', async () => {
    const endpoint = await endpointUnderTest((nth) => (nth <= 2 ? 500 : 200));
    const { sandbox, stripe } = await sandboxUnderTest({
      ...FAST,
      endpoints: [{ url: endpoint.url, secret: SECRET, enabledEvents: ['charge.succeeded'] }],
    });
    await buy(stripe);
    await expect.poll(() => endpoint.received.length).toBe(3);
    await sandbox.settled();
    expect(new Set(endpoint.received.map((one) => one.event.id)).size).toBe(1);
    expect(sandbox.deliveries()).toMatchObject([
      { status: 'delivered', attempts: 3, lastStatus: 200 },
    ]);
  });

  it('are given up after the last gap, and can be sent again', async () => {
    const endpoint = await endpointUnderTest((nth) => (nth <= 4 ? 503 : 200));
    const { sandbox, stripe } = await sandboxUnderTest({
      ...FAST,
      endpoints: [{ url: endpoint.url, secret: SECRET, enabledEvents: ['charge.succeeded'] }],
    });
    await buy(stripe);
    await expect.poll(() => sandbox.deliveries()[0]?.status).toBe('given_up');
    expect(endpoint.received).toHaveLength(4);
    sandbox.resend(String(endpoint.received[0]?.event.id));
    await sandbox.settled();
    expect(endpoint.received).toHaveLength(5);
  });

  it('that were not answered before a restart arrive after it', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'florin-sandbox-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const endpoint = await endpointUnderTest();
    const options = {
      port: 0,
      apiKeys: [KEY],
      storage: join(folder, 'sandbox.jsonl'),
      retryGaps: [0.05, 0.05],
      endpoints: [{ url: endpoint.url, secret: SECRET, enabledEvents: ['charge.succeeded'] }],
    };
    const first = createSandbox(options);
    await first.start();
    first.faults({ down: true });
    await buy(sdkFor(first));
    await first.settled();
    await first.stop();
    const second = createSandbox(options);
    await second.start();
    onTestFinished(() => second.stop());
    await expect.poll(() => endpoint.types()).toEqual(['charge.succeeded']);
    expect(await sdkFor(second).webhookEndpoints.list()).toMatchObject({ data: [{}] });
  });

  it('wait while the endpoint is down for a day, and arrive when it is back', async () => {
    const endpoint = await endpointUnderTest();
    const { sandbox, stripe } = await sandboxUnderTest({
      retryGaps: [3600, 3600, 86_400],
      endpoints: [{ url: endpoint.url, secret: SECRET, enabledEvents: ['charge.succeeded'] }],
    });
    sandbox.faults({ down: true });
    await buy(stripe);
    await sandbox.settled();
    sandbox.advance({ hours: 2 });
    await sandbox.settled();
    expect(endpoint.received).toHaveLength(0);
    sandbox.resetFaults();
    sandbox.advance({ days: 1 });
    await sandbox.settled();
    expect(endpoint.types()).toEqual(['charge.succeeded']);
  });

  it('can be doubled, told under two ids, dropped and reordered', async () => {
    const endpoint = await endpointUnderTest();
    const { sandbox, stripe } = await sandboxUnderTest({
      endpoints: [
        {
          url: endpoint.url,
          secret: SECRET,
          enabledEvents: ['charge.succeeded', 'payment_intent.succeeded'],
        },
      ],
    });
    const deliver = async (faults: Parameters<typeof sandbox.faults>[0]) => {
      endpoint.received.length = 0;
      sandbox.faults(faults);
      await buy(stripe);
      await sandbox.settled();
      sandbox.resetFaults();
      return endpoint.received.map((one) => one.event);
    };
    const doubled = await deliver({ duplicates: 1 });
    expect(doubled).toHaveLength(4);
    expect(new Set(doubled.map((event) => event.id)).size).toBe(2);
    const twins = await deliver({ twins: true });
    expect(new Set(twins.map((event) => event.id)).size).toBe(4);
    const objects = twins.map((event) => (event.data.object as { id: string }).id);
    expect(new Set(objects).size).toBe(2);
    const dropped = await deliver({ dropTypes: ['charge.succeeded'] });
    expect(dropped.map((event) => event.type)).toEqual(['payment_intent.succeeded']);
    const lost = await deliver({ dropNext: 1 });
    expect(lost).toHaveLength(1);
    const reordered = await deliver({ reorder: true });
    expect(reordered.map((event) => event.type)).toEqual([
      'payment_intent.succeeded',
      'charge.succeeded',
    ]);
    const before = Date.now();
    // A little longer: a timer counts from when its turn of the event loop began.
    await deliver({ delayMs: 140 });
    expect(Date.now() - before).toBeGreaterThanOrEqual(120);
  });

  it('go to every endpoint that wants the type, each in its own API version', async () => {
    const [old, older, current] = [
      await endpointUnderTest(),
      await endpointUnderTest(),
      await endpointUnderTest(),
    ];
    const { sandbox, stripe } = await sandboxUnderTest({
      endpoints: [
        { url: old.url, secret: SECRET, apiVersion: '2024-06-20' },
        { url: older.url, secret: SECRET, apiVersion: '2020-03-02' },
      ],
    });
    const made = await stripe.webhookEndpoints.create({
      url: current.url,
      enabled_events: ['invoice.paid', 'charge.refunded', 'customer.subscription.created'],
    });
    expect(made.secret).toMatch(/^whsec_/);
    expect((await stripe.webhookEndpoints.list()).data[0]).not.toHaveProperty('secret');
    const customer = await stripe.customers.create({
      payment_method: 'pm_card_visa',
      invoice_settings: { default_payment_method: 'pm_card_visa' },
    });
    const subscription = await stripe.subscriptions.create({
      customer: customer.id,
      items: [{ price: 'price_BASIC_MONTHLY' }],
      metadata: { userId: 'user-1' },
    });
    const [charge] = (await stripe.charges.list()).data;
    await stripe.refunds.create({ charge: String(charge?.id), amount: 100 });
    await sandbox.settled();

    const now = current.of('invoice.paid')[0];
    expect(now?.event.api_version).toBe('2026-10-28.endive');
    expect(
      stripe.webhooks.constructEvent(now?.body ?? '', now?.signature ?? '', String(made.secret))
        .type,
    ).toBe('invoice.paid');
    expect(now?.event.data.object).toMatchObject({
      parent: { subscription_details: { subscription: subscription.id } },
      lines: { data: [{ pricing: { price_details: { price: 'price_BASIC_MONTHLY' } } }] },
    });
    expect(now?.event.data.object).not.toHaveProperty('subscription');
    expect(current.types()).not.toContain('customer.created');

    const invoice = old.of('invoice.paid')[0]?.event;
    expect(invoice?.api_version).toBe('2024-06-20');
    expect(invoice?.data.object).toMatchObject({
      subscription: subscription.id,
      subscription_details: { metadata: { userId: 'user-1' } },
      payment_intent: charge?.payment_intent,
      charge: charge?.id,
      paid: true,
      lines: {
        data: [
          {
            type: 'subscription',
            proration: false,
            subscription: subscription.id,
            price: { id: 'price_BASIC_MONTHLY', unit_amount: 900 },
            plan: { id: 'price_BASIC_MONTHLY' },
          },
        ],
      },
    });
    expect(invoice?.data.object).not.toHaveProperty('parent');
    const oldSubscription = old.of('customer.subscription.created')[0]?.event.data.object;
    expect(oldSubscription).toMatchObject({
      current_period_end: subscription.items.data[0]?.current_period_end,
    });
    expect(old.of('charge.refunded')[0]?.event.data.object).toMatchObject({
      invoice: (invoice?.data.object as { id: string } | undefined)?.id,
      amount_refunded: 100,
    });
    expect(older.of('charge.refunded')[0]?.event.data.object).toMatchObject({
      refunds: { data: [{ amount: 100 }] },
    });
    expect(current.of('charge.refunded')[0]?.event.data.object).not.toHaveProperty('invoice');
  });

  it('carry what changed, and the request that caused it', async () => {
    const { sandbox, stripe } = await sandboxUnderTest();
    const charge = await buy(stripe);
    await stripe.refunds.create({ charge, amount: 200 }, { idempotencyKey: 'refund-1' });
    const [event] = sandbox.events('charge.refunded');
    expect(event).toMatchObject({
      data: { previous_attributes: { amount_refunded: 0 } },
      request: { idempotency_key: 'refund-1' },
    });
    const listed = await stripe.events.list({ types: ['charge.refunded', 'charge.succeeded'] });
    expect(listed.data.map((one) => one.type)).toEqual(['charge.refunded', 'charge.succeeded']);
    sandbox.advance({ days: 31 });
    expect((await stripe.events.list()).data).toHaveLength(0);
  });
});
