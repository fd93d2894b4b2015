import { createRequire } from 'node:module';
import pg from 'pg';
import Stripe from 'stripe';
import { createSandbox } from 'stripe-sandbox';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';

// Its migrations are found by the name of its folder, which only CommonJS has.
const { runMigrations, StripeSync } = createRequire(import.meta.url)(
  '@supabase/stripe-sync-engine',
) as typeof import('@supabase/stripe-sync-engine');

const SECRET = 'whsec_sync_engine';

/** Another's program, as it is published: only its SDK is told where Stripe is. */
describe('the Stripe sync engine of Supabase', { timeout: 120_000 }, () => {
  let fresh: FreshDatabase;
  beforeAll(async () => {
    fresh = await freshDatabase({ empty: true });
    await runMigrations({ databaseUrl: fresh.url, schema: 'stripe' });
  });
  afterAll(() => fresh.close());

  async function shopUnderTest() {
    const sandbox = createSandbox({
      port: 0,
      prices: [
        { id: 'price_PACK', name: 'Pack', unitAmount: 500 },
        { id: 'price_MONTHLY', name: 'Monthly', unitAmount: 900, recurring: { interval: 'month' } },
      ],
    });
    await sandbox.start();
    onTestFinished(() => sandbox.stop());
    const { hostname: host, port } = new URL(sandbox.url);
    const stripe = new Stripe('sk_test_sync_engine', { host, port, protocol: 'http' });
    const sync = new StripeSync({
      schema: 'stripe',
      stripeSecretKey: 'sk_test_sync_engine',
      stripeWebhookSecret: SECRET,
      poolConfig: { connectionString: fresh.url, max: 2 },
    });
    sync.stripe = stripe;
    // A pool's end does not wait for its connections: the drop of the database ends a late one, which
    // its pool, without a listener, throws.
    sync.postgresClient.pool.on('error', () => undefined);
    onTestFinished(() => sync.postgresClient.close());
    return { sandbox, stripe, sync };
  }

  async function ids(table: string): Promise<string[]> {
    const client = new pg.Client({ connectionString: fresh.url });
    await client.connect();
    try {
      const { rows } = await client.query<{ id: string }>(`select id from stripe.${table}`);
      return rows.map((row) => row.id);
    } finally {
      await client.end();
    }
  }

  it('fills its tables with everything that the sandbox has', async () => {
    const { sandbox, stripe, sync } = await shopUnderTest();
    const customer = await stripe.customers.create({
      payment_method: 'pm_card_visa',
      invoice_settings: { default_payment_method: 'pm_card_visa' },
    });
    const subscription = await stripe.subscriptions.create({
      customer: customer.id,
      items: [{ price: 'price_MONTHLY' }],
    });
    const schedule = await stripe.subscriptionSchedules.create({
      from_subscription: subscription.id,
    });
    await stripe.customers.createTaxId(customer.id, { type: 'eu_vat', value: 'DE123456789' });
    await stripe.setupIntents.create({ customer: customer.id });
    const [charge] = (await stripe.charges.list()).data;
    sandbox.refund({ charge: charge?.id ?? '', amount: 100 });
    sandbox.dispute(charge?.id ?? '');
    sandbox.warnOfFraud(charge?.id ?? '');
    const filled = await sync.syncBackfill({ object: 'all' });
    expect(
      Object.fromEntries(Object.entries(filled).map(([key, one]) => [key, one.synced])),
    ).toEqual(
      expect.objectContaining({
        products: 2,
        prices: 2,
        plans: 1,
        customers: 1,
        subscriptions: 1,
        subscriptionSchedules: 1,
        invoices: 1,
        charges: 1,
        refunds: 1,
        disputes: 1,
        earlyFraudWarnings: 1,
      }),
    );
    expect(await ids('subscription_schedules')).toEqual([schedule.id]);
    expect(await ids('charges')).toEqual([charge?.id]);
    const refused = sandbox.requests().filter(({ status }) => status >= 400);
    expect(refused.map(({ method, path, answer }) => [method, path, answer])).toEqual([]);
  });

  it('keeps them up to date from the sandbox’s webhooks, month after month', async () => {
    const { sandbox, stripe, sync } = await shopUnderTest();
    const customer = await stripe.customers.create({
      payment_method: 'pm_card_visa',
      invoice_settings: { default_payment_method: 'pm_card_visa' },
    });
    const subscription = await stripe.subscriptions.create({
      customer: customer.id,
      items: [{ price: 'price_MONTHLY' }],
    });
    sandbox.advance({ months: 2 });
    for (const event of sandbox.events()) {
      const payload = JSON.stringify(event);
      const signature = stripe.webhooks.generateTestHeaderString({ payload, secret: SECRET });
      await sync.processWebhook(Buffer.from(payload), signature);
    }
    const invoices = (await stripe.invoices.list({ subscription: subscription.id })).data;
    expect(invoices).toHaveLength(3);
    expect(await ids('invoices')).toEqual(
      expect.arrayContaining(invoices.map((invoice) => invoice.id)),
    );
    expect(await ids('subscriptions')).toContain(subscription.id);
  });
});
