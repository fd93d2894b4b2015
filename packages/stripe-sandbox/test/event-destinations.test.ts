import Stripe from 'stripe';
import { describe, expect, it } from 'vitest';
import { endpointUnderTest, sandboxUnderTest } from './sandbox-under-test.ts';

type Unknown = Stripe.V2.Core.Events.UnknownEventNotification;

const SECRET_TOO = ['webhook_endpoint.signing_secret', 'webhook_endpoint.url'];

async function underTest(
  more: Partial<Stripe.V2.Core.EventDestinationCreateParams> = {},
  answer?: (nth: number) => number,
) {
  const { sandbox, stripe } = await sandboxUnderTest();
  const endpoint = await endpointUnderTest(answer);
  const destinations = stripe.v2.core.eventDestinations;
  const destination = await destinations.create({
    name: 'Mine',
    type: 'webhook_endpoint',
    event_payload: 'thin',
    enabled_events: ['v1.customer.created', 'v1.customer.updated'],
    webhook_endpoint: { url: endpoint.url },
    include: SECRET_TOO,
    ...more,
  });
  const secret = destination.webhook_endpoint?.signing_secret ?? '';
  return { sandbox, stripe, endpoint, destinations, destination, secret };
}

describe('event destinations of the sandbox, by the real SDK', () => {
  it('show address and secret only where they are asked for, the secret once', async () => {
    const { destinations, destination, endpoint, secret } = await underTest();
    expect(destination).toMatchObject({
      object: 'v2.core.event_destination',
      status: 'enabled',
      event_payload: 'thin',
      events_from: ['@self'],
      webhook_endpoint: { url: endpoint.url },
    });
    expect(secret).toMatch(/^whsec_/);
    expect((await destinations.retrieve(destination.id)).webhook_endpoint).toEqual({});
    const [listed] = (await destinations.list({ include: SECRET_TOO })).data;
    expect(listed?.webhook_endpoint).toEqual({ url: endpoint.url });
  });

  it('get thin events, signed, that the SDK reads and fetches what they name', async () => {
    const { sandbox, stripe, endpoint, secret } = await underTest();
    const customer = await stripe.customers.create({ email: 'a@example.com' });
    await stripe.products.create({ name: 'not subscribed' });
    await sandbox.settled();
    expect(endpoint.received).toHaveLength(1);
    const { body = '', signature = '' } = endpoint.received[0] ?? {};
    const told = stripe.parseEventNotification(body, signature, secret) as Unknown;
    expect(JSON.parse(body)).toEqual({
      id: told.id,
      object: 'v2.core.event',
      type: 'v1.customer.created',
      livemode: false,
      created: expect.stringMatching(/^\d{4}-.*T.*\.\d{3}Z$/),
      reason: {
        type: 'request',
        request: { id: expect.any(String), idempotency_key: expect.any(String) },
      },
      related_object: {
        id: customer.id,
        type: 'customer',
        url: `/v1/customers/${customer.id}`,
      },
      snapshot_event: sandbox.events('customer.created')[0]?.id,
    });
    expect(await told.fetchRelatedObject()).toMatchObject({ id: customer.id });
    expect((await told.fetchEvent()).id).toBe(told.id);
    expect(() => stripe.parseEventNotification(body, signature, 'whsec_other')).toThrow();
    expect(() => stripe.webhooks.constructEvent(body, signature, secret)).toThrow(/thin|v2/i);
  });

  it('get snapshots of the version that was asked for', async () => {
    const { sandbox, stripe, endpoint, secret } = await underTest({
      event_payload: 'snapshot',
      enabled_events: ['customer.created'],
      snapshot_api_version: '2024-06-20',
    });
    await stripe.customers.create({ email: 'a@example.com' });
    await sandbox.settled();
    const { body = '', signature = '' } = endpoint.received[0] ?? {};
    const told = stripe.webhooks.constructEvent(body, signature, secret);
    expect(told).toMatchObject({ object: 'event', api_version: '2024-06-20' });
  });

  it('are changed, switched off and on, pinged, and deleted', async () => {
    const { sandbox, stripe, endpoint, destinations, destination, secret } = await underTest();
    const { id } = destination;
    const changed = await destinations.update(id, { name: 'Other', metadata: { a: 'b' } });
    expect(changed).toMatchObject({ name: 'Other', metadata: { a: 'b' } });
    expect(await destinations.disable(id)).toMatchObject({
      status: 'disabled',
      status_details: { disabled: { reason: 'user' } },
    });
    await stripe.customers.create({ email: 'unheard@example.com' });
    expect((await destinations.enable(id)).status).toBe('enabled');
    const ping = await destinations.ping(id);
    await sandbox.settled();
    expect(endpoint.types()).toEqual(['v2.core.event_destination.ping']);
    const { body = '', signature = '' } = endpoint.received[0] ?? {};
    const told = stripe.parseEventNotification(body, signature, secret) as Unknown;
    expect(told.id).toBe(ping.id);
    expect(await told.fetchRelatedObject()).toMatchObject({ id });
    expect(await destinations.del(id)).toMatchObject({ id });
    await expect(destinations.retrieve(id)).rejects.toMatchObject({ statusCode: 404 });
  });

  it('repeat what was not answered with a 2xx', async () => {
    const { sandbox, stripe, endpoint } = await underTest({}, (nth) => (nth === 1 ? 500 : 200));
    await stripe.customers.create({ email: 'a@example.com' });
    await sandbox.settled();
    sandbox.retryNow();
    await sandbox.settled();
    expect(endpoint.received.map(({ event }) => event.id)).toHaveLength(2);
    expect(endpoint.received[0]?.body).toBe(endpoint.received[1]?.body);
  });

  it.each([
    ['a snapshot’s type with thin payload', { enabled_events: ['customer.created'] }],
    ['a thin type with snapshots', { event_payload: 'snapshot' as const }],
    ['no events', { enabled_events: [] }],
    ['an address without a scheme', { webhook_endpoint: { url: 'shop.test' } }],
    ['a version of thin events', { snapshot_api_version: '2024-06-20' }],
    ['an unknown scope', { events_from: ['@everyone'] }],
    ['another transport', { type: 'amazon_eventbridge' as const }],
  ])('refuse %s', async (_name, more) => {
    await expect(underTest(more)).rejects.toMatchObject({ statusCode: 400 });
  });

  it('list thin events, newest first, by page, by type and by object', async () => {
    const { stripe } = await underTest();
    const made: string[] = [];
    for (let n = 0; n < 5; n += 1) {
      made.push((await stripe.customers.create({ email: `${n}@example.com` })).id);
    }
    const events = stripe.v2.core.events;
    const all = await events
      .list({ limit: 2, types: ['v1.customer.created'] })
      .autoPagingToArray({ limit: 50 });
    expect(all).toHaveLength(5);
    expect(all.map(({ type }) => type)).toEqual(made.map(() => 'v1.customer.created'));
    expect(new Set(all.map(({ id }) => id)).size).toBe(5);
    const about = await events.list({ object_id: made[3] ?? '' });
    expect(about.data.map(({ type }) => type)).toEqual(['v1.customer.created']);
    const old = await events.list({ created: { lt: 1_577_836_800 } });
    expect(old.data).toEqual([]);
    await expect(events.retrieve('evt_test_65none')).rejects.toBeInstanceOf(
      Stripe.errors.StripeError,
    );
  });
});
