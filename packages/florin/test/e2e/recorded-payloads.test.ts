import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type FlorinProcess, runFlorin, startFlorin } from '../support/florin-process.ts';
import { type FreshDatabase, freshDatabase } from '../support/postgres.ts';
import {
  deliver,
  list,
  type RecordedStripe,
  startRecordedStripe,
} from './support/recorded-stripe.ts';

const FIXTURES = new URL('../fixtures/stripe/', import.meta.url);
const WEBHOOK_SECRET = 'whsec_4f1c9be27d3a58006e';
const SERVER_KEY = 'k3Y-of-the-recorded-shop-9fd0a2b71c6e';
/** The price that the recording subscribes to, and one for the session, whose lines it lacks. */
const MONTHLY = 'price_1IDQm5JDPojXS6LNM31hxKzp';
const PACK = 'price_1IqxJOJDPojXS6LNpack00001';
const CATALOGUE = {
  prices: {
    [MONTHLY]: { credits: 40, reason: 'recorded_monthly', planType: 'free', kind: 'recurring' },
    [PACK]: { credits: 50, reason: 'recorded_pack', planType: 'credits', kind: 'one_time' },
  },
};

/** Processes and lookups are slow on a busy machine. */
const PATIENT = { timeout: 60_000 };

type Json = Record<string, unknown>;
type Recorded = Json & { id: string; type: string; data: { object: Json } };

type Service = { readonly url: string; readonly fresh: FreshDatabase; stop(): Promise<void> };

/**
 * `florin serve` as a process of its own, on Postgres, with a catalogue of the recording's prices. Its key
 * is a test key: with a live one it would ask nobody but Stripe, and the recording's answers are not there.
 */
async function startService(options: { stripe: RecordedStripe; folder: string }): Promise<Service> {
  const { stripe, folder } = options;
  const fresh = await freshDatabase();
  const env = {
    DATABASE_URL: fresh.url,
    STRIPE_SECRET_KEY: 'sk_test_recorded',
    STRIPE_WEBHOOK_SECRET: WEBHOOK_SECRET,
    STRIPE_API_BASE: stripe.url,
    SUPABASE_URL: 'http://127.0.0.1:1',
    JWT_SECRET: 'plan-Sessions-0f9a3c71b2d84e6590ab',
    FLORIN_SECRET_KEY: SERVER_KEY,
    APP_URL: 'http://localhost',
    PORT: '0',
  };
  const running: FlorinProcess = await startFlorin(['serve'], { cwd: folder, env });
  await running.until(/listening on \S+/);
  return {
    url: /listening on (\S+)/.exec(running.output())?.[1] ?? '',
    fresh,
    async stop() {
      running.child.kill('SIGTERM');
      const { code } = await running.finished;
      await fresh.close();
      expect(code).toBe(0);
    },
  };
}

