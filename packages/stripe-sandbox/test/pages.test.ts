import type Stripe from 'stripe';
import { describe, expect, it } from 'vitest';
import { sandboxUnderTest, types } from './sandbox-under-test.ts';

const SUCCESS = 'http://shop.test/?success=true&session_id={CHECKOUT_SESSION_ID}&plan=credits';

async function openSession(
  stripe: Stripe,
  input: Partial<Stripe.Checkout.SessionCreateParams> = {},
): Promise<{ id: string; url: string }> {
  const session = await stripe.checkout.sessions.create({
    mode: 'payment',
    line_items: [{ price: 'price_QUICK_SCAN', quantity: 1 }],
    success_url: SUCCESS,
    cancel_url: 'http://shop.test/pricing.html?canceled=true',
    ...input,
  });
  return { id: session.id, url: String(session.url) };
}

/** What a form of the page posts, without following where it leads. */
function submit(url: string, fields: Record<string, string> = {}, headers = {}): Promise<Response> {
  return fetch(url, {
    method: 'POST',
    headers,
    body: new URLSearchParams(fields),
    redirect: 'manual',
  });
}

const PAY = { email: 'ann@example.com', card: '4242 4242 4242 4242', way: 'card' };

describe('the hosted checkout page', () => {
  it('shows what is bought and sends the buyer on with the id of the session', async () => {
    const { stripe } = await sandboxUnderTest();
    const { id, url } = await openSession(stripe);
    const page = await fetch(url);
    const text = await page.text();
    expect(text).toContain('Quick Scan');
    expect(text).toContain('$5.00');
    expect(page.headers.get('content-security-policy')).toContain("default-src 'none'");
    const paid = await submit(url, PAY);
    expect([paid.status, paid.headers.get('location')]).toEqual([
      303,
      `http://shop.test/?success=true&session_id=${id}&plan=credits`,
    ]);
    const again = await submit(url, PAY);
    expect(again.headers.get('location')).toBe(paid.headers.get('location'));
    expect((await stripe.paymentIntents.list()).data).toHaveLength(1);
    expect(await (await fetch(url)).text()).toContain('complete');
  });

  it('says why a card was refused, and lets the buyer try another', async () => {
    const { stripe } = await sandboxUnderTest();
    const { url } = await openSession(stripe);
    const declined = await submit(url, { ...PAY, card: '4000000000000002' });
    expect([declined.status, await declined.text()]).toEqual([
      200,
      expect.stringContaining('Your card was declined.'),
    ]);
    const unknown = await submit(url, { ...PAY, card: '1234' });
    expect(await unknown.text()).toContain('This is no test card.');
    expect((await submit(url, PAY)).status).toBe(303);
  });

  it('goes through 3-D Secure, approved or refused', async () => {
    const { sandbox, stripe } = await sandboxUnderTest();
    const { id, url } = await openSession(stripe);
    const asked = await submit(url, { ...PAY, card: '4000 0025 0000 3155' });
    const bank = String(asked.headers.get('location'));
    expect(await (await fetch(bank)).text()).toContain('Your bank asks');
    const refused = await submit(bank, { answer: 'refuse' });
    expect(refused.headers.get('location')).toBe(`${url}?declined=1`);
    const second = await submit(url, { ...PAY, card: '4000 0025 0000 3155' });
    const approved = await submit(String(second.headers.get('location')), { answer: 'approve' });
    expect(approved.headers.get('location')).toContain(`session_id=${id}`);
    expect(types(sandbox).filter((type) => type === 'payment_intent.succeeded')).toHaveLength(1);
  });

  it('takes promotion codes, quantities and a way back', async () => {
    const { stripe } = await sandboxUnderTest();
    const coupon = await stripe.coupons.create({ amount_off: 100, currency: 'usd' });
    await stripe.promotionCodes.create({
      promotion: { type: 'coupon', coupon: coupon.id },
      code: 'MINUS1',
    });
    const { id, url } = await openSession(stripe, {
      allow_promotion_codes: true,
      line_items: [
        { price: 'price_QUICK_SCAN', quantity: 1, adjustable_quantity: { enabled: true } },
      ],
    });
    expect(await (await submit(`${url}/promotion`, { code: 'nope' })).text()).toContain('invalid');
    await submit(`${url}/promotion`, { code: ' minus1 ' });
    const [line] = (await stripe.checkout.sessions.listLineItems(id)).data;
    await submit(`${url}/quantity`, { line: String(line?.id), quantity: '3' });
    expect((await stripe.checkout.sessions.retrieve(id)).amount_total).toBe(1400);
    const back = await submit(`${url}/cancel`);
    expect(back.headers.get('location')).toBe('http://shop.test/pricing.html?canceled=true');
    expect((await stripe.checkout.sessions.retrieve(id)).status).toBe('open');
  });

  it('adds what is offered beside the order, takes it off again, and charges what is there in the end', async () => {
    const { sandbox, stripe } = await sandboxUnderTest();
    const { id, url } = await openSession(stripe, {
      line_items: [{ price: 'price_QUICK_SCAN', quantity: 1 }],
      optional_items: [
        { price: 'price_POWER_PACK', quantity: 2 },
        { price: 'price_QUICK_SCAN', quantity: 3 },
      ],
    });
    expect(await (await fetch(url)).text()).toContain('Add Power Pack');
    const totalAfter = async (price: string) => {
      await submit(`${url}/optional`, { price });
      return (await stripe.checkout.sessions.retrieve(id)).amount_total;
    };
    expect(await totalAfter('price_POWER_PACK')).toBe(4500);
    expect(await (await fetch(url)).text()).toContain('Remove Power Pack');
    expect(await totalAfter('price_QUICK_SCAN')).toBe(6000);
    expect(await totalAfter('price_POWER_PACK')).toBe(2000);
    expect(await totalAfter('price_UNKNOWN')).toBe(2000);
    sandbox.pay(id);
    expect(await totalAfter('price_POWER_PACK')).toBe(2000);
    const { data } = await stripe.checkout.sessions.listLineItems(id);
    expect(data.map(({ price, quantity }) => [price?.id, quantity])).toEqual([
      ['price_QUICK_SCAN', 1],
      ['price_QUICK_SCAN', 3],
    ]);
    const many = Array.from({ length: 11 }, () => ({ price: 'price_POWER_PACK', quantity: 1 }));
    await expect(openSession(stripe, { optional_items: many })).rejects.toThrow(
      /up to 10 optional/,
    );
    const plan = [{ price: 'price_PRO_MONTHLY', quantity: 1 }];
    await expect(openSession(stripe, { optional_items: plan })).rejects.toThrow(/recurring price/);
  });

  it('shows what people typed as text, never as markup', async () => {
    const { stripe } = await sandboxUnderTest();
    const product = await stripe.products.create({ name: '<script>alert(1)</script>' });
    const price = await stripe.prices.create({
      product: product.id,
      currency: 'jpy',
      unit_amount: 500,
    });
    const { url } = await openSession(stripe, { line_items: [{ price: price.id, quantity: 1 }] });
    const text = await (await fetch(url)).text();
    expect(text).not.toContain('<script>');
    expect(text).toContain('¥500');
    expect((await fetch(`${url}x`)).status).toBe(404);
  });
});

