import type Stripe from 'stripe';
import { describe, expect, it } from 'vitest';
import { sandboxUnderTest, types } from './sandbox-under-test.ts';

describe('plans', () => {
  it('are recurring prices under their older name: made, listed, changed, deleted', async () => {
    const { sandbox, stripe } = await sandboxUnderTest();
    const made = await stripe.plans.create({
      amount: 1200,
      currency: 'usd',
      interval: 'month',
      product: { name: 'Gold' },
      nickname: 'Gold monthly',
    });
    expect(await stripe.prices.retrieve(made.id)).toMatchObject({
      unit_amount: 1200,
      recurring: { interval: 'month' },
    });
    const { data } = await stripe.plans.list({ active: true });
    expect(data.map((one) => one.id)).toEqual([
      made.id,
      'price_PRO_MONTHLY',
      'price_BASIC_MONTHLY',
    ]);
    await stripe.plans.update(made.id, { nickname: 'Gold' });
    await stripe.plans.del(made.id);
    await expect(stripe.plans.retrieve(made.id)).rejects.toMatchObject({ statusCode: 404 });
    await expect(stripe.plans.retrieve('price_QUICK_SCAN')).rejects.toMatchObject({
      statusCode: 404,
    });
    expect(
      types(sandbox)
        .filter((type) => type.startsWith('plan.'))
        .slice(-3),
    ).toEqual(['plan.created', 'plan.updated', 'plan.deleted']);
  });
});

describe('the items of a subscription', () => {
  it('are added, changed and taken off with prorations', async () => {
    const { stripe } = await sandboxUnderTest();
    const customer = await stripe.customers.create({
      payment_method: 'pm_card_visa',
      invoice_settings: { default_payment_method: 'pm_card_visa' },
    });
    const subscription = await stripe.subscriptions.create({
      customer: customer.id,
      items: [{ price: 'price_BASIC_MONTHLY' }],
    });
    const made = await stripe.subscriptionItems.create({
      subscription: subscription.id,
      price: 'price_PRO_MONTHLY',
      quantity: 2,
      proration_behavior: 'none',
    });
    expect(made).toMatchObject({ quantity: 2, price: { id: 'price_PRO_MONTHLY' } });
    const more = await stripe.subscriptionItems.update(made.id, {
      quantity: 3,
      proration_behavior: 'always_invoice',
    });
    expect(more.quantity).toBe(3);
    const [invoice] = (await stripe.invoices.list()).data;
    expect(invoice).toMatchObject({ billing_reason: 'subscription_update', status: 'paid' });
    await stripe.subscriptionItems.del(made.id, { proration_behavior: 'none' });
    const { data } = await stripe.subscriptionItems.list({ subscription: subscription.id });
    expect(data.map((one) => one.price.id)).toEqual(['price_BASIC_MONTHLY']);
    await expect(stripe.subscriptionItems.retrieve(made.id)).rejects.toMatchObject({
      statusCode: 404,
    });
  });
});

