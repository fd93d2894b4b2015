import type Stripe from 'stripe';
import { describe, expect, it } from 'vitest';
import { sandboxUnderTest, types } from './sandbox-under-test.ts';

// https://docs.stripe.com/billing/invoices/subscription

const DAY = 86_400;
const SENT = { collection_method: 'send_invoice', days_until_due: 10 } as const;
const items = [{ price: 'price_BASIC_MONTHLY' }];

async function sentUnderTest(options: Parameters<typeof sandboxUnderTest>[0] = {}) {
  const { sandbox, stripe } = await sandboxUnderTest(options);
  const { id: customer } = await stripe.customers.create({ email: 'ann@example.com' });
  const subscribe = (more: Partial<Stripe.SubscriptionCreateParams> = {}) =>
    stripe.subscriptions.create({ customer, items, ...SENT, ...more });
  const status = async (id: string) => (await stripe.subscriptions.retrieve(id)).status;
  const newest = async (): Promise<Stripe.Invoice> => {
    const [invoice] = (await stripe.invoices.list({ customer, limit: 1 })).data;
    if (invoice === undefined) {
      throw new Error('There is no invoice.');
    }
    return invoice;
  };
  return { sandbox, stripe, customer, subscribe, status, newest };
}

const refusal = (param: string) => ({ statusCode: 400, type: 'StripeInvalidRequestError', param });

