import Stripe from 'stripe';
import { describe, expect, it } from 'vitest';
import { endpointUnderTest, meteredPrice, sandboxUnderTest, sdkFor } from './sandbox-under-test.ts';

// https://docs.stripe.com/billing/subscriptions/usage-based/recording-usage-api

const DAY = 86_400;

async function metered() {
  const { sandbox, stripe } = await sandboxUnderTest();
  const { meter, price } = await meteredPrice(stripe, 'pages');
  const { id: customer } = await stripe.customers.create({
    payment_method: 'pm_card_visa',
    invoice_settings: { default_payment_method: 'pm_card_visa' },
  });
  await stripe.subscriptions.create({ customer, items: [{ price: price.id }] });
  const event = (value: string, more: object = {}) => ({
    event_name: 'pages',
    payload: { stripe_customer_id: customer, value },
    ...more,
  });
  const used = async () => {
    const start_time = Math.floor(sandbox.now() / DAY) * DAY - 40 * DAY;
    const { data } = await stripe.billing.meters.listEventSummaries(meter.id, {
      customer,
      start_time,
      end_time: start_time + 45 * DAY,
    });
    return data[0]?.aggregated_value;
  };
  return { sandbox, stripe, meter: meter.id, customer, event, used };
}

/** The SDK on the stream: its `host` is that of the whole client, so the stream is there too. */
async function streamOf(of: Awaited<ReturnType<typeof metered>>) {
  const session = await of.stripe.v2.billing.meterEventSession.create();
  return { session, stream: sdkFor(of.sandbox, session.authentication_token).v2.billing };
}

describe('a meter event of the v2 API', () => {
  it('is counted and invoiced as one of v1', async () => {
    const one = await metered();
    const { sandbox, stripe, event, used } = one;
    const at = new Date((sandbox.now() - 60) * 1000).toISOString();
    const made = await stripe.v2.billing.meterEvents.create(
      event('12', { identifier: 'first', timestamp: at }),
    );
    expect(made).toMatchObject({
      object: 'v2.billing.meter_event',
      event_name: 'pages',
      identifier: 'first',
      timestamp: at,
    });
    await stripe.v2.billing.meterEvents.create(event('5'));
    expect(await used()).toBe(17);
    sandbox.advance({ months: 1 });
    const [invoice] = (await stripe.invoices.list()).data;
    expect(invoice).toMatchObject({ total: 5 * 3, status: 'paid' });
  });

  it.each([
    [
      'v2',
      (stripe: Stripe, params: object) => stripe.v2.billing.meterEvents.create(params as never),
    ],
    ['v1', (stripe: Stripe, params: object) => stripe.billing.meterEvents.create(params as never)],
  ] as const)('is refused in %s at once for what is wrong with it', async (version, create) => {
    const { sandbox, stripe, event, used } = await metered();
    const at = (seconds: number) =>
      version === 'v1' ? seconds : new Date(seconds * 1000).toISOString();
    await create(stripe, event('1', { identifier: 'once' }));
    const wrong: [object, string][] = [
      [event('1', { identifier: 'once' }), 'identifier'],
      [event('1', { event_name: 'miles' }), 'event_name'],
      [event('a lot'), 'payload[value]'],
      [{ ...event('1'), payload: { value: '1' } }, 'payload[stripe_customer_id]'],
      [
        { ...event('1'), payload: { stripe_customer_id: 'cus_none', value: '1' } },
        'payload[stripe_customer_id]',
      ],
      [event('1', { timestamp: at(sandbox.now() + 600) }), 'timestamp'],
      [event('1', { timestamp: at(sandbox.now() - 36 * DAY) }), 'timestamp'],
      [{ payload: event('1').payload }, 'event_name'],
      [{ event_name: 'pages' }, 'payload'],
      [event('1', { identifer: 'x' }), 'identifer'],
    ];
    for (const [params, param] of wrong) {
      await expect(create(stripe, params)).rejects.toMatchObject({
        type: 'StripeInvalidRequestError',
        statusCode: 400,
        param,
      });
    }
    expect(await used()).toBe(1);
  });

  it('is taken back within a day, once, in both versions', async () => {
    const { sandbox, stripe, event, used } = await metered();
    for (const identifier of ['a', 'b', 'c']) {
      await stripe.v2.billing.meterEvents.create(event('10', { identifier }));
    }
    const cancel = (identifier: string, event_name = 'pages') =>
      stripe.v2.billing.meterEventAdjustments.create({
        event_name,
        type: 'cancel',
        cancel: { identifier },
      });
    expect(await cancel('a')).toMatchObject({
      object: 'v2.billing.meter_event_adjustment',
      status: 'complete',
      cancel: { identifier: 'a' },
    });
    await stripe.billing.meterEventAdjustments.create({
      event_name: 'pages',
      type: 'cancel',
      cancel: { identifier: 'b' },
    });
    expect(await used()).toBe(10);
    for (const again of [cancel('a'), cancel('none'), cancel('c', 'miles')]) {
      await expect(again).rejects.toMatchObject({ param: 'cancel[identifier]', statusCode: 400 });
    }
    await expect(
      stripe.v2.billing.meterEvents.create(event('10', { identifier: 'a' })),
    ).rejects.toMatchObject({ param: 'identifier' });
    sandbox.advance({ days: 1, minutes: 1 });
    await expect(cancel('c')).rejects.toMatchObject({ message: /last 24 hours/ });
    expect(await used()).toBe(10);
  });
});

