// What is told of one subscription within one second, in any order and by two workers at once (decision 0144).
import type Stripe from 'stripe';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  endpointUnderTest,
  sandboxUnderTest,
} from '../../../../stripe-sandbox/test/sandbox-under-test.ts';
import { createStripeLookups, readSubscription } from '../../../src/stripe/index.ts';
import { event, type Json, subscription } from './objects.ts';
import { openShop, type Shop } from './shop.ts';

type Told = { readonly type: string; readonly created: number };

/** A renewal whose payment fails in the second in which the new period begins, as Stripe tells of it. */
async function renewalThatFails() {
  const now = new Date();
  const { sandbox, stripe } = await sandboxUnderTest({ clock: { now: () => now } });
  const endpoint = await endpointUnderTest();
  sandbox.addEndpoint({ url: endpoint.url, enabledEvents: ['customer.subscription.*'] });
  const card = 'pm_card_visa';
  const customer = await stripe.customers.create({
    payment_method: card,
    invoice_settings: { default_payment_method: card },
  });
  const { id } = await stripe.subscriptions.create({
    customer: customer.id,
    items: [{ price: 'price_BASIC_MONTHLY' }],
  });
  sandbox.setCard(customer.id, 'chargeCustomerFail');
  sandbox.advance({ months: 1 });
  const told = sandbox.events().filter(({ type }) => type.startsWith('customer.subscription.'));
  return { stripe, id, told: told as unknown as Json[] };
}

async function statusOf({ deps }: Shop, id: string) {
  return deps.db.query<{ status: string; ended: boolean; asOf: Date }>(
    'select status, ended, as_of from billing.subscriptions where subscription_id = $1',
    [id],
  );
}

async function shopWith(stripe: Parameters<typeof openShop>[0] = {}): Promise<Shop> {
  const shop = await openShop(stripe);
  onTestFinished(() => shop.close());
  return shop;
}

describe('changes of one subscription in one second', () => {
  it.each([
    ['as they happened', (told: Json[]) => told],
    ['last first', (told: Json[]) => told.toReversed()],
    ['last first, each twice', (told: Json[]) => told.toReversed().flatMap((one) => [one, one])],
  ])('end as Stripe ended, told %s', async (_, order) => {
    const { stripe, id, told } = await renewalThatFails();
    const [renewed, failed] = told.slice(-2) as unknown as [Told, Told];
    expect(renewed.created).toBe(failed.created);
    const shop = await shopWith();
    const asked = shop.with({ stripe: createStripeLookups(stripe as Stripe) });
    for (const one of order(told)) {
      await asked.deliver(one);
    }
    expect(await statusOf(shop, id)).toMatchObject([{ status: 'past_due', ended: false }]);
  });

  it('wait for Stripe where it cannot be asked, and are finished once it can', async () => {
    const { stripe, id, told } = await renewalThatFails();
    const shop = await shopWith({ stripe: null });
    for (const one of told.toReversed()) {
      await shop.deliver(one);
    }
    const open = "select error_code from billing.events where status = 'failed'";
    expect(await shop.deps.db.query(open)).toEqual([{ errorCode: 'stripe_unavailable' }]);
    await shop.with({ stripe: createStripeLookups(stripe as Stripe) }).drain();
    expect(await shop.deps.db.query(open)).toEqual([]);
    expect(await statusOf(shop, id)).toMatchObject([{ status: 'past_due' }]);
  });

  it('decided by two workers at once end at the newer of two answers', async () => {
    const told = (status: string, id: string): Json => ({
      ...event('customer.subscription.updated', subscription(status)),
      id,
    });
    const answers = ['active', 'unpaid', 'unpaid'];
    const answer = async () =>
      readSubscription(subscription(answers.shift() ?? 'unpaid'), { asOf: 5 });
    const shop = await shopWith();
    await shop.deliver(told('active', 'evt_1'));
    // The first worker holds an older answer while the second one asks, writes and is done.
    let other: Promise<unknown> | undefined;
    const slow = shop.with({
      stripe: {
        ...(shop.deps.stripe as NonNullable<typeof shop.deps.stripe>),
        subscription: async () => {
          const mine = await answer();
          if (other === undefined) {
            const quick = { ...slow.deps.stripe, subscription: answer } as typeof slow.deps.stripe;
            other = shop.with({ stripe: quick }).deliver(told('unpaid', 'evt_3'));
            await other;
          }
          return mine;
        },
      },
    });
    await slow.deliver(told('past_due', 'evt_2'));
    expect(await statusOf(shop, 'sub_1')).toMatchObject([{ status: 'unpaid' }]);
    expect(answers).toEqual([]);
  });
});
