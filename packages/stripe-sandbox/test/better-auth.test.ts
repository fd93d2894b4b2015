import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { stripe as stripePlugin } from '@better-auth/stripe';
import { betterAuth } from 'better-auth';
import { memoryAdapter } from 'better-auth/adapters/memory';
import { toNodeHandler } from 'better-auth/node';
import { describe, expect, it, onTestFinished } from 'vitest';
import { sandboxUnderTest } from './sandbox-under-test.ts';

const SECRET = 'whsec_better_auth';

type Kept = {
  plan: string;
  status: string;
  stripeSubscriptionId: string;
  stripeScheduleId: string | null;
};

/** A service with Better Auth and its Stripe plugin, as they are published, in front of the sandbox. */
async function serviceUnderTest() {
  const { sandbox, stripe } = await sandboxUnderTest();
  const tables = {
    user: [],
    session: [],
    account: [],
    verification: [],
    subscription: [] as Kept[],
  };
  let handler: ReturnType<typeof toNodeHandler> | undefined;
  const server = createServer((request, response) => void handler?.(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const auth = betterAuth({
    baseURL: base,
    secret: 'J2kd8Qm1zVx7Lp0Rt5Wc9Yb3Nh6Gf4Ae',
    database: memoryAdapter(tables),
    emailAndPassword: { enabled: true },
    telemetry: { enabled: false },
    plugins: [
      stripePlugin({
        stripeClient: stripe as never,
        stripeWebhookSecret: SECRET,
        createCustomerOnSignUp: true,
        subscription: {
          enabled: true,
          plans: [
            { name: 'basic', priceId: 'price_BASIC_MONTHLY' },
            { name: 'pro', priceId: 'price_PRO_MONTHLY' },
          ],
        },
      }),
    ],
  });
  handler = toNodeHandler(auth);
  sandbox.addEndpoint({ url: `${base}/api/auth/stripe/webhook`, secret: SECRET });
  let cookie = '';
  const call = async (path: string, body: object) => {
    const response = await fetch(`${base}/api/auth${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', origin: base, cookie },
      body: JSON.stringify(body),
    });
    const set = response.headers.getSetCookie().map((one) => one.split(';')[0]);
    cookie = set.length > 0 ? set.join('; ') : cookie;
    return (await response.json()) as { id: string; url: string };
  };
  await call('/sign-up/email', { email: 'ada@example.com', password: 'a-long-one-7', name: 'Ada' });
  return { sandbox, stripe, base, call, kept: () => tables.subscription };
}

describe('Better Auth', () => {
  it('sells a plan, changes it when the period ends, and hears of it by webhook', async () => {
    const { sandbox, base, call, kept } = await serviceUnderTest();
    const back = { successUrl: `${base}/done`, cancelUrl: `${base}/back` };
    const checkout = await call('/subscription/upgrade', { plan: 'pro', ...back });
    sandbox.pay(checkout.id);
    await sandbox.settled();
    expect(kept()).toMatchObject([{ plan: 'pro', status: 'active' }]);
    await call('/subscription/upgrade', {
      plan: 'basic',
      ...back,
      scheduleAtPeriodEnd: true,
      subscriptionId: kept()[0]?.stripeSubscriptionId,
    });
    await sandbox.settled();
    expect(kept()).toMatchObject([
      { plan: 'pro', stripeScheduleId: expect.stringMatching(/^sub_sched_/) },
    ]);
    sandbox.advance({ months: 1 });
    await sandbox.settled();
    expect(kept()).toMatchObject([{ plan: 'basic', status: 'active' }]);
    const portal = await call('/subscription/cancel', {
      returnUrl: `${base}/back`,
      subscriptionId: kept()[0]?.stripeSubscriptionId,
    });
    expect((await fetch(portal.url)).status).toBe(200);
    const failed = sandbox.requests().filter(({ status }) => status >= 400);
    expect(failed.map(({ method, path, answer }) => [method, path, answer])).toEqual([]);
    expect(sandbox.deliveries().filter((one) => one.lastStatus !== 200)).toEqual([]);
  });
});