describe('the stream of meter events', () => {
  it('takes many at once with the token of a session, whose identifiers count once', async () => {
    const one = await metered();
    const { session, stream } = await streamOf(one);
    expect(session).toMatchObject({ object: 'v2.billing.meter_event_session', livemode: false });
    const events = Array.from({ length: 100 }, (_, nth) =>
      one.event('2', { identifier: `event-${nth % 50}` }),
    );
    await stream.meterEventStream.create({ events });
    await stream.meterEventStream.create({ events: events.slice(0, 3) });
    expect(await one.used()).toBe(100);
    await expect(
      stream.meterEventStream.create({ events: [...events, one.event('1')] }),
    ).rejects.toMatchObject({ param: 'events', statusCode: 400 });
    await expect(stream.meterEventStream.create({ events: [] })).rejects.toMatchObject({
      param: 'events',
    });
  });

  it('opens to no key, no other token and no session that has expired; a token opens nothing else', async () => {
    const one = await metered();
    const { session, stream } = await streamOf(one);
    const events = [one.event('1')];
    for (const token of ['sk_test_florin', 'mestoken_test_none']) {
      const sdk = sdkFor(one.sandbox, token);
      await expect(sdk.v2.billing.meterEventStream.create({ events })).rejects.toMatchObject({
        statusCode: 401,
      });
    }
    const withToken = sdkFor(one.sandbox, session.authentication_token);
    await expect(withToken.customers.list()).rejects.toMatchObject({ statusCode: 401 });
    one.sandbox.advance({ minutes: 15 });
    const late = stream.meterEventStream.create({ events });
    await expect(late).rejects.toBeInstanceOf(Stripe.errors.TemporarySessionExpiredError);
    expect(await one.used()).toBe(0);
  });

  it('counts what is right, and tells in thin events what is not', async () => {
    const one = await metered();
    const { sandbox, stripe, meter, event } = one;
    const endpoint = await endpointUnderTest();
    const types = ['error_report_triggered', 'no_meter_found'];
    await stripe.v2.core.eventDestinations.create({
      name: 'Usage',
      type: 'webhook_endpoint',
      event_payload: 'thin',
      enabled_events: types.map((type) => `v1.billing.meter.${type}`),
      webhook_endpoint: { url: endpoint.url },
    });
    const { stream } = await streamOf(one);
    await stream.meterEventStream.create({
      events: [
        event('7'),
        event('a lot', { identifier: 'wrong' }),
        { event_name: 'pages', payload: { stripe_customer_id: 'cus_none', value: '1' } },
        event('1', { event_name: 'miles' }),
        event('1', { timestamp: '2020-01-01T00:00:00Z' }),
      ],
    });
    await sandbox.settled();
    expect(await one.used()).toBe(7);
    const told = endpoint.received.map(({ body }) => JSON.parse(body));
    expect(told.map(({ type }) => type).sort()).toEqual(
      types.map((type) => `v1.billing.meter.${type}`),
    );
    const report = told.find(({ related_object }) => related_object?.id === meter);
    expect(report.data.reason).toMatchObject({
      error_count: 3,
      error_types: [
        {
          code: 'meter_event_invalid_value',
          sample_errors: [{ request: { identifier: 'wrong' } }],
        },
        { code: 'meter_event_customer_not_found' },
        { code: 'timestamp_too_far_in_past' },
      ],
    });
    const read = await stripe.v2.core.events.retrieve(report.id);
    expect(read).toMatchObject({ type: 'v1.billing.meter.error_report_triggered' });
  });
});
