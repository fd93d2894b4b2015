import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Sandbox } from '../src/index.ts';
import { endpointUnderTest, KEY, sandboxUnderTest, sdkFor, types } from './sandbox-under-test.ts';
import { breakingProxy } from './support/breaking-proxy.ts';
import { hasStripeCli, stripeEnvironment, stripeProgram } from './support/stripe-cli.ts';

/** The official CLI with a home of its own and the sandbox in Stripe's place. */
function start(sandbox: Sandbox, home: string, args: readonly string[]) {
  const child = spawn(stripeProgram(), [...args, '--api-base', sandbox.url, '--api-key', KEY], {
    env: stripeEnvironment(home),
  });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += String(chunk);
  });
  child.stderr.on('data', (chunk) => {
    output += String(chunk);
  });
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  return { output: () => output, ended };
}

async function homeUnderTest(): Promise<string> {
  const home = await mkdtemp(join(tmpdir(), 'florin-stripe-cli-'));
  onTestFinished(() => rm(home, { recursive: true, force: true }));
  return home;
}

const TRIGGERS = [
  'balance.available',
  'billing_portal.configuration.created',
  'billing_portal.configuration.updated',
  'billing_portal.session.created',
  'charge.captured',
  'charge.dispute.closed',
  'charge.dispute.created',
  'charge.dispute.updated',
  'charge.failed',
  'charge.refund.updated',
  'charge.refunded',
  'charge.succeeded',
  'checkout.session.async_payment_failed',
  'checkout.session.async_payment_succeeded',
  'checkout.session.completed',
  'checkout.session.expired',
  'coupon.created',
  'coupon.deleted',
  'coupon.updated',
  'credit_note.created',
  'credit_note.updated',
  'credit_note.voided',
  'customer.created',
  'customer.deleted',
  'customer.discount.created',
  'customer.discount.deleted',
  'customer.discount.updated',
  'customer.subscription.created',
  'customer.subscription.deleted',
  'customer.subscription.paused',
  'customer.subscription.trial_will_end',
  'customer.subscription.updated',
  'customer.updated',
  'invoice.created',
  'invoice.deleted',
  'invoice.finalized',
  'invoice.marked_uncollectible',
  'invoice.paid',
  'invoice.payment_action_required',
  'invoice.payment_failed',
  'invoice.payment_succeeded',
  'invoice.sent',
  'invoice.updated',
  'invoice.voided',
  'invoiceitem.created',
  'invoiceitem.deleted',
  'payment_intent.amount_capturable_updated',
  'payment_intent.canceled',
  'payment_intent.created',
  'payment_intent.payment_failed',
  'payment_intent.processing',
  'payment_intent.requires_action',
  'payment_intent.succeeded',
  'payment_link.created',
  'payment_link.updated',
  'payment_method.attached',
  'payment_method.detached',
  'payment_method.updated',
  'payout.created',
  'payout.updated',
  'plan.created',
  'plan.deleted',
  'plan.updated',
  'price.created',
  'price.updated',
  'product.created',
  'product.deleted',
  'product.updated',
  'promotion_code.created',
  'promotion_code.updated',
  'quote.accepted',
  'quote.canceled',
  'quote.created',
  'quote.finalized',
  'setup_intent.canceled',
  'setup_intent.created',
  'setup_intent.requires_action',
  'setup_intent.setup_failed',
  'setup_intent.succeeded',
  'subscription.payment_failed',
  'subscription.payment_succeeded',
  'subscription_schedule.canceled',
  'subscription_schedule.created',
  'subscription_schedule.released',
  'subscription_schedule.updated',
  'tax_rate.created',
  'tax_rate.updated',
  'test_helpers.test_clock.advancing',
  'test_helpers.test_clock.created',
  'test_helpers.test_clock.deleted',
  'test_helpers.test_clock.ready',
];

const DAY = 86_400;