describe('a customer', () => {
  it('has tax ids, listed for the customer and for the account', async () => {
    const { sandbox, stripe } = await sandboxUnderTest();
    const customer = await stripe.customers.create();
    const made = await stripe.customers.createTaxId(customer.id, {
      type: 'eu_vat',
      value: 'DE123456789',
    });
    expect(made).toMatchObject({ country: 'EU', customer: customer.id });
    const own = await stripe.taxIds.create({ type: 'us_ein', value: '12-3456789' });
    expect((await stripe.taxIds.list()).data.map((one) => one.id)).toEqual([own.id]);
    const listed = await stripe.taxIds.list({
      owner: { type: 'customer', customer: customer.id },
    });
    expect(listed.data.map((one) => one.id)).toEqual([made.id]);
    expect((await stripe.customers.listTaxIds(customer.id)).data).toHaveLength(1);
    await stripe.customers.deleteTaxId(customer.id, made.id);
    await expect(stripe.customers.retrieveTaxId(customer.id, made.id)).rejects.toMatchObject({
      statusCode: 404,
    });
    expect(types(sandbox)).toContain('customer.tax_id.deleted');
  });

  it('has a balance whose every move is written down and pays the next invoice', async () => {
    const { stripe } = await sandboxUnderTest();
    const customer = await stripe.customers.create({
      payment_method: 'pm_card_visa',
      invoice_settings: { default_payment_method: 'pm_card_visa' },
    });
    const credit = await stripe.customers.createBalanceTransaction(customer.id, {
      amount: -400,
      currency: 'usd',
      description: 'Sorry',
    });
    expect(credit).toMatchObject({ ending_balance: -400, type: 'adjustment' });
    await stripe.subscriptions.create({
      customer: customer.id,
      items: [{ price: 'price_BASIC_MONTHLY' }],
    });
    const { data } = await stripe.customers.listBalanceTransactions(customer.id);
    expect(data.map((one) => [one.type, one.amount, one.ending_balance])).toEqual([
      ['applied_to_invoice', 400, 0],
      ['adjustment', -400, -400],
    ]);
    const [invoice] = (await stripe.invoices.list()).data;
    expect(invoice).toMatchObject({ total: 900, amount_paid: 500 });
    const noted = await stripe.customers.updateBalanceTransaction(customer.id, credit.id, {
      metadata: { ticket: '7' },
    });
    expect(noted.metadata).toEqual({ ticket: '7' });
  });

  it('shows a payment method of its own, and no other', async () => {
    const { stripe } = await sandboxUnderTest();
    const [one, other] = [await stripe.customers.create(), await stripe.customers.create()];
    const method = await stripe.paymentMethods.attach('pm_card_visa', { customer: one.id });
    expect((await stripe.customers.retrievePaymentMethod(one.id, method.id)).id).toBe(method.id);
    await expect(stripe.customers.retrievePaymentMethod(other.id, method.id)).rejects.toMatchObject(
      { statusCode: 404 },
    );
  });
});

describe('a credit note', () => {
  it('is previewed without being made, and its lines are listed', async () => {
    const { sandbox, stripe } = await sandboxUnderTest();
    const customer = await stripe.customers.create();
    const invoice = sandbox.invoice({
      customer: customer.id,
      card: 'visa',
      lines: [{ price: 'price_POWER_PACK' }],
    });
    const [line] = (await stripe.invoices.listLineItems(invoice.id)).data;
    const asked = {
      invoice: invoice.id,
      lines: [
        { type: 'invoice_line_item' as const, invoice_line_item: line?.id ?? '', amount: 700 },
      ],
      refund_amount: 700,
    };
    expect(await stripe.creditNotes.preview(asked)).toMatchObject({ amount: 700, refunds: [] });
    expect((await stripe.creditNotes.listPreviewLineItems(asked)).data).toHaveLength(1);
    expect((await stripe.creditNotes.list()).data).toEqual([]);
    const made = await stripe.creditNotes.create(asked);
    expect(made.refunds).toHaveLength(1);
    expect((await stripe.creditNotes.listLineItems(made.id)).data).toMatchObject([{ amount: 700 }]);
    expect(types(sandbox).filter((type) => type === 'credit_note.created')).toHaveLength(1);
  });
});

describe('a payout', () => {
  it('takes what the account holds, and no more', async () => {
    const { sandbox, stripe } = await sandboxUnderTest();
    await stripe.paymentIntents.create({
      amount: 10_000,
      currency: 'usd',
      payment_method: 'pm_card_visa',
      confirm: true,
    });
    await expect(stripe.payouts.create({ amount: 10_000, currency: 'usd' })).rejects.toMatchObject({
      code: 'balance_insufficient',
    });
    const payout = await stripe.payouts.create({ amount: 9000, currency: 'usd' });
    expect(await stripe.payouts.retrieve(payout.id)).toMatchObject({ status: 'paid' });
    const { available } = await stripe.balance.retrieve();
    expect(available).toMatchObject([{ amount: 10_000 - 320 - 9000, currency: 'usd' }]);
    expect(types(sandbox).slice(-2)).toEqual(['payout.updated', 'payout.paid']);
  });
});