describe('the portal page', () => {
  it('changes the plan, cancels and keeps a subscription', async () => {
    const { sandbox, stripe } = await sandboxUnderTest();
    const customer = await stripe.customers.create({
      payment_method: 'pm_card_visa',
      invoice_settings: { default_payment_method: 'pm_card_visa' },
    });
    const subscription = await stripe.subscriptions.create({
      customer: customer.id,
      items: [{ price: 'price_BASIC_MONTHLY' }],
    });
    const portal = await stripe.billingPortal.sessions.create({
      customer: customer.id,
      return_url: 'http://shop.test/account',
    });
    expect(await (await fetch(portal.url)).text()).toContain('http://shop.test/account');
    const press = async (fields: Record<string, string>) => {
      await submit(`${portal.url}/subscriptions/${subscription.id}`, fields);
      return stripe.subscriptions.retrieve(subscription.id);
    };
    const upgraded = await press({ act: 'change', price: 'price_PRO_MONTHLY' });
    expect(upgraded.items.data[0]?.price.id).toBe('price_PRO_MONTHLY');
    expect(sandbox.events('invoice.paid').at(-1)?.data.object).toMatchObject({
      billing_reason: 'subscription_update',
    });
    expect((await press({ act: 'cancel' })).cancel_at_period_end).toBe(true);
    expect((await press({ act: 'keep' })).cancel_at_period_end).toBe(false);
    expect((await press({ act: 'cancel_now' })).status).toBe('canceled');
    const other = await stripe.billingPortal.sessions.create({
      customer: (await stripe.customers.create()).id,
    });
    const foreign = await submit(`${other.url}/subscriptions/${subscription.id}`, { act: 'keep' });
    expect(foreign.status).toBe(404);
  });
});

describe('the dashboard', () => {
  it('refunds in part, disputes and moves the clock by its buttons', async () => {
    const { sandbox, stripe } = await sandboxUnderTest();
    const intent = await stripe.paymentIntents.create({
      amount: 1000,
      currency: 'usd',
      payment_method: 'pm_card_visa',
      confirm: true,
    });
    const charge = String(intent.latest_charge);
    const api = (action: string) => `${sandbox.url}/sandbox/api/${action}`;
    expect((await submit(api('refund'), { charge, amount: '300' })).status).toBe(303);
    expect((await stripe.charges.retrieve(charge)).amount_refunded).toBe(300);
    await submit(api('dispute'), { charge });
    const [dispute] = (await stripe.disputes.list()).data;
    await submit(api('close-dispute'), { dispute: String(dispute?.id), outcome: 'won' });
    const before = sandbox.now();
    await submit(api('advance'), { months: '1' });
    expect(sandbox.now() - before).toBeGreaterThan(27 * 86_400);
    const page = await (await fetch(`${sandbox.url}/sandbox`)).text();
    expect(page).toContain(charge);
    expect(page).toContain('won');
  });

  it('answers JSON with JSON, and refuses nonsense and other sites', async () => {
    const { sandbox } = await sandboxUnderTest();
    const post = (action: string, body: string, headers = {}) =>
      fetch(`${sandbox.url}/sandbox/api/${action}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...headers },
        body,
      });
    const before = sandbox.now();
    const moved = await (await post('advance', '{"days":1}')).json();
    expect(moved).toEqual({ now: expect.any(Number) });
    expect(moved.now).toBeGreaterThanOrEqual(before + 86_400);
    expect(moved.now).toBeLessThanOrEqual(sandbox.now());
    expect((await post('advance', '{"days":-1}')).status).toBe(400);
    expect((await post('advance', '{')).status).toBe(400);
    expect((await post('settle', '{"intent":"pi_none"}')).status).toBe(404);
    expect((await post('nothing', '{}')).status).toBe(404);
    const foreign = await post('advance', '{"days":1}', { 'sec-fetch-site': 'cross-site' });
    expect(foreign.status).toBe(403);
  });
});
