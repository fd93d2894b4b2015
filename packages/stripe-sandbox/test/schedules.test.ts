import type Stripe from 'stripe';
import { describe, expect, it } from 'vitest';
import { sandboxUnderTest } from './sandbox-under-test.ts';

const HALF_MONTH = 15 * 86_400;

async function customerWithCard(stripe: Stripe, input: Stripe.CustomerCreateParams = {}) {
  return stripe.customers.create({
    payment_method: 'pm_card_visa',
    invoice_settings: { default_payment_method: 'pm_card_visa' },
    ...input,
  });
}

async function subscribed(price = 'price_PRO_MONTHLY') {
  const { sandbox, stripe } = await sandboxUnderTest();
  const customer = await customerWithCard(stripe);
  const subscription = await stripe.subscriptions.create({
    customer: customer.id,
    items: [{ price }],
  });
  return { sandbox, stripe, customer, subscription };
}

const priceOf = (subscription: Stripe.Subscription) => subscription.items.data[0]?.price.id;
const periodOf = (subscription: Stripe.Subscription) => {
  const [item] = subscription.items.data;
  return { start: item?.current_period_start ?? 0, end: item?.current_period_end ?? 0 };
};

/** A downgrade for the end of the period, as programs write it. */
async function downgradeAtPeriodEnd(
  stripe: Stripe,
  subscription: Stripe.Subscription,
  more: Stripe.SubscriptionScheduleUpdateParams = {},
) {
  const made = await stripe.subscriptionSchedules.create({ from_subscription: subscription.id });
  const [phase] = made.phases;
  return stripe.subscriptionSchedules.update(made.id, {
    end_behavior: 'release',
    phases: [
      {
        items: [{ price: 'price_PRO_MONTHLY', quantity: 1 }],
        start_date: phase?.start_date ?? 0,
        end_date: phase?.end_date ?? 0,
      },
      { items: [{ price: 'price_BASIC_MONTHLY', quantity: 1 }], proration_behavior: 'none' },
    ],
    ...more,
  });
}

async function amounts(stripe: Stripe, customer: string) {
  const { data } = await stripe.invoices.list({ customer, limit: 100 });
  return data.map((one) => [one.billing_reason, one.status, one.total]);
}