describe('a subscription whose invoices are sent', () => {
  it('is active at once; its first invoice is finalized and sent after an hour', async () => {
    const { sandbox, subscribe, newest } = await sentUnderTest();
    const made = await subscribe({ expand: ['latest_invoice'] });
    expect(made).toMatchObject({ status: 'active', days_until_due: 10 });
    const first = await newest();
    expect(first).toMatchObject({ status: 'draft', due_date: first.created + 10 * DAY });
    expect(types(sandbox)).not.toContain('invoice.sent');
    sandbox.advance({ hours: 1 });
    expect(await newest()).toMatchObject({ status: 'open', amount_due: 900, attempt_count: 0 });
    expect(types(sandbox).slice(-2)).toEqual(['invoice.finalized', 'invoice.sent']);
  });

  it('is active whatever its payment behaviour says, which is for what is charged', async () => {
    const { subscribe } = await sentUnderTest();
    for (const payment_behavior of ['default_incomplete', 'error_if_incomplete'] as const) {
      expect(await subscribe({ payment_behavior })).toMatchObject({ status: 'active' });
    }
  });

  it('renews with an invoice that is sent, and is paid out of band', async () => {
    const { sandbox, stripe, subscribe, status, newest } = await sentUnderTest();
    const { id } = await subscribe();
    sandbox.advance({ days: 1 });
    await stripe.invoices.pay((await newest()).id, { paid_out_of_band: true });
    sandbox.advance({ months: 1 });
    const renewal = await newest();
    expect(renewal).toMatchObject({ billing_reason: 'subscription_cycle', status: 'open' });
    expect(sandbox.events('invoice.sent')).toHaveLength(2);
    expect(sandbox.events('invoice.payment_failed')).toHaveLength(0);
    await stripe.invoices.pay(renewal.id, { paid_out_of_band: true });
    expect(types(sandbox).slice(-2)).toEqual(['invoice.updated', 'invoice.paid']);
    const older = await stripe.invoices.retrieve(renewal.id, {}, { apiVersion: '2024-06-20' });
    expect(older).toMatchObject({ paid: true, paid_out_of_band: true });
    sandbox.advance({ days: 20 });
    expect(await status(id)).toBe('active');
  });

  it('is past due from the due date on, and active again once it is paid', async () => {
    const { sandbox, stripe, subscribe, status, newest } = await sentUnderTest();
    const { id } = await subscribe();
    sandbox.advance({ days: 9 });
    expect(await status(id)).toBe('active');
    sandbox.advance({ days: 1 });
    expect(await status(id)).toBe('past_due');
    const updated = sandbox.events('customer.subscription.updated').at(-1);
    expect(updated?.created).toBe((await newest()).due_date);
    await stripe.invoices.pay((await newest()).id, { paid_out_of_band: true });
    expect(await status(id)).toBe('active');
    sandbox.advance({ days: 15 });
    expect(await status(id)).toBe('active');
  });

  it.each(['canceled', 'unpaid'] as const)(
    'that is still not paid when dunning ends becomes %s, as the settings say',
    async (dunningEnds) => {
      const { sandbox, subscribe, status } = await sentUnderTest({ dunningEnds });
      const { id } = await subscribe();
      sandbox.advance({ days: 24 });
      expect(await status(id)).toBe('past_due');
      sandbox.advance({ days: 1 });
      expect(await status(id)).toBe(dunningEnds);
    },
  );

  it('whose older invoice is paid late is active while the newer one is not due yet', async () => {
    const { sandbox, stripe, subscribe, status, newest } = await sentUnderTest();
    const { id } = await subscribe({ days_until_due: 35 });
    sandbox.advance({ days: 1 });
    const first = await newest();
    sandbox.advance({ days: 35 });
    expect(await status(id)).toBe('past_due');
    expect((await newest()).id).not.toBe(first.id);
    await stripe.invoices.pay(first.id, { paid_out_of_band: true });
    expect(await status(id)).toBe('active');
  });

  it('goes on where a later invoice is paid and an older one never is', async () => {
    const { sandbox, stripe, subscribe, status, newest } = await sentUnderTest();
    const { id } = await subscribe({ days_until_due: 25 });
    sandbox.advance({ months: 1 });
    expect(await status(id)).toBe('past_due');
    sandbox.advance({ hours: 2 });
    await stripe.invoices.pay((await newest()).id, { paid_out_of_band: true });
    sandbox.advance({ days: 20 });
    expect(await status(id)).toBe('active');
  });

  it('is paid on the page of the invoice: by a card, after a decline, with 3-D Secure', async () => {
    const { sandbox, stripe, customer, subscribe, status, newest } = await sentUnderTest();
    const { id } = await subscribe();
    sandbox.advance({ hours: 1 });
    const { hosted_invoice_url: url, id: invoice } = await newest();
    const press = (card: string) =>
      fetch(String(url), {
        method: 'POST',
        body: new URLSearchParams({ card }),
        redirect: 'manual',
      });
    expect(await (await fetch(String(url))).text()).toContain('Pay $9.00');
    expect(await (await press('1234')).text()).toContain('This is no test card');
    expect(await (await press('4000 0000 0000 0002')).text()).toContain('Your card was declined');
    expect(await newest()).toMatchObject({ status: 'open', next_payment_attempt: null });
    expect(await status(id)).toBe('active');
    const asked = await press('4000 0027 6000 3184');
    expect(asked.headers.get('location')).toMatch(/\/authenticate\/pi_/);
    const approved = await fetch(String(asked.headers.get('location')), {
      method: 'POST',
      body: new URLSearchParams({ answer: 'approve' }),
      redirect: 'manual',
    });
    expect(approved.headers.get('location')).toBe(url);
    expect(await newest()).toMatchObject({ status: 'paid', amount_paid: 900 });
    expect(await (await fetch(String(url))).text()).not.toContain('Pay $9.00');
    expect((await press('4242 4242 4242 4242')).headers.get('location')).toBe(url);
    expect((await stripe.charges.list({ customer })).data.filter((one) => one.paid)).toHaveLength(
      1,
    );
    expect((await stripe.invoices.retrieve(invoice)).status).toBe('paid');
  });

  it('is invoiced at once for an upgrade, and that is sent', async () => {
    const { sandbox, stripe, subscribe, newest } = await sentUnderTest();
    const made = await subscribe();
    sandbox.advance({ days: 5 });
    await stripe.subscriptions.update(made.id, {
      items: [{ id: made.items.data[0]?.id ?? '', price: 'price_PRO_MONTHLY' }],
      proration_behavior: 'always_invoice',
    });
    const invoice = await newest();
    expect(invoice).toMatchObject({ status: 'open', due_date: invoice.created + 10 * DAY });
    const sent = sandbox.events('invoice.sent').map(({ data }) => data.object);
    expect(sent.at(-1)).toMatchObject({ id: invoice.id });
  });

  it('begins with a trial, and is sent its invoice after it', async () => {
    const { sandbox, subscribe, status, newest } = await sentUnderTest();
    const { id, status: begins } = await subscribe({ trial_period_days: 7 });
    expect(begins).toBe('trialing');
    sandbox.advance({ days: 8 });
    expect([await status(id), (await newest()).status]).toEqual(['active', 'open']);
  });

  it('needs to know in how many days it is due, and whom to send to', async () => {
    const { stripe, customer, subscribe } = await sentUnderTest();
    const days = refusal('days_until_due');
    const charged = { collection_method: 'charge_automatically' } as const;
    await expect(
      stripe.subscriptions.create({ customer, items, collection_method: 'send_invoice' }),
    ).rejects.toMatchObject({ ...days, code: 'parameter_missing' });
    await expect(subscribe({ days_until_due: -1 })).rejects.toMatchObject(days);
    await expect(subscribe(charged)).rejects.toMatchObject(days);
    await expect(
      stripe.subscriptions.create({ customer, items, days_until_due: 3 }),
    ).rejects.toMatchObject(days);
    const { id: nobody } = await stripe.customers.create();
    await expect(subscribe({ customer: nobody })).rejects.toThrow(/^Missing email/);
    const { id } = await subscribe();
    await expect(
      stripe.subscriptions.update(id, { ...charged, days_until_due: 3 }),
    ).rejects.toMatchObject(days);
    await stripe.customers.update(customer, {
      invoice_settings: { default_payment_method: 'pm_card_visa' },
    });
    expect(await stripe.subscriptions.update(id, charged)).toMatchObject({ days_until_due: null });
    await expect(
      stripe.subscriptions.update(id, { collection_method: 'send_invoice' }),
    ).rejects.toMatchObject(days);
    expect(await stripe.subscriptions.update(id, SENT)).toMatchObject(SENT);
  });
});

