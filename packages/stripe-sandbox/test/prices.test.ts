import type Stripe from 'stripe';
import { describe, expect, it } from 'vitest';
import { meteredPrice, sandboxUnderTest, types } from './sandbox-under-test.ts';

const TIERS: Stripe.PriceCreateParams.Tier[] = [
  { up_to: 10, unit_amount: 100 },
  { up_to: 100, unit_amount: 50, flat_amount: 300 },
  { up_to: 'inf', unit_amount_decimal: '12.5' as never },
];

function tiered(mode: 'graduated' | 'volume'): Stripe.PriceCreateParams {
  return {
    product: 'prod_PRO_MONTHLY',
    currency: 'usd',
    billing_scheme: 'tiered',
    tiers_mode: mode,
    tiers: TIERS,
    recurring: { interval: 'month' },
  };
}

async function customerWithCard(stripe: Stripe) {
  return stripe.customers.create({
    payment_method: 'pm_card_visa',
    invoice_settings: { default_payment_method: 'pm_card_visa' },
  });
}

describe('a tiered price', () => {
  it.each([
    ['graduated', 5, 500],
    ['graduated', 10, 1000],
    ['graduated', 11, 1000 + 300 + 50],
    ['graduated', 120, 1000 + 300 + 90 * 50 + 250],
    ['volume', 5, 500],
    ['volume', 11, 300 + 11 * 50],
    ['volume', 120, 1500],
  ] as const)('%s costs for %i units %i', async (mode, quantity, amount) => {
    const { stripe } = await sandboxUnderTest();
    const price = await stripe.prices.create(tiered(mode));
    const customer = await customerWithCard(stripe);
    await stripe.subscriptions.create({
      customer: customer.id,
      items: [{ price: price.id, quantity }],
    });
    const [invoice] = (await stripe.invoices.list()).data;
    expect(invoice?.amount_paid).toBe(amount);
  });

  it('shows its tiers where they are asked for, and refuses tiers that do not fit', async () => {
    const { stripe } = await sandboxUnderTest();
    const price = await stripe.prices.create(tiered('graduated'));
    expect(price).toMatchObject({ billing_scheme: 'tiered', unit_amount: null });
    expect(price.tiers).toBeUndefined();
    const open = await stripe.prices.retrieve(price.id, { expand: ['tiers'] });
    expect(open.tiers?.map((tier) => tier.up_to)).toEqual([10, 100, null]);
    const attempts: [Partial<Stripe.PriceCreateParams>, string][] = [
      [{ tiers: [] }, 'tiers'],
      [{ tiers: TIERS.slice(0, 2) }, 'tiers'],
      [{ tiers: [...TIERS].reverse() }, 'tiers'],
      [{ tiers_mode: 'sideways' as 'volume' }, 'tiers_mode'],
    ];
    for (const [wrong, param] of attempts) {
      await expect(
        stripe.prices.create({ ...tiered('graduated'), ...wrong }),
      ).rejects.toMatchObject({ param });
    }
  });
});

describe('a price', () => {
  it('in packages counts whole ones, and can have other currencies', async () => {
    const { stripe } = await sandboxUnderTest();
    const price = await stripe.prices.create({
      product: 'prod_QUICK_SCAN',
      currency: 'usd',
      unit_amount: 700,
      transform_quantity: { divide_by: 10, round: 'up' },
      currency_options: { eur: { unit_amount: 650 } },
    });
    const session = await stripe.checkout.sessions.create({
      mode: 'payment',
      success_url: 'https://shop.example/done',
      line_items: [{ price: price.id, quantity: 11 }],
    });
    expect(session.amount_total).toBe(1400);
    const open = await stripe.prices.retrieve(price.id, { expand: ['currency_options'] });
    expect(open.currency_options).toMatchObject({
      eur: { unit_amount: 650 },
      usd: { unit_amount: 700 },
    });
  });

  it('is charged in the currency of the checkout, and refused in one that it has not', async () => {
    const { sandbox, stripe } = await sandboxUnderTest();
    const price = await stripe.prices.create({
      product: 'prod_QUICK_SCAN',
      currency: 'usd',
      unit_amount: 700,
      currency_options: { eur: { unit_amount: 650 } },
    });
    const open = (currency: string, line = price.id) =>
      stripe.checkout.sessions.create({
        mode: line === price.id ? 'payment' : 'subscription',
        currency,
        success_url: 'https://shop.example/done',
        line_items: [{ price: line, quantity: 2 }],
      });
    const { id, url } = await open('eur');
    expect(await (await fetch(String(url))).text()).toContain('€6.50');
    sandbox.pay(id);
    expect((await stripe.charges.list()).data).toMatchObject([{ amount: 1300, currency: 'eur' }]);
    for (const [currency, line] of [
      ['gbp', price.id],
      ['eur', 'price_PRO_MONTHLY'],
    ] as const) {
      await expect(open(currency, line)).rejects.toMatchObject({
        param: 'line_items[0][price]',
        message: expect.stringContaining('only supports `usd`'),
      });
    }
    const customer = await customerWithCard(stripe);
    await expect(
      stripe.subscriptions.create({
        customer: customer.id,
        currency: 'eur',
        items: [{ price: 'price_PRO_MONTHLY' }],
      }),
    ).rejects.toMatchObject({ param: 'items[0][price]' });
  });
});

