import type Stripe from 'stripe';
import { describe, expect, it } from 'vitest';
import { KEY, sandboxUnderTest, types } from './sandbox-under-test.ts';

// What is expected follows https://docs.stripe.com/billing/taxes/tax-rates: an exclusive tax comes on
// top of the price, an inclusive one is a part of it.

async function rates(stripe: Stripe) {
  const [vat, gst] = await Promise.all([
    stripe.taxRates.create({ display_name: 'VAT', percentage: 19, inclusive: true, country: 'DE' }),
    stripe.taxRates.create({ display_name: 'Sales tax', percentage: 8.25, inclusive: false }),
  ]);
  return { vat, gst };
}

async function customerWithCard(stripe: Stripe, more: Stripe.CustomerCreateParams = {}) {
  return stripe.customers.create({
    payment_method: 'pm_card_visa',
    invoice_settings: { default_payment_method: 'pm_card_visa' },
    ...more,
  });
}

describe('tax rates', () => {
  it('are made, changed, archived and listed', async () => {
    const { sandbox, stripe } = await sandboxUnderTest();
    const { vat, gst } = await rates(stripe);
    expect(vat).toMatchObject({ percentage: 19, inclusive: true, active: true, country: 'DE' });
    await stripe.taxRates.update(gst.id, { active: false, description: 'until 2025' });
    const archived = await stripe.taxRates.list({ active: false });
    expect(archived.data.map(({ id }) => id)).toEqual([gst.id]);
    expect((await stripe.taxRates.list({ inclusive: true })).data).toHaveLength(1);
    expect(types(sandbox)).toEqual(
      expect.arrayContaining(['tax_rate.created', 'tax_rate.updated']),
    );
  });

  it('are refused where they are unknown, archived, too many or not a percentage', async () => {
    const { stripe } = await sandboxUnderTest();
    const { gst } = await rates(stripe);
    const customer = await customerWithCard(stripe);
    const subscribe = (tax_rates: string[]) =>
      stripe.subscriptions.create({
        customer: customer.id,
        items: [{ price: 'price_PRO_MONTHLY', tax_rates }],
      });
    await expect(subscribe(['txr_none'])).rejects.toMatchObject({
      code: 'resource_missing',
      param: 'items[0][tax_rates]',
    });
    await expect(subscribe(Array(6).fill(gst.id))).rejects.toMatchObject({
      param: 'items[0][tax_rates]',
    });
    await stripe.taxRates.update(gst.id, { active: false });
    await expect(subscribe([gst.id])).rejects.toMatchObject({ param: 'items[0][tax_rates]' });
    await expect(
      stripe.taxRates.create({ display_name: 'Much', percentage: 101, inclusive: false }),
    ).rejects.toMatchObject({ param: 'percentage' });
  });

  it('of a subscription are paid with each of its invoices, a line’s own before the default', async () => {
    const { sandbox, stripe } = await sandboxUnderTest();
    const { vat, gst } = await rates(stripe);
    const customer = await customerWithCard(stripe);
    const subscription = await stripe.subscriptions.create({
      customer: customer.id,
      default_tax_rates: [gst.id],
      items: [
        { price: 'price_PRO_MONTHLY' },
        { price: 'price_BASIC_MONTHLY', tax_rates: [vat.id] },
      ],
      expand: ['latest_invoice'],
    });
    const invoice = subscription.latest_invoice as Stripe.Invoice;
    // 2900 × 8.25 % = 239.25; of 900, 19/119 is 143.70.
    expect(invoice).toMatchObject({
      subtotal: 3800,
      subtotal_excluding_tax: 3656,
      total: 4039,
      total_excluding_tax: 3656,
      amount_paid: 4039,
      total_taxes: [
        { amount: 239, tax_behavior: 'exclusive', taxable_amount: 2900 },
        { amount: 144, tax_behavior: 'inclusive', taxable_amount: 756 },
      ],
    });
    expect(invoice.lines.data.map((line) => line.taxes?.[0]?.tax_rate_details?.tax_rate)).toEqual([
      gst.id,
      vat.id,
    ]);
    sandbox.advance({ months: 1 });
    sandbox.advance({ hours: 2 });
    const [renewed] = (await stripe.invoices.list({ customer: customer.id })).data;
    expect(renewed).toMatchObject({ billing_reason: 'subscription_cycle', amount_paid: 4039 });
  });

  it('are given back with what they were on: a proration, and a credit note', async () => {
    const { sandbox, stripe } = await sandboxUnderTest();
    const { gst } = await rates(stripe);
    const customer = await customerWithCard(stripe);
    const subscription = await stripe.subscriptions.create({
      customer: customer.id,
      items: [{ price: 'price_PRO_MONTHLY', tax_rates: [gst.id] }],
    });
    const [item] = subscription.items.data;
    const half = Math.floor(
      ((item?.current_period_start ?? 0) + (item?.current_period_end ?? 0)) / 2,
    );
    await stripe.subscriptions.update(subscription.id, {
      items: [{ id: item?.id ?? '', price: 'price_BASIC_MONTHLY' }],
      proration_behavior: 'always_invoice',
      proration_date: half,
    });
    const [change, first] = (await stripe.invoices.list({ customer: customer.id })).data;
    expect(change?.lines.data.map(({ amount, taxes }) => [amount, taxes?.[0]?.amount])).toEqual([
      [-1450, -120],
      [450, 37],
    ]);
    expect(change).toMatchObject({ subtotal: -1000, total: -1083 });
    const [line] = first?.lines.data ?? [];
    const note = await stripe.creditNotes.create({
      invoice: first?.id ?? '',
      lines: [{ type: 'invoice_line_item', invoice_line_item: line?.id ?? '', amount: 1000 }],
      refund_amount: 1083,
    });
    expect(note).toMatchObject({
      subtotal: 1000,
      total: 1083,
      total_excluding_tax: 1000,
      total_taxes: [{ amount: 83 }],
    });
    expect(types(sandbox)).toContain('charge.refunded');
  });

  it('are counted after discounts, and not for an exempt customer', async () => {
    const { stripe } = await sandboxUnderTest();
    const { gst } = await rates(stripe);
    const coupon = await stripe.coupons.create({ percent_off: 50 });
    const first = async (customer: Stripe.Customer) => {
      const { latest_invoice } = await stripe.subscriptions.create({
        customer: customer.id,
        default_tax_rates: [gst.id],
        items: [{ price: 'price_PRO_MONTHLY' }],
        discounts: [{ coupon: coupon.id }],
        expand: ['latest_invoice'],
      });
      return latest_invoice as Stripe.Invoice;
    };
    expect(await first(await customerWithCard(stripe))).toMatchObject({
      subtotal: 2900,
      total: 1570,
      total_taxes: [{ amount: 120, taxable_amount: 1450 }],
    });
    const exempt = await first(await customerWithCard(stripe, { tax_exempt: 'reverse' }));
    expect(exempt).toMatchObject({
      total: 1450,
      customer_tax_exempt: 'reverse',
      total_taxes: [{ amount: 0, taxability_reason: 'reverse_charge' }],
    });
  });

  it('on a checkout are shown and paid, and go on with its subscription', async () => {
    const { sandbox, stripe } = await sandboxUnderTest();
    const { vat, gst } = await rates(stripe);
    const pack = await stripe.checkout.sessions.create({
      mode: 'payment',
      success_url: 'http://127.0.0.1/done',
      line_items: [{ price: 'price_POWER_PACK', quantity: 2, tax_rates: [gst.id] }],
    });
    expect(pack).toMatchObject({
      amount_subtotal: 4000,
      amount_total: 4330,
      total_details: { amount_tax: 330 },
    });
    const page = await fetch(pack.url ?? '');
    expect(await page.text()).toMatch(/Tax<\/td><td class="num" data-testid="tax">\$3\.30/);
    sandbox.pay(pack.id);
    const intents = await stripe.paymentIntents.list();
    expect(intents.data[0]).toMatchObject({ amount: 4330, status: 'succeeded' });

    const plan = await stripe.checkout.sessions.create({
      mode: 'subscription',
      success_url: 'http://127.0.0.1/done',
      line_items: [{ price: 'price_PRO_MONTHLY', quantity: 1 }],
      subscription_data: { default_tax_rates: [vat.id] },
    });
    expect(plan).toMatchObject({ amount_total: 2900, total_details: { amount_tax: 463 } });
    sandbox.pay(plan.id);
    const { subscription, invoice } = await stripe.checkout.sessions.retrieve(plan.id, {
      expand: ['subscription', 'invoice'],
    });
    expect(subscription).toMatchObject({
      default_tax_rates: [{ id: vat.id }],
      items: { data: [{ tax_rates: [] }] },
    });
    expect(invoice).toMatchObject({ total: 2900, total_excluding_tax: 2437 });
  });

  it('of a draft change with it, and stand in older versions as those had them', async () => {
    const { sandbox, stripe } = await sandboxUnderTest();
    const { vat, gst } = await rates(stripe);
    const customer = await customerWithCard(stripe);
    const draft = await stripe.invoices.create({
      customer: customer.id,
      default_tax_rates: [vat.id],
    });
    await stripe.invoiceItems.create({
      customer: customer.id,
      invoice: draft.id,
      amount: 1190,
      currency: 'usd',
    });
    expect(await stripe.invoices.retrieve(draft.id)).toMatchObject({
      total: 1190,
      total_excluding_tax: 1000,
    });
    const changed = await stripe.invoices.update(draft.id, { default_tax_rates: [gst.id] });
    expect(changed).toMatchObject({ total: 1288, total_excluding_tax: 1190 });
    const old = await fetch(`${sandbox.url}/v1/invoices/${draft.id}`, {
      headers: { authorization: `Bearer ${KEY}`, 'stripe-version': '2024-06-20' },
    });
    expect(await old.json()).toMatchObject({
      tax: 98,
      total_tax_amounts: [{ amount: 98, inclusive: false, tax_rate: gst.id }],
      lines: { data: [{ tax_amounts: [{ amount: 98 }], tax_rates: [{ id: gst.id }] }] },
    });
  });
});
