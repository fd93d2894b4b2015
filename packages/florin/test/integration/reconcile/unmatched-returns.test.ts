// Money that was given back for what was never credited here (docs/decisions/0145).
import { describe, expect, it } from 'vitest';
import { type ReconcileOptions, reconcile } from '../../../src/reconcile/index.ts';
import { testCatalog } from '../webhooks/catalog.ts';
import { ACCOUNT, type Json } from '../webhooks/objects.ts';
import { shopOnSandbox, URLS } from '../webhooks/sandbox-shop.ts';

const YEARLY = {
  id: 'price_ANNUAL',
  name: 'Annual',
  unitAmount: 12_000,
  recurring: { interval: 'year' as const },
};

describe('a return of what is not known', () => {
  it('needs a person, takes nothing, and needs nobody once its purchase is known', async () => {
    const here = await shopOnSandbox('2026-10-28.endive', testCatalog(), [YEARLY]);
    const { sandbox, stripe, shop, settle, delivered } = here;
    const clock = { now: () => new Date((sandbox.now() + 1) * 1000) };
    const run = async (options: ReconcileOptions = {}) =>
      (await reconcile({ ...shop.deps, clock, client: stripe }, options)).findings;

    // Bought before there was Florin: nobody heard of it.
    const session = await stripe.checkout.sessions.create({
      mode: 'subscription',
      client_reference_id: ACCOUNT,
      line_items: [{ price: 'price_ANNUAL', quantity: 1 }],
      ...URLS,
    });
    sandbox.pay(session.id);
    const unheard = await delivered();
    const { subscription } = await stripe.checkout.sessions.retrieve(session.id);
    // Not a whole number of months: a part of one that is still to come goes back as well.
    sandbox.advance({ months: 2, days: 3 });
    const { customer, items } = await stripe.subscriptions.retrieve(String(subscription));
    await stripe.customers.update(String(customer), { metadata: { userId: ACCOUNT } });
    await stripe.subscriptions.update(String(subscription), {
      items: [{ id: items.data[0]?.id ?? '', price: 'price_BASIC_MONTHLY' }],
      proration_behavior: 'always_invoice',
    });
    await settle();
    expect(await shop.balance()).toBe(100);

    for (const options of [{}, { windowOnly: true }, { repair: true }]) {
      expect(await run(options)).toMatchObject([
        {
          kind: 'credited_not_paid',
          subject: expect.stringMatching(/^return:il_/),
          accountId: ACCOUNT,
          ids: { subscriptionId: subscription, invoiceId: expect.stringMatching(/^in_/) },
          credits: null,
          explanation: expect.stringMatching(/gave back \d+ .*no credits are known/),
          remedy: expect.stringContaining('florin account adjust'),
          repair: null,
        },
      ]);
      expect(await shop.balance()).toBe(100);
    }

    for (const { body } of unheard) {
      await shop.deliver(JSON.parse(body) as Json);
    }
    await shop.drain();
    expect(await run()).toEqual([]);
    // The first month of the year came; those that are still to come by this clock are given back first.
    expect(await shop.balance()).toBe(200);
  });
});
