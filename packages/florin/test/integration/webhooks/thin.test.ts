import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type Stripe from 'stripe';
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import {
  endpointUnderTest,
  KEY,
  PRICES,
  type Received,
  sandboxUnderTest,
} from '../../../../stripe-sandbox/test/sandbox-under-test.ts';
import { createStripeClient, createStripeLookups } from '../../../src/stripe/index.ts';
import {
  dismissFraudWarning,
  receiveWebhook,
  replayEvent,
  showEvent,
  thinEventTypes,
  webhookEventTypes,
} from '../../../src/webhooks/index.ts';
import { testCatalog } from './catalog.ts';
import { ACCOUNT, charge, event, type Json, refund, session } from './objects.ts';
import { openShop, type Shop, signed } from './shop.ts';

const URLS = { success_url: 'http://shop.test/', cancel_url: 'http://shop.test/cancel' };

/** A shop that Stripe (the sandbox, by the real SDK) tells of everything twice: thin and as snapshots. */
async function shopInChangeOver(catalog = testCatalog()) {
  const { sandbox, stripe } = await sandboxUnderTest({ prices: PRICES });
  const [thin, snapshots] = [await endpointUnderTest(), await endpointUnderTest()];
  const destination = await stripe.v2.core.eventDestinations.create({
    name: 'Florin',
    type: 'webhook_endpoint',
    event_payload: 'thin',
    enabled_events: thinEventTypes(),
    webhook_endpoint: { url: thin.url },
    include: ['webhook_endpoint.signing_secret'],
  });
  const hook = await stripe.webhookEndpoints.create({
    url: snapshots.url,
    enabled_events: webhookEventTypes() as Stripe.WebhookEndpointCreateParams['enabled_events'],
  });
  const secrets = [destination.webhook_endpoint?.signing_secret ?? '', hook.secret ?? ''];
  const shop = (await openShop({ catalog })).with({ stripe: createStripeLookups(stripe) });
  onTestFinished(() => shop.close());
  const receive = async ({ body, signature }: Received) =>
    receiveWebhook(shop.deps, { rawBody: Buffer.from(body), signature, secrets });
  /** What both kinds have told since the last time. */
  const taken = { thin: 0, snapshots: 0 };
  const fresh = async () => {
    await sandbox.settled();
    const told = {
      thin: thin.received.slice(taken.thin),
      snapshots: snapshots.received.slice(taken.snapshots),
    };
    taken.thin = thin.received.length;
    taken.snapshots = snapshots.received.length;
    expect(told.thin.length).toBe(told.snapshots.length);
    return told;
  };
  const take = async (deliveries: readonly Received[]) => {
    for (const delivery of deliveries) {
      expect((await receive(delivery)).kind).toBe('accepted');
    }
    await shop.drain();
    expect(await openEvents(shop)).toEqual([]);
  };
  return { sandbox, stripe, shop, secrets, thin, fresh, take, receive };
}

type ChangeOver = Awaited<ReturnType<typeof shopInChangeOver>>;

function openEvents(shop: Shop) {
  return shop.deps.db.query(
    "select type, error from billing.events where status not in ('processed', 'skipped')",
  );
}

async function buyPack({ stripe, sandbox }: ChangeOver): Promise<Stripe.Charge> {
  const made = await stripe.checkout.sessions.create({
    mode: 'payment',
    client_reference_id: ACCOUNT,
    line_items: [{ price: 'price_QUICK_SCAN', quantity: 2 }],
    ...URLS,
  });
  sandbox.pay(made.id);
  const paid = await stripe.checkout.sessions.retrieve(made.id, {
    expand: ['payment_intent.latest_charge'],
  });
  return (paid.payment_intent as Stripe.PaymentIntent).latest_charge as Stripe.Charge;
}

async function subscribe({ stripe, sandbox }: ChangeOver): Promise<void> {
  const made = await stripe.checkout.sessions.create({
    mode: 'subscription',
    client_reference_id: ACCOUNT,
    line_items: [{ price: 'price_BASIC_MONTHLY', quantity: 1 }],
    ...URLS,
  });
  sandbox.pay(made.id);
}