describe('a subscription schedule', () => {
  it('made from a subscription has its period as its first phase, and changes the price when that ends', async () => {
    const { sandbox, stripe, customer, subscription } = await subscribed();
    const schedule = await downgradeAtPeriodEnd(stripe, subscription);
    const { start, end } = periodOf(subscription);
    expect(schedule).toMatchObject({
      status: 'active',
      subscription: subscription.id,
      current_phase: { start_date: start, end_date: end },
      end_behavior: 'release',
    });
    expect(schedule.phases.map((one) => [one.start_date, one.items[0]?.price])).toEqual([
      [start, 'price_PRO_MONTHLY'],
      [end, 'price_BASIC_MONTHLY'],
    ]);
    const bound = await stripe.subscriptions.retrieve(subscription.id, { expand: ['schedule'] });
    expect(bound.schedule).toMatchObject({ id: schedule.id, object: 'subscription_schedule' });
    expect(priceOf(bound)).toBe('price_PRO_MONTHLY');
    sandbox.advance({ seconds: end - sandbox.now() + 1 });
    const after = await stripe.subscriptions.retrieve(subscription.id);
    expect(priceOf(after)).toBe('price_BASIC_MONTHLY');
    expect(periodOf(after).start).toBe(end);
    expect(after.items.data[0]?.id).toBe(subscription.items.data[0]?.id);
    expect(await amounts(stripe, customer.id)).toEqual([
      ['subscription_cycle', 'paid', 900],
      ['subscription_create', 'paid', 2900],
    ]);
    const entered = await stripe.subscriptionSchedules.retrieve(schedule.id);
    expect(entered.current_phase?.start_date).toBe(end);
  });

  it('releases its subscription when the last phase ends, and the subscription renews by itself', async () => {
    const { sandbox, stripe, subscription } = await subscribed();
    const { id } = await downgradeAtPeriodEnd(stripe, subscription);
    sandbox.advance({ months: 3 });
    expect(await stripe.subscriptionSchedules.retrieve(id)).toMatchObject({
      status: 'released',
      released_subscription: subscription.id,
      subscription: null,
      current_phase: null,
    });
    const free = await stripe.subscriptions.retrieve(subscription.id);
    expect(free).toMatchObject({ schedule: null, status: 'active' });
    expect(priceOf(free)).toBe('price_BASIC_MONTHLY');
    const about = sandbox
      .events()
      .map((event) => event.type)
      .filter((type) => type.startsWith('subscription_schedule'));
    expect(about).toEqual([
      'subscription_schedule.created',
      'subscription_schedule.updated',
      'subscription_schedule.updated',
      'subscription_schedule.expiring',
      'subscription_schedule.released',
    ]);
  });

  it('cancels its subscription at the end when it says so, which the subscription shows', async () => {
    const { sandbox, stripe, subscription } = await subscribed();
    const schedule = await downgradeAtPeriodEnd(stripe, subscription, { end_behavior: 'cancel' });
    const end = schedule.phases.at(-1)?.end_date ?? 0;
    expect((await stripe.subscriptions.retrieve(subscription.id)).cancel_at).toBe(end);
    sandbox.advance({ months: 2, days: 1 });
    expect((await stripe.subscriptions.retrieve(subscription.id)).status).toBe('canceled');
    const over = await stripe.subscriptionSchedules.retrieve(schedule.id);
    expect(over).toMatchObject({ status: 'completed', completed_at: end });
    expect(sandbox.events('subscription_schedule.completed')).toHaveLength(1);
    expect(sandbox.events('subscription_schedule.canceled')).toHaveLength(0);
  });

  it('released by hand leaves the subscription as it is', async () => {
    const { sandbox, stripe, subscription } = await subscribed();
    const { id } = await downgradeAtPeriodEnd(stripe, subscription);
    expect((await stripe.subscriptionSchedules.release(id)).status).toBe('released');
    sandbox.advance({ months: 1 });
    const free = await stripe.subscriptions.retrieve(subscription.id);
    expect([priceOf(free), free.schedule]).toEqual(['price_PRO_MONTHLY', null]);
    await expect(stripe.subscriptionSchedules.release(id)).rejects.toThrow(/released/);
    await expect(stripe.subscriptionSchedules.update(id, { metadata: { a: '1' } })).rejects.toThrow(
      /released/,
    );
  });

  it('cancelled takes the subscription with it, with a credit for the rest of the period', async () => {
    const { sandbox, stripe, customer, subscription } = await subscribed();
    const { id } = await downgradeAtPeriodEnd(stripe, subscription);
    const { start, end } = periodOf(subscription);
    sandbox.advance({ seconds: Math.floor((start + end) / 2) - sandbox.now() });
    const canceled = await stripe.subscriptionSchedules.cancel(id);
    expect(canceled).toMatchObject({ status: 'canceled', current_phase: null });
    expect((await stripe.subscriptions.retrieve(subscription.id)).status).toBe('canceled');
    const [[reason, , total] = []] = await amounts(stripe, customer.id);
    expect(reason).toBe('subscription_update');
    expect(Math.abs(Number(total) + 1450)).toBeLessThan(2);
    expect(sandbox.events('subscription_schedule.canceled')).toHaveLength(1);
  });

  it('of a subscription that is cancelled ends; after failed renewals it is aborted', async () => {
    const { sandbox, stripe, customer, subscription } = await subscribed();
    const { id } = await stripe.subscriptionSchedules.create({
      from_subscription: subscription.id,
    });
    await stripe.subscriptions.cancel(subscription.id);
    expect((await stripe.subscriptionSchedules.retrieve(id)).status).toBe('canceled');
    const other = await stripe.subscriptions.create({
      customer: customer.id,
      items: [{ price: 'price_BASIC_MONTHLY' }],
    });
    const long = await stripe.subscriptionSchedules.create({ from_subscription: other.id });
    await stripe.subscriptionSchedules.update(long.id, {
      phases: [
        {
          items: [{ price: 'price_BASIC_MONTHLY' }],
          start_date: long.phases[0]?.start_date ?? 0,
          duration: { interval: 'year' },
        },
      ],
    });
    sandbox.setCard(customer.id, 'chargeCustomerFail');
    sandbox.advance({ months: 1, days: 20 });
    expect((await stripe.subscriptionSchedules.retrieve(long.id)).status).toBe('canceled');
    expect(sandbox.events('subscription_schedule.aborted')).toHaveLength(1);
  });

  it('updated in its current phase prorates as the request says', async () => {
    const { sandbox, stripe, customer, subscription } = await subscribed('price_BASIC_MONTHLY');
    const { id, phases } = await stripe.subscriptionSchedules.create({
      from_subscription: subscription.id,
    });
    const { start, end } = periodOf(subscription);
    sandbox.advance({ seconds: Math.floor((start + end) / 2) - sandbox.now() });
    const change = (proration_behavior: 'none' | 'always_invoice', price: string) =>
      stripe.subscriptionSchedules.update(id, {
        proration_behavior,
        phases: [{ items: [{ price }], start_date: phases[0]?.start_date ?? 0, end_date: end }],
      });
    await change('none', 'price_PRO_MONTHLY');
    expect(await amounts(stripe, customer.id)).toHaveLength(1);
    await change('always_invoice', 'price_BASIC_MONTHLY');
    const [[reason, , total] = []] = await amounts(stripe, customer.id);
    expect(reason).toBe('subscription_update');
    expect(Math.abs(Number(total) + 1000)).toBeLessThan(2);
    await change('always_invoice', 'price_BASIC_MONTHLY');
    expect(await amounts(stripe, customer.id)).toHaveLength(2);
  });

  it('enters a phase in mid-period with the proration of that phase, and its own cycle when it says so', async () => {
    const { sandbox, stripe, customer, subscription } = await subscribed('price_BASIC_MONTHLY');
    const { id } = await stripe.subscriptionSchedules.create({
      from_subscription: subscription.id,
    });
    const { start } = periodOf(subscription);
    await stripe.subscriptionSchedules.update(id, {
      phases: [
        {
          items: [{ price: 'price_BASIC_MONTHLY' }],
          start_date: start,
          end_date: start + HALF_MONTH,
        },
        {
          items: [{ price: 'price_PRO_MONTHLY', quantity: 2 }],
          billing_cycle_anchor: 'phase_start',
          proration_behavior: 'create_prorations',
          duration: { interval: 'month', interval_count: 2 },
          metadata: { tier: 'pro' },
        },
      ],
    });
    sandbox.advance({ seconds: start + HALF_MONTH - sandbox.now() });
    const entered = await stripe.subscriptions.retrieve(subscription.id);
    expect(entered).toMatchObject({
      billing_cycle_anchor: start + HALF_MONTH,
      metadata: { tier: 'pro' },
    });
    expect(periodOf(entered).start).toBe(start + HALF_MONTH);
    const [invoice] = (await stripe.invoices.list({ customer: customer.id })).data;
    expect(invoice?.lines.data.map((line) => Math.sign(line.amount))).toEqual([-1, 1]);
    expect(invoice?.lines.data[1]?.amount).toBe(5800);
  });

  it('goes to a yearly price when the month ends, with a cycle from there', async () => {
    const { sandbox, stripe, customer, subscription } = await subscribed('price_BASIC_MONTHLY');
    const yearly = await stripe.prices.create({
      product: 'prod_BASIC_MONTHLY',
      currency: 'usd',
      unit_amount: 9000,
      recurring: { interval: 'year' },
    });
    const { id } = await stripe.subscriptionSchedules.create({
      from_subscription: subscription.id,
    });
    const { start, end } = periodOf(subscription);
    await stripe.subscriptionSchedules.update(id, {
      phases: [
        { items: [{ price: 'price_BASIC_MONTHLY' }], start_date: start, end_date: end },
        { items: [{ price: yearly.id }] },
      ],
    });
    sandbox.advance({ seconds: end - sandbox.now() });
    const moved = await stripe.subscriptions.retrieve(subscription.id);
    expect(moved.billing_cycle_anchor).toBe(end);
    expect(periodOf(moved)).toEqual({
      start: end,
      end: (await stripe.subscriptionSchedules.retrieve(id)).phases[1]?.end_date,
    });
    expect((await amounts(stripe, customer.id))[0]).toEqual(['subscription_cycle', 'paid', 9000]);
  });

  it('waits for its start, then makes a subscription whose first invoice is a draft for an hour', async () => {
    const { sandbox, stripe } = await sandboxUnderTest();
    const customer = await customerWithCard(stripe);
    const start = sandbox.now() + 10 * 86_400;
    const schedule = await stripe.subscriptionSchedules.create({
      customer: customer.id,
      start_date: start,
      end_behavior: 'cancel',
      phases: [
        {
          items: [{ price: 'price_BASIC_MONTHLY', quantity: 2 }],
          duration: { interval: 'month', interval_count: 2 },
          metadata: { userId: 'user-1' },
        },
      ],
    });
    expect(schedule).toMatchObject({ status: 'not_started', subscription: null });
    const scheduled = await stripe.subscriptionSchedules.list({ scheduled: true });
    expect(scheduled.data.map((one) => one.id)).toEqual([schedule.id]);
    sandbox.advance({ days: 10, seconds: 1, finalizeDrafts: false });
    const [subscription] = (await stripe.subscriptions.list({ customer: customer.id })).data;
    expect(subscription).toMatchObject({
      status: 'active',
      schedule: schedule.id,
      start_date: start,
      metadata: { userId: 'user-1' },
      cancel_at: schedule.phases[0]?.end_date,
    });
    expect(await amounts(stripe, customer.id)).toEqual([['subscription_create', 'draft', 1800]]);
    sandbox.advance({ hours: 1 });
    expect(await amounts(stripe, customer.id)).toEqual([['subscription_create', 'paid', 1800]]);
    sandbox.advance({ months: 2 });
    expect((await stripe.subscriptionSchedules.retrieve(schedule.id)).status).toBe('completed');
    expect(await amounts(stripe, customer.id)).toHaveLength(2);
  });

  it('begins with a trial, and pays when the trial ends', async () => {
    const { sandbox, stripe } = await sandboxUnderTest();
    const customer = await customerWithCard(stripe);
    const schedule = await stripe.subscriptionSchedules.create({
      customer: customer.id,
      start_date: 'now',
      phases: [
        { items: [{ price: 'price_BASIC_MONTHLY' }], trial: true, duration: { interval: 'week' } },
        { items: [{ price: 'price_PRO_MONTHLY' }], duration: { interval: 'year' } },
      ],
    });
    const id = String(schedule.subscription);
    expect((await stripe.subscriptions.retrieve(id)).status).toBe('trialing');
    sandbox.advance({ days: 8 });
    const paying = await stripe.subscriptions.retrieve(id);
    expect([paying.status, priceOf(paying)]).toEqual(['active', 'price_PRO_MONTHLY']);
    expect(await amounts(stripe, customer.id)).toEqual([
      ['subscription_cycle', 'paid', 2900],
      ['subscription_create', 'paid', 0],
    ]);
  });

  it('moves on the test clock of its customer', async () => {
    const { stripe } = await sandboxUnderTest();
    const start = Date.UTC(2027, 0, 31) / 1000;
    const clock = await stripe.testHelpers.testClocks.create({ frozen_time: start });
    const customer = await customerWithCard(stripe, { test_clock: clock.id });
    const schedule = await stripe.subscriptionSchedules.create({
      customer: customer.id,
      start_date: 'now',
      phases: [
        { items: [{ price: 'price_BASIC_MONTHLY' }], duration: { interval: 'month' } },
        { items: [{ price: 'price_PRO_MONTHLY' }], duration: { interval: 'month' } },
      ],
    });
    expect(schedule.test_clock).toBe(clock.id);
    await stripe.testHelpers.testClocks.advance(clock.id, {
      frozen_time: Date.UTC(2027, 2, 2) / 1000,
    });
    const now = await stripe.subscriptions.retrieve(String(schedule.subscription));
    expect(priceOf(now)).toBe('price_PRO_MONTHLY');
    expect(periodOf(now).start).toBe(Date.UTC(2027, 1, 28) / 1000);
  });

  it('keeps what is changed on the subscription itself, except its end', async () => {
    const { stripe, subscription } = await subscribed();
    const { id } = await stripe.subscriptionSchedules.create({
      from_subscription: subscription.id,
    });
    await stripe.subscriptions.update(subscription.id, {
      items: [{ id: subscription.items.data[0]?.id ?? '', quantity: 4 }],
    });
    const after = await stripe.subscriptionSchedules.retrieve(id);
    expect(after.phases[0]?.items[0]?.quantity).toBe(4);
    await expect(
      stripe.subscriptions.update(subscription.id, { cancel_at_period_end: true }),
    ).rejects.toThrow(/managed by the subscription schedule `sub_sched_/);
  });

  it('refuses what contradicts itself, and changes nothing', async () => {
    const { stripe, customer, subscription } = await subscribed();
    const item = { items: [{ price: 'price_BASIC_MONTHLY' }] };
    const made = await stripe.subscriptionSchedules.create({ from_subscription: subscription.id });
    const start = made.phases[0]?.start_date ?? 0;
    const { create, update } = {
      create: (input: object) => stripe.subscriptionSchedules.create(input),
      update: (input: object) => stripe.subscriptionSchedules.update(made.id, input),
    };
    const refusals: [() => Promise<unknown>, object][] = [
      [() => create({ from_subscription: subscription.id }), { param: 'from_subscription' }],
      [() => create({ from_subscription: 'sub_none' }), { code: 'resource_missing' }],
      [
        () => create({ from_subscription: subscription.id, end_behavior: 'cancel' }),
        { param: 'end_behavior' },
      ],
      [() => create({ phases: [item] }), { param: 'customer', code: 'parameter_missing' }],
      [() => create({ customer: customer.id }), { param: 'phases', code: 'parameter_missing' }],
      [
        () => create({ customer: customer.id, phases: [{ metadata: { a: '1' } }] }),
        { param: 'phases[0][items]' },
      ],
      [
        () => create({ customer: customer.id, phases: [item, item] }),
        { param: 'phases[0][end_date]', code: 'parameter_missing' },
      ],
      [
        () => create({ customer: customer.id, phases: [{ ...item, end_date: 5 }] }),
        { param: 'phases[0][end_date]' },
      ],
      [
        () =>
          create({ customer: customer.id, phases: [{ items: [{ price: 'price_QUICK_SCAN' }] }] }),
        { param: 'phases[0][items][0][price]' },
      ],
      [() => update({ phases: [item] }), { param: 'phases[0][start_date]' }],
      [
        () => update({ phases: [{ ...item, start_date: start + 5, end_date: start + 50 }] }),
        { param: 'phases[0][start_date]' },
      ],
      [() => update({ end_behavior: 'explode' }), { param: 'end_behavior' }],
      [() => update({ proration_behavior: 'maybe' }), { param: 'proration_behavior' }],
      [() => stripe.subscriptionSchedules.retrieve('sub_sched_none'), { statusCode: 404 }],
    ];
    for (const [refused, expected] of refusals) {
      await expect(refused()).rejects.toMatchObject({
        type: 'StripeInvalidRequestError',
        ...expected,
      });
    }
    expect(await stripe.subscriptionSchedules.retrieve(made.id)).toMatchObject({
      phases: made.phases,
    });
  });
});

describe('a subscription whose collection is paused', () => {
  it.each([
    ['void', 'void'],
    ['keep_as_draft', 'draft'],
    ['mark_uncollectible', 'uncollectible'],
  ] as const)(
    'with %s has renewals and upgrades that are %s, and nothing is charged',
    async (behavior, status) => {
      const { sandbox, stripe, customer, subscription } = await subscribed('price_BASIC_MONTHLY');
      await stripe.subscriptions.update(subscription.id, { pause_collection: { behavior } });
      const charges = (await stripe.charges.list()).data.length;
      sandbox.advance({ months: 1 });
      await stripe.subscriptions.update(subscription.id, {
        items: [{ id: subscription.items.data[0]?.id ?? '', price: 'price_PRO_MONTHLY' }],
        proration_behavior: 'always_invoice',
      });
      const invoices = await amounts(stripe, customer.id);
      expect(invoices.map(([reason, became]) => [reason, became])).toEqual([
        ['subscription_update', status],
        ['subscription_cycle', status],
        ['subscription_create', 'paid'],
      ]);
      expect((await stripe.charges.list()).data).toHaveLength(charges);
      expect((await stripe.subscriptions.retrieve(subscription.id)).status).toBe('active');
    },
  );

  it('pays again by itself from the moment it said', async () => {
    const { sandbox, stripe, customer, subscription } = await subscribed('price_BASIC_MONTHLY');
    await stripe.subscriptions.update(subscription.id, {
      pause_collection: { behavior: 'void', resumes_at: sandbox.now() + 40 * 86_400 },
    });
    sandbox.advance({ months: 2 });
    expect(await amounts(stripe, customer.id)).toEqual([
      ['subscription_cycle', 'paid', 900],
      ['subscription_cycle', 'void', 900],
      ['subscription_create', 'paid', 900],
    ]);
    await expect(
      stripe.subscriptions.update(subscription.id, {
        pause_collection: { behavior: 'forget' as 'void' },
      }),
    ).rejects.toMatchObject({ param: 'pause_collection[behavior]' });
  });
});
