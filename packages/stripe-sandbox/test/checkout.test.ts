import { describe, expect, it } from 'vitest';
import { sandboxUnderTest, types } from './sandbox-under-test.ts';

const URLS = {
  success_url: 'http://shop.test/?success=true&session_id={CHECKOUT_SESSION_ID}',
  cancel_url: 'http://shop.test/pricing.html?canceled=true',
};

describe('a one-time checkout', () => {
  it('is paid on the hosted page and tells it in the events that Stripe sends', async () => {
    const { sandbox, stripe } = await sandboxUnderTest();
    const customer = await stripe.customers.create({
      email: 'ann@example.com',
      metadata: { florin_account_id: 'acc' },
    });
    const session = await stripe.checkout.sessions.create({
      mode: 'payment',
      customer: customer.id,
      client_reference_id: 'user-1',
      metadata: { userId: 'user-1' },
      line_items: [{ price: 'price_QUICK_SCAN', quantity: 2 }],
      ...URLS,
    });
    expect(session).toMatchObject({
      object: 'checkout.session',
      mode: 'payment',
      status: 'open',
      payment_status: 'unpaid',
      amount_total: 1000,
      currency: 'usd',
      client_reference_id: 'user-1',
      ui_mode: 'hosted_page',
    });
    const paid = sandbox.pay(session.id);
    expect(paid.outcome).toBe('complete');
    expect(types(sandbox).slice(-4)).toEqual([
      'payment_intent.created',
      'charge.succeeded',
      'payment_intent.succeeded',
      'checkout.session.completed',
    ]);
    const after = await stripe.checkout.sessions.retrieve(session.id, {
      expand: ['payment_intent.latest_charge', 'line_items', 'customer'],
    });
    expect(after.payment_status).toBe('paid');
    expect(after.line_items?.data[0]).toMatchObject({
      quantity: 2,
      amount_total: 1000,
      price: { id: 'price_QUICK_SCAN', unit_amount: 500 },
    });
    const intent = after.payment_intent;
    expect(intent).toMatchObject({
      status: 'succeeded',
      latest_charge: { object: 'charge', amount: 1000, payment_method_details: { type: 'card' } },
    });
    expect(after.customer).toMatchObject({ email: 'ann@example.com' });
  });

  it('stays open after a declined card, and the next card pays the same payment', async () => {
    const { sandbox, stripe } = await sandboxUnderTest();
    const session = await stripe.checkout.sessions.create({
      mode: 'payment',
      line_items: [{ price: 'price_QUICK_SCAN', quantity: 1 }],
      ...URLS,
    });
    const declined = sandbox.pay(session.id, { card: 'chargeDeclined' });
    expect(declined).toMatchObject({ outcome: 'declined', message: 'Your card was declined.' });
    expect((await stripe.checkout.sessions.retrieve(session.id)).status).toBe('open');
    expect(sandbox.pay(session.id).outcome).toBe('complete');
    expect((await stripe.paymentIntents.list()).data).toHaveLength(1);
    expect(types(sandbox)).toContain('payment_intent.payment_failed');
  });

  it('waits for 3-D Secure, and completes when the bank approves', async () => {
    const { sandbox, stripe } = await sandboxUnderTest();
    const session = await stripe.checkout.sessions.create({
      mode: 'payment',
      line_items: [{ price: 'price_QUICK_SCAN', quantity: 1 }],
      ...URLS,
    });
    const asked = sandbox.pay(session.id, { card: 'authenticationRequired' });
    if (asked.outcome !== 'requires_action') {
      throw new Error(`The payment is ${asked.outcome}.`);
    }
    expect(types(sandbox)).toContain('payment_intent.requires_action');
    sandbox.authenticate(asked.intent.id);
    expect((await stripe.checkout.sessions.retrieve(session.id)).payment_status).toBe('paid');
  });

  it('is complete and unpaid with a bank debit, and paid when the debit arrives days later', async () => {
    const { sandbox, stripe } = await sandboxUnderTest();
    const open = () =>
      stripe.checkout.sessions.create({
        mode: 'payment',
        line_items: [{ price: 'price_QUICK_SCAN', quantity: 1 }],
        ...URLS,
      });
    const [arrives, bounces] = [await open(), await open()];
    sandbox.pay(arrives.id, { card: 'sepa_debit' });
    sandbox.pay(bounces.id, { card: 'sepa_debit_fails' });
    const waiting = await stripe.checkout.sessions.retrieve(arrives.id);
    expect(waiting).toMatchObject({ status: 'complete', payment_status: 'unpaid' });
    sandbox.advance({ days: 4 });
    expect((await stripe.checkout.sessions.retrieve(arrives.id)).payment_status).toBe('paid');
    expect((await stripe.checkout.sessions.retrieve(bounces.id)).payment_status).toBe('unpaid');
    expect(types(sandbox)).toEqual(
      expect.arrayContaining([
        'checkout.session.async_payment_succeeded',
        'checkout.session.async_payment_failed',
      ]),
    );
  });

  it('needs no payment when a promotion code takes everything off', async () => {
    const { sandbox, stripe } = await sandboxUnderTest();
    const coupon = await stripe.coupons.create({ percent_off: 100, duration: 'once' });
    await stripe.promotionCodes.create({
      promotion: { type: 'coupon', coupon: coupon.id },
      code: 'FREE',
    });
    const session = await stripe.checkout.sessions.create({
      mode: 'payment',
      allow_promotion_codes: true,
      line_items: [{ price: 'price_QUICK_SCAN', quantity: 1 }],
      ...URLS,
    });
    sandbox.pay(session.id, { promotionCode: 'free' });
    const after = await stripe.checkout.sessions.retrieve(session.id, {
      expand: ['total_details', 'line_items'],
    });
    expect(after).toMatchObject({
      status: 'complete',
      payment_status: 'no_payment_required',
      amount_total: 0,
      payment_intent: null,
      total_details: { amount_discount: 500 },
    });
    expect((await stripe.coupons.retrieve(coupon.id)).times_redeemed).toBe(1);
  });

  it('expires after a day, or when it is told to', async () => {
    const { sandbox, stripe } = await sandboxUnderTest();
    const open = () =>
      stripe.checkout.sessions.create({
        mode: 'payment',
        line_items: [{ price: 'price_QUICK_SCAN', quantity: 1 }],
        ...URLS,
      });
    const [first, second] = [await open(), await open()];
    await stripe.checkout.sessions.expire(first.id);
    sandbox.advance({ days: 1, minutes: 1 });
    expect((await stripe.checkout.sessions.retrieve(second.id)).status).toBe('expired');
    expect(types(sandbox).filter((type) => type === 'checkout.session.expired')).toHaveLength(2);
    expect(() => sandbox.pay(second.id)).toThrow('expired');
  });

  it('lists more line items than a page holds', async () => {
    const { stripe } = await sandboxUnderTest();
    const session = await stripe.checkout.sessions.create({
      mode: 'payment',
      line_items: Array.from({ length: 25 }, () => ({ price: 'price_QUICK_SCAN', quantity: 1 })),
      ...URLS,
    });
    const first = await stripe.checkout.sessions.listLineItems(session.id, { limit: 10 });
    expect(first).toMatchObject({ has_more: true });
    const all = await stripe.checkout.sessions
      .listLineItems(session.id, { limit: 10 })
      .autoPagingToArray({ limit: 100 });
    expect(new Set(all.map((line) => line.id)).size).toBe(25);
  });

  it('opens from a payment link with what the buyer wrote in its address', async () => {
    const { sandbox, stripe } = await sandboxUnderTest();
    const link = await stripe.paymentLinks.create({
      line_items: [{ price: 'price_QUICK_SCAN', quantity: 1 }],
      metadata: { from: 'newsletter' },
    });
    const response = await fetch(`${link.url}?client_reference_id=someone`, {
      redirect: 'manual',
    });
    const id = response.headers.get('location')?.split('/').at(-1) ?? '';
    sandbox.pay(id);
    expect(await stripe.checkout.sessions.retrieve(id)).toMatchObject({
      client_reference_id: 'someone',
      payment_link: link.id,
      payment_status: 'paid',
      metadata: { from: 'newsletter' },
    });
  });
});

