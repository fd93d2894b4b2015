import type Stripe from 'stripe';
import { describe, expect, it } from 'vitest';
import { sandboxUnderTest } from './sandbox-under-test.ts';

// https://docs.stripe.com/customer-management/portal-deep-links

const CARD = {
  payment_method: 'pm_card_visa',
  invoice_settings: { default_payment_method: 'pm_card_visa' },
};

async function subscriber(stripe: Stripe) {
  const customer = await stripe.customers.create(CARD);
  const subscription = await stripe.subscriptions.create({
    customer: customer.id,
    items: [{ price: 'price_BASIC_MONTHLY' }],
  });
  return { customer, subscription, item: subscription.items.data[0]?.id ?? '' };
}

type FlowData = Stripe.BillingPortal.SessionCreateParams.FlowData;

function open(stripe: Stripe, customer: string, flow_data: FlowData) {
  return stripe.billingPortal.sessions.create({
    customer,
    return_url: 'http://shop.test/account',
    flow_data,
  });
}

function confirm(url: string, fields: Record<string, string> = {}) {
  return fetch(`${url}/flow`, {
    method: 'POST',
    body: new URLSearchParams(fields),
    redirect: 'manual',
  });
}

describe('a portal link to one thing', () => {
  it('cancels a subscription and leads back to the shop', async () => {
    const { stripe } = await sandboxUnderTest();
    const { customer, subscription } = await subscriber(stripe);
    const session = await open(stripe, customer.id, {
      type: 'subscription_cancel',
      subscription_cancel: { subscription: subscription.id },
      after_completion: { type: 'redirect', redirect: { return_url: 'http://shop.test/bye' } },
    });
    expect(session.flow).toMatchObject({
      type: 'subscription_cancel',
      subscription_cancel: { subscription: subscription.id },
    });
    expect(await (await fetch(session.url)).text()).toContain('Cancel your subscription');
    const answer = await confirm(session.url);
    expect(answer.headers.get('location')).toBe('http://shop.test/bye');
    const after = await stripe.subscriptions.retrieve(subscription.id);
    expect(after.cancel_at_period_end).toBe(true);
    expect((await confirm(session.url)).status).toBe(400);
  });

  it('confirms the change that the shop chose, with its quantity and discount', async () => {
    const { sandbox, stripe } = await sandboxUnderTest();
    const { customer, subscription, item } = await subscriber(stripe);
    const coupon = await stripe.coupons.create({ percent_off: 10 });
    const session = await open(stripe, customer.id, {
      type: 'subscription_update_confirm',
      subscription_update_confirm: {
        subscription: subscription.id,
        items: [{ id: item, price: 'price_PRO_MONTHLY', quantity: 3 }],
        discounts: [{ coupon: coupon.id }],
      },
      after_completion: {
        type: 'hosted_confirmation',
        hosted_confirmation: { custom_message: 'Welcome to Pro.' },
      },
    });
    expect(await (await fetch(session.url)).text()).toContain('3 × Pro: $87.00');
    await confirm(session.url);
    expect(await (await fetch(session.url)).text()).toContain('Welcome to Pro.');
    const after = await stripe.subscriptions.retrieve(subscription.id, { expand: ['discounts'] });
    expect(after.items.data[0]).toMatchObject({ quantity: 3, price: { id: 'price_PRO_MONTHLY' } });
    expect(after.discounts).toMatchObject([{ source: { coupon: coupon.id } }]);
    expect(sandbox.events('invoice.paid').at(-1)?.data.object).toMatchObject({
      billing_reason: 'subscription_update',
    });
  });

  it('offers the plans, and then the portal as it is', async () => {
    const { stripe } = await sandboxUnderTest();
    const { customer, subscription } = await subscriber(stripe);
    const session = await open(stripe, customer.id, {
      type: 'subscription_update',
      subscription_update: { subscription: subscription.id },
    });
    expect(await (await fetch(session.url)).text()).toContain('value="price_PRO_MONTHLY"');
    await confirm(session.url, { price: 'price_PRO_MONTHLY' });
    expect(await (await fetch(session.url)).text()).toContain('Your billing');
    const after = await stripe.subscriptions.retrieve(subscription.id);
    expect(after.items.data[0]?.price.id).toBe('price_PRO_MONTHLY');
  });

  it('takes another card, which pays the next invoice', async () => {
    const { sandbox, stripe } = await sandboxUnderTest();
    const { customer } = await subscriber(stripe);
    const session = await open(stripe, customer.id, { type: 'payment_method_update' });
    expect((await confirm(session.url, { card: '1234' })).status).toBe(400);
    await confirm(session.url, { card: '4000 0000 0000 0341' });
    sandbox.advance({ months: 1 });
    sandbox.advance({ hours: 2 });
    const [invoice] = (await stripe.invoices.list({ customer: customer.id })).data;
    expect(invoice).toMatchObject({ status: 'open', attempt_count: 1 });
  });

  it('is refused for another customer, an unknown item, and what the configuration lacks', async () => {
    const { stripe } = await sandboxUnderTest();
    const { customer, subscription } = await subscriber(stripe);
    const other = await stripe.customers.create();
    const cancel: FlowData = {
      type: 'subscription_cancel',
      subscription_cancel: { subscription: subscription.id },
    };
    await expect(open(stripe, other.id, cancel)).rejects.toMatchObject({
      param: 'flow_data[subscription_cancel][subscription]',
    });
    await expect(
      open(stripe, customer.id, {
        type: 'subscription_update_confirm',
        subscription_update_confirm: { subscription: subscription.id, items: [{ id: 'si_none' }] },
      }),
    ).rejects.toMatchObject({
      param: 'flow_data[subscription_update_confirm][items][0][id]',
      code: 'resource_missing',
    });
    await expect(open(stripe, customer.id, { type: 'subscription_cancel' })).rejects.toMatchObject({
      code: 'parameter_missing',
    });
    const configuration = await stripe.billingPortal.configurations.create({
      features: { invoice_history: { enabled: true } },
    });
    await expect(
      stripe.billingPortal.sessions.create({
        customer: customer.id,
        configuration: configuration.id,
        flow_data: cancel,
      }),
    ).rejects.toMatchObject({ param: 'flow_data[type]' });
  });
});