describe('metered usage', () => {
  async function metered() {
    const { sandbox, stripe } = await sandboxUnderTest();
    const { meter, price } = await meteredPrice(stripe, 'minutes');
    const customer = await customerWithCard(stripe);
    const subscription = await stripe.subscriptions.create({
      customer: customer.id,
      items: [{ price: price.id }],
    });
    const use = (value: string, more: Partial<Stripe.Billing.MeterEventCreateParams> = {}) =>
      stripe.billing.meterEvents.create({
        event_name: 'minutes',
        payload: { stripe_customer_id: customer.id, value },
        ...more,
      });
    return { sandbox, stripe, meter, customer, subscription, use };
  }

  it('is invoiced when its period is over, each period by itself', async () => {
    const { sandbox, stripe, meter, customer, subscription, use } = await metered();
    expect(subscription.status).toBe('active');
    expect(subscription.items.data[0]?.quantity).toBeUndefined();
    await use('100');
    await use('50', { identifier: 'once' });
    await expect(use('50', { identifier: 'once' })).rejects.toMatchObject({ param: 'identifier' });
    const start = Math.floor(sandbox.now() / 86_400) * 86_400;
    const { data } = await stripe.billing.meters.listEventSummaries(meter.id, {
      customer: customer.id,
      start_time: start,
      end_time: start + 86_400,
    });
    expect(data).toMatchObject([{ aggregated_value: 150 }]);
    sandbox.advance({ months: 1 });
    await use('20');
    sandbox.advance({ months: 1 });
    const invoices = (await stripe.invoices.list({ subscription: subscription.id })).data;
    expect(invoices.map((one) => [one.billing_reason, one.total])).toEqual([
      ['subscription_cycle', 60],
      ['subscription_cycle', 450],
      ['subscription_create', 0],
    ]);
    expect(invoices[1]?.lines.data[0]).toMatchObject({ quantity: 150, amount: 450 });
  });

  it('is invoiced too when the subscription ends with its period', async () => {
    const { sandbox, stripe, subscription, use } = await metered();
    await use('200');
    await stripe.subscriptions.update(subscription.id, { cancel_at_period_end: true });
    sandbox.advance({ months: 1 });
    const [last] = (await stripe.invoices.list()).data;
    expect(last).toMatchObject({ total: 600, status: 'paid' });
    expect((await stripe.subscriptions.retrieve(subscription.id)).status).toBe('canceled');
  });

  it('is refused for unknown meters and customers, and for invalid values', async () => {
    const { sandbox, stripe, meter, use } = await metered();
    await expect(use('a lot')).rejects.toMatchObject({ param: 'payload[value]' });
    await expect(use('1', { event_name: 'miles' })).rejects.toMatchObject({ param: 'event_name' });
    await expect(
      use('1', { payload: { stripe_customer_id: 'cus_none', value: '1' } }),
    ).rejects.toMatchObject({ param: 'payload[stripe_customer_id]' });
    await stripe.billing.meters.deactivate(meter.id);
    await expect(use('1')).rejects.toMatchObject({ code: 'resource_missing' });
    expect((await stripe.billing.meters.reactivate(meter.id)).status).toBe('active');
    await expect(
      stripe.prices.create({
        product: 'prod_PRO_MONTHLY',
        currency: 'usd',
        unit_amount: 3,
        recurring: { interval: 'month', usage_type: 'metered' },
      }),
    ).rejects.toMatchObject({ param: 'recurring[meter]', code: 'parameter_missing' });
    expect(types(sandbox)).toEqual(
      expect.arrayContaining(['billing.meter.created', 'billing.meter.deactivated']),
    );
  });
});