describe('search', () => {
  it('finds by field, metadata, part, comparison and negation, page by page', async () => {
    const { stripe } = await sandboxUnderTest();
    for (const [name, tier] of [
      ['Ada Lovelace', 'gold'],
      ['Alan Turing', 'gold'],
      ['Grace Hopper', 'silver'],
    ]) {
      await stripe.customers.create({ name: name ?? '', metadata: { tier: tier ?? '' } });
    }
    const names = async (query: string) =>
      (await stripe.customers.search({ query })).data.map((one) => one.name);
    expect(await names('metadata["tier"]:"gold"')).toEqual(['Alan Turing', 'Ada Lovelace']);
    expect(await names('name~"hop"')).toEqual(['Grace Hopper']);
    expect(await names('metadata["tier"]:"gold" AND -name:"Alan Turing"')).toEqual([
      'Ada Lovelace',
    ]);
    expect(await names('name:"Alan Turing" OR metadata["tier"]:"silver"')).toEqual([
      'Grace Hopper',
      'Alan Turing',
    ]);
    expect(await names('created>0 metadata["tier"]:"silver"')).toEqual(['Grace Hopper']);
    const all = await stripe.customers
      .search({ query: 'created>0', limit: 1 })
      .autoPagingToArray({ limit: 10 });
    expect(new Set(all.map((one) => one.id)).size).toBe(3);
    for (const query of ['name', 'shoe:"40"', 'a:"1" AND b:"2" OR c:"3"']) {
      await expect(stripe.customers.search({ query })).rejects.toMatchObject({ param: 'query' });
    }
  });

  it('finds prices, products, payments, charges, invoices and subscriptions too', async () => {
    const { stripe } = await sandboxUnderTest();
    const customer = await stripe.customers.create({
      payment_method: 'pm_card_visa',
      invoice_settings: { default_payment_method: 'pm_card_visa' },
    });
    await stripe.subscriptions.create({
      customer: customer.id,
      items: [{ price: 'price_BASIC_MONTHLY' }],
    });
    const query = `customer:"${customer.id}"`;
    expect((await stripe.charges.search({ query })).data).toHaveLength(1);
    expect((await stripe.invoices.search({ query })).data).toHaveLength(1);
    expect((await stripe.paymentIntents.search({ query })).data).toHaveLength(1);
    expect((await stripe.subscriptions.search({ query: 'status:"active"' })).data).toHaveLength(1);
    expect((await stripe.products.search({ query: 'name~"pack"' })).data).toHaveLength(1);
    const found = await stripe.prices.search({ query: 'lookup_key:"basic_monthly"' });
    expect(found.data.map((one) => one.id)).toEqual(['price_BASIC_MONTHLY']);
  });
});

