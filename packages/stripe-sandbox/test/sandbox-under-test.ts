import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import Stripe from 'stripe';
import { expect, onTestFinished } from 'vitest';
import { createSandbox, type Sandbox, type SandboxOptions } from '../src/index.ts';
import { differences } from './support/declared-answers.ts';

export const PRICES = [
  { id: 'price_QUICK_SCAN', name: 'Quick Scan', unitAmount: 500 },
  { id: 'price_POWER_PACK', name: 'Power Pack', unitAmount: 2000 },
  {
    id: 'price_BASIC_MONTHLY',
    name: 'Basic',
    unitAmount: 900,
    lookupKey: 'basic_monthly',
    recurring: { interval: 'month' as const },
  },
  {
    id: 'price_PRO_MONTHLY',
    name: 'Pro',
    unitAmount: 2900,
    recurring: { interval: 'month' as const },
  },
];

export const KEY = 'sk_test_florin';
export const SECRET = 'whsec_test_secret';

/** The real SDK, pointed at the sandbox and without retries of its own. */
export function sdkFor(sandbox: Pick<Sandbox, 'url'>, key = KEY): Stripe {
  const { hostname, port } = new URL(sandbox.url);
  return new Stripe(key, {
    host: hostname,
    port,
    protocol: 'http',
    maxNetworkRetries: 0,
    telemetry: false,
  });
}

/**
 * A running sandbox on a free port, with the real SDK; stopped when the test ends. Every answer,
 * and every event, must then be as the SDK declares it.
 */
export async function sandboxUnderTest(options: SandboxOptions = {}) {
  const sandbox = createSandbox({ port: 0, apiKeys: [KEY], prices: PRICES, ...options });
  await sandbox.start();
  onTestFinished(async () => {
    await sandbox.stop();
    expect(differences(sandbox)).toEqual([]);
  });
  return { sandbox, stripe: sdkFor(sandbox) };
}

export type Received = { body: string; signature: string; event: Stripe.Event };

/** An endpoint that keeps what it gets. `answer` decides each response's status. */
export async function endpointUnderTest(answer: (nth: number) => number = () => 200) {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString('utf8');
      const signature = String(request.headers['stripe-signature']);
      received.push({ body, signature, event: JSON.parse(body) as Stripe.Event });
      response.statusCode = answer(received.length);
      response.end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => new Promise((resolve) => server.close(() => resolve())));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/webhook`,
    received,
    types: () => received.map((one) => one.event.type),
    of: (type: string) => received.filter((one) => one.event.type === type),
  };
}

/** A meter that adds up `event`, and a price of 3 cents for each unit a month. */
export async function meteredPrice(stripe: Stripe, event: string) {
  const meter = await stripe.billing.meters.create({
    display_name: event,
    event_name: event,
    default_aggregation: { formula: 'sum' },
  });
  const price = await stripe.prices.create({
    product: 'prod_PRO_MONTHLY',
    currency: 'usd',
    unit_amount: 3,
    recurring: { interval: 'month', usage_type: 'metered', meter: meter.id },
  });
  return { meter, price };
}

/** The types of all events, oldest first. */
export function types(sandbox: Sandbox): string[] {
  return sandbox.events().map((event) => event.type);
}
