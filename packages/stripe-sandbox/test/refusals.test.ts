import type Stripe from 'stripe';
import { describe, expect, it } from 'vitest';
import { PARAMETERS } from '../src/api/parameters.ts';
import { ROUTES } from '../src/app.ts';
import { STREAM } from '../src/billing/meter-stream.ts';
import { SANDBOX_API_VERSION } from '../src/settings.ts';
import { KEY, sandboxUnderTest } from './sandbox-under-test.ts';

const card = { payment_method: 'pm_card_visa', confirm: true };
const session = {
  mode: 'payment' as const,
  success_url: 'https://shop.example/done',
  line_items: [{ price: 'price_QUICK_SCAN', quantity: 1 }],
};

/** A request of any shape: the SDK's types would refuse what these tests send. */
type Loose = (stripe: Stripe) => Promise<unknown>;
const loosely = (input: object) => input as never;

const REFUSALS: readonly [what: string, ask: Loose, error: object][] = [
  [
    'a misspelt parameter, naming the one that was meant',
    (stripe) => stripe.customers.create(loosely({ emial: 'a@b.example' })),
    {
      statusCode: 400,
      type: 'StripeInvalidRequestError',
      code: 'parameter_unknown',
      param: 'emial',
      message: 'Received unknown parameter: emial. Did you mean email?',
    },
  ],
  [
    'a misspelt parameter within a list',
    (stripe) =>
      stripe.checkout.sessions.create(
        loosely({ ...session, line_items: [{ prise: 'price_QUICK_SCAN', quantity: 1 }] }),
      ),
    {
      code: 'parameter_unknown',
      param: 'line_items[0][prise]',
      message: 'Received unknown parameter: line_items[0][prise]. Did you mean price?',
    },
  ],
  [
    'several unknown parameters at once',
    (stripe) => stripe.products.create(loosely({ name: 'A', wheels: 4, doors: 2 })),
    { message: 'Received unknown parameters: wheels, doors', param: 'wheels' },
  ],
  [
    'a misspelt filter of a list',
    (stripe) => stripe.invoices.list(loosely({ costumer: 'cus_1' })),
    { code: 'parameter_unknown', param: 'costumer' },
  ],
  [
    'a missing parameter',
    (stripe) => stripe.products.create(loosely({})),
    { code: 'parameter_missing', param: 'name' },
  ],
  [
    'a missing parameter within an object',
    (stripe) =>
      stripe.prices.create(
        loosely({ currency: 'usd', unit_amount: 500, product_data: { active: true } }),
      ),
    { code: 'parameter_missing', param: 'product_data[name]' },
  ],
  [
    'a word that is not allowed there',
    (stripe) => stripe.checkout.sessions.create(loosely({ ...session, mode: 'gift' })),
    { param: 'mode', message: /^Invalid mode: must be one of payment, setup, or subscription$/ },
  ],
  [
    'a number that is not one',
    (stripe) => stripe.refunds.create(loosely({ charge: 'ch_1', amount: 'all' })),
    { param: 'amount', code: 'parameter_invalid_integer' },
  ],
  [
    'a boolean that is not one',
    (stripe) => stripe.products.create(loosely({ name: 'A', active: 'perhaps' })),
    { param: 'active', message: 'Invalid boolean: perhaps' },
  ],
  [
    'an object where a text should be',
    (stripe) => stripe.customers.create(loosely({ name: { first: 'A' } })),
    { param: 'name' },
  ],
  [
    'a text where an object should be',
    (stripe) => stripe.customers.create(loosely({ address: 'Main Street' })),
    { param: 'address', message: 'Invalid object' },
  ],
  [
    'an amount below what a card network takes',
    (stripe) => stripe.paymentIntents.create({ amount: 49, currency: 'usd' }),
    {
      code: 'amount_too_small',
      param: 'amount',
      message: 'Amount must be at least $0.50 usd',
    },
  ],
  [
    'an amount below the least of another currency',
    (stripe) => stripe.paymentIntents.create({ amount: 299, currency: 'sek' }),
    { code: 'amount_too_small' },
  ],
  [
    'a checkout whose total is too small',
    (stripe) =>
      stripe.checkout.sessions.create({
        ...session,
        line_items: [
          {
            quantity: 1,
            price_data: { currency: 'usd', unit_amount: 20, product_data: { name: 'Sticker' } },
          },
        ],
      }),
    { code: 'amount_too_small' },
  ],
  [
    'a currency that does not exist',
    (stripe) => stripe.paymentIntents.create({ amount: 500, currency: 'xyz' }),
    { param: 'currency', message: /^Invalid currency: xyz\. Stripe currently supports/ },
  ],
  [
    'a malformed e-mail address',
    (stripe) => stripe.customers.create({ email: 'nobody at example' }),
    { code: 'email_invalid', param: 'email' },
  ],
  [
    'a hosted checkout without an address to come back to',
    (stripe) =>
      stripe.checkout.sessions.create({ mode: 'payment', line_items: session.line_items }),
    { code: 'parameter_missing', param: 'success_url' },
  ],
];

