import type Stripe from 'stripe';
import { describe, expect, it } from 'vitest';
import { sandboxUnderTest } from './sandbox-under-test.ts';

const DAY = 86_400;
const BASIC = [{ price: 'price_BASIC_MONTHLY' }];

async function customer(card: object = { payment_method: 'pm_card_visa' }) {
  const { sandbox, stripe } = await sandboxUnderTest();
  const { id } = await stripe.customers.create({
    ...card,
    ...('payment_method' in card
      ? { invoice_settings: { default_payment_method: 'pm_card_visa' } }
      : {}),
  });
  const subscribe = (more: Partial<Stripe.SubscriptionCreateParams> = {}) =>
    stripe.subscriptions.create({ customer: id, items: BASIC, ...more });
  return { sandbox, stripe, id, subscribe };
}

describe('a subscription', () => {
  it('charges what is paid once with its first invoice, and with the next one after a change', async () => {
    const { sandbox, stripe, subscribe } = await customer();
    const add_invoice_items = [{ price: 'price_QUICK_SCAN', quantity: 2 }];
    const { id } = await subscribe({ add_invoice_items });
    const totals = async () => (await stripe.invoices.list()).data.map(({ total }) => total);
    expect(await totals()).toEqual([900 + 1000]);
    await stripe.subscriptions.update(id, { add_invoice_items });
    sandbox.advance({ months: 1 });
    sandbox.advance({ months: 1 });
    expect(await totals()).toEqual([900, 900 + 1000, 900 + 1000]);
    await expect(subscribe({ add_invoice_items: [{ price: 'price_none' }] })).rejects.toMatchObject(
      { param: 'add_invoice_items[0][price]' },
    );
  });

  it('keeps what its first invoice is paid with, where it says so, and renews with it', async () => {
    const { sandbox, stripe, id, subscribe } = await customer({});
    const made = await subscribe({
      payment_behavior: 'default_incomplete',
      payment_settings: { save_default_payment_method: 'on_subscription' },
      expand: ['latest_invoice.payments'],
    });
    expect(made.payment_settings?.save_default_payment_method).toBe('on_subscription');
    const [payment] = (made.latest_invoice as Stripe.Invoice).payments?.data ?? [];
    const intent = String(payment?.payment.payment_intent);
    expect(await stripe.paymentIntents.retrieve(intent)).toMatchObject({
      setup_future_usage: 'off_session',
    });
    const paid = await stripe.paymentIntents.confirm(intent, { payment_method: 'pm_card_visa' });
    const running = await stripe.subscriptions.retrieve(made.id);
    expect(running).toMatchObject({
      status: 'active',
      default_payment_method: paid.payment_method,
    });
    const { data } = await stripe.customers.listPaymentMethods(id);
    expect(data.map((one) => one.id)).toEqual([paid.payment_method]);
    sandbox.advance({ months: 1 });
    expect((await stripe.invoices.list({ limit: 1 })).data).toMatchObject([{ status: 'paid' }]);
  });

  it('is not made where there is nothing to pay with, unless it says that it waits', async () => {
    const { stripe, subscribe } = await customer({});
    await expect(subscribe()).rejects.toMatchObject({
      statusCode: 400,
      code: 'resource_missing',
      message: /^This customer has no attached payment source or default payment method\./,
    });
    expect((await stripe.subscriptions.list({ status: 'all' })).data).toEqual([]);
    const waiting = await subscribe({ payment_behavior: 'default_incomplete' });
    expect(waiting.status).toBe('incomplete');
    expect((await subscribe({ trial_period_days: 7 })).status).toBe('trialing');
  });

  it('refuses quantities below nothing, a price twice, too many, and trials of the past', async () => {
    const { sandbox, stripe, subscribe } = await customer();
    const cheap = {
      currency: 'usd',
      product: 'prod_PRO_MONTHLY',
      unit_amount: 100,
      recurring: { interval: 'month' as const },
    };
    const refusals: [Partial<Stripe.SubscriptionCreateParams>, string, RegExp][] = [
      [{ items: [{ ...BASIC[0], quantity: -1 }] }, 'items[0][quantity]', /non-negative/],
      [{ items: [...BASIC, ...BASIC] }, 'items', /same plan: price_BASIC_MONTHLY/],
      [{ items: Array.from({ length: 21 }, () => ({ price_data: cheap })) }, 'items', /20 items/],
      [{ trial_end: sandbox.now() - DAY }, 'trial_end', /in the future/],
      [{ trial_period_days: 731 }, 'trial_period_days', /730 \(2 years\)/],
    ];
    for (const [wrong, param, message] of refusals) {
      await expect(subscribe(wrong)).rejects.toMatchObject({ statusCode: 400, param, message });
    }
    expect((await stripe.subscriptions.list({ status: 'all' })).data).toEqual([]);
    const { id, items } = await subscribe();
    await expect(
      stripe.subscriptionItems.create({ subscription: id, price: 'price_BASIC_MONTHLY' }),
    ).rejects.toMatchObject({ message: /same plan/ });
    await expect(stripe.subscriptionItems.del(items.data[0]?.id ?? '')).rejects.toMatchObject({
      message: /at least one active plan/,
    });
  });

  it('remembers what its customer says of why it ends, also when it has ended', async () => {
    const { stripe, subscribe } = await customer();
    const said = { comment: 'Too much for me', feedback: 'too_expensive' as const };
    const { id } = await subscribe();
    const ending = await stripe.subscriptions.update(id, {
      cancel_at_period_end: true,
      cancellation_details: said,
    });
    const reason = 'cancellation_requested';
    expect(ending.cancellation_details).toMatchObject({ ...said, reason });
    const kept = await stripe.subscriptions.update(id, { cancel_at_period_end: false });
    expect(kept.cancellation_details).toMatchObject({ feedback: null, reason: null });
    const ended = await stripe.subscriptions.cancel(id, { cancellation_details: said });
    expect(ended.cancellation_details).toMatchObject({ ...said, reason });
    const noted = await stripe.subscriptions.update(id, {
      metadata: { case: '7' },
      cancellation_details: { comment: 'Called us' },
    });
    expect(noted).toMatchObject({
      status: 'canceled',
      metadata: { case: '7' },
      cancellation_details: { comment: 'Called us', feedback: 'too_expensive', reason },
    });
    await expect(stripe.subscriptions.update(id, { description: 'x' })).rejects.toMatchObject({
      message: /can only update its cancellation_details and metadata/,
    });
    await expect(stripe.subscriptions.cancel(id)).rejects.toMatchObject({
      statusCode: 404,
      code: 'resource_missing',
    });
  });

  it('ends with the first or the last of its periods, where it says so', async () => {
    const { stripe, subscribe } = await customer();
    const yearly = await stripe.prices.create({
      product: 'prod_PRO_MONTHLY',
      currency: 'usd',
      unit_amount: 9000,
      recurring: { interval: 'year' },
    });
    const { id, items, cancel_at } = await subscribe({
      items: [...BASIC, { price: yearly.id }],
      cancel_at: 'min_period_end',
    });
    const ends = items.data.map((item) => item.current_period_end);
    expect(cancel_at).toBe(Math.min(...ends));
    const later = await stripe.subscriptions.update(id, { cancel_at: 'max_period_end' });
    expect(later.cancel_at).toBe(Math.max(...ends));
  });

  it('begins its cycle on a day of the month, at a time', async () => {
    const { sandbox, stripe } = await sandboxUnderTest({ seed: 'a' });
    const { id } = await stripe.customers.create({
      payment_method: 'pm_card_visa',
      invoice_settings: { default_payment_method: 'pm_card_visa' },
    });
    expect(new Date(sandbox.now() * 1000).toISOString()).toBe('2027-01-01T00:00:00.000Z');
    const anchored = (config: object) =>
      stripe.subscriptions.create({
        customer: id,
        items: BASIC,
        billing_cycle_anchor_config: config as never,
      });
    const made = await anchored({ day_of_month: 15, hour: 12 });
    expect(made.billing_cycle_anchor_config).toMatchObject({ day_of_month: 15, hour: 12 });
    expect(made.billing_cycle_anchor).toBe(Date.UTC(2027, 0, 15, 12) / 1000);
    expect((await stripe.invoices.list()).data).toMatchObject([
      { total: Math.round((900 * 14.5) / 31) },
    ]);
    await expect(anchored({ day_of_month: 32 })).rejects.toMatchObject({
      param: 'billing_cycle_anchor_config[day_of_month]',
    });
  });
});

