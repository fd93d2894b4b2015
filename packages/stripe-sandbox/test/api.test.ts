import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Stripe from 'stripe';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createSandbox } from '../src/index.ts';
import { KEY, PRICES, sandboxUnderTest, sdkFor } from './sandbox-under-test.ts';

const URLS = { success_url: 'http://shop.test/ok' };

describe("the sandbox's API", () => {
  it('answers a repeated idempotency key with the first answer, and refuses it with other parameters', async () => {
    const { stripe } = await sandboxUnderTest();
    const key = { idempotencyKey: 'customer:acc-1' };
    const first = await stripe.customers.create({ email: 'a@example.com' }, key);
    const second = await stripe.customers.create({ email: 'a@example.com' }, key);
    expect(second.id).toBe(first.id);
    expect(second.lastResponse.headers['idempotent-replayed']).toBe('true');
    await expect(stripe.customers.create({ email: 'b@example.com' }, key)).rejects.toMatchObject({
      type: 'StripeIdempotencyError',
      statusCode: 400,
    });
    expect((await stripe.customers.list()).data).toHaveLength(1);
  });

  it('replays a declined payment, and lets a refused request be corrected under its key', async () => {
    const { stripe } = await sandboxUnderTest();
    const pay = () =>
      stripe.paymentIntents.create(
        { amount: 500, currency: 'usd', payment_method: 'pm_card_chargeDeclined', confirm: true },
        { idempotencyKey: 'pay-1' },
      );
    const declined = {
      type: 'StripeCardError',
      code: 'card_declined',
      decline_code: 'generic_decline',
      statusCode: 402,
    };
    await expect(pay()).rejects.toMatchObject(declined);
    await expect(pay()).rejects.toMatchObject(declined);
    expect((await stripe.paymentIntents.list()).data).toHaveLength(1);
    const key = { idempotencyKey: 'refund-1' };
    await expect(stripe.refunds.create({ charge: 'ch_none' }, key)).rejects.toThrow('No such');
    const paid = await stripe.paymentIntents.create({
      amount: 500,
      currency: 'usd',
      payment_method: 'pm_card_visa',
      confirm: true,
    });
    await stripe.refunds.create({ charge: String(paid.latest_charge) }, key);
  });

  it('says what is wrong as Stripe does', async () => {
    const { sandbox, stripe } = await sandboxUnderTest();
    const cases: [Promise<unknown>, object][] = [
      [
        stripe.customers.retrieve('cus_none'),
        { type: 'StripeInvalidRequestError', code: 'resource_missing', statusCode: 404 },
      ],
      [
        stripe.checkout.sessions.create({
          mode: 'payment',
          line_items: [{ price: 'price_none', quantity: 1 }],
          ...URLS,
        }),
        { code: 'resource_missing', param: 'line_items[0][price]', statusCode: 400 },
      ],
      [
        stripe.checkout.sessions.create({
          mode: 'payment',
          line_items: [{ price: 'price_BASIC_MONTHLY', quantity: 1 }],
          ...URLS,
        }),
        { type: 'StripeInvalidRequestError', param: 'line_items' },
      ],
      [
        stripe.checkout.sessions.create({
          mode: 'payment',
          line_items: [{ price: 'price_QUICK_SCAN', quantity: 0 }],
          ...URLS,
        }),
        { code: 'parameter_invalid_integer' },
      ],
      [
        stripe.paymentIntents.create({ amount: 0, currency: 'usd' }),
        { param: 'amount', statusCode: 400 },
      ],
      [stripe.customers.create({ metadata: { key: 'x'.repeat(501) } }), { param: 'metadata[key]' }],
      [
        stripe.customers.retrieve('cus_none', { expand: ['a.b.c.d.e'] }),
        { type: 'StripeInvalidRequestError' },
      ],
      [sdkFor(sandbox, 'sk_test_wrong').customers.list(), { type: 'StripeAuthenticationError' }],
      [sdkFor(sandbox, 'sk_live_wrong').customers.list(), { statusCode: 401 }],
      [stripe.rawRequest('GET', '/v1/treasury/credits'), { statusCode: 404 }],
    ];
    for (const [asked, expected] of cases) {
      await expect(asked).rejects.toMatchObject(expected);
    }
    const failed = await stripe.customers.retrieve('cus_none').catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(Stripe.errors.StripeInvalidRequestError);
    expect((failed as Stripe.errors.StripeError).requestId).toMatch(/^req_/);
  });

  it('can be told to answer 429 and 500, which the SDK repeats', async () => {
    const { sandbox } = await sandboxUnderTest();
    const { hostname, port } = new URL(sandbox.url);
    const patient = new Stripe(KEY, {
      host: hostname,
      port,
      protocol: 'http',
      maxNetworkRetries: 2,
    });
    sandbox.rateLimitNext(1);
    await expect(sdkFor(sandbox).customers.list()).rejects.toMatchObject({
      type: 'StripeRateLimitError',
    });
    sandbox.failNext(1);
    expect((await patient.customers.create({ email: 'a@example.com' })).email).toBe(
      'a@example.com',
    );
  });

  it('does what was asked and loses the answer: a repeated request with its key finds the effect', async () => {
    const { sandbox } = await sandboxUnderTest();
    const { hostname, port } = new URL(sandbox.url);
    const patient = new Stripe(KEY, {
      host: hostname,
      port,
      protocol: 'http',
      maxNetworkRetries: 1,
      telemetry: false,
    });
    const make = () =>
      patient.customers.create({ email: 'once@example.com' }, { idempotencyKey: 'once' });
    sandbox.loseAnswers(1);
    const made = await make();
    // Both attempts of this one are lost, though the second replays the first.
    sandbox.loseAnswers(2);
    await expect(make()).rejects.toMatchObject({ type: 'StripeConnectionError' });
    expect((await make()).id).toBe(made.id);
    expect((await patient.customers.list()).data).toHaveLength(1);
  });

  it.each([
    ['pm_card_chargeDeclinedStolenCard', 'card_declined', 'stolen_card'],
    ['pm_card_chargeDeclinedFraudulent', 'card_declined', 'fraudulent'],
    ['pm_card_chargeDeclinedProcessingError', 'processing_error', undefined],
    ['pm_card_chargeDeclinedIncorrectCvc', 'incorrect_cvc', undefined],
    ['pm_card_chargeDeclinedExpiredCard', 'expired_card', undefined],
  ])('declines %s as Stripe does', async (card, code, declineCode) => {
    const { stripe } = await sandboxUnderTest();
    const paid = stripe.paymentIntents.create({
      amount: 500,
      currency: 'usd',
      payment_method: card,
      confirm: true,
      automatic_payment_methods: { enabled: true, allow_redirects: 'never' },
    });
    await expect(paid).rejects.toMatchObject({ type: 'StripeCardError', code });
    await expect(paid).rejects.toMatchObject(
      declineCode === undefined ? {} : { decline_code: declineCode },
    );
  });

  it('pages lists both ways and filters them', async () => {
    const { stripe } = await sandboxUnderTest();
    for (let nth = 0; nth < 12; nth += 1) {
      await stripe.customers.create({ email: `c${nth}@example.com` });
    }
    const first = await stripe.customers.list({ limit: 5 });
    expect(first).toMatchObject({ object: 'list', has_more: true, url: '/v1/customers' });
    expect(first.data[0]?.email).toBe('c11@example.com');
    const next = await stripe.customers.list({
      limit: 5,
      starting_after: String(first.data.at(-1)?.id),
    });
    expect(next.data[0]?.email).toBe('c6@example.com');
    const back = await stripe.customers.list({
      limit: 5,
      ending_before: String(next.data[0]?.id),
    });
    expect(back.data.map((one) => one.id)).toEqual(first.data.map((one) => one.id));
    const all = await stripe.customers.list({ limit: 3 }).autoPagingToArray({ limit: 50 });
    expect(all).toHaveLength(12);
    expect((await stripe.customers.list({ email: 'c3@example.com' })).data).toHaveLength(1);
    await expect(stripe.customers.list({ limit: 0 })).rejects.toMatchObject({ param: 'limit' });
  });

  it('has the catalogue with fixed ids and lookup keys, and lets a key move to another price', async () => {
    const { stripe } = await sandboxUnderTest();
    const [basic] = (await stripe.prices.list({ lookup_keys: ['basic_monthly'] })).data;
    expect(basic).toMatchObject({ id: 'price_BASIC_MONTHLY', recurring: { interval: 'month' } });
    expect(basic?.unit_amount_decimal?.toString()).toBe('900');
    const input = {
      product: String(basic?.product),
      currency: 'usd',
      unit_amount: 1100,
      recurring: { interval: 'month' as const },
      lookup_key: 'basic_monthly',
    };
    await expect(stripe.prices.create(input)).rejects.toMatchObject({ param: 'lookup_key' });
    const moved = await stripe.prices.create({ ...input, transfer_lookup_key: true });
    const [now] = (
      await stripe.prices.list({ lookup_keys: ['basic_monthly'], expand: ['data.product'] })
    ).data;
    expect(now?.id).toBe(moved.id);
    expect(now?.product).toMatchObject({ name: 'Basic' });
  });

  it('merges metadata, and unsets what is emptied', async () => {
    const { stripe } = await sandboxUnderTest();
    const { id } = await stripe.customers.create({ name: 'Ann', metadata: { a: '1', b: '2' } });
    const updated = await stripe.customers.update(id, {
      name: '',
      metadata: { b: '', c: '3', '0': 'zero' },
    });
    expect(updated).toMatchObject({ name: null, metadata: { a: '1', c: '3', '0': 'zero' } });
    expect(updated.metadata).not.toHaveProperty('b');
  });

  it('answers requests of an older API version in its shapes', async () => {
    const { stripe } = await sandboxUnderTest();
    const customer = await stripe.customers.create({ payment_method: 'pm_card_visa' });
    await stripe.subscriptions.create({
      customer: customer.id,
      default_payment_method: 'pm_card_visa',
      items: [{ price: 'price_BASIC_MONTHLY' }],
    });
    const response = await stripe.rawRequest('GET', '/v1/invoices', undefined, {
      apiVersion: '2024-06-20',
    });
    const [invoice] = (response as unknown as { data: Record<string, unknown>[] }).data;
    expect(invoice).toMatchObject({ paid: true, billing_reason: 'subscription_create' });
    expect(invoice?.['payment_intent']).toMatch(/^pi_/);
    expect(invoice?.['subscription']).toMatch(/^sub_/);
    expect(invoice).not.toHaveProperty('parent');
  });

  it('keeps everything over a restart, and forgets what was cut off in the middle of a write', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'florin-sandbox-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const options = {
      port: 0,
      apiKeys: [KEY],
      prices: PRICES,
      storage: join(folder, 'sandbox.jsonl'),
    };
    const first = createSandbox(options);
    await first.start();
    const customer = await sdkFor(first).customers.create(
      { email: 'kept@example.com' },
      { idempotencyKey: 'kept' },
    );
    first.advance({ days: 2 });
    const time = first.now();
    await first.stop();
    const { appendFile } = await import('node:fs/promises');
    await appendFile(options.storage, '[["customer","cus_torn",{"id":"cus_to');
    const second = createSandbox(options);
    await second.start();
    onTestFinished(() => second.stop());
    const stripe = sdkFor(second);
    expect((await stripe.customers.list()).data.map((one) => one.id)).toEqual([customer.id]);
    const again = await stripe.customers.create(
      { email: 'kept@example.com' },
      { idempotencyKey: 'kept' },
    );
    expect(again.id).toBe(customer.id);
    expect(second.now()).toBeGreaterThanOrEqual(time);
    expect((await stripe.prices.list({ limit: 100 })).data).toHaveLength(PRICES.length);
  });
});