describe('a subscription checkout', () => {
  it('pays the first invoice and tells it in events of session, subscription and invoice', async () => {
    const { sandbox, stripe } = await sandboxUnderTest();
    const session = await stripe.checkout.sessions.create({
      mode: 'subscription',
      line_items: [{ price: 'price_BASIC_MONTHLY', quantity: 1 }],
      subscription_data: { metadata: { userId: 'user-1' } },
      ...URLS,
    });
    sandbox.pay(session.id, { email: 'sub@example.com' });
    const after = await stripe.checkout.sessions.retrieve(session.id, {
      expand: ['subscription', 'invoice.payments'],
    });
    expect(after).toMatchObject({
      payment_status: 'paid',
      payment_intent: null,
      subscription: { status: 'active', metadata: { userId: 'user-1' } },
      invoice: {
        status: 'paid',
        billing_reason: 'subscription_create',
        amount_paid: 900,
        parent: { subscription_details: { metadata: { userId: 'user-1' } } },
        payments: { data: [{ status: 'paid', payment: { type: 'payment_intent' } }] },
      },
    });
    expect(types(sandbox)).toEqual(
      expect.arrayContaining([
        'customer.created',
        'customer.subscription.created',
        'invoice.created',
        'invoice.finalized',
        'payment_intent.succeeded',
        'charge.succeeded',
        'invoice.paid',
        'invoice.payment_succeeded',
        'invoice_payment.paid',
        'customer.subscription.updated',
        'checkout.session.completed',
      ]),
    );
    const payments = await stripe.invoicePayments.list({
      payment: {
        type: 'payment_intent',
        payment_intent: String((await stripe.paymentIntents.list({ limit: 1 })).data[0]?.id),
      },
    });
    expect(payments.data).toHaveLength(1);
  });

  it('is incomplete after a decline and is paid by the next card, with one subscription', async () => {
    const { sandbox, stripe } = await sandboxUnderTest();
    const session = await stripe.checkout.sessions.create({
      mode: 'subscription',
      line_items: [{ price: 'price_BASIC_MONTHLY', quantity: 1 }],
      ...URLS,
    });
    expect(sandbox.pay(session.id, { card: 'chargeDeclined' }).outcome).toBe('declined');
    const [incomplete] = (await stripe.subscriptions.list()).data;
    expect(incomplete?.status).toBe('incomplete');
    expect(sandbox.pay(session.id).outcome).toBe('complete');
    const all = (await stripe.subscriptions.list()).data;
    expect(all.map((one) => one.status)).toEqual(['active']);
  });

  it.each([
    [
      'subscription',
      { mode: 'subscription', line_items: [{ price: 'price_BASIC_MONTHLY', quantity: 1 }] },
    ],
    ['payment', { mode: 'payment', line_items: [{ price: 'price_QUICK_SCAN', quantity: 1 }] }],
    [
      'invoiced payment',
      {
        mode: 'payment',
        line_items: [{ price: 'price_QUICK_SCAN', quantity: 1 }],
        invoice_creation: { enabled: true },
      },
    ],
  ] as const)('after a decline charges what a promotion code leaves of a %s', async (_, order) => {
    const { sandbox, stripe } = await sandboxUnderTest();
    const coupon = await stripe.coupons.create({ percent_off: 20 });
    const { code } = await stripe.promotionCodes.create({
      promotion: { type: 'coupon', coupon: coupon.id },
    });
    const { id, amount_total: before } = await stripe.checkout.sessions.create({
      ...order,
      line_items: [...order.line_items],
      allow_promotion_codes: true,
      success_url: 'https://shop.example/done',
    });
    expect(sandbox.pay(id, { card: 'chargeDeclined' }).outcome).toBe('declined');
    expect(sandbox.pay(id, { promotionCode: code }).outcome).toBe('complete');
    const session = await stripe.checkout.sessions.retrieve(id);
    const left = Number(before) * 0.8;
    expect(session).toMatchObject({ amount_total: left, payment_status: 'paid' });
    const paid = (await stripe.charges.list()).data.filter((charge) => charge.paid);
    expect(paid.map(({ amount }) => amount)).toEqual([left]);
    const alive = (await stripe.subscriptions.list({ status: 'all' })).data.map(
      (one) => one.status,
    );
    expect(alive).toEqual(order.mode === 'subscription' ? ['active', 'incomplete_expired'] : []);
    const open = (await stripe.invoices.list({ status: 'open' })).data;
    expect(open).toEqual([]);
  });

  it('starts a trial with an invoice for nothing', async () => {
    const { sandbox, stripe } = await sandboxUnderTest();
    const session = await stripe.checkout.sessions.create({
      mode: 'subscription',
      line_items: [{ price: 'price_BASIC_MONTHLY', quantity: 1 }],
      subscription_data: { trial_period_days: 7 },
      ...URLS,
    });
    expect(session.amount_total).toBe(0);
    sandbox.pay(session.id);
    const after = await stripe.checkout.sessions.retrieve(session.id, {
      expand: ['subscription', 'invoice'],
    });
    expect(after).toMatchObject({
      payment_status: 'no_payment_required',
      subscription: { status: 'trialing' },
      invoice: { amount_paid: 0, status: 'paid', billing_reason: 'subscription_create' },
    });
    sandbox.advance({ days: 8 });
    const [cycle] = (await stripe.invoices.list({ limit: 1 })).data;
    expect(cycle).toMatchObject({
      billing_reason: 'subscription_cycle',
      amount_paid: 900,
      status: 'paid',
    });
    expect(types(sandbox)).toContain('customer.subscription.trial_will_end');
  });
});

