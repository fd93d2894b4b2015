import type Stripe from 'stripe';
import { describe, expect, it } from 'vitest';
import { sandboxUnderTest } from './sandbox-under-test.ts';

const at = (text: string) => Date.parse(text) / 1000;
const MONTHLY = 900;

/** A customer with a card, on a clock that stands at `now`. */
async function customerAt(now: string) {
  const { sandbox, stripe } = await sandboxUnderTest();
  const clock = await stripe.testHelpers.testClocks.create({ frozen_time: at(now) });
  const customer = await stripe.customers.create({
    test_clock: clock.id,
    payment_method: 'pm_card_visa',
    invoice_settings: { default_payment_method: 'pm_card_visa' },
  });
  const subscribe = (more: Partial<Stripe.SubscriptionCreateParams>) =>
    stripe.subscriptions.create({
      customer: customer.id,
      items: [{ price: 'price_BASIC_MONTHLY' }],
      ...more,
    });
  const invoices = async () => {
    const { data } = await stripe.invoices.list({ customer: customer.id });
    return data.map(({ status, total, billing_reason }) => [billing_reason, status, total]);
  };
  return { sandbox, stripe, clock, customer, subscribe, invoices };
}

async function linesOf(stripe: Stripe, subscription: Stripe.Subscription) {
  const invoice = await stripe.invoices.retrieve(String(subscription.latest_invoice));
  return invoice.lines.data.map(({ period, amount, parent }) => [
    new Date(period.start * 1000).toISOString().slice(0, 10),
    new Date(period.end * 1000).toISOString().slice(0, 10),
    amount,
    parent?.subscription_item_details?.proration,
  ]);
}

describe('a subscription that began in the past', () => {
  it("charges each period since, as Stripe's documentation has it, and renews at its anchor", async () => {
    const { stripe, clock, customer, subscribe, invoices } = await customerAt('2027-10-15');
    const subscription = await subscribe({
      backdate_start_date: at('2027-09-01'),
      billing_cycle_anchor: at('2027-11-01'),
    });
    expect(subscription).toMatchObject({
      status: 'active',
      start_date: at('2027-09-01'),
      billing_cycle_anchor: at('2027-11-01'),
      items: { data: [{ current_period_end: at('2027-11-01') }] },
    });
    expect(await linesOf(stripe, subscription)).toEqual([
      ['2027-09-01', '2027-10-01', MONTHLY, false],
      ['2027-10-01', '2027-11-01', MONTHLY, false],
    ]);
    await stripe.testHelpers.testClocks.advance(clock.id, { frozen_time: at('2027-11-02') });
    expect(await invoices()).toEqual([
      ['subscription_cycle', 'paid', MONTHLY],
      ['subscription_create', 'paid', 2 * MONTHLY],
    ]);
    const [charge] = (await stripe.charges.list({ customer: customer.id })).data.slice(-1);
    expect(charge?.amount).toBe(2 * MONTHLY);
  });

  it('has its cycle from now on where no anchor is said, and a part of a month before it', async () => {
    const { stripe, subscribe } = await customerAt('2027-03-01');
    const subscription = await subscribe({ backdate_start_date: at('2027-01-15') });
    expect(subscription.billing_cycle_anchor).toBe(at('2027-03-01'));
    expect(await linesOf(stripe, subscription)).toEqual([
      ['2027-01-15', '2027-02-01', Math.round((MONTHLY * 17) / 31), true],
      ['2027-02-01', '2027-03-01', MONTHLY, false],
      ['2027-03-01', '2027-04-01', MONTHLY, false],
    ]);
  });

  it('counts a part of a month by the month that begins with it: half of the 28 days', async () => {
    const { stripe, subscribe } = await customerAt('2027-03-01');
    const subscription = await subscribe({ backdate_start_date: at('2027-02-15') });
    const [first] = await linesOf(stripe, subscription);
    expect(first).toEqual(['2027-02-15', '2027-03-01', MONTHLY / 2, true]);
  });

  it('charges nothing for the past where nothing is prorated', async () => {
    const { stripe, subscribe, invoices } = await customerAt('2027-10-15');
    const subscription = await subscribe({
      backdate_start_date: at('2027-09-01'),
      proration_behavior: 'none',
    });
    expect(subscription.start_date).toBe(at('2027-09-01'));
    expect(await linesOf(stripe, subscription)).toEqual([
      ['2027-10-15', '2027-11-15', MONTHLY, false],
    ]);
    const later = await subscribe({
      backdate_start_date: at('2027-09-01'),
      billing_cycle_anchor: at('2027-11-01'),
      proration_behavior: 'none',
    });
    expect(later).toMatchObject({ status: 'active', latest_invoice: null });
    expect(await invoices()).toHaveLength(1);
  });

  it('charges the past at once where a trial begins now', async () => {
    const { stripe, subscribe } = await customerAt('2027-03-01');
    const subscription = await subscribe({
      backdate_start_date: at('2027-01-15'),
      trial_end: at('2027-03-08'),
    });
    expect(subscription.status).toBe('trialing');
    expect(await linesOf(stripe, subscription)).toEqual([
      ['2027-01-15', '2027-02-15', MONTHLY, false],
      ['2027-02-15', '2027-03-01', MONTHLY / 2, true],
      ['2027-03-01', '2027-03-08', 0, false],
    ]);
  });

  it('uses a coupon from its start on: two months of it are over in the third', async () => {
    const { stripe, clock, subscribe, invoices } = await customerAt('2027-03-01');
    const coupon = await stripe.coupons.create({
      percent_off: 50,
      duration: 'repeating',
      duration_in_months: 2,
    });
    const subscription = await subscribe({
      backdate_start_date: at('2027-01-01'),
      discounts: [{ coupon: coupon.id }],
    });
    const invoice = await stripe.invoices.retrieve(String(subscription.latest_invoice));
    expect(invoice.lines.data.map((line) => line.discount_amounts?.[0]?.amount)).toEqual([
      MONTHLY / 2,
      MONTHLY / 2,
      0,
    ]);
    await stripe.testHelpers.testClocks.advance(clock.id, { frozen_time: at('2027-04-02') });
    expect(await invoices()).toEqual([
      ['subscription_cycle', 'paid', MONTHLY],
      ['subscription_create', 'paid', 2 * MONTHLY],
    ]);
  });

  it('may be of a schedule', async () => {
    const { stripe, customer } = await customerAt('2027-03-10');
    const schedule = await stripe.subscriptionSchedules.create({
      customer: customer.id,
      start_date: at('2027-01-05'),
      phases: [
        {
          items: [{ price: 'price_BASIC_MONTHLY' }],
          duration: { interval: 'month', interval_count: 6 },
        },
      ],
    });
    const subscription = await stripe.subscriptions.retrieve(String(schedule.subscription));
    expect(await linesOf(stripe, subscription)).toEqual([
      ['2027-01-05', '2027-02-05', MONTHLY, false],
      ['2027-02-05', '2027-03-05', MONTHLY, false],
      ['2027-03-05', '2027-04-05', MONTHLY, false],
    ]);
  });

  it('refuses a start in the future, and more lines than an invoice holds', async () => {
    const { stripe, customer, subscribe } = await customerAt('2027-03-01');
    await expect(subscribe({ backdate_start_date: at('2027-03-02') })).rejects.toMatchObject({
      statusCode: 400,
      param: 'backdate_start_date',
    });
    await expect(subscribe({ backdate_start_date: at('1990-01-01') })).rejects.toMatchObject({
      statusCode: 400,
      param: 'backdate_start_date',
      message: expect.stringContaining('250'),
    });
    expect((await stripe.subscriptions.list({ customer: customer.id })).data).toEqual([]);
  });
});

