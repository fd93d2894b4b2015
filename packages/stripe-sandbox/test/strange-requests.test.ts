import { describe, expect, it } from 'vitest';
import { KEY, sandboxUnderTest } from './sandbox-under-test.ts';

async function asked() {
  const { sandbox, stripe } = await sandboxUnderTest();
  const ask = async (path: string, { body, ...headers }: Record<string, string> = {}) => {
    const answer = await fetch(`${sandbox.url}${path}`, {
      ...(body === undefined ? {} : { method: 'POST', body }),
      headers: {
        authorization: `Bearer ${KEY}`,
        'content-type': 'application/x-www-form-urlencoded',
        ...headers,
      },
    });
    return { status: answer.status, headers: answer.headers, json: await answer.json() };
  };
  return { sandbox, stripe, ask };
}

describe('a request', () => {
  it('in JSON, which the first API does not take, is told so', async () => {
    const { ask } = await asked();
    const body = '{"email":"a@b.co"}';
    expect(await ask('/v1/customers', { body, 'content-type': 'application/json' })).toMatchObject({
      status: 400,
      json: { error: { message: /content type is application\/x-www-form-urlencoded/ } },
    });
  });

  it.each(['banana', '2026-13'])('of the API version “%s” is refused', async (version) => {
    const { ask } = await asked();
    const { status, json } = await ask('/v1/customers', { 'stripe-version': version });
    expect([status, json.error.message]).toEqual([400, `Invalid Stripe API version: ${version}`]);
  });

  it('may have any word as a key of metadata', async () => {
    const { ask } = await asked();
    const body = 'metadata[constructor]=a&metadata[toString]=c&metadata[__proto__]=d';
    const { status, json } = await ask('/v1/customers', { body });
    expect(status).toBe(200);
    expect(Object.entries(json.metadata)).toEqual([
      ['constructor', 'a'],
      ['toString', 'c'],
      ['__proto__', 'd'],
    ]);
    const path = `/v1/customers/${json.id}`;
    const more = await ask(path, { body: 'metadata[constructor]=&metadata[toString]=e' });
    const kept = [
      ['toString', 'e'],
      ['__proto__', 'd'],
    ];
    expect(Object.entries(more.json.metadata)).toEqual(kept);
    expect(Object.entries((await ask(path)).json.metadata)).toEqual(kept);
    const { json: events } = await ask('/v1/events?type=customer.updated');
    expect(Object.entries(events.data[0].data.object.metadata)).toEqual(kept);
    const query = (key: string) => encodeURIComponent(`metadata["${key}"]~"obj" OR name:"x"`);
    const found = await ask(`/v1/customers/search?query=${query('__proto__')}`);
    expect(found.json.data).toEqual([]);
    const gone = await ask(path, { body: 'metadata[__proto__]=' });
    expect(Object.keys(gone.json.metadata)).toEqual(['toString']);
    expect((await ask(`/v1/customers/search?query=${query('__proto__')}`)).json.data).toEqual([]);
  });

  it('may have them in subscriptions of schedules, in destinations and in older versions too', async () => {
    const { stripe, ask } = await asked();
    const customer = await stripe.customers.create({ payment_method: 'pm_card_visa' });
    const body = `customer=${customer.id}&start_date=now&phases[0][items][0][price]=price_BASIC_MONTHLY&phases[0][metadata][__proto__]=a`;
    const { json: schedule } = await ask('/v1/subscription_schedules', { body });
    const version = { 'stripe-version': '2022-08-01' };
    const { json } = await ask(`/v1/subscriptions/${schedule.subscription}`, version);
    expect(Object.entries(json.metadata)).toEqual([['__proto__', 'a']]);
    const { json: destination } = await ask('/v2/core/event_destinations', {
      body: `{"name":"n","type":"webhook_endpoint","event_payload":"thin","enabled_events":["*"],
        "webhook_endpoint":{"url":"http://127.0.0.1:1/"},"metadata":{"__proto__":"a"}}`,
      'content-type': 'application/json',
    });
    expect(Object.entries(destination.metadata)).toEqual([['__proto__', 'a']]);
  });

  it.each(['__proto__', 'constructor', 'metadata.constructor'])(
    'cannot expand “%s”, which is no field of the answer',
    async (path) => {
      const { ask } = await asked();
      const body = `metadata[constructor]=a&expand[]=${path}`;
      expect(await ask('/v1/customers', { body })).toMatchObject({
        status: 400,
        json: { error: { param: 'expand' } },
      });
    },
  );

  it('with the key of another endpoint is told of which', async () => {
    const { stripe } = await asked();
    const idempotencyKey = 'order-1';
    await stripe.customers.create({ name: 'A' }, { idempotencyKey });
    await expect(stripe.products.create({ name: 'A' }, { idempotencyKey })).rejects.toMatchObject({
      type: 'StripeIdempotencyError',
      message: /same endpoint .*'\/v1\/products' vs '\/v1\/customers'/,
    });
  });

  it('that expands a list is told to expand what is in it', async () => {
    const { stripe } = await asked();
    await expect(stripe.customers.list({ expand: ['default_source'] })).rejects.toMatchObject({
      message:
        "This property cannot be expanded (default_source). You may want to try expanding 'data.default_source' instead.",
    });
  });

  it('names in its answer what it said that the sandbox does not play, as does the log', async () => {
    const { sandbox, stripe, ask } = await asked();
    const body = 'name=A&tax[ip_address]=1.2.3.4&tax[validate_location]=deferred&metadata[a]=1';
    const { headers, json } = await ask('/v1/customers', { body });
    const ignored = ['tax[ip_address]', 'tax[validate_location]'];
    expect(headers.get('stripe-sandbox-ignored')).toBe(ignored.join(', '));
    const logged = sandbox.requests().at(-1);
    expect(logged?.ignored).toEqual(ignored);
    const page = await fetch(`${sandbox.url}/sandbox/requests/${logged?.id}`);
    expect(await page.text()).toContain('does not play tax[ip_address]');
    const played = await stripe.customers.update(json.id, { name: 'B', metadata: { b: '2' } });
    expect(played.lastResponse.headers['stripe-sandbox-ignored']).toBeUndefined();
  });
});

