import type Stripe from 'stripe';
import { describe, expect, it } from 'vitest';
import { sandboxUnderTest } from './sandbox-under-test.ts';

const CARD = {
  payment_method: 'pm_card_visa',
  invoice_settings: { default_payment_method: 'pm_card_visa' },
};
const PACK = [{ price: 'price_QUICK_SCAN', quantity: 1 }];
const PLAN = [{ price: 'price_BASIC_MONTHLY', quantity: 1 }];

async function shop() {
  const { sandbox, stripe } = await sandboxUnderTest();
  const { id: customer } = await stripe.customers.create(CARD);
  const open = (more: Partial<Stripe.Checkout.SessionCreateParams> = {}) =>
    stripe.checkout.sessions.create({
      mode: 'payment',
      line_items: PACK,
      success_url: 'https://shop.example/done',
      ...more,
    });
  return { sandbox, stripe, customer, open };
}

describe('a promotion code', () => {
  async function codeWith(of: Awaited<ReturnType<typeof shop>>, more: object) {
    const { id: coupon } = await of.stripe.coupons.create({ percent_off: 10 });
    const code = await of.stripe.promotionCodes.create({
      promotion: { type: 'coupon', coupon },
      ...more,
    });
    return { id: code.id, code: code.code, discounts: [{ promotion_code: code.id }] };
  }

  it('is for orders of its minimum amount and currency', async () => {
    const one = await shop();
    const { sandbox, stripe, customer, open } = one;
    const restrictions = { minimum_amount: 1000, minimum_amount_currency: 'usd' };
    const { discounts, code } = await codeWith(one, { restrictions });
    const refusal = { message: /does not come to its minimum amount/, param: 'promotion_code' };
    await expect(open({ discounts })).rejects.toMatchObject(refusal);
    const enough = await open({ discounts, line_items: [{ ...PACK[0], quantity: 2 }] });
    expect(enough.amount_total).toBe(900);
    await expect(
      stripe.subscriptions.create({
        customer,
        items: [{ price: 'price_BASIC_MONTHLY' }],
        discounts,
      }),
    ).rejects.toMatchObject(refusal);
    const typed = await open({ allow_promotion_codes: true });
    const page = await fetch(`${typed.url}/promotion`, {
      method: 'POST',
      body: new URLSearchParams({ code: String(code) }),
    });
    expect(await page.text()).toContain('does not come to its minimum amount');
    expect(() => sandbox.pay(typed.id, { promotionCode: String(code) })).toThrow(/minimum amount/);
    expect((await stripe.checkout.sessions.retrieve(typed.id)).amount_total).toBe(500);
  });

  it('is for first purchases, for its customer, and until it expires', async () => {
    const one = await shop();
    const { sandbox, stripe, customer, open } = one;
    const first = await codeWith(one, { restrictions: { first_time_transaction: true } });
    expect((await open({ customer, discounts: first.discounts })).amount_total).toBe(450);
    sandbox.pay((await open({ customer })).id);
    await expect(open({ customer, discounts: first.discounts })).rejects.toMatchObject({
      message:
        'This promotion code cannot be redeemed because the associated customer has prior transactions.',
    });
    const other = await stripe.customers.create();
    const theirs = await codeWith(one, { customer: other.id });
    await expect(open({ customer, discounts: theirs.discounts })).rejects.toMatchObject({
      message: /for another customer/,
    });
    expect((await open({ customer: other.id, discounts: theirs.discounts })).amount_total).toBe(
      450,
    );
    const short = await codeWith(one, { expires_at: sandbox.now() + 60 });
    sandbox.advance({ minutes: 2 });
    await expect(open({ discounts: short.discounts })).rejects.toMatchObject({
      message: /has expired/,
    });
    await expect(codeWith(one, { restrictions: { minimum_amount: 100 } })).rejects.toMatchObject({
      param: 'restrictions[minimum_amount_currency]',
    });
  });
});