describe.runIf(hasStripeCli)('the official Stripe CLI', () => {
  it.each(TRIGGERS)('triggers %s', async (type) => {
    const { sandbox } = await sandboxUnderTest();
    const cli = start(sandbox, await homeUnderTest(), ['trigger', type]);
    const status = await cli.ended;
    expect(cli.output()).toContain('Trigger succeeded');
    expect(status).toBe(0);
    if (type.startsWith('checkout.session.async')) {
      sandbox.advance({ minutes: 1 });
    }
    expect(types(sandbox)).toContain(type.replace(/^subscription\.payment/, 'invoice.payment'));
  });

  it('cancels a schedule that has not begun, where it is to trigger one that is aborted', async () => {
    const { sandbox, stripe } = await sandboxUnderTest();
    const cli = start(sandbox, await homeUnderTest(), ['trigger', 'subscription_schedule.aborted']);
    expect(await cli.ended).toBe(0);
    const told = types(sandbox).filter((type) => type.startsWith('subscription_schedule'));
    expect(told).toEqual(['subscription_schedule.created', 'subscription_schedule.canceled']);
    const [schedule] = (await stripe.subscriptionSchedules.list()).data;
    expect(schedule).toMatchObject({ status: 'canceled', subscription: null });
  });

  it.each([
    ['canceled', ['aborted']],
    ['unpaid', ['expiring', 'completed', 'released']],
  ] as const)(
    'triggers a schedule whose customer has no card: unpaid, it is %s',
    async (dunningEnds, ends) => {
      const { sandbox, stripe } = await sandboxUnderTest({ dunningEnds });
      const cli = start(sandbox, await homeUnderTest(), [
        'trigger',
        'subscription_schedule.completed',
      ]);
      expect(await cli.ended).toBe(0);
      const { data } = await stripe.events.list({ type: 'subscription_schedule.*' });
      expect(data.map(({ type }) => type).reverse()).toEqual(
        ['created', 'updated', ...ends].map((end) => `subscription_schedule.${end}`),
      );
    },
  );

  it('stops its clock nine days before the end of the schedule that is to expire', async () => {
    const { sandbox, stripe } = await sandboxUnderTest({ dunningEnds: 'unpaid' });
    const cli = start(sandbox, await homeUnderTest(), [
      'trigger',
      'subscription_schedule.expiring',
    ]);
    expect(await cli.ended).toBe(0);
    expect(types(sandbox)).not.toContain('subscription_schedule.expiring');
    const [clock] = (await stripe.testHelpers.testClocks.list()).data;
    await stripe.testHelpers.testClocks.advance(clock?.id ?? '', {
      frozen_time: (clock?.frozen_time ?? 0) + 2 * DAY,
    });
    const { data } = await stripe.events.list({ type: 'subscription_schedule.expiring' });
    const [schedule] = (await stripe.subscriptionSchedules.list()).data;
    expect(data.map(({ created }) => created)).toEqual([
      (schedule?.phases[0]?.end_date ?? 0) - 7 * DAY,
    ]);
  });

  it('replays fixtures', async () => {
    const { sandbox, stripe } = await sandboxUnderTest();
    const home = await homeUnderTest();
    const file = join(home, 'fixture.json');
    await writeFile(
      file,
      JSON.stringify({
        _meta: { template_version: 0 },
        fixtures: [
          {
            name: 'cus',
            path: '/v1/customers',
            method: 'post',
            params: { email: 'f@example.com' },
          },
          {
            name: 'pi',
            path: '/v1/payment_intents',
            method: 'post',
            params: {
              amount: 700,
              currency: 'usd',
              // biome-ignore lint/suspicious/noTemplateCurlyInString: the CLI's own placeholder
              customer: '${cus:id}',
              payment_method: 'pm_card_visa',
              confirm: true,
            },
          },
        ],
      }),
    );
    const cli = start(sandbox, home, ['fixtures', file]);
    expect([await cli.ended, cli.output()]).toEqual([0, expect.stringContaining('pi')]);
    const [intent] = (await stripe.paymentIntents.list({ expand: ['data.customer'] })).data;
    expect(intent).toMatchObject({ amount: 700, customer: { email: 'f@example.com' } });
  });

  it('listens and forwards events that its secret verifies', async () => {
    const endpoint = await endpointUnderTest();
    const { sandbox, stripe } = await sandboxUnderTest();
    const home = await homeUnderTest();
    const cli = start(sandbox, home, ['listen', '--all-snapshot', '--forward-to', endpoint.url]);
    await expect.poll(cli.output).toMatch(/Ready!/);
    const secret = /whsec_\w+/.exec(cli.output())?.[0] ?? '';
    await stripe.paymentIntents.create({
      amount: 500,
      currency: 'usd',
      payment_method: 'pm_card_visa',
      confirm: true,
    });
    await expect.poll(() => endpoint.received.length).toBe(3);
    for (const { body, signature } of endpoint.received) {
      expect(stripe.webhooks.constructEvent(body, signature, secret).id).toMatch(/^evt_/);
    }
    expect(new Set(endpoint.types())).toEqual(
      new Set(['payment_intent.created', 'charge.succeeded', 'payment_intent.succeeded']),
    );
  });

  it('hears of every event, though its connection breaks again and again', async () => {
    const endpoint = await endpointUnderTest();
    let address = new URL('http://127.0.0.1:1');
    const proxy = await breakingProxy(() => address);
    const { sandbox } = await sandboxUnderTest({ publicUrl: proxy.url });
    address = new URL(`http://127.0.0.1:${sandbox.port}`);
    const stripe = sdkFor({ url: address.href });
    const home = await homeUnderTest();
    const cli = start(sandbox, home, ['listen', '--all-snapshot', '--forward-to', endpoint.url]);
    await expect.poll(cli.output).toMatch(/Ready!/);
    const pay = async (times: number) => {
      for (let nth = 0; nth < times; nth += 1) {
        await stripe.paymentIntents.create({
          amount: 500 + nth,
          currency: 'usd',
          payment_method: 'pm_card_visa',
          confirm: true,
        });
      }
    };
    const before = sandbox.events().length;
    const told = () =>
      new Set(
        sandbox
          .events()
          .slice(before)
          .map((event) => event.id),
      );
    const heard = () => new Set(endpoint.received.map((one) => one.event.id));
    const answered = () => cli.output().match(/\[200\] POST/g)?.length ?? 0;
    for (const payments of [3, 27, 27]) {
      await pay(1);
      // At the cut the CLI must not have eleven messages to write: the writer then waits for a queue
      // that only it empties, and never connects again (stripe-cli, pkg/websocket, writePump).
      proxy.cut();
      await pay(payments);
      await expect.poll(heard, { timeout: 60_000 }).toEqual(told());
      await expect.poll(answered).toBe(endpoint.received.length);
    }
    expect(heard().size).toBe(180);
  }, 90_000);

  it('asks for a new session when the sandbox does not know its own any more', async () => {
    const { sandbox } = await sandboxUnderTest();
    const answer = await fetch(`${sandbox.url}/sandbox/listen`, {
      headers: { 'websocket-id': 'cliws_unknown' },
    });
    expect([answer.status, await answer.json()]).toEqual([
      401,
      { error: { message: 'Unknown WebSocket ID.' } },
    ]);
  });

  it('forwards thin events where those are asked for, and nothing else', async () => {
    const endpoint = await endpointUnderTest();
    const { sandbox, stripe } = await sandboxUnderTest();
    const home = await homeUnderTest();
    const cli = start(sandbox, home, ['listen', '--all-thin', '--forward-to', endpoint.url]);
    await expect.poll(cli.output).toMatch(/Ready!/);
    const secret = /whsec_\w+/.exec(cli.output())?.[0] ?? '';
    const customer = await stripe.customers.create();
    await expect.poll(() => endpoint.received.length).toBe(1);
    const [{ body = '', signature = '' } = {}] = endpoint.received;
    expect(stripe.parseEventNotification(body, signature, secret)).toMatchObject({
      type: 'v1.customer.created',
      related_object: { id: customer.id },
    });
  });

  it('forwards thin events that have no snapshot, those of faulty usage, to listeners for thin ones only', async () => {
    const [thin, snapshots] = [await endpointUnderTest(), await endpointUnderTest()];
    const { sandbox, stripe } = await sandboxUnderTest();
    const [one, other] = [
      ['--all-thin', '--forward-to', thin.url],
      ['--all-snapshot', '--forward-to', snapshots.url],
    ];
    for (const options of [one, other]) {
      const cli = start(sandbox, await homeUnderTest(), ['listen', ...options]);
      await expect.poll(cli.output).toMatch(/Ready!/);
    }
    const { authentication_token } = await stripe.v2.billing.meterEventSession.create();
    const stream = sdkFor(sandbox, authentication_token).v2.billing.meterEventStream;
    const payload = { stripe_customer_id: 'cus_none', value: '1' };
    await stream.create({ events: [{ event_name: 'unknown', payload }] });
    await stripe.customers.create();
    await expect
      .poll(() => thin.types().sort())
      .toEqual(['v1.billing.meter.no_meter_found', 'v1.customer.created']);
    await expect.poll(() => snapshots.types()).toEqual(['customer.created']);
    const [told] = thin.of('v1.billing.meter.no_meter_found');
    const { id } = JSON.parse(told?.body ?? '{}');
    expect(await stripe.v2.core.events.retrieve(id)).toMatchObject({
      type: 'v1.billing.meter.no_meter_found',
    });
  });

  it('resends an event to whoever listens, and to an endpoint', async () => {
    const [endpoint, forwarded] = [await endpointUnderTest(), await endpointUnderTest()];
    const { sandbox, stripe } = await sandboxUnderTest({
      endpoints: [{ url: endpoint.url, secret: 'whsec_x' }],
    });
    const home = await homeUnderTest();
    const cli = start(sandbox, home, ['listen', '--all-snapshot', '--forward-to', forwarded.url]);
    await expect.poll(cli.output).toMatch(/Ready!/);
    await stripe.customers.create();
    await sandbox.settled();
    await expect.poll(() => forwarded.received.length).toBe(1);
    const [event] = sandbox.events('customer.created');
    const id = event?.id ?? '';
    const [hook] = (await stripe.webhookEndpoints.list()).data;
    const again = start(sandbox, home, ['events', 'resend', id]);
    expect([await again.ended, again.output()]).toEqual([0, expect.stringContaining(id)]);
    await expect.poll(() => forwarded.received.length).toBe(2);
    const directly = start(sandbox, home, [
      'events',
      'resend',
      id,
      '--webhook-endpoint',
      hook?.id ?? '',
    ]);
    expect(await directly.ended).toBe(0);
    await sandbox.settled();
    expect(endpoint.received.map((one) => one.event.id)).toEqual([id, id]);
    expect(forwarded.received).toHaveLength(2);
  });
});
