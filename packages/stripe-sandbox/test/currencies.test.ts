import type Stripe from 'stripe';
import { describe, expect, it } from 'vitest';
import { invoices, ONLY_USD, plan, shop, subscribe } from './support/euro-shop.ts';

// https://docs.stripe.com/products-prices/how-products-and-prices-work#multiple-currencies

describe('a subscription in another currency than its price’s own', () => {
  it('is charged, renewed and changed in it, and its price is shown in its own', async () => {
    const one = await shop();
    const { sandbox, stripe } = one;
    const made = await subscribe(one);
    expect(made).toMatchObject({
      currency: 'eur',
      status: 'active',
      items: { data: [{ price: { currency: 'usd', unit_amount: 1000 } }] },
    });
    expect((await stripe.charges.list()).data).toMatchObject([{ amount: 900, currency: 'eur' }]);
    const [first] = (await stripe.invoices.list()).data;
    expect(first?.lines.data).toMatchObject([{ amount: 900, currency: 'eur' }]);
    expect(String(first?.lines.data[0]?.pricing?.unit_amount_decimal)).toBe('900');
    sandbox.advance({ months: 1 });
    await stripe.subscriptions.update(made.id, {
      items: [{ id: made.items.data[0]?.id ?? '', price: one.large }],
      proration_behavior: 'always_invoice',
    });
    sandbox.advance({ months: 1 });
    expect(await invoices(one)).toEqual([
      ['eur', 2700, 'paid'],
      ['eur', 1800, 'paid'],
      ['eur', 900, 'paid'],
      ['eur', 900, 'paid'],
    ]);
  });

  it('takes items later in it, and no price that lacks it', async () => {
    const one = await shop();
    const { sandbox, stripe } = one;
    const { id: subscription, items } = await subscribe(one);
    await stripe.subscriptionItems.create({ subscription, price: one.large });
    const refusals: [Promise<unknown>, string][] = [
      [stripe.subscriptionItems.create({ subscription, price: 'price_PRO_MONTHLY' }), 'price'],
      [
        stripe.subscriptionItems.update(items.data[0]?.id ?? '', { price: 'price_PRO_MONTHLY' }),
        'price',
      ],
      [
        stripe.subscriptions.update(subscription, { items: [{ price: 'price_PRO_MONTHLY' }] }),
        'items[0][price]',
      ],
      [
        stripe.invoices.createPreview({
          subscription,
          subscription_details: { items: [{ price: 'price_PRO_MONTHLY' }] },
        }),
        'subscription_details[items][0][price]',
      ],
    ];
    for (const [attempt, param] of refusals) {
      await expect(attempt).rejects.toMatchObject({ statusCode: 400, param, message: ONLY_USD });
    }
    sandbox.advance({ months: 1 });
    expect((await invoices(one))[0]).toEqual(['eur', 900 + 2700 + 2700, 'paid']);
  });

  it('is refused for a price without it, and makes nothing', async () => {
    const one = await shop();
    const { stripe, customer } = one;
    await expect(subscribe(one, 'price_PRO_MONTHLY')).rejects.toMatchObject({
      statusCode: 400,
      param: 'items[0][price]',
      message: ONLY_USD,
    });
    await expect(
      stripe.subscriptions.create({
        customer,
        items: [
          { price: 'price_PRO_MONTHLY' },
          {
            price_data: {
              product: 'prod_PRO_MONTHLY',
              currency: 'eur',
              unit_amount: 100,
              recurring: { interval: 'month' },
            },
          },
        ],
      }),
    ).rejects.toMatchObject({ param: 'items[1][price]' });
    expect((await stripe.subscriptions.list({ status: 'all' })).data).toEqual([]);
    expect(await stripe.customers.retrieve(customer)).toMatchObject({ currency: null });
  });

  it('counts tiers and usage by the tiers and amounts of that currency', async () => {
    const one = await shop();
    const { sandbox, stripe, customer } = one;
    const meter = await stripe.billing.meters.create({
      display_name: 'Pages',
      event_name: 'pages',
      default_aggregation: { formula: 'sum' },
    });
    const tiers = (first: number, then: number): Stripe.PriceCreateParams.Tier[] => [
      { up_to: 10, unit_amount: first },
      { up_to: 'inf', unit_amount: then },
    ];
    const price = await stripe.prices.create({
      product: 'prod_PRO_MONTHLY',
      currency: 'usd',
      billing_scheme: 'tiered',
      tiers_mode: 'graduated',
      tiers: tiers(100, 50),
      currency_options: { eur: { tiers: tiers(90, 40) } },
      recurring: { interval: 'month', usage_type: 'metered', meter: meter.id },
    });
    const open = await stripe.prices.retrieve(price.id, { expand: ['currency_options'] });
    expect(open.currency_options?.['eur']?.tiers).toMatchObject([{ unit_amount: 90 }, {}]);
    await subscribe(one, price.id);
    await stripe.billing.meterEvents.create({
      event_name: 'pages',
      payload: { stripe_customer_id: customer, value: '12' },
    });
    sandbox.advance({ months: 1 });
    expect((await invoices(one))[0]).toEqual(['eur', 10 * 90 + 2 * 40, 'paid']);
    await expect(
      stripe.prices.create({
        ...plan(1, 1),
        billing_scheme: 'tiered',
        tiers_mode: 'volume',
        tiers: tiers(1, 2),
      }),
    ).rejects.toMatchObject({ param: 'currency_options[eur][tiers]' });
  });

  it('takes an amount off that the coupon has in it, and none that it has not', async () => {
    const one = await shop();
    const { stripe, customer, small } = one;
    const both = await stripe.coupons.create({
      amount_off: 500,
      currency: 'usd',
      duration: 'forever',
      currency_options: { eur: { amount_off: 400 } },
    });
    expect(both.currency_options).toBeUndefined();
    const open = await stripe.coupons.retrieve(both.id, { expand: ['currency_options'] });
    expect(open.currency_options).toEqual({ usd: { amount_off: 500 }, eur: { amount_off: 400 } });
    const usd = await stripe.coupons.create({ amount_off: 500, currency: 'usd' });
    for (const coupon of [both.id, usd.id]) {
      await stripe.subscriptions.create({
        customer,
        currency: 'eur',
        items: [{ price: small }],
        discounts: [{ coupon }],
      });
    }
    expect(await invoices(one)).toEqual([
      ['eur', 900, 'paid'],
      ['eur', 500, 'paid'],
    ]);
  });
});