describe('the recorded payloads, posted signed to a running service', { timeout: 120_000 }, () => {
  let stripe: RecordedStripe;
  let folder: string;
  let test: Service;

  beforeAll(async () => {
    [stripe, folder] = await Promise.all([
      startRecordedStripe(),
      mkdtemp(join(tmpdir(), 'florin-recorded-')),
    ]);
    await writeFile(join(folder, 'florin.config.json'), JSON.stringify(CATALOGUE));
    test = await startService({ stripe, folder });
  });
  afterAll(async () => {
    await test?.stop();
    await stripe?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  const recorded = (file: string) =>
    JSON.parse(readFileSync(new URL(file, FIXTURES), 'utf8')) as Recorded;

  /** As recorded, but for the event's id: the recording gave several files one id, Stripe never does. */
  async function post(service: Service, event: Recorded): Promise<string> {
    const id = `evt_${randomUUID()}`;
    const body = JSON.stringify({ ...event, id });
    const answer = await deliver({ url: service.url, secret: WEBHOOK_SECRET, body });
    expect(answer.status, answer.body).toBe(200);
    // Answered when it is stored; a lookup that failed for once is repeated by the service itself.
    const statement = 'select status, error from billing.events where event_id = $1';
    await expect
      .poll(async () => (await service.fresh.db.query<Json>(statement, [id]))[0], PATIENT)
      .toMatchObject({ status: expect.stringMatching(/processed|skipped/) });
    return id;
  }

  async function inbox(service: Service, eventId: string) {
    const shown = await runFlorin(['events', 'show', eventId, '--json'], {
      cwd: folder,
      env: { DATABASE_URL: service.fresh.url },
    });
    return JSON.parse(shown.stdout) as Json;
  }

  /** The ledger as code written against the seed reads it, oldest first. */
  const ledger = (service: Service, accountId: string) =>
    service.fresh.db.query<Json>(
      `select stripe_event_id, stripe_payment_id, stripe_price_id, delta, reason, plan_type
         from public.credits_transactions where user_id = $1 order by created_at, id`,
      [accountId],
    );

  /** The balance as the customer's own server asks for it. */
  async function balance(service: Service, accountId: string): Promise<Json> {
    const response = await fetch(`${service.url}/api/accounts/${accountId}`, {
      headers: { authorization: `Bearer ${SERVER_KEY}` },
    });
    expect(response.status).toBe(200);
    return (await response.json()) as Json;
  }

  /** A purchase of the pack, settled with the recorded payment, as the session's event tells it. */
  async function bought(payment: { intent: string; amount: number; currency: string }) {
    const accountId = randomUUID();
    const session = `cs_test_${randomUUID().replaceAll('-', '')}`;
    const path = `/v1/checkout/sessions/${session}/line_items`;
    const { intent, amount, currency } = payment;
    stripe.knows(path, list(path, [line({ amount, currency })]));
    const event = recorded('checkout_session_completed.json');
    const said = { id: session, livemode: false, client_reference_id: accountId, customer: null };
    const money = { amount_subtotal: amount, amount_total: amount, currency, invoice: null };
    const object = { ...event.data.object, ...said, ...money, payment_intent: intent };
    await post(test, { ...event, livemode: false, data: { object } });
    expect(await balance(test, accountId)).toMatchObject({ available: 50 });
    return accountId;
  }

  function line({ amount, currency }: { amount: number; currency: string }) {
    const price = { id: PACK, object: 'price', active: true, currency, unit_amount: amount };
    const sums = { amount_total: amount, amount_subtotal: amount, amount_discount: 0 };
    const product = { product: 'prod_pack', recurring: null, lookup_key: null, type: 'one_time' };
    return {
      id: `li_${randomUUID().replaceAll('-', '')}`,
      object: 'item',
      currency,
      quantity: 1,
      ...sums,
      amount_tax: 0,
      price: { ...price, ...product },
    };
  }

  it('are all of those that were given', () => {
    expect(readdirSync(FIXTURES).filter((name) => name.endsWith('.json'))).toHaveLength(11);
  });

  it('checkout.session.completed: the pack it sold, in its own mode alone, for the customer that Stripe knows', async () => {
    const inLiveMode = recorded('checkout_session_completed.json');
    const { id, customer, payment_intent: intent } = inLiveMode.data.object;
    // The recording gave the session the id of the invoice below, which is of another purchase.
    const object = { ...inLiveMode.data.object, invoice: null };
    const event = { ...inLiveMode, data: { object } };
    const accountId = randomUUID();
    const path = `/v1/checkout/sessions/${id}/line_items`;
    stripe.knows(path, list(path, [line({ amount: 999, currency: 'eur' })]));
    stripe.knows(`/v1/customers/${customer}`, {
      id: customer,
      object: 'customer',
      metadata: { userId: accountId },
    });
    const foreign = await post(test, event);
    expect(await inbox(test, foreign)).toMatchObject({ status: 'skipped' });
    expect(await ledger(test, accountId)).toEqual([]);

    const own = { ...event, livemode: false };
    const eventId = await post(test, own);
    await post(test, own);
    expect(await ledger(test, accountId)).toEqual([
      {
        stripeEventId: eventId,
        stripePaymentId: intent,
        stripePriceId: PACK,
        delta: 50,
        reason: 'recorded_pack',
        planType: 'credits',
      },
    ]);
    expect(await balance(test, accountId)).toMatchObject({ posted: 50, available: 50 });
  });

  it('invoice.paid: the month of its line, once, though it cost nothing', async () => {
    const event = recorded('invoice_paid.json');
    const { customer } = event.data.object;
    const accountId = randomUUID();
    stripe.knows(`/v1/customers/${customer}`, {
      id: customer,
      object: 'customer',
      metadata: { userId: accountId },
    });
    const eventId = await post(test, event);
    await Promise.all([post(test, event), post(test, event)]);
    expect(await ledger(test, accountId)).toMatchObject([
      { stripeEventId: eventId, stripePriceId: MONTHLY, delta: 40, reason: 'recorded_monthly' },
    ]);
  });

  it('charge.succeeded: nothing, credits follow the session or the invoice', async () => {
    const eventId = await post(test, recorded('charge_succeeded.json'));
    expect(await inbox(test, eventId)).toMatchObject({ status: 'skipped' });
  });

  it('charge.refunded: all of the purchase that it paid is taken back', async () => {
    const event = recorded('charge_refunded.json');
    const { payment_intent: intent, amount, currency } = event.data.object;
    const accountId = await bought({
      intent: String(intent),
      amount: Number(amount),
      currency: String(currency),
    });
    const eventId = await post(test, event);
    await post(test, event);
    expect(await ledger(test, accountId)).toMatchObject([
      { delta: 50 },
      { delta: -50, reason: 'refund_recorded_pack', stripeEventId: eventId },
    ]);
    expect(await balance(test, accountId)).toMatchObject({ posted: 0, available: 0 });
  });

  it('refund.created takes its share back; refund.failed, though it still says succeeded, gives it again', async () => {
    const created = recorded('refund_created.json');
    const { id, payment_intent: intent, amount, currency } = created.data.object;
    const accountId = await bought({
      intent: String(intent),
      amount: 2 * Number(amount),
      currency: String(currency),
    });
    stripe.knows(`/v1/refunds/${id}`, created.data.object);
    await post(test, created);
    expect(await balance(test, accountId)).toMatchObject({ available: 25 });

    stripe.knows(`/v1/refunds/${id}`, { ...created.data.object, status: 'failed' });
    await post(test, recorded('refund_failed.json'));
    expect(await balance(test, accountId)).toMatchObject({ available: 50 });
    expect((await ledger(test, accountId)).map(({ delta }) => delta)).toEqual([50, -25, 25]);
  });

  it('charge.dispute.created and .closed: an inquiry moves no money and no credits', async () => {
    const created = recorded('charge_dispute_created.json');
    const { payment_intent: intent, amount, currency } = created.data.object;
    const accountId = await bought({
      intent: String(intent),
      amount: Number(amount),
      currency: String(currency),
    });
    for (const event of [created, recorded('charge_dispute_closed.json')]) {
      const eventId = await post(test, event);
      expect(await inbox(test, eventId)).toMatchObject({ status: 'processed' });
    }
    expect((await ledger(test, accountId)).map(({ delta }) => delta)).toEqual([50]);
  });

  it('invoice_payment.paid: links the payment to its invoice, so that a refund of it finds the credits', async () => {
    const link = recorded('invoice_payment_paid.json');
    const { invoice, amount_paid: paid, payment } = link.data.object;
    const accountId = randomUUID();
    const month = recorded('invoice_paid.json');
    const [first] = (month.data.object['lines'] as { data: Json[] }).data;
    const path = `/v1/invoices/${invoice}/lines`;
    const lines = list(path, [{ ...first, id: 'il_linked', amount: paid, invoice }]);
    const said = { id: invoice, customer: null, metadata: { userId: accountId }, lines };
    const sums = { amount_paid: paid, amount_due: paid, total: paid, subtotal: paid };
    await post(test, { ...month, data: { object: { ...month.data.object, ...said, ...sums } } });
    expect(await balance(test, accountId)).toMatchObject({ available: 40 });

    await post(test, link);
    const refund = recorded('refund_created.json');
    const intent = (payment as Json)['payment_intent'];
    const back = { id: 're_linked', charge: 'ch_linked', payment_intent: intent, amount: paid };
    await post(test, { ...refund, data: { object: { ...refund.data.object, ...back } } });
    expect(await balance(test, accountId)).toMatchObject({ available: 0 });
  });

  it('customer.subscription.updated and .deleted: whose it is is kept, what was bought stays', async () => {
    for (const file of ['subscription_updated.json', 'subscription_deleted.json']) {
      const event = recorded(file);
      const accountId = randomUUID();
      const { id: subscription, metadata } = event.data.object;
      const owned = { ...(metadata as Json), userId: accountId };
      const object = { ...event.data.object, customer: null, metadata: owned };
      const eventId = await post(test, { ...event, data: { object } });
      expect(await inbox(test, eventId), file).toMatchObject({ status: 'processed' });
      expect(await ledger(test, accountId)).toEqual([]);

      // A month of that subscription, paid: the invoice names nobody, the subscription does.
      const month = recorded('invoice_paid.json');
      const invoice = `in_${randomUUID()}`;
      const own = { id: invoice, subscription, customer: null, metadata: {} };
      await post(test, { ...month, data: { object: { ...month.data.object, ...own } } });
      expect(await balance(test, accountId), file).toMatchObject({ available: 40 });
    }
  });

  it('unsigned or altered they are answered 400 and store nothing', async () => {
    const stored = async () => await test.fresh.db.query('select 1 from billing.events');
    const before = (await stored()).length;
    const body = JSON.stringify({ ...recorded('invoice_paid.json'), id: 'evt_forged' });
    const forged = await deliver({ url: test.url, secret: 'whsec_of_somebody_else', body });
    expect(forged).toMatchObject({ status: 400, body: expect.stringContaining('signature') });
    expect(await stored()).toHaveLength(before);
  });

  it('leave a ledger that is sound', async () => {
    const verified = await runFlorin(['verify'], {
      cwd: folder,
      env: { DATABASE_URL: test.fresh.url },
    });
    expect(verified).toMatchObject({ code: 0, stdout: 'The ledger is sound.\n' });
  });
});
