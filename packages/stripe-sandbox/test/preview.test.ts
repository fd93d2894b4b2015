import type Stripe from 'stripe';
import { describe, expect, it } from 'vitest';
import { PRICES, sandboxUnderTest } from './sandbox-under-test.ts';

// https://docs.stripe.com/billing/subscriptions/prorations#preview-proration

const YEARLY = {
  id: 'price_BASIC_YEARLY',
  name: 'Basic, yearly',
  unitAmount: 9000,
  recurring: { interval: 'year' as const },
};

async function subscribed(card = 'visa') {
  const { sandbox, stripe } = await sandboxUnderTest({ prices: [...PRICES, YEARLY] });
  const customer = await stripe.customers.create({
    payment_method: `pm_card_${card}`,
    invoice_settings: { default_payment_method: `pm_card_${card}` },
  });
  const subscription = await stripe.subscriptions.create({
    customer: customer.id,
    items: [{ price: 'price_BASIC_MONTHLY' }],
  });
  const item = String(subscription.items.data[0]?.id);
  sandbox.advance({ days: 10 });
  return { sandbox, stripe, customer: customer.id, id: subscription.id, item };
}

type Behaviour = 'always_invoice' | 'create_prorations' | 'none';

function changeTo(
  one: { id: string; item: string },
  price: string,
  behaviour: Behaviour,
): Stripe.InvoiceCreatePreviewParams {
  return {
    subscription: one.id,
    subscription_details: {
      items: [{ id: one.item, price }],
      proration_behavior: behaviour,
    },
  };
}

function facts(invoice: Stripe.Invoice) {
  return {
    due: invoice.amount_due,
    total: invoice.total,
    lines: invoice.lines.data.map(({ amount, period, pricing }) => ({
      amount,
      period,
      price: pricing?.price_details?.price,
    })),
  };
}

const dateOf = (invoice: Stripe.Invoice) =>
  invoice.parent?.subscription_details?.subscription_proration_date;