type Told = Awaited<ReturnType<ChangeOver['fresh']>>;

/** Orders in which the two kinds of one thing may come during a change-over. */
const ORDERS: Readonly<Record<string, (told: Told) => readonly Received[]>> = {
  'thin events alone': ({ thin }) => thin,
  'thin events alone, last first and each twice': ({ thin }) => [
    ...thin.toReversed(),
    ...thin.toReversed(),
  ],
  'thin events before snapshots': ({ thin, snapshots }) => [...thin, ...snapshots],
  'snapshots before thin events': ({ thin, snapshots }) => [...snapshots, ...thin],
  'both by turns, last first': ({ thin, snapshots }) =>
    thin.flatMap((one, n) => [one, snapshots[n] as Received]).toReversed(),
  'half of each': ({ thin, snapshots }) =>
    thin.map((one, n) => (n % 2 === 0 ? one : (snapshots[n] as Received))),
};

describe.each(Object.entries(ORDERS))('%s', (_name, inOrder) => {
  it('count a purchase, its refunds and its dispute once', async () => {
    const shop = await shopInChangeOver();
    const first = await buyPack(shop);
    await shop.take(inOrder(await shop.fresh()));
    expect(await shop.shop.balance()).toBe(100);
    await shop.stripe.refunds.create({ charge: first.id, amount: 300 });
    await shop.take(inOrder(await shop.fresh()));
    expect(await shop.shop.balance()).toBe(70);
    const second = await buyPack(shop);
    const dispute = shop.sandbox.dispute(second.id);
    await shop.take(inOrder(await shop.fresh()));
    expect(await shop.shop.balance()).toBe(70);
    shop.sandbox.closeDispute(dispute.id, 'won');
    await shop.take(inOrder(await shop.fresh()));
    expect(await shop.shop.balance()).toBe(170);
  });

  it('count a dispute that was won before anything of it came', async () => {
    const shop = await shopInChangeOver();
    const bought = await buyPack(shop);
    const { id } = shop.sandbox.dispute(bought.id);
    shop.sandbox.closeDispute(id, 'won');
    await shop.take(inOrder(await shop.fresh()));
    expect(await shop.shop.balance()).toBe(100);
  });

  it('count a subscription and its renewal once', async () => {
    const shop = await shopInChangeOver();
    await subscribe(shop);
    await shop.take(inOrder(await shop.fresh()));
    expect(await shop.shop.balance()).toBe(100);
    shop.sandbox.advance({ months: 1, days: 1 });
    await shop.take(inOrder(await shop.fresh()));
    expect(await shop.shop.balance()).toBe(200);
  });
});

