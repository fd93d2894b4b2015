import type Stripe from 'stripe';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sandboxUnderTest } from './sandbox-under-test.ts';
import { axeViolations, hasBrowser, launchBrowser } from './support/browser.ts';

type Custom = Partial<Stripe.PriceCreateParams.CustomUnitAmount>;

async function gift(
  custom: Custom = {},
  session: Partial<Stripe.Checkout.SessionCreateParams> = {},
) {
  const { sandbox, stripe } = await sandboxUnderTest();
  const price = await stripe.prices.create({
    product: 'prod_QUICK_SCAN',
    currency: 'usd',
    custom_unit_amount: { enabled: true, minimum: 200, maximum: 5000, preset: 900, ...custom },
  });
  const open = (more: Partial<Stripe.Checkout.SessionCreateParams> = {}) =>
    stripe.checkout.sessions.create({
      mode: 'payment',
      success_url: `${sandbox.url}/sandbox?paid={CHECKOUT_SESSION_ID}`,
      line_items: [{ price: price.id, quantity: 1 }],
      ...session,
      ...more,
    });
  return { sandbox, stripe, price, open };
}

describe('an amount that the buyer chooses', () => {
  it('stands at its preset, and is charged as the buyer says', async () => {
    const { sandbox, stripe, price, open } = await gift();
    expect(price).toMatchObject({ unit_amount: null, custom_unit_amount: { preset: 900 } });
    const { id, amount_total } = await open();
    expect(amount_total).toBe(900);
    sandbox.pay(id, { amount: 1234 });
    const paid = await stripe.checkout.sessions.retrieve(id, {
      expand: ['line_items', 'payment_intent.latest_charge'],
    });
    expect(paid).toMatchObject({
      amount_subtotal: 1234,
      amount_total: 1234,
      payment_status: 'paid',
      line_items: {
        data: [{ amount_subtotal: 1234, amount_total: 1234, price: { id: price.id } }],
      },
      payment_intent: { amount_received: 1234, latest_charge: { amount: 1234 } },
    });
  });

  it('is on the invoice of its session', async () => {
    const { sandbox, stripe, open } = await gift({}, { invoice_creation: { enabled: true } });
    const { id } = await open();
    sandbox.pay(id, { amount: 2500, email: 'ann@example.com' });
    const [invoice] = (await stripe.invoices.list()).data;
    expect(invoice).toMatchObject({
      amount_paid: 2500,
      lines: { data: [{ amount: 2500, pricing: { unit_amount_decimal: expect.anything() } }] },
    });
    expect(String(invoice?.lines.data[0]?.pricing?.unit_amount_decimal)).toBe('2500');
  });

  it('is asked for where nothing is preset, and nothing is charged before it is said', async () => {
    const { sandbox, stripe } = await sandboxUnderTest();
    const price = await stripe.prices.create({
      product: 'prod_QUICK_SCAN',
      currency: 'usd',
      custom_unit_amount: { enabled: true },
    });
    const { id, amount_total } = await stripe.checkout.sessions.create({
      mode: 'payment',
      success_url: 'https://shop.example/done',
      line_items: [{ price: price.id, quantity: 1 }],
    });
    expect(amount_total).toBe(0);
    expect(() => sandbox.pay(id)).toThrow(/Enter the amount/);
    expect(() => sandbox.pay(id, { amount: 49 })).toThrow(/at least \$0\.50/);
    expect((await stripe.paymentIntents.list()).data).toEqual([]);
    sandbox.pay(id, { amount: 50 });
    expect((await stripe.checkout.sessions.retrieve(id)).amount_total).toBe(50);
  });

  it('is taken off by a promotion code, and sold by a payment link', async () => {
    const { sandbox, stripe, price } = await gift();
    const coupon = await stripe.coupons.create({ percent_off: 50 });
    const promotion = { type: 'coupon' as const, coupon: coupon.id };
    const { code } = await stripe.promotionCodes.create({ promotion });
    const link = await stripe.paymentLinks.create({
      line_items: [{ price: price.id, quantity: 1 }],
      allow_promotion_codes: true,
    });
    const { headers } = await fetch(link.url, { redirect: 'manual' });
    const id = headers.get('location')?.split('/').at(-1) ?? '';
    sandbox.pay(id, { amount: 3000, promotionCode: code });
    expect(await stripe.checkout.sessions.retrieve(id)).toMatchObject({
      amount_subtotal: 3000,
      amount_total: 1500,
    });
  });

  it('is changed after a declined card, and the next card pays what it says then', async () => {
    const { sandbox, stripe, open } = await gift();
    const { id } = await open();
    sandbox.pay(id, { amount: 1000, card: 'chargeDeclined' });
    sandbox.pay(id, { amount: 2000 });
    const [intent, ...others] = (await stripe.paymentIntents.list()).data;
    expect(others).toEqual([]);
    expect(intent).toMatchObject({ amount: 2000, amount_received: 2000, status: 'succeeded' });
  });

  it.each([
    [{ minimum: 49 }, 'custom_unit_amount[minimum]', /at least \$0\.50/],
    [{ maximum: 100 }, 'custom_unit_amount[maximum]', /maximum/],
    [{ preset: 100 }, 'custom_unit_amount[preset]', /preset/],
    [{ preset: 6000 }, 'custom_unit_amount[preset]', /preset/],
  ])('refuses a price with %o', async (custom, param, message) => {
    await expect(gift(custom)).rejects.toMatchObject({
      statusCode: 400,
      param,
      message: expect.stringMatching(message),
    });
  });

  it('is one, one-time and the whole order', async () => {
    const { stripe, price, open } = await gift();
    const one = { price: price.id, quantity: 1 };
    const pack = { price: 'price_POWER_PACK', quantity: 1 };
    const wrong: [Partial<Stripe.Checkout.SessionCreateParams>, string][] = [
      [{ line_items: [one, pack] }, 'line_items'],
      [{ optional_items: [pack] }, 'line_items'],
      [{ line_items: [{ ...one, quantity: 2 }] }, 'line_items[0][quantity]'],
      [
        { line_items: [{ ...one, adjustable_quantity: { enabled: true } }] },
        'line_items[0][quantity]',
      ],
    ];
    for (const [params, param] of wrong) {
      await expect(open(params)).rejects.toMatchObject({ statusCode: 400, param });
    }
    const both = {
      product: 'prod_QUICK_SCAN',
      currency: 'usd',
      custom_unit_amount: { enabled: true },
    };
    const recurring = { interval: 'month' as const };
    await expect(stripe.prices.create({ ...both, unit_amount: 500 })).rejects.toMatchObject({
      param: 'unit_amount',
    });
    await expect(stripe.prices.create({ ...both, recurring })).rejects.toMatchObject({
      param: 'recurring',
    });
  });
});