describe('a preview of an invoice', () => {
  it.each([
    ['price_PRO_MONTHLY', 'always_invoice'],
    ['price_BASIC_YEARLY', 'always_invoice'],
    ['price_BASIC_YEARLY', 'create_prorations'],
  ] as const)(
    'of a change to %s by %s is what the change then makes, to the line, and changes nothing itself',
    async (price, behaviour) => {
      const one = await subscribed();
      const { sandbox, stripe } = one;
      const before = sandbox.events().length;
      const preview = await stripe.invoices.createPreview(changeTo(one, price, behaviour));
      expect(preview).toMatchObject({ status: 'draft', billing_reason: 'upcoming', number: null });
      expect(preview.id).toMatch(/^upcoming_in_/);
      expect(sandbox.events()).toHaveLength(before);
      expect((await stripe.invoices.list()).data).toHaveLength(1);
      expect(await stripe.subscriptions.retrieve(one.id)).toMatchObject({
        items: { data: [{ price: { id: 'price_BASIC_MONTHLY' } }] },
      });

      const prorationDate = Number(dateOf(preview));
      sandbox.advance({ minutes: 20 });
      const changed = await stripe.subscriptions.update(one.id, {
        items: [{ id: one.item, price }],
        proration_behavior: behaviour,
        proration_date: prorationDate,
        expand: ['latest_invoice'],
      });
      const made = changed.latest_invoice as Stripe.Invoice;
      const linesWithout = (invoice: Stripe.Invoice) =>
        facts(invoice).lines.map(({ amount, price: named }) => ({ amount, named }));
      expect(linesWithout(made)).toEqual(linesWithout(preview));
      expect(made.amount_paid).toBe(preview.amount_due);
    },
  );

  it('of a change that is billed later is the next invoice, with the prorations on it', async () => {
    const one = await subscribed();
    const { sandbox, stripe } = one;
    const params = changeTo(one, 'price_PRO_MONTHLY', 'create_prorations');
    const preview = await stripe.invoices.createPreview(params);
    await stripe.subscriptions.update(one.id, {
      items: [{ id: one.item, price: 'price_PRO_MONTHLY' }],
      proration_behavior: 'create_prorations',
      proration_date: Number(dateOf(preview)),
    });
    sandbox.advance({ months: 1 });
    const [made] = (await stripe.invoices.list({ limit: 1 })).data;
    expect(made?.billing_reason).toBe('subscription_cycle');
    expect(facts(made as Stripe.Invoice)).toEqual(facts(preview));
    expect(preview.lines.data).toHaveLength(3);
  });

  it('without a change is the next invoice; of one that ends there is none, or its unused time', async () => {
    const one = await subscribed();
    const { stripe } = one;
    const next = await stripe.invoices.createPreview({ subscription: one.id });
    expect([next.total, dateOf(next)]).toEqual([900, undefined]);
    const ended = await stripe.invoices.createPreview({
      subscription: one.id,
      subscription_details: { cancel_now: true },
    });
    expect(ended.total).toBeLessThan(0);
    expect(ended.amount_due).toBe(0);
    for (const details of [
      { cancel_at_period_end: true },
      { cancel_now: true, proration_behavior: 'none' as const },
    ]) {
      const none = stripe.invoices.createPreview({
        subscription: one.id,
        subscription_details: details,
      });
      await expect(none).rejects.toMatchObject({ statusCode: 404, code: 'invoice_upcoming_none' });
    }
    expect(await stripe.subscriptions.retrieve(one.id)).toMatchObject({ status: 'active' });
  });

  it('takes a coupon, and the balance at Stripe pays first', async () => {
    const one = await subscribed();
    const { stripe } = one;
    await stripe.customers.update(one.customer, { balance: -500 });
    const coupon = await stripe.coupons.create({ percent_off: 50, duration: 'once' });
    const preview = await stripe.invoices.createPreview({
      subscription: one.id,
      discounts: [{ coupon: coupon.id }],
    });
    expect(preview).toMatchObject({ subtotal: 900, total: 450, starting_balance: -500 });
    expect(preview.amount_due).toBe(0);
  });

  it('shows what a subscription would cost that is not there, and what else would be charged', async () => {
    const { sandbox, stripe } = await sandboxUnderTest();
    const { id: customer } = await stripe.customers.create();
    const before = sandbox.events().length;
    const first = await stripe.invoices.createPreview({
      customer,
      subscription_details: { items: [{ price: 'price_PRO_MONTHLY', quantity: 2 }] },
      invoice_items: [{ amount: 300, currency: 'usd', description: 'Set-up' }],
    });
    expect([first.total, first.lines.data.map(({ amount }) => amount)]).toEqual([
      6100,
      [5800, 300],
    ]);
    const alone = await stripe.invoices.createPreview({
      customer,
      invoice_items: [{ amount: 300, currency: 'usd' }],
    });
    expect(alone.total).toBe(300);
    const counted = await stripe.invoices.createPreview({
      customer,
      invoice_items: [{ unit_amount: 150, quantity: 2, currency: 'usd' }],
    });
    expect(counted.total).toBe(300);
    await expect(stripe.invoices.createPreview({ customer })).rejects.toMatchObject({
      code: 'invoice_upcoming_none',
    });
    expect(sandbox.events()).toHaveLength(before);
    expect((await stripe.subscriptions.list({ customer })).data).toEqual([]);
    expect((await stripe.invoiceItems.list({ customer })).data).toEqual([]);
  });

  it('refuses a date outside of the period and a subscription that nobody has', async () => {
    const one = await subscribed();
    const { stripe } = one;
    const params = changeTo(one, 'price_PRO_MONTHLY', 'always_invoice');
    const details = { ...params.subscription_details, proration_date: 1_000_000_000 };
    await expect(
      stripe.invoices.createPreview({ ...params, subscription_details: details }),
    ).rejects.toMatchObject({ statusCode: 400, param: 'proration_date' });
    await expect(stripe.invoices.createPreview({ subscription: 'sub_none' })).rejects.toMatchObject(
      { code: 'resource_missing' },
    );
  });
});

describe('a change with payment_behavior error_if_incomplete', () => {
  it.each([
    ['chargeCustomerFail', 'card_declined'],
    ['authenticationRequired', 'authentication_required'],
  ])('leaves everything as it was when the card is %s', async (card, code) => {
    const one = await subscribed();
    const { sandbox, stripe } = one;
    sandbox.setCard(one.customer, card);
    const update = stripe.subscriptions.update(one.id, {
      items: [{ id: one.item, price: 'price_PRO_MONTHLY' }],
      proration_behavior: 'always_invoice',
      payment_behavior: 'error_if_incomplete',
    });
    await expect(update).rejects.toMatchObject({ statusCode: 402, code });
    expect(await stripe.subscriptions.retrieve(one.id)).toMatchObject({
      status: 'active',
      items: { data: [{ price: { id: 'price_BASIC_MONTHLY' } }] },
    });
    expect((await stripe.invoices.list()).data).toHaveLength(1);
    expect((await stripe.invoiceItems.list()).data).toEqual([]);
  });

  it('makes no subscription where the first payment needs its buyer, and says so', async () => {
    const { stripe } = await sandboxUnderTest();
    const card = 'pm_card_authenticationRequired';
    const customer = await stripe.customers.create({
      payment_method: card,
      invoice_settings: { default_payment_method: card },
    });
    const made = stripe.subscriptions.create({
      customer: customer.id,
      items: [{ price: 'price_PRO_MONTHLY' }],
      payment_behavior: 'error_if_incomplete',
    });
    const code = 'subscription_payment_intent_requires_action';
    await expect(made).rejects.toMatchObject({ statusCode: 402, code });
    expect((await stripe.subscriptions.list({ status: 'all' })).data).toEqual([]);
  });
});