describe('the currency of a customer', () => {
  it('is that of the first subscription, and of what recurs until nothing runs any more', async () => {
    const one = await shop();
    const { stripe, customer, small } = one;
    const made = await subscribe(one);
    expect(await stripe.customers.retrieve(customer)).toMatchObject({ currency: 'eur' });
    const inDollars = (currency?: 'usd') =>
      stripe.subscriptions.create({
        customer,
        items: [{ price: small }],
        ...(currency === undefined ? {} : { currency }),
      });
    await expect(inDollars('usd')).rejects.toMatchObject({
      type: 'StripeInvalidRequestError',
      message:
        'You cannot combine currencies on a single customer. This customer has an active subscription, subscription schedule, discount, quote, or invoice item with currency eur',
    });
    await expect(inDollars()).rejects.toMatchObject({
      message:
        'The currency of the selected prices (usd) does not match the customer currency (eur).',
    });
    await stripe.subscriptions.cancel(made.id);
    expect((await inDollars()).currency).toBe('usd');
    expect(await stripe.customers.retrieve(customer)).toMatchObject({ currency: 'usd' });
  });

  it('is told in an event, and decides of which waiting items an invoice is made', async () => {
    const { sandbox, stripe, customer, small } = await shop();
    await stripe.invoiceItems.create({ customer, amount: 700, currency: 'jpy' });
    const changes = sandbox.events().filter(({ type }) => type === 'customer.updated');
    expect(changes.at(-1)?.data.previous_attributes).toEqual({ currency: null });
    await expect(
      stripe.subscriptions.create({ customer, items: [{ price: small }] }),
    ).rejects.toMatchObject({ message: /\(usd\) does not match the customer currency \(jpy\)/ });
    const price = await stripe.prices.retrieve(small, { expand: ['currency_options'] });
    const item = await stripe.invoiceItems.create({
      customer,
      currency: 'eur',
      pricing: { price: price.id },
      quantity: 2,
    });
    expect(item).toMatchObject({ amount: 1800, currency: 'eur' });
    const invoice = await stripe.invoices.create({
      customer,
      currency: 'eur',
      pending_invoice_items_behavior: 'include',
    });
    expect(invoice).toMatchObject({ currency: 'eur', total: 1800 });
  });
});

it('a price gets other currencies later, and loses them', async () => {
  const { stripe } = await shop();
  const read = async () =>
    (await stripe.prices.retrieve('price_PRO_MONTHLY', { expand: ['currency_options'] }))
      .currency_options;
  await stripe.prices.update('price_PRO_MONTHLY', {
    currency_options: { gbp: { unit_amount: 2500 } },
  });
  await stripe.prices.update('price_PRO_MONTHLY', {
    currency_options: { eur: { unit_amount: 2700 } },
  });
  expect(Object.keys((await read()) ?? {})).toEqual(['usd', 'gbp', 'eur']);
  await stripe.prices.update('price_PRO_MONTHLY', { currency_options: '' });
  expect(Object.keys((await read()) ?? {})).toEqual(['usd']);
  for (const [options, param] of [
    [{ xyz: { unit_amount: 1 } }, 'currency_options[xyz]'],
    [{ eur: { tax_behavior: 'exclusive' as const } }, 'currency_options[eur][unit_amount]'],
    [{ eur: { unit_amount: -1 } }, 'currency_options[eur][unit_amount]'],
  ] as const) {
    await expect(
      stripe.prices.update('price_PRO_MONTHLY', { currency_options: options }),
    ).rejects.toMatchObject({ statusCode: 400, param });
  }
});