describe.runIf(hasBrowser)('the amount box of the checkout page', () => {
  let browser: Awaited<ReturnType<typeof launchBrowser>>;
  beforeAll(async () => {
    browser = await launchBrowser();
  });
  afterAll(() => browser?.close());

  it('shows the preset, keeps what was typed when it refuses, and charges what it says', async () => {
    const { stripe, open } = await gift();
    const { id, url } = await open();
    const page = await browser.newPage({ viewport: { width: 360, height: 740 } });
    await page.goto(String(url));
    const box = page.getByLabel('Amount in USD');
    expect(await box.inputValue()).toBe('9.00');
    expect(await axeViolations(page)).toEqual([]);
    const wide = await page.evaluate('document.documentElement.scrollWidth');
    expect(Number(wide)).toBeLessThanOrEqual(360);
    await page.getByLabel('Email').fill('ann@example.com');
    for (const [typed, told] of [
      ['1.99', 'at least $2.00'],
      ['50.01', 'at most $50.00'],
      ['ten', 'an amount such as 12.50'],
      ['3.999', 'an amount such as 12.50'],
    ] as const) {
      await box.fill(typed);
      await page.getByTestId('pay').click();
      await page.getByTestId('error').getByText(told).waitFor();
      expect(await box.inputValue()).toBe(typed);
      await page.getByLabel('Email').fill('ann@example.com');
    }
    expect((await stripe.paymentIntents.list()).data).toEqual([]);
    await box.fill('12.5');
    await page.getByRole('button', { name: 'Change amount' }).click();
    await page.getByTestId('total').getByText('$12.50').waitFor();
    expect((await stripe.checkout.sessions.retrieve(id)).amount_total).toBe(1250);
    await page.getByLabel('Email').fill('ann@example.com');
    await box.fill('20');
    await page.getByTestId('pay').click();
    await page.waitForURL(/paid=cs_test/);
    const [charge] = (await stripe.charges.list()).data;
    expect(charge).toMatchObject({ amount: 2000, paid: true });
    await page.close();
  });

  it('is empty where nothing is preset, and whole in a currency without decimals', async () => {
    const { sandbox, stripe } = await sandboxUnderTest();
    const price = await stripe.prices.create({
      product: 'prod_QUICK_SCAN',
      currency: 'jpy',
      custom_unit_amount: { enabled: true, maximum: 10_000 },
    });
    const session = await stripe.checkout.sessions.create({
      mode: 'payment',
      success_url: `${sandbox.url}/sandbox?paid={CHECKOUT_SESSION_ID}`,
      line_items: [{ price: price.id, quantity: 1 }],
    });
    const page = await browser.newPage();
    await page.goto(String(session.url));
    const box = page.getByLabel('Amount in JPY');
    expect(await box.inputValue()).toBe('');
    await page.getByText('From ¥50 to ¥10,000').waitFor();
    await page.getByLabel('Email').fill('ann@example.com');
    await box.fill('700');
    await page.getByTestId('pay').click();
    await page.waitForURL(/paid=cs_test/);
    expect((await stripe.charges.list()).data).toMatchObject([{ amount: 700, currency: 'jpy' }]);
    await page.close();
  });
});