describe('the sandbox refuses, as Stripe does,', () => {
  it.each(REFUSALS)('%s', async (_what, ask, error) => {
    const { sandbox, stripe } = await sandboxUnderTest();
    const before = sandbox.events().length;
    const { message, ...rest } = error as { message?: string | RegExp };
    const refused = expect(ask(stripe)).rejects;
    await refused.toMatchObject(rest);
    if (message !== undefined) {
      await expect(ask(stripe)).rejects.toThrow(message);
    }
    expect(sandbox.events()).toHaveLength(before);
  });

  it('another customer’s payment method, for payments, subscriptions and defaults', async () => {
    const { stripe } = await sandboxUnderTest();
    const [owner, other] = [await stripe.customers.create(), await stripe.customers.create()];
    const method = await stripe.paymentMethods.attach('pm_card_visa', { customer: owner.id });
    const intent = { amount: 500, currency: 'usd', confirm: true, payment_method: method.id };
    const asks = [
      () => stripe.paymentIntents.create({ ...intent, customer: other.id }),
      () => stripe.paymentIntents.create(intent),
      () => stripe.setupIntents.create({ ...card, customer: other.id, payment_method: method.id }),
      () =>
        stripe.customers.update(other.id, {
          invoice_settings: { default_payment_method: method.id },
        }),
      () =>
        stripe.subscriptions.create({
          customer: other.id,
          items: [{ price: 'price_BASIC_MONTHLY' }],
          default_payment_method: method.id,
        }),
    ];
    for (const ask of asks) {
      await expect(ask()).rejects.toMatchObject({ statusCode: 400, code: 'resource_missing' });
    }
    const paid = await stripe.paymentIntents.create({ ...intent, customer: owner.id });
    expect(paid.status).toBe('succeeded');
  });

  it('a test clock that moves by more than two periods at once', async () => {
    const { stripe } = await sandboxUnderTest();
    const start = Date.UTC(2027, 0, 1) / 1000;
    const clock = await stripe.testHelpers.testClocks.create({ frozen_time: start });
    const customer = await stripe.customers.create({
      test_clock: clock.id,
      payment_method: 'pm_card_visa',
      invoice_settings: { default_payment_method: 'pm_card_visa' },
    });
    await stripe.subscriptions.create({
      customer: customer.id,
      items: [{ price: 'price_BASIC_MONTHLY' }],
    });
    const advance = (to: number) =>
      stripe.testHelpers.testClocks.advance(clock.id, { frozen_time: to });
    await expect(advance(Date.UTC(2027, 2, 2) / 1000)).rejects.toMatchObject({
      param: 'frozen_time',
    });
    expect((await advance(Date.UTC(2027, 2, 1) / 1000)).status).toBe('advancing');
  });

  it('an unknown parameter at every route, in JSON of Stripe’s shape', async () => {
    const { sandbox } = await sandboxUnderTest();
    for (const [method, path] of ROUTES.filter(([, one]) => one.startsWith('/v1/'))) {
      const address = `${sandbox.url}${path.replaceAll(/:\w+/g, 'none_1')}`;
      const body = 'zzz_unheard_of=1';
      const answer = await fetch(method === 'post' ? address : `${address}?${body}`, {
        method: method.toUpperCase(),
        headers: {
          authorization: `Bearer ${KEY}`,
          'content-type': 'application/x-www-form-urlencoded',
        },
        ...(method === 'post' ? { body } : {}),
      });
      const { error } = (await answer.json()) as { error?: { type: string; message: string } };
      expect([`${method} ${path}`, answer.status >= 400, error?.type]).toEqual([
        `${method} ${path}`,
        true,
        'invalid_request_error',
      ]);
    }
  });

  it('a request without parameters at every route that requires some', async () => {
    const { sandbox } = await sandboxUnderTest();
    const table = JSON.parse(PARAMETERS) as Record<string, object>;
    const demanding = Object.entries(table).flatMap(([route, parameters]) => {
      const needed = Object.keys(parameters).find((name) => name.endsWith('!'));
      // The stream takes no key: see meter-events.test.ts.
      const isOpen = !route.endsWith(STREAM);
      return needed === undefined || !isOpen ? [] : [[route, needed.slice(0, -1)] as const];
    });
    expect(demanding.length).toBeGreaterThan(20);
    for (const [route, param] of demanding) {
      const [method = '', path = ''] = route.split(' ');
      const answer = await fetch(`${sandbox.url}${path.replaceAll(/:\w+/g, 'none_1')}`, {
        method: method.toUpperCase(),
        headers: { authorization: `Bearer ${KEY}`, 'stripe-version': SANDBOX_API_VERSION },
      });
      expect([route, answer.status, await answer.json()]).toMatchObject([
        route,
        400,
        { error: { type: 'invalid_request_error', code: 'parameter_missing', param } },
      ]);
    }
  });

  it('what it does not know, always in JSON, and takes no verb for an id', async () => {
    const { sandbox, stripe } = await sandboxUnderTest();
    const headers = { authorization: `Bearer ${KEY}` };
    const paths = ['/v1', '/v1/', '/v1/nothing', '/v2/core/nothing', '/v3/charges', '/nothing'];
    const verbs = ['/v1/invoices/upcoming', '/v1/quotes/search', '/v1/charges/none/none'];
    for (const path of [...paths, ...verbs]) {
      const answer = await fetch(`${sandbox.url}${path}`, { headers });
      expect(answer.headers.get('content-type')).toContain('application/json');
      expect([answer.status, await answer.json()]).toMatchObject([
        404,
        { error: { message: expect.stringContaining('Unrecognized request URL') } },
      ]);
    }
    const large = await fetch(`${sandbox.url}/v1/customers`, {
      method: 'POST',
      headers,
      body: `description=${'x'.repeat(2 * 1024 * 1024)}`,
    });
    expect([large.status, await large.json()]).toMatchObject([
      413,
      { error: { type: expect.any(String) } },
    ]);
    await expect(stripe.customers.retrieve('cus_none')).rejects.toMatchObject({ statusCode: 404 });
  });
});