describe('a thin event', () => {
  it('is what the SDK reads, and is kept as it came, with its own id and its snapshot’s', async () => {
    const shop = await shopInChangeOver();
    await buyPack(shop);
    const told = await shop.fresh();
    await shop.take(told.thin);
    for (const { body, signature } of told.thin) {
      const secret = shop.secrets[0] ?? '';
      const read = shop.stripe.parseEventNotification(
        body,
        signature,
        secret,
      ) as Stripe.V2.Core.Events.UnknownEventNotification;
      const row = await showEvent(shop.shop.deps.db, read.id);
      expect(row?.payload).toEqual(JSON.parse(body));
      expect(row).toMatchObject({ type: read.type, apiVersion: null, livemode: false });
      expect(row?.createdAt.toISOString()).toBe(read.created);
      expect(told.snapshots.map(({ event }) => event.id)).toContain(read.snapshot_event);
      const [fetched, object] = [await read.fetchEvent(), await read.fetchRelatedObject()];
      expect(fetched.id).toBe(read.id);
      expect(row?.objectId).toBe((object as { id: string }).id);
    }
  });

  it('whose type is of no use is skipped with the reason, and Stripe is not asked', async () => {
    const { shop, stripe } = await shopInChangeOver();
    const asked: string[] = [];
    stripe.on('request', ({ path }: { path: string }) => asked.push(path));
    for (const type of ['v1.account.updated', 'v1.charge.succeeded', 'v2.core.account.created']) {
      const id = `evt_test_${type.replaceAll('.', '_')}`;
      const outcome = await shop.deliver(thin({ id, type }));
      expect(outcome).toMatchObject({ kind: 'accepted', outcome: { status: 'skipped' } });
      expect((await shop.inbox(id))?.reason).not.toBe('');
    }
    expect(asked).toEqual([]);
  });

  it('that tests the way is stored and skipped', async () => {
    const shop = await shopInChangeOver();
    const [destination] = (await shop.stripe.v2.core.eventDestinations.list()).data;
    const sent = await shop.stripe.v2.core.eventDestinations.ping(destination?.id ?? '');
    await shop.sandbox.settled();
    const [ping] = shop.thin.received;
    expect(ping?.event.id).toBe(sent.id);
    await shop.take([ping as Received]);
    expect((await shop.shop.inbox(sent.id))?.status).toBe('skipped');
  });

  it('that tells of a warning lets it be dismissed', async () => {
    const shop = await shopInChangeOver({ ...testCatalog(), earlyFraudWarnings: 'freeze' });
    const bought = await buyPack(shop);
    const warning = shop.sandbox.warnOfFraud(bought.id);
    await shop.take((await shop.fresh()).thin);
    expect(await shop.shop.balance()).toBe(0);
    await dismissFraudWarning(shop.shop.deps, warning.id);
    expect(await shop.shop.balance()).toBe(100);
  });
});

describe('a thin event whose object', () => {
  it('cannot be read now is tried again like any failed event', async () => {
    const shop = await shopInChangeOver();
    await buyPack(shop);
    const { thin: told } = await shop.fresh();
    shop.sandbox.failNext(1_000);
    for (const delivery of told) {
      const outcome = await shop.receive(delivery);
      expect(outcome).toMatchObject({ kind: 'accepted', outcome: { status: 'failed' } });
    }
    const [waiting] = await openRows(shop.shop);
    expect(waiting).toMatchObject({ errorCode: 'stripe_unavailable', needsAttention: false });
    expect(await shop.shop.balance()).toBe(0);
    shop.sandbox.failNext(0);
    await shop.shop.drain();
    expect(await openEvents(shop.shop)).toEqual([]);
    expect(await shop.shop.balance()).toBe(100);
  });

  it('is unknown to Stripe needs attention, and says which object', async () => {
    const { shop } = await shopInChangeOver();
    const related = { id: 'in_gone', type: 'invoice', url: '/v1/invoices/in_gone' };
    await shop.deliver(thin({ id: 'evt_test_gone', related_object: related }));
    const kept = await shop.inbox('evt_test_gone');
    expect(kept).toMatchObject({
      status: 'failed',
      errorCode: 'object_unknown',
      needsAttention: true,
    });
    expect(kept?.error).toContain('invoice in_gone');
  });

  it('appears later is processed when it is replayed', async () => {
    let known: Json | null = null;
    const shop = await openShop({
      stripe: { object: async () => (known === null ? null : fetched(known)) },
    });
    onTestFinished(() => shop.close());
    await shop.deliver(session1());
    expect(await shop.balance()).toBe(0);
    known = paidSession();
    expect(await replayEvent(shop.deps, 'evt_test_session')).toMatchObject({ status: 'processed' });
    expect(await shop.balance()).toBe(50);
  });

  it('takes too long keeps nobody waiting, and is tried again', async () => {
    const shop = await openShop({ stripe: { object: () => new Promise(() => undefined) } });
    onTestFinished(() => shop.close());
    const started = performance.now();
    expect(await shop.deliver(session1())).toMatchObject({ outcome: { status: 'failed' } });
    expect(performance.now() - started).toBeLessThan(12_000);
    expect((await shop.inbox('evt_test_session'))?.errorCode).toBe('stripe_unavailable');
  }, 20_000);
});