describe('a cycle with an anchor', () => {
  it('charges the part until it, and the whole from there on', async () => {
    const { stripe, clock, subscribe, invoices } = await customerAt('2027-01-15');
    const subscription = await subscribe({ billing_cycle_anchor: at('2027-02-01') });
    const part = Math.round((MONTHLY * 17) / 31);
    expect(await linesOf(stripe, subscription)).toEqual([['2027-01-15', '2027-02-01', part, true]]);
    await stripe.testHelpers.testClocks.advance(clock.id, { frozen_time: at('2027-02-02') });
    expect(await invoices()).toEqual([
      ['subscription_cycle', 'paid', MONTHLY],
      ['subscription_create', 'paid', part],
    ]);
  });

  it('makes no invoice before it where nothing is prorated', async () => {
    const { stripe, clock, subscribe, invoices } = await customerAt('2027-01-15');
    const subscription = await subscribe({
      billing_cycle_anchor: at('2027-02-01'),
      proration_behavior: 'none',
    });
    expect(subscription).toMatchObject({ status: 'active', latest_invoice: null });
    await stripe.testHelpers.testClocks.advance(clock.id, { frozen_time: at('2027-02-02') });
    expect(await invoices()).toEqual([['subscription_cycle', 'paid', MONTHLY]]);
  });

  it('is refused in the past and beyond the first month', async () => {
    const { subscribe } = await customerAt('2027-01-15');
    for (const anchor of ['2027-01-14', '2027-02-16']) {
      await expect(subscribe({ billing_cycle_anchor: at(anchor) })).rejects.toMatchObject({
        statusCode: 400,
        param: 'billing_cycle_anchor',
      });
    }
    expect((await subscribe({ billing_cycle_anchor: at('2027-02-15') })).status).toBe('active');
  });

  it.each(['create_prorations', 'none'] as const)(
    'is what a checkout charges until: %s',
    async (prorations) => {
      const { sandbox, stripe, customer, invoices } = await customerAt('2027-01-15');
      const session = await stripe.checkout.sessions.create({
        mode: 'subscription',
        customer: customer.id,
        line_items: [{ price: 'price_BASIC_MONTHLY', quantity: 1 }],
        subscription_data: {
          billing_cycle_anchor: at('2027-02-01'),
          proration_behavior: prorations,
        },
        success_url: 'https://shop.example/done',
      });
      const part = prorations === 'none' ? 0 : Math.round((MONTHLY * 17) / 31);
      expect(session.amount_total).toBe(part);
      expect(sandbox.pay(session.id).outcome).toBe('complete');
      const paid = await stripe.checkout.sessions.retrieve(session.id, {
        expand: ['subscription'],
      });
      expect(paid).toMatchObject({
        amount_total: part,
        payment_status: part === 0 ? 'no_payment_required' : 'paid',
        subscription: { status: 'active', billing_cycle_anchor: at('2027-02-01') },
      });
      expect(await invoices()).toEqual(part === 0 ? [] : [['subscription_create', 'paid', part]]);
    },
  );
});