describe('entitlements', () => {
  it('are the features of the products that a customer’s subscriptions are of', async () => {
    const { stripe } = await sandboxUnderTest();
    const feature = await stripe.entitlements.features.create({
      name: 'Long videos',
      lookup_key: 'long_videos',
    });
    const link = await stripe.products.createFeature('prod_PRO_MONTHLY', {
      entitlement_feature: feature.id,
    });
    expect((await stripe.products.listFeatures('prod_PRO_MONTHLY')).data).toHaveLength(1);
    const customer = await stripe.customers.create({
      payment_method: 'pm_card_visa',
      invoice_settings: { default_payment_method: 'pm_card_visa' },
    });
    const active = async () =>
      (await stripe.entitlements.activeEntitlements.list({ customer: customer.id })).data;
    expect(await active()).toEqual([]);
    const subscription = await stripe.subscriptions.create({
      customer: customer.id,
      items: [{ price: 'price_PRO_MONTHLY' }],
    });
    const [entitlement] = await active();
    expect(entitlement).toMatchObject({ feature: feature.id, lookup_key: 'long_videos' });
    const again = await stripe.entitlements.activeEntitlements.retrieve(entitlement?.id ?? '', {
      expand: ['feature'],
    });
    expect(again.feature).toMatchObject({ name: 'Long videos' });
    await stripe.subscriptions.cancel(subscription.id);
    expect(await active()).toEqual([]);
    await stripe.products.deleteFeature('prod_PRO_MONTHLY', link.id);
    expect((await stripe.entitlements.features.list()).data.map((one) => one.id)).toEqual([
      feature.id,
    ]);
    await expect(
      stripe.entitlements.features.create({ name: 'B', lookup_key: 'long_videos' }),
    ).rejects.toMatchObject({ param: 'lookup_key' });
  });
});

describe('a portal configuration', () => {
  it('decides what the page offers; anything else is refused', async () => {
    const { sandbox, stripe } = await sandboxUnderTest();
    const customer = await stripe.customers.create({
      payment_method: 'pm_card_visa',
      invoice_settings: { default_payment_method: 'pm_card_visa' },
    });
    const subscription = await stripe.subscriptions.create({
      customer: customer.id,
      items: [{ price: 'price_BASIC_MONTHLY' }],
    });
    const configuration = await stripe.billingPortal.configurations.create({
      default_return_url: 'https://shop.example/account',
      features: {
        invoice_history: { enabled: false },
        subscription_cancel: { enabled: true, mode: 'immediately' },
        subscription_update: {
          enabled: true,
          default_allowed_updates: ['price'],
          products: [{ product: 'prod_PRO_MONTHLY', prices: ['price_PRO_MONTHLY'] }],
        },
      },
    });
    const session = await stripe.billingPortal.sessions.create({
      customer: customer.id,
      configuration: configuration.id,
    });
    expect(session.return_url).toBe('https://shop.example/account');
    expect(types(sandbox)).toContain('billing_portal.session.created');
    const page = await (await fetch(session.url)).text();
    expect(page).toContain('Cancel now');
    for (const absent of ['Invoices', 'at the end of the period', 'value="price_BASIC_MONTHLY"']) {
      expect(page).not.toContain(absent);
    }
    const press = (fields: Record<string, string>) =>
      fetch(`${session.url}/subscriptions/${subscription.id}`, {
        method: 'POST',
        body: new URLSearchParams(fields),
        redirect: 'manual',
      });
    expect((await press({ act: 'cancel' })).status).toBe(400);
    expect((await press({ act: 'change', price: 'price_BASIC_MONTHLY' })).status).toBe(400);
    expect((await press({ act: 'change', price: 'price_PRO_MONTHLY' })).status).toBe(303);
    const changed = await stripe.subscriptions.retrieve(subscription.id);
    expect(changed.items.data[0]?.price.id).toBe('price_PRO_MONTHLY');
  });

  it('can let a cheaper plan wait for the end of the period', async () => {
    const { sandbox, stripe } = await sandboxUnderTest();
    const customer = await stripe.customers.create({
      payment_method: 'pm_card_visa',
      invoice_settings: { default_payment_method: 'pm_card_visa' },
    });
    const subscription = await stripe.subscriptions.create({
      customer: customer.id,
      items: [{ price: 'price_PRO_MONTHLY' }],
    });
    const [standard] = (await stripe.billingPortal.configurations.list({ is_default: true })).data;
    await stripe.billingPortal.configurations.update(standard?.id ?? '', {
      features: {
        subscription_update: {
          schedule_at_period_end: { conditions: [{ type: 'decreasing_item_amount' }] },
        },
      },
    });
    const session = await stripe.billingPortal.sessions.create({ customer: customer.id });
    await fetch(`${session.url}/subscriptions/${subscription.id}`, {
      method: 'POST',
      body: new URLSearchParams({ act: 'change', price: 'price_BASIC_MONTHLY' }),
      redirect: 'manual',
    });
    const priceNow = async () => {
      const { items } = await stripe.subscriptions.retrieve(subscription.id);
      return items.data[0]?.price.id;
    };
    expect(await priceNow()).toBe('price_PRO_MONTHLY');
    sandbox.advance({ months: 1 });
    expect(await priceNow()).toBe('price_BASIC_MONTHLY');
  });
});