describe('a coupon', () => {
  it('takes its part off the products that it is for, in orders, invoices and prorations', async () => {
    const { sandbox, stripe, customer, open } = await shop();
    const coupon = await stripe.coupons.create({
      percent_off: 50,
      duration: 'forever',
      applies_to: { products: ['prod_BASIC_MONTHLY'] },
    });
    expect(coupon.applies_to).toBeUndefined();
    const shown = await stripe.coupons.retrieve(coupon.id, { expand: ['applies_to'] });
    expect(shown.applies_to?.products).toEqual(['prod_BASIC_MONTHLY']);
    const discounts = [{ coupon: coupon.id }];
    expect((await open({ discounts })).amount_total).toBe(500);
    const mixed = await open({ mode: 'subscription', line_items: [...PACK, ...PLAN], discounts });
    expect(mixed.amount_total).toBe(500 + 450);
    const { id, items } = await stripe.subscriptions.create({
      customer,
      items: [{ price: 'price_BASIC_MONTHLY' }],
      discounts,
    });
    const [item] = items.data;
    const half = ((item?.current_period_start ?? 0) + (item?.current_period_end ?? 0)) / 2;
    sandbox.advance({ seconds: Math.floor(half) - sandbox.now() });
    await stripe.subscriptions.update(id, {
      items: [{ id: item?.id ?? '', price: 'price_PRO_MONTHLY' }],
      proration_behavior: 'always_invoice',
      proration_date: Math.floor(half),
    });
    const { data } = await stripe.invoices.list();
    expect(data.map(({ total }) => total)).toEqual([1450 - 225, 450]);
    await expect(
      stripe.coupons.create({ percent_off: 5, applies_to: { products: ['prod_none'] } }),
    ).rejects.toMatchObject({ param: 'applies_to[products]' });
  });

  it('has months where it repeats, a date to come, and is gone once it is deleted', async () => {
    const { stripe, open } = await shop();
    const refusals: [Stripe.CouponCreateParams, string][] = [
      [{ duration: 'repeating' }, 'duration_in_months'],
      [{ duration: 'once', duration_in_months: 3 }, 'duration_in_months'],
      [{ redeem_by: 1000 }, 'redeem_by'],
    ];
    for (const [wrong, param] of refusals) {
      await expect(stripe.coupons.create({ percent_off: 10, ...wrong })).rejects.toMatchObject({
        param,
      });
    }
    const { id } = await stripe.coupons.create({ percent_off: 10 });
    await stripe.coupons.del(id);
    await expect(stripe.coupons.retrieve(id)).rejects.toMatchObject({ statusCode: 404 });
    await expect(stripe.coupons.del(id)).rejects.toMatchObject({ statusCode: 404 });
    expect((await stripe.coupons.list()).data).toEqual([]);
    await expect(open({ discounts: [{ coupon: id }] })).rejects.toMatchObject({
      code: 'resource_missing',
    });
  });
});