describe('what a payment refuses', () => {
  it('is another amount once it is paid', async () => {
    const { stripe } = await asked();
    const paid = await stripe.paymentIntents.create({
      amount: 500,
      currency: 'usd',
      payment_method: 'pm_card_visa',
      confirm: true,
    });
    await expect(stripe.paymentIntents.update(paid.id, { amount: 700 })).rejects.toMatchObject({
      code: 'payment_intent_unexpected_state',
      message: /amount could not be updated because it has a status of succeeded/,
    });
    const open = await stripe.paymentIntents.create({ amount: 500, currency: 'usd' });
    await expect(stripe.paymentIntents.update(open.id, { amount: 49 })).rejects.toMatchObject({
      code: 'amount_too_small',
    });
    const changed = await stripe.paymentIntents.update(open.id, {
      amount: 700,
      payment_method: 'pm_card_visa',
      metadata: { order: '1' },
    });
    expect(changed).toMatchObject({ amount: 700, status: 'requires_confirmation' });
    expect(await stripe.paymentIntents.confirm(open.id)).toMatchObject({
      status: 'succeeded',
      amount_received: 700,
    });
  });

  it('is to be confirmed without anything to pay with', async () => {
    const { stripe } = await asked();
    const { id } = await stripe.paymentIntents.create({ amount: 500, currency: 'usd' });
    const unpayable = {
      statusCode: 400,
      code: 'payment_intent_unexpected_state',
      message: /missing a payment method/,
    };
    await expect(stripe.paymentIntents.confirm(id)).rejects.toMatchObject(unpayable);
    await expect(
      stripe.paymentIntents.create({ amount: 500, currency: 'usd', confirm: true }),
    ).rejects.toMatchObject(unpayable);
  });

  it('is more than Stripe charges, nothing at all, and a refund of more than there is', async () => {
    const { stripe } = await asked();
    const pay = (amount: number) => stripe.paymentIntents.create({ amount, currency: 'usd' });
    await expect(pay(100_000_000)).rejects.toMatchObject({
      code: 'amount_too_large',
      message: 'Amount must be no more than $999,999.99',
    });
    await expect(pay(0)).rejects.toMatchObject({
      code: 'parameter_invalid_integer',
      message: 'Invalid positive integer',
    });
    const paid = await stripe.paymentIntents.create({
      amount: 500,
      currency: 'usd',
      payment_method: 'pm_card_visa',
      confirm: true,
    });
    const refund = { payment_intent: paid.id, amount: 501 };
    await expect(stripe.refunds.create(refund)).rejects.toMatchObject({
      message: 'Refund amount ($5.01) is greater than unrefunded amount on charge ($5.00)',
    });
    await expect(stripe.refunds.create({})).rejects.toMatchObject({
      message: /payment_intent or charge/,
    });
  });

  it('is a card that no bank has', async () => {
    const { stripe } = await asked();
    const card = (more: object) =>
      stripe.paymentMethods.create({
        type: 'card',
        card: { number: '4242424242424242', exp_month: 8, exp_year: 2034, ...more },
      });
    for (const [wrong, code, param] of [
      [{ number: '4242424242424241' }, 'incorrect_number', 'number'],
      [{ exp_month: 13 }, 'invalid_expiry_month', 'exp_month'],
      [{ exp_year: 2020 }, 'invalid_expiry_year', 'exp_year'],
    ] as const) {
      await expect(card(wrong)).rejects.toMatchObject({
        type: 'StripeCardError',
        statusCode: 402,
        code,
        param,
      });
    }
    expect(await card({})).toMatchObject({ card: { exp_month: 8, exp_year: 2034 } });
  });
});
