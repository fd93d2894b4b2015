import Stripe from 'stripe';
import { describe, expect, it } from 'vitest';
import { sandboxUnderTest } from './sandbox-under-test.ts';

async function shopUnderTest() {
  const { sandbox, stripe } = await sandboxUnderTest();
  const { id: customer } = await stripe.customers.create({
    email: 'ann@example.com',
    payment_method: 'pm_card_visa',
    invoice_settings: { default_payment_method: 'pm_card_visa' },
  });
  return { sandbox, stripe, customer };
}

const custom_fields = [{ name: 'Order', value: '4711' }];

describe('an invoice', () => {
  it('keeps what is written on it, until it is unset, and shows it on its page', async () => {
    const { stripe, customer } = await shopUnderTest();
    const said = { footer: 'Thank you.', custom_fields, statement_descriptor: 'FLORIST' };
    const { id } = await stripe.invoices.create({ customer, number: 'A-1', ...said });
    expect(await stripe.invoices.retrieve(id)).toMatchObject({ number: 'A-1', ...said });
    const changed = { footer: 'Paid with thanks.', custom_fields: '' as const, number: 'A-2' };
    await stripe.invoices.update(id, changed);
    const open = await stripe.invoices.finalizeInvoice(id);
    expect(open).toMatchObject({ number: 'A-2', custom_fields: null, footer: changed.footer });
    await expect(stripe.invoices.update(id, { number: 'A-3' })).rejects.toMatchObject({
      code: 'invoice_not_editable',
    });
    const page = await fetch(String(open.hosted_invoice_url));
    expect(await page.text()).toContain('Paid with thanks.');
    const next = await stripe.invoices.create({ customer });
    expect((await stripe.invoices.finalizeInvoice(next.id)).number).toMatch(/-0001$/);
    await expect(
      stripe.invoices.create({ customer, custom_fields: Array(5).fill(custom_fields[0]) }),
    ).rejects.toMatchObject({ param: 'custom_fields' });
  });

  it('gives credits by negative items, which lower it and stay in the balance where it is less', async () => {
    const { stripe, customer } = await shopUnderTest();
    const credit = { customer, currency: 'usd' };
    const price_data = { currency: 'usd', product: 'prod_POWER_PACK' };
    const priced = await stripe.invoiceItems.create({
      customer,
      quantity: 2,
      price_data: { ...price_data, unit_amount: -100 },
    });
    expect([priced.amount, String(priced.pricing?.unit_amount_decimal)]).toEqual([-200, '-100']);
    await stripe.invoiceItems.create({
      ...credit,
      unit_amount_decimal: Stripe.Decimal.from('-50.5'),
    });
    const charged = await stripe.invoiceItems.create({ ...credit, amount: 900 });
    const draft = await stripe.invoices.create({
      customer,
      pending_invoice_items_behavior: 'include',
    });
    expect(draft.total).toBe(900 - 200 - 50);
    await stripe.invoiceItems.update(charged.id, { amount: -300 });
    const paid = await stripe.invoices.finalizeInvoice(draft.id);
    expect(paid).toMatchObject({ total: -550, amount_due: 0, status: 'paid' });
    expect(await stripe.customers.retrieve(customer)).toMatchObject({ balance: -550 });
    const refused = { code: 'parameter_invalid_integer' };
    await expect(stripe.prices.create({ ...price_data, unit_amount: -1 })).rejects.toMatchObject(
      refused,
    );
    const recurring = { interval: 'month' as const };
    await expect(
      stripe.subscriptions.create({
        customer,
        items: [{ price_data: { ...price_data, recurring, unit_amount: -1 } }],
      }),
    ).rejects.toMatchObject(refused);
  });

  it('takes credits beside a new subscription and in a preview', async () => {
    const { stripe, customer } = await shopUnderTest();
    const price_data = { currency: 'usd', product: 'prod_POWER_PACK', unit_amount: -400 };
    const items = [{ price: 'price_BASIC_MONTHLY' }];
    const preview = await stripe.invoices.createPreview({
      customer,
      invoice_items: [{ price_data }],
      subscription_details: { items },
    });
    expect(preview.total).toBe(500);
    const { latest_invoice } = await stripe.subscriptions.create({
      customer,
      items,
      add_invoice_items: [{ price_data }],
      expand: ['latest_invoice'],
    });
    expect(latest_invoice).toMatchObject({ total: 500, status: 'paid' });
  });

  it('of a checkout says what the checkout was told', async () => {
    const { sandbox, stripe, customer } = await shopUnderTest();
    const invoice_data = {
      custom_fields,
      description: 'Two scans',
      footer: 'Thank you.',
      metadata: { order: '4711' },
    };
    const session = await stripe.checkout.sessions.create({
      mode: 'payment',
      customer,
      line_items: [{ price: 'price_QUICK_SCAN', quantity: 2 }],
      invoice_creation: { enabled: true, invoice_data },
      success_url: 'http://shop.test/thanks',
    });
    expect(session.invoice_creation).toMatchObject({ enabled: true, invoice_data });
    sandbox.pay(session.id);
    const { invoice } = await stripe.checkout.sessions.retrieve(session.id, {
      expand: ['invoice'],
    });
    expect(invoice).toMatchObject({ ...invoice_data, status: 'paid' });
  });
});

it('a payment shows where its goods go, and so does its charge', async () => {
  const { stripe } = await shopUnderTest();
  const address = { line1: 'Main Street 1', city: 'Bern', country: 'CH' };
  const shipping = { name: 'Ann', address, carrier: 'Post', tracking_number: '99' };
  const intent = await stripe.paymentIntents.create({ amount: 500, currency: 'usd', shipping });
  expect(intent.shipping).toMatchObject(shipping);
  const moved = { ...shipping, name: 'Bob' };
  expect((await stripe.paymentIntents.update(intent.id, { shipping: moved })).shipping?.name).toBe(
    'Bob',
  );
  const paid = await stripe.paymentIntents.confirm(intent.id, {
    payment_method: 'pm_card_visa',
    shipping: { ...shipping, name: 'Cy' },
    expand: ['latest_charge'],
  });
  expect(paid).toMatchObject({
    shipping: { name: 'Cy', carrier: 'Post' },
    latest_charge: { shipping: { name: 'Cy', tracking_number: '99', address } },
  });
  await stripe.paymentIntents.update(intent.id, { shipping: '' });
  expect((await stripe.paymentIntents.retrieve(intent.id)).shipping).toBeNull();
});

it('subscriptions are listed by when their period ends and began', async () => {
  const { sandbox, stripe, customer } = await shopUnderTest();
  const items = [{ price: 'price_BASIC_MONTHLY' }];
  const early = await stripe.subscriptions.create({ customer, items });
  sandbox.advance({ days: 10 });
  const late = await stripe.subscriptions.create({ customer, items });
  const ends = early.items.data[0]?.current_period_end ?? 0;
  const ids = async (filter: object) =>
    (await stripe.subscriptions.list(filter)).data.map(({ id }) => id);
  expect(await ids({ current_period_end: ends })).toEqual([early.id]);
  expect(await ids({ current_period_end: { gt: ends } })).toEqual([late.id]);
  expect(await ids({ current_period_start: { lt: ends - 5 * 86_400 } })).toEqual([
    late.id,
    early.id,
  ]);
  expect(await ids({ current_period_start: { lt: sandbox.now() - 86_400 } })).toEqual([early.id]);
});