describe('a checkout', () => {
  it('is refused what its mode does not make, two discounts, and a discount beside typed codes', async () => {
    const { stripe, open } = await shop();
    const { id: coupon } = await stripe.coupons.create({ percent_off: 10 });
    const refusals: [Partial<Stripe.Checkout.SessionCreateParams>, string][] = [
      [{ subscription_data: { metadata: { a: '1' } } }, 'subscription_data'],
      [
        { mode: 'subscription', line_items: PLAN, payment_intent_data: { description: 'x' } },
        'payment_intent_data',
      ],
      [
        { mode: 'subscription', line_items: PLAN, invoice_creation: { enabled: true } },
        'invoice_creation',
      ],
      [{ discounts: [{ coupon }, { coupon }] }, 'discounts'],
      [{ discounts: [{ coupon }], allow_promotion_codes: true }, 'allow_promotion_codes'],
    ];
    for (const [wrong, param] of refusals) {
      await expect(open(wrong)).rejects.toMatchObject({ statusCode: 400, param });
    }
  });

  it('on the shop’s own page has a secret instead of an address, and is paid all the same', async () => {
    const { sandbox, stripe } = await shop();
    const session = await stripe.checkout.sessions.create({
      mode: 'payment',
      ui_mode: 'embedded_page',
      line_items: PACK,
      return_url: 'https://shop.example/back',
    });
    expect(session).toMatchObject({
      ui_mode: 'embedded_page',
      url: null,
      success_url: null,
      return_url: 'https://shop.example/back',
    });
    expect(session.client_secret).toMatch(new RegExp(`^${session.id}_secret_`));
    expect(sandbox.pay(session.id).outcome).toBe('complete');
  });

  it('asks for no card where nothing is due and none is wanted', async () => {
    const { stripe, open } = await shop();
    const trial = (payment_method_collection: 'always' | 'if_required') =>
      open({
        mode: 'subscription',
        line_items: PLAN,
        payment_method_collection,
        subscription_data: { trial_period_days: 7 },
      });
    const [asks, free] = [await trial('always'), await trial('if_required')];
    expect(await (await fetch(asks.url ?? '')).text()).toContain('Card number');
    expect(await (await fetch(free.url ?? '')).text()).not.toContain('Card number');
    const done = await fetch(free.url ?? '', {
      method: 'POST',
      body: new URLSearchParams({ email: 'a@shop.example' }),
      redirect: 'manual',
    });
    expect(done.headers.get('location')).toBe('https://shop.example/done');
    const [made] = (await stripe.subscriptions.list()).data;
    expect(made).toMatchObject({ status: 'trialing', default_payment_method: null });
  });
});

describe('an invoice item', () => {
  it('is changed while it waits and on a draft, with its period and a price of parts of a cent', async () => {
    const { stripe, customer } = await shop();
    const made = await stripe.invoiceItems.create({
      customer,
      currency: 'usd',
      unit_amount_decimal: '12.5' as never,
      quantity: 4,
      period: { start: 1000, end: 2000 },
      discountable: false,
    });
    expect(made).toMatchObject({
      amount: 50,
      period: { start: 1000, end: 2000 },
      discountable: false,
    });
    expect(await stripe.invoiceItems.update(made.id, { amount: 700 })).toMatchObject({
      amount: 700,
      discountable: false,
    });
    const invoice = await stripe.invoices.create({
      customer,
      pending_invoice_items_behavior: 'include',
    });
    await stripe.invoiceItems.update(made.id, { amount: 900, description: 'Work' });
    expect(await stripe.invoices.retrieve(invoice.id)).toMatchObject({
      total: 900,
      lines: { data: [{ amount: 900, description: 'Work' }] },
    });
    await stripe.invoices.finalizeInvoice(invoice.id);
    await expect(stripe.invoiceItems.update(made.id, { amount: 1 })).rejects.toMatchObject({
      code: 'invoice_not_editable',
    });
    await expect(
      stripe.invoiceItems.create({ customer, amount: 5, period: { start: 2, end: 1 } }),
    ).rejects.toMatchObject({ param: 'period[end]' });
  });
});

it('a price repeats for up to three years, and says its amount once', async () => {
  const { stripe } = await shop();
  const price = { product: 'prod_QUICK_SCAN', currency: 'usd', unit_amount: 100 };
  for (const [recurring, ok] of [
    [{ interval: 'year', interval_count: 3 }, true],
    [{ interval: 'month', interval_count: 37 }, false],
    [{ interval: 'day', interval_count: 0 }, false],
  ] as const) {
    const made = stripe.prices.create({ ...price, recurring });
    await (ok
      ? expect(made).resolves.toMatchObject({ recurring })
      : expect(made).rejects.toMatchObject({ param: 'recurring[interval_count]' }));
  }
  await expect(
    stripe.prices.create({ ...price, unit_amount_decimal: '100.5' as never }),
  ).rejects.toMatchObject({ param: 'unit_amount_decimal' });
});