describe('what a thin event claims', () => {
  let shop: Shop;
  let asked: unknown[] = [];
  const foreign = { requests: 0, url: '', close: () => undefined as unknown };

  beforeAll(async () => {
    const server = createServer((_request, response) => {
      foreign.requests += 1;
      response.end('{}');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    foreign.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    foreign.close = () => server.close();
    shop = await openShop();
  });
  beforeEach(() => {
    asked = [];
  });
  afterAll(async () => {
    foreign.close();
    await shop.close();
  });

  const answering = (object: Json | null) =>
    shop.with({
      stripe: {
        ...(shop.deps.stripe as NonNullable<Shop['deps']['stripe']>),
        object: async (named) => {
          asked.push(named);
          return object === null ? null : fetched(object);
        },
      },
    });

  it.each([
    ['an object of another kind', { id: 'cus_1', type: 'customer', url: '/v1/customers/cus_1' }],
    ['an unknown kind', { id: 'xy_1', type: 'billing.unheard_of', url: '/v1/x/xy_1' }],
    ['no object', null],
    ['an object without an id', { type: 'invoice', url: '/v1/invoices/in_1' }],
    [
      'an id that leads a path elsewhere',
      { id: '../charges', type: 'invoice', url: '/v1/invoices' },
    ],
    ['an id of dots', { id: '..', type: 'invoice', url: '/v1/invoices/..' }],
  ])('%s: nothing is fetched, and a person is told', async (name, related) => {
    const id = `evt_test_${name.replaceAll(' ', '_')}`;
    const outcome = await answering(null).deliver(thin({ id, related_object: related }));
    expect(outcome).toMatchObject({ kind: 'accepted', outcome: { status: 'failed' } });
    expect(await shop.inbox(id)).toMatchObject({
      errorCode: 'payload_malformed',
      needsAttention: true,
    });
    expect(asked).toEqual([]);
  });

  it.each([
    ['http://foreign/v1/invoices/in_1'],
    ['//foreign/v1/invoices/in_1'],
    ['/../v1/charges/ch_1'],
  ])('the address %s is never asked: the object is read by its id from Stripe', async (address) => {
    const url = address.replace(/^(http:)?\/\/foreign/, foreign.url);
    const id = `evt_test_url_${address.length}`;
    const stripe = createStripeClient({
      secretKey: KEY,
      apiBase: foreign.url.replace('127.0.0.1', 'localhost').replace(/\d+$/, '9'),
      maxNetworkRetries: 0,
    });
    const on = shop.with({ stripe: createStripeLookups(stripe) });
    await on.deliver(thin({ id, related_object: { id: 'in_1', type: 'invoice', url } }));
    expect(foreign.requests).toBe(0);
    expect(await shop.inbox(id)).toMatchObject({ errorCode: 'stripe_unavailable' });
  });

  it.each([
    ['another object', session({ id: 'cs_2' })],
    ['another kind of object', charge(0, { id: 'cs_1' })],
    ['an object of live mode', session({ livemode: true })],
  ])('answered by Stripe with %s, moves nothing', async (name, object) => {
    const id = `evt_test_${name.replaceAll(' ', '_')}`;
    await answering(object).deliver({ ...session1(), id });
    expect(await shop.inbox(id)).toMatchObject({
      errorCode: 'payload_malformed',
      needsAttention: true,
    });
    expect(await shop.balance()).toBe(0);
  });

  it('another mode is skipped, and so is a connected account; neither is fetched', async () => {
    const about = answering(paidSession());
    await about.deliver({ ...session1(), id: 'evt_live', livemode: true });
    await about.deliver({ ...session1(), id: 'evt_connected', context: 'acct_other' });
    for (const id of ['evt_live', 'evt_connected']) {
      expect((await shop.inbox(id))?.status).toBe('skipped');
    }
    expect(asked).toEqual([]);
    expect(await shop.balance()).toBe(0);
  });

  it('unsigned, is refused before it is read', async () => {
    const rawBody = Buffer.from(JSON.stringify({ ...session1(), id: 'evt_unsigned' }));
    const signature = signed(rawBody, 'whsec_of_another').signature;
    const outcome = await receiveWebhook(answering(paidSession()).deps, {
      rawBody,
      signature,
      secrets: ['whsec_test_secret_of_the_shop'],
    });
    expect(outcome).toMatchObject({ kind: 'refused', code: 'signature_invalid' });
    expect(await shop.inbox('evt_unsigned')).toBeUndefined();
    expect(asked).toEqual([]);
  });

  it.each([
    ['no id', { id: undefined }],
    ['no type', { type: undefined }],
    ['no time', { created: undefined }],
    ['an invalid time', { created: 'yesterday' }],
    ['seconds for a time', { created: 1_790_000_000 }],
    ['a time after the year 9999', { created: '+012026-01-01T00:00:00.000Z' }],
  ])('with %s is no event: 400, nothing stored', async (_name, more) => {
    const outcome = await shop.deliver({ ...session1(), id: 'evt_broken', ...more });
    expect(outcome).toMatchObject({ kind: 'refused', code: 'invalid_input' });
    expect(await shop.inbox('evt_broken')).toBeUndefined();
  });

  it('twice, is fetched once', async () => {
    const about = answering(paidSession());
    const told = { ...session1(), id: 'evt_twice' };
    await about.deliver(told);
    expect(await about.deliver(told)).toMatchObject({ outcome: { status: 'duplicate' } });
    expect(asked).toEqual([{ kind: 'checkout.session', id: 'cs_1' }]);
  });
});

describe('what was read for a thin event is as of its reading', () => {
  it('an old thin event does not take back what a later one said', async () => {
    const paid = paidSession();
    const gone = refund('re_late', 250, 'failed');
    const shop = await openShop({
      stripe: {
        object: async ({ kind }) => fetched(kind === 'refund' ? gone : paid),
        refund: async () => {
          throw new Error('not asked');
        },
      },
    });
    onTestFinished(() => shop.close());
    await shop.deliver(session1());
    const related = { id: 're_late', type: 'refund', url: '/v1/refunds/re_late' };
    await shop.deliver(
      thin({ id: 'evt_test_failed', type: 'v1.refund.failed', related_object: related }),
    );
    await shop.deliver(
      thin({ id: 'evt_test_created', type: 'v1.refund.created', related_object: related }),
    );
    await shop.deliver(event('refund.created', refund('re_late', 250, 'pending')));
    expect(await shop.balance()).toBe(50);
  });
});

function thin(more: Json): Json {
  return {
    id: 'evt_test_1',
    object: 'v2.core.event',
    type: 'v1.invoice.paid',
    livemode: false,
    created: '2026-09-21T14:13:20.000Z',
    context: null,
    related_object: { id: 'in_1', type: 'invoice', url: '/v1/invoices/in_1' },
    ...more,
  };
}

function session1(): Json {
  return thin({
    id: 'evt_test_session',
    type: 'v1.checkout.session.completed',
    related_object: {
      id: 'cs_1',
      type: 'checkout.session',
      url: '/v1/checkout/sessions/cs_1',
    },
  });
}

function paidSession(): Json {
  return session({
    line_items: {
      object: 'list',
      has_more: false,
      data: [
        {
          id: 'li_1',
          object: 'item',
          quantity: 1,
          amount_total: 500,
          amount_subtotal: 500,
          amount_discount: 0,
          currency: 'usd',
          price: { id: 'price_QUICK_SCAN', lookup_key: null, recurring: null, unit_amount: 500 },
        },
      ],
    },
  });
}

function fetched(object: Json) {
  return { object: object as Json & { id: string }, asOf: Math.floor(Date.now() / 1000) };
}

function openRows(shop: Shop) {
  return shop.deps.db.query(
    "select error_code, needs_attention from billing.events where status = 'failed'",
  );
}
