import type Stripe from 'stripe';
import { describe, expect, it } from 'vitest';
import { sandboxUnderTest } from './sandbox-under-test.ts';

// https://docs.stripe.com/api/invoices/create_preview#create_create_preview-schedule

const MONTH = { interval: 'month' as const };
const BASIC = [{ price: 'price_BASIC_MONTHLY' }];
const PRO = [{ price: 'price_PRO_MONTHLY' }];

async function scheduled(more: Partial<Stripe.SubscriptionScheduleCreateParams> = {}) {
  const { sandbox, stripe } = await sandboxUnderTest();
  const { id: customer } = await stripe.customers.create({
    payment_method: 'pm_card_visa',
    invoice_settings: { default_payment_method: 'pm_card_visa' },
  });
  const schedule = await stripe.subscriptionSchedules.create({
    customer,
    start_date: 'now',
    phases: [
      { items: BASIC, duration: MONTH },
      { items: PRO, duration: MONTH },
    ],
    ...more,
  });
  const paid = async () => {
    const { data } = await stripe.invoices.list({ limit: 1 });
    return data[0]?.total;
  };
  return { sandbox, stripe, customer, schedule, paid };
}

/** The phases of a running schedule again, the first with these items. */
function phases(schedule: Stripe.SubscriptionSchedule, items: { price: string }[]) {
  return schedule.phases.map(({ start_date, end_date }, nth) => ({
    start_date,
    end_date,
    items: nth === 0 ? items : PRO,
  }));
}

describe('a preview of a schedule', () => {
  it('is its next invoice, of the phase that then begins, and nothing happens', async () => {
    const { sandbox, stripe, customer, schedule, paid } = await scheduled();
    sandbox.advance({ days: 3 });
    const [events, requests] = [sandbox.events().length, await stripe.invoices.list()];
    const preview = await stripe.invoices.createPreview({ schedule: schedule.id });
    expect(preview).toMatchObject({ status: 'draft', customer, total: 2900, number: null });
    expect(preview.id).toMatch(/^upcoming_in/);
    expect(sandbox.events()).toHaveLength(events);
    expect(await stripe.invoices.list()).toMatchObject({ data: requests.data });
    expect(await stripe.subscriptionSchedules.retrieve(schedule.id)).toMatchObject({
      current_phase: { start_date: schedule.phases[0]?.start_date },
    });
    sandbox.advance({ months: 1 });
    expect(await paid()).toBe(2900);
  });

  it.each(['always_invoice', 'create_prorations', 'none'] as const)(
    'of a change by %s is the invoice that the change then makes',
    async (proration_behavior) => {
      const { sandbox, stripe, schedule, paid } = await scheduled();
      sandbox.advance({ days: 10 });
      const change = { phases: phases(schedule, PRO), proration_behavior };
      const preview = await stripe.invoices.createPreview({
        schedule: schedule.id,
        schedule_details: change,
      });
      expect(preview).toMatchObject({ status: 'draft', attempted: false, amount_paid: 0 });
      await stripe.subscriptionSchedules.update(schedule.id, change);
      if (proration_behavior !== 'always_invoice') {
        sandbox.advance({ months: 1 });
      }
      expect(preview.total).toBe(await paid());
      expect(preview.total > 2900).toBe(proration_behavior === 'create_prorations');
    },
  );

  it('that ends with its last phase has no invoice after it, and one when it is released', async () => {
    const { stripe, schedule } = await scheduled({
      phases: [{ items: BASIC, duration: MONTH }],
      end_behavior: 'cancel',
    });
    await expect(stripe.invoices.createPreview({ schedule: schedule.id })).rejects.toMatchObject({
      code: 'invoice_upcoming_none',
      statusCode: 404,
    });
    const released = await stripe.invoices.createPreview({
      schedule: schedule.id,
      schedule_details: { end_behavior: 'release' },
    });
    expect(released.total).toBe(900);
  });

  it('that is not there yet is its first invoice, whenever it begins', async () => {
    const { sandbox, stripe, customer, schedule } = await scheduled();
    await stripe.subscriptionSchedules.cancel(schedule.id, { invoice_now: false, prorate: false });
    const preview = (phase: object) =>
      stripe.invoices.createPreview({
        customer,
        schedule_details: {
          phases: [{ items: PRO, duration: MONTH, ...phase }],
          end_behavior: 'cancel',
        },
      });
    expect(await preview({})).toMatchObject({ total: 2900, billing_reason: 'upcoming' });
    const start_date = sandbox.now() + 5 * 86_400;
    const later = await preview({ start_date, add_invoice_items: [{ price: 'price_QUICK_SCAN' }] });
    expect(later.total).toBe(3400);
    expect(later.created).toBe(start_date);
    expect((await stripe.subscriptionSchedules.list({ customer })).data).toHaveLength(1);
  });

  it('that has not begun is the first invoice', async () => {
    const { sandbox, stripe, customer } = await scheduled();
    const waiting = await stripe.subscriptionSchedules.create({
      customer,
      start_date: sandbox.now() + 86_400,
      phases: [{ items: BASIC, duration: MONTH }],
    });
    const preview = await stripe.invoices.createPreview({ customer, schedule: waiting.id });
    expect(preview.total).toBe(900);
  });

  it('is refused beside a subscription, for another customer, when over, and with faulty phases', async () => {
    const { stripe, customer, schedule } = await scheduled();
    const other = await stripe.customers.create();
    const refusals: [Stripe.InvoiceCreatePreviewParams, object][] = [
      [
        { schedule: schedule.id, subscription: String(schedule.subscription) },
        { param: 'subscription' },
      ],
      [
        { schedule: schedule.id, subscription_details: { proration_behavior: 'none' } },
        { param: 'subscription_details' },
      ],
      [{ schedule: 'sub_sched_none' }, { param: 'schedule', code: 'resource_missing' }],
      [{ schedule: schedule.id, customer: other.id }, { param: 'schedule' }],
      [{ schedule_details: { phases: [{ items: BASIC }] } }, { param: 'customer' }],
      [
        { customer, schedule_details: { end_behavior: 'cancel' } },
        { param: 'schedule_details[phases]', code: 'parameter_missing' },
      ],
      [
        { customer, schedule_details: { phases: [{ items: [{ price: 'price_none' }] }] } },
        { param: 'schedule_details[phases][0][items][0][price]', code: 'resource_missing' },
      ],
    ];
    for (const [params, error] of refusals) {
      await expect(stripe.invoices.createPreview(params)).rejects.toMatchObject({
        type: 'StripeInvalidRequestError',
        ...error,
      });
    }
    await stripe.subscriptionSchedules.release(schedule.id);
    await expect(
      stripe.invoices.createPreview({
        schedule: schedule.id,
        schedule_details: { end_behavior: 'cancel' },
      }),
    ).rejects.toMatchObject({ message: /currently in the `released` status/ });
  });
});