describe('a product', () => {
  it('comes with its price, and with all that is said of it', async () => {
    const { stripe } = await sandboxUnderTest();
    const said = {
      images: ['https://shop.example/a.png'],
      marketing_features: [{ name: 'Fast' }],
      shippable: false,
      statement_descriptor: 'ACME',
      unit_label: 'seat',
      url: 'https://shop.example/a',
    };
    const product = await stripe.products.create({
      name: 'Seat',
      ...said,
      default_price_data: {
        currency: 'usd',
        unit_amount: 700,
        recurring: { interval: 'month' },
        currency_options: { eur: { unit_amount: 600 } },
      },
      expand: ['default_price'],
    });
    expect(product).toMatchObject({
      ...said,
      default_price: { unit_amount: 700, product: product.id, recurring: { interval: 'month' } },
    });
    const changed = await stripe.products.update(product.id, {
      images: [],
      unit_label: '',
      url: 'https://shop.example/b',
      default_price: '',
    } as Stripe.ProductUpdateParams);
    expect(changed).toMatchObject({
      unit_label: null,
      url: 'https://shop.example/b',
      default_price: null,
      statement_descriptor: 'ACME',
    });
    await expect(
      stripe.products.update(product.id, { default_price: 'price_QUICK_SCAN' }),
    ).rejects.toMatchObject({ param: 'default_price' });
  });
});
