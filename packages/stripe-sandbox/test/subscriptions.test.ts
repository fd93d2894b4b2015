import type Stripe from 'stripe';
import { describe, expect, it } from 'vitest';
import { sandboxUnderTest, types } from './sandbox-under-test.ts';

async function subscribe(
  stripe: Stripe,
  input: Partial<Stripe.SubscriptionCreateParams> & { card?: string } = {},
) {
  const { card = 'visa', ...rest } = input;
  const customer = await stripe.customers.create({
    payment_method: `pm_card_${card}`,
    invoice_settings: { default_payment_method: `pm_card_${card}` },
  });
  return stripe.subscriptions.create({
    customer: customer.id,
    items: [{ price: 'price_BASIC_MONTHLY' }],
    metadata: { userId: 'user-1' },
    ...rest,
  });
}

async function newestInvoice(stripe: Stripe): Promise<Stripe.Invoice> {
  const [invoice] = (await stripe.invoices.list({ limit: 1 })).data;
  if (invoice === undefined) {
    throw new Error('There is no invoice.');
  }
  return invoice;
}

function itemOf(subscription: Stripe.Subscription): Stripe.SubscriptionItem {
  const [item] = subscription.items.data;
  if (item === undefined) {
    throw new Error('The subscription has no item.');
  }
  return item;
}

const proration = (line: Stripe.InvoiceLineItem) =>
  line.parent?.invoice_item_details?.proration ?? line.parent?.subscription_item_details?.proration;

