import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import {
  createStripeClient,
  isUnknownToStripe,
  type StripeClient,
} from '../../src/stripe/index.ts';
import { type StripeSandbox, startStripeSandbox } from '../../src/testing.ts';

const PRICES = Array.from({ length: 7 }, (_, index) => ({
  id: `price_${index}`,
  name: `Pack ${index}`,
  unitAmount: 500,
}));

/** A client that has not asked anything yet. */
function newClient(sandbox: StripeSandbox): StripeClient {
  return createStripeClient({
    secretKey: sandbox.env.STRIPE_SECRET_KEY,
    apiBase: sandbox.url,
    maxNetworkRetries: 0,
  });
}

describe('a client whose SDK is loaded by its first request', () => {
  let sandbox: StripeSandbox;
  beforeAll(async () => {
    sandbox = await startStripeSandbox({ prices: PRICES });
    return () => sandbox.stop();
  });

  it('answers as the SDK does: with objects, and with lists page by page', async () => {
    const client = newClient(sandbox);
    expect((await client.prices.retrieve('price_3')).unit_amount).toBe(500);
    const ids: string[] = [];
    for await (const { id } of client.prices.list({ limit: 3 })) {
      ids.push(id);
    }
    expect(ids.sort()).toEqual(PRICES.map(({ id }) => id));
    const first = await client.prices.list({ limit: 3 });
    expect([first.data.length, first.has_more]).toEqual([3, true]);
    const most = await client.prices.list({ limit: 3 }).autoPagingToArray({ limit: 5 });
    expect(most).toHaveLength(5);
  });

  it('fails as the SDK does, once, for whoever awaits or walks', async () => {
    const loose: unknown[] = [];
    const note = (reason: unknown) => loose.push(reason);
    process.on('unhandledRejection', note);
    onTestFinished(() => void process.off('unhandledRejection', note));
    const client = newClient(sandbox);
    const thrown = await client.prices.retrieve('price_of_nobody').catch((error) => error);
    expect(isUnknownToStripe(thrown)).toBe(true);
    expect(thrown).toMatchObject({ type: 'StripeInvalidRequestError', statusCode: 404 });
    const walk = async () => {
      for await (const item of client.checkout.sessions.listLineItems('cs_test_of_nobody')) {
        expect(item).toBeUndefined();
      }
    };
    await expect(walk()).rejects.toSatisfy(isUnknownToStripe);
    const all = client.checkout.sessions
      .listLineItems('cs_test_of_nobody')
      .autoPagingToArray({ limit: 5 });
    await expect(all).rejects.toSatisfy(isUnknownToStripe);
    // Node reports an unhandled rejection before the next turn of the event loop.
    await new Promise((resolve) => setImmediate(resolve));
    expect(loose).toEqual([]);
  });

  it('can be awaited, and then is what it was', async () => {
    const client = newClient(sandbox);
    expect(await client).toBe(client);
  });
});
