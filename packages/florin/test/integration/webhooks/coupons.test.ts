// Changes of plan under a coupon. What a proration gives back is what was paid: Stripe's `proration_discounts: included`
// (https://docs.stripe.com/changelog/clover/2025-09-30/itemize-proration-discount-amounts).
import { describe, expect, it } from 'vitest';
import { ACCOUNT, event, invoice } from './objects.ts';
import { shopOnSandbox } from './sandbox-shop.ts';
import { openShop } from './shop.ts';

async function halfPriceShop(version: string) {
  const here = await shopOnSandbox(version);
  const { sandbox, stripe, settle, shop } = here;
  const coupon = await stripe.coupons.create({ percent_off: 50, duration: 'forever' });
  const { id: customer } = await stripe.customers.create({ metadata: { userId: ACCOUNT } });
  sandbox.setCard(customer, 'visa');
  const subscribe = async (price = 'price_BASIC_MONTHLY') => {
    const made = await stripe.subscriptions.create({
      customer,
      items: [{ price }],
      discounts: [{ coupon: coupon.id }],
    });
    await settle();
    return { id: made.id, item: made.items.data[0]?.id ?? '' };
  };
  const paid = async () => {
    const { data } = await stripe.charges.list({ limit: 100 });
    return data.reduce((sum, { amount }) => sum + amount, 0);
  };
  return { sandbox, stripe, shop, settle, subscribe, paid };
}

describe.each(['2026-10-28.endive', '2020-03-02'])('a coupon, delivered in %s', (version) => {
  it('brings no credits to who cancels for the money and buys again from the balance', async () => {
    const { stripe, shop, settle, subscribe, paid } = await halfPriceShop(version);
    for (let round = 1; round <= 3; round += 1) {
      const { id } = await subscribe();
      expect(await shop.balance()).toBe(100);
      await stripe.subscriptions.cancel(id, { prorate: true, invoice_now: true });
      await settle();
      expect(await shop.balance()).toBe(0);
    }
    expect(await paid()).toBe(450);
  });

  it('takes back with a change of plan what the share of the money that was paid has brought', async () => {
    const { sandbox, stripe, shop, settle, subscribe } = await halfPriceShop(version);
    const { id, item } = await subscribe();
    const made = await stripe.subscriptions.retrieve(id);
    const { current_period_start: start = 0, current_period_end: end = 0 } =
      made.items.data[0] ?? {};
    const half = Math.floor((start + end) / 2);
    sandbox.advance({ seconds: half - sandbox.now() });
    const seen: number[] = [];
    for (const price of ['price_PRO_MONTHLY', 'price_BASIC_MONTHLY', 'price_PRO_MONTHLY']) {
      sandbox.advance({ seconds: 1 });
      await stripe.subscriptions.update(id, {
        items: [{ id: item, price }],
        proration_behavior: 'always_invoice',
        proration_date: half,
      });
      await settle();
      seen.push(await shop.balance());
    }
    // Half of 900 paid, half of the month left: 50 of 100 stay. The parts are paid at half price: 125 of 500, 25 of 100.
    expect(seen).toEqual([175, 75, 175]);
    await stripe.subscriptions.cancel(id, { prorate: true, invoice_now: true });
    await settle();
    expect(await shop.balance()).toBeLessThanOrEqual(51);
  });
});

it.each<[string, { amount: number; discount?: number }]>([
  ['after its discounts', { amount: -250 }],
  ['whole, with its discounts beside it', { amount: -500, discount: -250 }],
])('a part that gives money back %s takes half of what was paid for', async (_how, part) => {
  const shop = await openShop();
  await shop.deliver(event('customer.created', CUSTOMER));
  await shop.deliver(
    event('invoice.paid', invoice([{ priceId: 'price_BASIC_MONTHLY', discount: 500 }], 'new')),
  );
  expect(await shop.balance()).toBe(100);
  const [start, end] = [1_791_296_000, 1_792_592_000];
  const back = {
    id: 'il_back',
    priceId: 'price_BASIC_MONTHLY',
    proration: true,
    period: { start, end },
    ...part,
  };
  await shop.deliver(event('invoice.paid', invoice([back], 'new', { id: 'in_2' })));
  expect(await shop.balance()).toBe(50);
  await shop.close();
});

const CUSTOMER = { id: 'cus_1', object: 'customer', metadata: { userId: ACCOUNT } };