describe('a subscription', () => {
  it('renews each month: a draft invoice, then the payment', async () => {
    const { sandbox, stripe } = await sandboxUnderTest();
    const made = await subscribe(stripe);
    expect(made.status).toBe('active');
    sandbox.advance({ months: 3 });
    const invoices = (await stripe.invoices.list()).data;
    expect(invoices.map((one) => [one.billing_reason, one.status, one.amount_paid])).toEqual([
      ['subscription_cycle', 'paid', 900],
      ['subscription_cycle', 'paid', 900],
      ['subscription_cycle', 'paid', 900],
      ['subscription_create', 'paid', 900],
    ]);
    const [line] = invoices[0]?.lines.data ?? [];
    expect(line).toMatchObject({
      pricing: { price_details: { price: 'price_BASIC_MONTHLY' } },
      parent: { subscription_item_details: { proration: false, subscription: made.id } },
    });
    const now = await stripe.subscriptions.retrieve(made.id);
    expect(line?.period.end).toBe(itemOf(now).current_period_end);
  });

  it('is past due when a renewal is declined, is retried, and ends when nothing helps', async () => {
    const { sandbox, stripe } = await sandboxUnderTest();
    const made = await subscribe(stripe);
    sandbox.setCard(String(made.customer), 'chargeCustomerFail');
    sandbox.advance({ months: 1 });
    expect((await stripe.subscriptions.retrieve(made.id)).status).toBe('past_due');
    expect(await newestInvoice(stripe)).toMatchObject({ status: 'open', attempt_count: 1 });
    sandbox.advance({ days: 20 });
    expect((await stripe.subscriptions.retrieve(made.id)).status).toBe('canceled');
    expect(sandbox.events('invoice.payment_failed')).toHaveLength(4);
    expect(types(sandbox)).toContain('customer.subscription.deleted');
  });

  it('is active again when a retry succeeds', async () => {
    const { sandbox, stripe } = await sandboxUnderTest();
    const made = await subscribe(stripe);
    sandbox.setCard(String(made.customer), 'chargeCustomerFail');
    sandbox.advance({ months: 1 });
    sandbox.setCard(String(made.customer), 'visa');
    sandbox.advance({ days: 4 });
    expect((await stripe.subscriptions.retrieve(made.id)).status).toBe('active');
    expect(await newestInvoice(stripe)).toMatchObject({ status: 'paid', attempt_count: 2 });
  });

  it('is incomplete until its first payment, and expires without one', async () => {
    const { sandbox, stripe } = await sandboxUnderTest();
    const made = await subscribe(stripe, { card: 'chargeDeclined' });
    expect(made.status).toBe('incomplete');
    sandbox.advance({ days: 1 });
    expect((await stripe.subscriptions.retrieve(made.id)).status).toBe('incomplete_expired');
    await expect(
      subscribe(stripe, { card: 'chargeDeclined', payment_behavior: 'error_if_incomplete' }),
    ).rejects.toMatchObject({ code: 'card_declined' });
    expect((await stripe.subscriptions.list({ status: 'all' })).data).toHaveLength(1);
  });

  it('ends with its period when it was cancelled for then, and at once when asked', async () => {
    const { sandbox, stripe } = await sandboxUnderTest();
    const [later, now] = [await subscribe(stripe), await subscribe(stripe)];
    await stripe.subscriptions.update(later.id, { cancel_at_period_end: true });
    expect((await stripe.subscriptions.cancel(now.id)).status).toBe('canceled');
    sandbox.advance({ months: 1 });
    expect(await stripe.subscriptions.retrieve(later.id)).toMatchObject({ status: 'canceled' });
    expect(sandbox.events('invoice.created')).toHaveLength(2);
  });

  it('upgraded in mid-month is invoiced at once for the difference, as a credit and a charge', async () => {
    const { sandbox, stripe } = await sandboxUnderTest();
    const made = await subscribe(stripe);
    const item = itemOf(made);
    const half = Math.floor((item.current_period_start + item.current_period_end) / 2);
    sandbox.advance({ seconds: half - sandbox.now() });
    await stripe.subscriptions.update(made.id, {
      items: [{ id: item.id, price: 'price_PRO_MONTHLY' }],
      proration_behavior: 'always_invoice',
      proration_date: half,
    });
    const invoice = await newestInvoice(stripe);
    expect(invoice).toMatchObject({
      billing_reason: 'subscription_update',
      status: 'paid',
      amount_paid: 1000,
    });
    expect(invoice.lines.data.map((line) => [line.amount, proration(line)])).toEqual([
      [-450, true],
      [1450, true],
    ]);
    expect(invoice.lines.data[0]?.parent?.invoice_item_details).toMatchObject({
      subscription: made.id,
      proration_details: { credited_items: { invoice: made.latest_invoice } },
    });
  });

  it('downgraded waits with its credit for the next invoice', async () => {
    const { sandbox, stripe } = await sandboxUnderTest();
    const made = await subscribe(stripe, { items: [{ price: 'price_PRO_MONTHLY' }] });
    const item = itemOf(made);
    await stripe.subscriptions.update(made.id, {
      items: [{ id: item.id, price: 'price_BASIC_MONTHLY' }],
      proration_date: item.current_period_start,
    });
    expect((await stripe.invoices.list()).data).toHaveLength(1);
    sandbox.advance({ months: 1 });
    const invoice = await newestInvoice(stripe);
    expect(invoice.lines.data.map((line) => line.amount)).toEqual([-2900, 900, 900]);
    expect(invoice).toMatchObject({ total: -1100, amount_due: 0, status: 'paid' });
    expect(await stripe.customers.retrieve(String(made.customer))).toMatchObject({
      balance: -1100,
    });
    sandbox.advance({ months: 1 });
    expect(await newestInvoice(stripe)).toMatchObject({
      total: 900,
      amount_paid: 0,
      starting_balance: -1100,
      ending_balance: -200,
    });
  });

  it('with more seats is prorated for the seats that were added', async () => {
    const { stripe } = await sandboxUnderTest();
    const made = await subscribe(stripe);
    const item = itemOf(made);
    await stripe.subscriptions.update(made.id, {
      items: [{ id: item.id, quantity: 3 }],
      proration_behavior: 'always_invoice',
      proration_date: item.current_period_start,
    });
    const invoice = await newestInvoice(stripe);
    expect(invoice.lines.data.map((line) => [line.quantity, line.amount])).toEqual([
      [1, -900],
      [3, 2700],
    ]);
    expect(itemOf(await stripe.subscriptions.retrieve(made.id)).quantity).toBe(3);
  });

  it('changed to yearly starts a new cycle now', async () => {
    const { stripe } = await sandboxUnderTest();
    const yearly = await stripe.prices.create({
      product: 'prod_PRO_MONTHLY',
      currency: 'usd',
      unit_amount: 29000,
      recurring: { interval: 'year' },
    });
    const made = await subscribe(stripe);
    await stripe.subscriptions.update(made.id, {
      items: [{ id: itemOf(made).id, price: yearly.id }],
      proration_date: itemOf(made).current_period_start,
    });
    const invoice = await newestInvoice(stripe);
    expect(invoice.lines.data.map((line) => line.amount)).toEqual([-900, 29000]);
    expect(invoice.billing_reason).toBe('subscription_update');
    const { current_period_start: start, current_period_end: end } = itemOf(
      await stripe.subscriptions.retrieve(made.id),
    );
    expect(Math.round((end - start) / 86_400)).toBeGreaterThanOrEqual(365);
  });

  it('whose collection is paused makes invoices that are void', async () => {
    const { sandbox, stripe } = await sandboxUnderTest();
    const made = await subscribe(stripe);
    await stripe.subscriptions.update(made.id, { pause_collection: { behavior: 'void' } });
    sandbox.advance({ months: 1 });
    expect(await newestInvoice(stripe)).toMatchObject({ status: 'void' });
    await stripe.subscriptions.update(made.id, { pause_collection: '' });
    sandbox.advance({ months: 1 });
    expect(await newestInvoice(stripe)).toMatchObject({ status: 'paid' });
  });

  it('whose trial ends without a card is paused or cancelled as it says, and can be resumed', async () => {
    const { sandbox, stripe } = await sandboxUnderTest();
    const trial = async (missing: 'pause' | 'cancel') => {
      const customer = await stripe.customers.create();
      return stripe.subscriptions.create({
        customer: customer.id,
        items: [{ price: 'price_BASIC_MONTHLY' }],
        trial_period_days: 5,
        trial_settings: { end_behavior: { missing_payment_method: missing } },
      });
    };
    const [paused, cancelled] = [await trial('pause'), await trial('cancel')];
    sandbox.advance({ days: 6 });
    expect((await stripe.subscriptions.retrieve(paused.id)).status).toBe('paused');
    expect((await stripe.subscriptions.retrieve(cancelled.id)).status).toBe('canceled');
    sandbox.setCard(String(paused.customer), 'visa');
    await stripe.subscriptions.resume(paused.id);
    expect((await stripe.subscriptions.retrieve(paused.id)).status).toBe('active');
    expect(await newestInvoice(stripe)).toMatchObject({ status: 'paid', amount_paid: 900 });
  });

  it('with a coupon for once pays less the first time only, and nothing with 100 %', async () => {
    const { sandbox, stripe } = await sandboxUnderTest();
    const coupon = await stripe.coupons.create({ percent_off: 100, duration: 'once' });
    const made = await subscribe(stripe, { discounts: [{ coupon: coupon.id }] });
    expect(made.status).toBe('active');
    expect(await newestInvoice(stripe)).toMatchObject({
      subtotal: 900,
      total: 0,
      amount_paid: 0,
      status: 'paid',
      total_discount_amounts: [{ amount: 900 }],
    });
    sandbox.advance({ months: 1 });
    expect(await newestInvoice(stripe)).toMatchObject({ amount_paid: 900 });
  });

  it('with a coupon is prorated by what was paid, and by what the coupon leaves', async () => {
    const { sandbox, stripe } = await sandboxUnderTest();
    const coupon = await stripe.coupons.create({ percent_off: 50, duration: 'forever' });
    const made = await subscribe(stripe, { discounts: [{ coupon: coupon.id }] });
    const { current_period_start: start, current_period_end: end } = itemOf(made);
    const half = Math.floor((start + end) / 2);
    sandbox.advance({ seconds: half - start });
    for (const price of ['price_PRO_MONTHLY', 'price_BASIC_MONTHLY']) {
      await stripe.subscriptions.update(made.id, {
        items: [{ id: itemOf(made).id, price }],
        proration_behavior: 'always_invoice',
        proration_date: half,
      });
      const { lines, total } = await newestInvoice(stripe);
      const basic = price === 'price_BASIC_MONTHLY' ? 1 : -1;
      expect(lines.data.map(({ amount }) => amount).sort((a, b) => a - b)).toEqual(
        basic === 1 ? [-725, 225] : [-225, 725],
      );
      expect(total).toBe(basic * -500);
    }
  });

  it('follows a test clock of its own', async () => {
    const { sandbox, stripe } = await sandboxUnderTest();
    // The clock is ahead of the sandbox's own time, and February has 28 days.
    const year = new Date().getUTCFullYear() + 1;
    const common = year % 4 === 0 ? year + 1 : year;
    const at = (month: number, day: number) => Date.UTC(common, month, day) / 1000;
    const start = at(0, 31);
    const clock = await stripe.testHelpers.testClocks.create({ frozen_time: start });
    const customer = await stripe.customers.create({
      test_clock: clock.id,
      payment_method: 'pm_card_visa',
      invoice_settings: { default_payment_method: 'pm_card_visa' },
    });
    const made = await stripe.subscriptions.create({
      customer: customer.id,
      items: [{ price: 'price_BASIC_MONTHLY' }],
    });
    expect(itemOf(made)).toMatchObject({
      current_period_start: start,
      current_period_end: at(1, 28),
    });
    const before = await subscribe(stripe);
    await stripe.testHelpers.testClocks.advance(clock.id, {
      frozen_time: at(2, 1),
    });
    expect((await stripe.testHelpers.testClocks.retrieve(clock.id)).status).toBe('ready');
    const cycles = await stripe.invoices.list({ customer: customer.id });
    expect(cycles.data.map((one) => one.billing_reason)).toEqual([
      'subscription_cycle',
      'subscription_create',
    ]);
    const now = itemOf(await stripe.subscriptions.retrieve(made.id));
    expect(now.current_period_end).toBe(at(2, 31));
    const untouched = await stripe.invoices.list({ customer: String(before.customer) });
    expect(untouched.data).toHaveLength(1);
    expect(sandbox.now()).toBeLessThan(start);
  });
});