describe('the lines of a draft invoice', () => {
  it('are added and taken off; what is taken off waits, or is gone', async () => {
    const { stripe } = await sandboxUnderTest();
    const customer = await stripe.customers.create();
    const waiting = await stripe.invoiceItems.create({
      customer: customer.id,
      amount: 400,
      currency: 'usd',
    });
    const draft = await stripe.invoices.create({
      customer: customer.id,
      pending_invoice_items_behavior: 'exclude',
    });
    const added = await stripe.invoices.addLines(draft.id, {
      lines: [
        { amount: 700, description: 'Help' },
        { pricing: { price: 'price_QUICK_SCAN' }, quantity: 2 },
        { invoice_item: waiting.id },
      ],
    });
    expect([added.total, added.lines.data.map((line) => line.amount)]).toEqual([
      2100,
      [700, 1000, 400],
    ]);
    const [help, , old] = added.lines.data;
    const changed = await stripe.invoices.updateLines(draft.id, {
      lines: [{ id: help?.id ?? '', amount: 750, description: 'More help' }],
    });
    expect(changed).toMatchObject({ total: 2150 });
    expect(changed.lines.data[0]).toMatchObject({
      id: help?.id,
      amount: 750,
      description: 'More help',
    });
    await expect(
      stripe.invoices.updateLines(draft.id, { lines: [{ id: 'il_none', amount: 1 }] }),
    ).rejects.toMatchObject({ param: 'lines[0][id]', code: 'resource_missing' });
    const left = await stripe.invoices.removeLines(draft.id, {
      lines: [
        { id: help?.id ?? '', behavior: 'delete' },
        { id: old?.id ?? '', behavior: 'unassign' },
      ],
    });
    expect(left.lines.data.map((line) => line.id)).toEqual([added.lines.data[1]?.id]);
    expect((await stripe.invoiceItems.retrieve(waiting.id)).invoice).toBeNull();
    for (const lines of [[{ description: 'Nothing' }], [{ invoice_item: 'ii_none' }]]) {
      await expect(stripe.invoices.addLines(draft.id, { lines })).rejects.toMatchObject({
        statusCode: 400,
      });
    }
    await stripe.invoices.finalizeInvoice(draft.id);
    await expect(
      stripe.invoices.addLines(draft.id, { lines: [{ amount: 1, description: 'Late' }] }),
    ).rejects.toMatchObject({ code: 'invoice_not_editable' });
  });
});

describe('an invoice that a browser will pay', () => {
  it('tells the secret of its payment where it is asked for', async () => {
    const { stripe } = await sandboxUnderTest();
    const customer = await stripe.customers.create();
    const made = await stripe.subscriptions.create({
      customer: customer.id,
      items: [{ price: 'price_BASIC_MONTHLY' }],
      payment_behavior: 'default_incomplete',
      expand: ['latest_invoice.confirmation_secret'],
    });
    const invoice = made.latest_invoice as Stripe.Invoice;
    const secret = invoice.confirmation_secret?.client_secret ?? '';
    const [intent = ''] = secret.split('_secret_');
    expect(invoice.confirmation_secret?.type).toBe('payment_intent');
    await stripe.paymentIntents.confirm(intent, { payment_method: 'pm_card_visa' });
    expect((await stripe.subscriptions.retrieve(made.id)).status).toBe('active');
  });
});