describe('what sends invoices besides', () => {
  it('is a schedule, whose phases or default settings say when they are due', async () => {
    const { sandbox, stripe, customer, newest } = await sentUnderTest();
    const create = (more: Partial<Stripe.SubscriptionScheduleCreateParams>) =>
      stripe.subscriptionSchedules.create({
        customer,
        start_date: 'now',
        phases: [{ items, duration: { interval: 'month' } }],
        ...more,
      });
    await expect(
      create({ default_settings: { collection_method: 'send_invoice' } }),
    ).rejects.toMatchObject(refusal('default_settings[invoice_settings][days_until_due]'));
    await expect(
      create({ phases: [{ items, collection_method: 'send_invoice' }] }),
    ).rejects.toMatchObject(refusal('phases[0][invoice_settings][days_until_due]'));
    await expect(
      create({ phases: [{ items, invoice_settings: { days_until_due: 3 } }] }),
    ).rejects.toMatchObject(refusal('phases[0][invoice_settings][days_until_due]'));
    const schedule = await create({
      phases: [
        {
          items,
          collection_method: 'send_invoice',
          invoice_settings: { days_until_due: 10 },
          duration: { interval: 'month' },
        },
        { items, duration: { interval: 'month' } },
      ],
    });
    const subscription = String(schedule.subscription);
    expect(await stripe.subscriptions.retrieve(subscription)).toMatchObject({
      ...SENT,
      status: 'active',
    });
    sandbox.advance({ hours: 1 });
    const sent = await newest();
    expect(sent).toMatchObject({ status: 'open', due_date: sent.created + 10 * DAY });
    await expect(
      stripe.subscriptionSchedules.update(schedule.id, {
        default_settings: { collection_method: 'send_invoice' },
      }),
    ).rejects.toMatchObject(refusal('default_settings[invoice_settings][days_until_due]'));
    await stripe.invoices.pay(sent.id, { paid_out_of_band: true });
    sandbox.advance({ months: 1 });
    expect(await stripe.subscriptions.retrieve(subscription)).toMatchObject({
      collection_method: 'charge_automatically',
      days_until_due: null,
    });
  });

  it('is a schedule around a subscription: it goes on as it was', async () => {
    const { stripe, subscribe } = await sentUnderTest();
    const { id } = await subscribe();
    const schedule = await stripe.subscriptionSchedules.create({ from_subscription: id });
    expect(schedule).toMatchObject({
      default_settings: { collection_method: 'send_invoice' },
      phases: [{ collection_method: 'send_invoice', invoice_settings: { days_until_due: 10 } }],
    });
  });

  it('is a quote', async () => {
    const { stripe, customer } = await sentUnderTest();
    const line_items = [{ price: 'price_BASIC_MONTHLY' }];
    const param = refusal('invoice_settings[days_until_due]');
    const create = (more: Partial<Stripe.QuoteCreateParams>) =>
      stripe.quotes.create({ customer, line_items, ...more });
    await expect(create({ collection_method: 'send_invoice' })).rejects.toMatchObject(param);
    await expect(create({ invoice_settings: { days_until_due: 3 } })).rejects.toMatchObject(param);
    const { id } = await create({});
    await stripe.quotes.update(id, {
      collection_method: 'send_invoice',
      invoice_settings: { days_until_due: 10 },
    });
    await stripe.quotes.finalizeQuote(id);
    const accepted = await stripe.quotes.accept(id, { expand: ['subscription'] });
    expect(accepted.subscription).toMatchObject({ ...SENT, status: 'active' });
  });

  it('is seen in a preview of its next invoice', async () => {
    const { stripe, customer, subscribe } = await sentUnderTest();
    const { id } = await subscribe();
    const preview = await stripe.invoices.createPreview({ subscription: id });
    expect(preview).toMatchObject({
      collection_method: 'send_invoice',
      due_date: preview.created + 10 * DAY,
    });
    const phase = { items, collection_method: 'send_invoice' as const };
    const ofSchedule = (invoice_settings: { days_until_due?: number }) =>
      stripe.invoices.createPreview({
        customer,
        schedule_details: { phases: [{ ...phase, invoice_settings }] },
      });
    await expect(ofSchedule({})).rejects.toMatchObject(
      refusal('schedule_details[phases][0][invoice_settings][days_until_due]'),
    );
    const scheduled = await ofSchedule({ days_until_due: 3 });
    expect(scheduled.due_date).toBe(scheduled.created + 3 * DAY);
  });

  it('is an invoice made by hand, due on a day or in so many days', async () => {
    const { sandbox, stripe, customer } = await sentUnderTest();
    const create = (more: Partial<Stripe.InvoiceCreateParams>) =>
      stripe.invoices.create({ customer, collection_method: 'send_invoice', ...more });
    const due_date = sandbox.now() + 3 * DAY;
    await expect(create({})).rejects.toMatchObject(refusal('days_until_due'));
    await expect(create({ due_date, days_until_due: 3 })).rejects.toMatchObject(
      refusal('due_date'),
    );
    await expect(create({ due_date: sandbox.now() - 1 })).rejects.toMatchObject(
      refusal('due_date'),
    );
    await expect(stripe.invoices.create({ customer, due_date })).rejects.toMatchObject(
      refusal('due_date'),
    );
    const made = await create({ due_date });
    expect(made).toMatchObject({ due_date });
    expect(await stripe.invoices.update(made.id, { footer: 'Thanks' })).toMatchObject({ due_date });
    const later = await stripe.invoices.update(made.id, { days_until_due: 5 });
    expect(later.due_date).toBe(later.created + 5 * DAY);
    const other = await create({ days_until_due: 30 });
    const listed = await stripe.invoices.list({ due_date: { lt: sandbox.now() + 6 * DAY } });
    expect(listed.data.map(({ id }) => id)).toEqual([made.id]);
    await stripe.invoices.finalizeInvoice(other.id);
    await expect(stripe.invoices.update(other.id, { days_until_due: 5 })).rejects.toMatchObject({
      code: 'invoice_not_editable',
    });
  });
});