describe('invoices made by hand', () => {
  it('of every reason can be had, with more lines than an event shows', async () => {
    const { sandbox, stripe } = await sandboxUnderTest();
    const customer = await stripe.customers.create();
    for (const reason of ['manual', 'quote_accept', 'subscription_threshold']) {
      const made = sandbox.invoice({
        customer: customer.id,
        reason,
        card: 'visa',
        lines: Array.from({ length: 25 }, () => ({ price: 'price_QUICK_SCAN' })),
      });
      const invoice = await stripe.invoices.retrieve(made.id, { expand: ['payments'] });
      expect(invoice).toMatchObject({ billing_reason: reason, status: 'paid', total: 12_500 });
      expect(invoice.lines).toMatchObject({ has_more: true });
      expect(invoice.lines.data).toHaveLength(10);
      const lines = await stripe.invoices
        .listLineItems(made.id, { limit: 10 })
        .autoPagingToArray({ limit: 100 });
      expect(new Set(lines.map((line) => line.id)).size).toBe(25);
    }
  });

  it('that are deleted as drafts leave their items waiting for the next one, as at Stripe', async () => {
    const { stripe } = await sandboxUnderTest();
    const customer = await stripe.customers.create();
    const draft = await stripe.invoices.create({
      customer: customer.id,
      pending_invoice_items_behavior: 'exclude',
    });
    const add = (amount: number) =>
      stripe.invoiceItems.create({
        customer: customer.id,
        invoice: draft.id,
        amount,
        currency: 'usd',
      });
    const [kept, dropped] = [await add(700), await add(300)];
    await stripe.invoiceItems.del(dropped.id);
    expect(await stripe.invoices.retrieve(draft.id)).toMatchObject({ total: 700 });
    await stripe.invoices.del(draft.id);
    expect(await stripe.invoiceItems.retrieve(kept.id)).toMatchObject({ invoice: null });
    const next = await stripe.invoices.create({
      customer: customer.id,
      pending_invoice_items_behavior: 'include',
    });
    expect(next.total).toBe(700);
    await stripe.invoices.finalizeInvoice(next.id);
    await expect(stripe.invoiceItems.del(kept.id)).rejects.toThrow(/draft/);
  });

  it('collect waiting items and are paid, marked or voided', async () => {
    const { sandbox, stripe } = await sandboxUnderTest();
    const customer = await stripe.customers.create();
    await stripe.invoiceItems.create({ customer: customer.id, amount: 700, currency: 'usd' });
    const draft = await stripe.invoices.create({
      customer: customer.id,
      pending_invoice_items_behavior: 'include',
    });
    await stripe.invoiceItems.create({
      customer: customer.id,
      invoice: draft.id,
      pricing: { price: 'price_QUICK_SCAN' },
      quantity: 2,
    });
    expect((await stripe.invoices.retrieve(draft.id)).total).toBe(1700);
    await expect(
      stripe.invoices.pay(draft.id, { payment_method: 'pm_card_chargeDeclined' }),
    ).rejects.toMatchObject({ code: 'card_declined' });
    const paid = await stripe.invoices.pay(draft.id, { payment_method: 'pm_card_visa' });
    expect(paid.status).toBe('paid');
    const other = sandbox.invoice({
      customer: customer.id,
      pay: false,
      lines: [{ price: 'price_QUICK_SCAN' }],
    });
    await stripe.invoices.finalizeInvoice(other.id);
    expect((await stripe.invoices.voidInvoice(other.id)).status).toBe('void');
    expect(types(sandbox)).toContain('invoice.voided');
  });
});
