import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type pg from 'pg';
import Stripe from 'stripe';
import { Billing } from 'stripe-no-webhooks';
import { createSandbox } from 'stripe-sandbox';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';

const SECRET = 'whsec_no_webhooks';
const KEY = 'sk_test_no_webhooks';

/** Another's program, as it is published: its option for a Stripe client is the only thing that is set. */
describe('stripe-no-webhooks', { timeout: 120_000 }, () => {
  let fresh: FreshDatabase;
  beforeAll(async () => {
    fresh = await freshDatabase({ empty: true });
    const program = new URL('../bin/cli.js', import.meta.resolve('stripe-no-webhooks'));
    await promisify(execFile)(process.execPath, [fileURLToPath(program), 'migrate', fresh.url]);
  });
  afterAll(() => fresh.close());

  it('sells a plan in the sandbox and grants its credits each month', async () => {
    const sandbox = createSandbox({
      port: 0,
      prices: [
        { id: 'price_TEAM', name: 'Team', unitAmount: 900, recurring: { interval: 'month' } },
      ],
    });
    await sandbox.start();
    onTestFinished(() => sandbox.stop());
    const { hostname: host, port } = new URL(sandbox.url);
    const stripe = new Stripe(KEY, { host, port, protocol: 'http' });
    const price = { id: 'price_TEAM', amount: 900, currency: 'usd', interval: 'month' as const };
    const plans = [
      { name: 'Team', price: [price], features: { calls: { credits: { allocation: 100 } } } },
    ];
    const billing = new Billing({
      stripeSecretKey: KEY,
      stripeWebhookSecret: SECRET,
      databaseUrl: fresh.url,
      billingConfig: { test: { plans } },
      resolveUser: () => ({ id: 'user-1', email: 'ada@example.com' }),
      _stripeClient: stripe as never,
    } as never);
    // It has no way to be closed: its two pools are.
    const { pool, sync } = billing as unknown as {
      pool: pg.Pool;
      sync: { postgresClient: { pool: pg.Pool } };
    };
    onTestFinished(async () => {
      await Promise.all([pool.end(), sync.postgresClient.pool.end()]);
    });
    const handler = billing.createHandler();
    const ask = (path: string, init: RequestInit) =>
      handler(new Request(`http://shop.example/api/stripe/${path}`, { method: 'POST', ...init }));
    const checkout = await ask('checkout', {
      headers: {
        accept: 'application/json',
        'content-type': 'application/json',
        origin: 'http://shop.example',
      },
      body: JSON.stringify({ planName: 'Team', interval: 'month' }),
    });
    const { url = '' } = (await checkout.json()) as { url?: string };
    sandbox.pay(url.split('/').at(-1) ?? '');
    let told = 0;
    const tell = async () => {
      for (const event of sandbox.events().slice(told)) {
        const body = JSON.stringify(event);
        const signature = stripe.webhooks.generateTestHeaderString({
          payload: body,
          secret: SECRET,
        });
        const answer = await ask('webhook', { headers: { 'stripe-signature': signature }, body });
        expect([event.type, answer.status]).toEqual([event.type, 200]);
        told += 1;
      }
    };
    await tell();
    const balance = () => billing.credits.getBalance({ userId: 'user-1', key: 'calls' });
    expect(await balance()).toBe(100);
    sandbox.advance({ months: 1 });
    await tell();
    expect(await balance()).toBe(100);
    const granted = await billing.credits.getHistory({ userId: 'user-1', key: 'calls' });
    expect(granted.filter(({ amount }) => amount === 100)).toHaveLength(2);
  });
});