describe('a setup', () => {
  it('keeps a card that later pays without the buyer, or is declined', async () => {
    const { sandbox, stripe } = await sandboxUnderTest();
    const customer = await stripe.customers.create();
    const session = await stripe.checkout.sessions.create({
      mode: 'setup',
      currency: 'usd',
      customer: customer.id,
      ...URLS,
    });
    expect(sandbox.pay(session.id, { card: 'chargeDeclined' }).outcome).toBe('declined');
    sandbox.pay(session.id, { card: 'authenticationRequiredOnSetup' });
    const done = await stripe.checkout.sessions.retrieve(session.id, {
      expand: ['setup_intent'],
    });
    expect(done).toMatchObject({
      status: 'complete',
      payment_status: 'no_payment_required',
      setup_intent: { status: 'succeeded' },
    });
    const [method] = (await stripe.customers.listPaymentMethods(customer.id)).data;
    const topUp = (payment_method: string) =>
      stripe.paymentIntents.create({
        amount: 500,
        currency: 'usd',
        customer: customer.id,
        payment_method,
        off_session: true,
        confirm: true,
      });
    expect((await topUp(String(method?.id))).status).toBe('succeeded');
    const setup = await stripe.setupIntents.create({
      customer: customer.id,
      payment_method: 'pm_card_chargeCustomerFail',
      confirm: true,
    });
    await expect(topUp(String(setup.payment_method))).rejects.toMatchObject({
      code: 'card_declined',
    });
    await expect(topUp('pm_card_authenticationRequired')).rejects.toMatchObject({
      code: 'authentication_required',
    });
  });
});
