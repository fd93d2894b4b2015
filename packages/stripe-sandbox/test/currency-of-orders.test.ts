import type Stripe from 'stripe';
import { describe, expect, it } from 'vitest';
import { invoices, ONLY_USD, shop, subscribe } from './support/euro-shop.ts';

describe('what leads to a subscription in another currency', () => {
  it('is a checkout: its page shows it, and its optional items, and so does a payment link', async () => {
    const one = await shop();
    const { sandbox, stripe, small } = one;
    const session = await stripe.checkout.sessions.create({
      mode: 'subscription',
      currency: 'eur',
      line_items: [{ price: small, quantity: 2 }],
      optional_items: [{ price: one.large, quantity: 1 }],
      success_url: 'http://shop.test/done',
    });
    expect(session).toMatchObject({ currency: 'eur', amount_total: 1800 });
    const page = await (await fetch(session.url ?? '')).text();
    expect(page).toContain('€9.00');
    expect(page).toContain('€27.00');
    expect(page).not.toContain('$');
    sandbox.pay(session.id);
    const link = await stripe.paymentLinks.create({
      currency: 'eur',
      line_items: [{ price: small, quantity: 1 }],
    });
    expect(link.currency).toBe('eur');
    const opened = await fetch(link.url);
    expect(await opened.text()).toContain('€9.00');
    const [ofLink] = (await stripe.checkout.sessions.list({ payment_link: link.id })).data;
    sandbox.pay(ofLink?.id ?? '');
    const { data } = await stripe.subscriptions.list();
    expect(data.map(({ currency }) => currency)).toEqual(['eur', 'eur']);
    sandbox.advance({ months: 1 });
    expect((await invoices(one)).toSorted()).toEqual([
      ['eur', 1800, 'paid'],
      ['eur', 1800, 'paid'],
      ['eur', 900, 'paid'],
      ['eur', 900, 'paid'],
    ]);
    await expect(
      stripe.paymentLinks.create({
        currency: 'eur',
        line_items: [{ price: 'price_PRO_MONTHLY', quantity: 1 }],
      }),
    ).rejects.toMatchObject({ param: 'line_items[0][price]', message: ONLY_USD });
  });

  it('is a checkout of a customer who has one, in whose currency it is', async () => {
    const one = await shop();
    const { stripe, customer, small } = one;
    await subscribe(one);
    const open = (more: Partial<Stripe.Checkout.SessionCreateParams> = {}) =>
      stripe.checkout.sessions.create({
        mode: 'subscription',
        customer,
        line_items: [{ price: small, quantity: 1 }],
        success_url: 'http://shop.test/done',
        ...more,
      });
    expect(await open()).toMatchObject({ currency: 'eur', amount_total: 900 });
    await expect(open({ currency: 'usd' })).rejects.toMatchObject({
      message: /^You cannot combine currencies/,
    });
    expect(
      await open({ mode: 'payment', line_items: [{ price: 'price_QUICK_SCAN', quantity: 1 }] }),
    ).toMatchObject({ currency: 'usd', amount_total: 500 });
  });

  it('is a schedule, in each of its phases', async () => {
    const one = await shop();
    const { sandbox, stripe, customer, small, large } = one;
    const extra = await stripe.prices.create({
      product: 'prod_PRO_MONTHLY',
      currency: 'usd',
      unit_amount: 200,
      currency_options: { eur: { unit_amount: 150 } },
    });
    const phase = { currency: 'eur', duration: { interval: 'month' as const } };
    const make = (second: object) =>
      stripe.subscriptionSchedules.create({
        customer,
        start_date: 'now',
        phases: [
          { ...phase, items: [{ price: small }], add_invoice_items: [{ price: extra.id }] },
          { duration: phase.duration, items: [{ price: large }], ...second },
        ],
      });
    await expect(make({ currency: 'usd' })).rejects.toMatchObject({
      param: 'phases[1][currency]',
    });
    await expect(make({ items: [{ price: 'price_PRO_MONTHLY' }] })).rejects.toMatchObject({
      param: 'phases[1][items][0][price]',
      message: ONLY_USD,
    });
    const schedule = await make({});
    expect(schedule.phases.map(({ currency }) => currency)).toEqual(['eur', 'eur']);
    await expect(
      stripe.subscriptionSchedules.create({
        customer,
        start_date: sandbox.now() + 86_400,
        phases: [{ items: [{ price: small }], duration: phase.duration }],
      }),
    ).rejects.toMatchObject({ message: /does not match the customer currency \(eur\)/ });
    sandbox.advance({ months: 1 });
    expect(await invoices(one)).toEqual([
      ['eur', 2700, 'paid'],
      ['eur', 1050, 'paid'],
    ]);
  });

  it('is a quote for a customer who has one', async () => {
    const one = await shop();
    const { stripe, customer, large } = one;
    await subscribe(one);
    const quote = await stripe.quotes.create({
      customer,
      line_items: [{ price: large, quantity: 1 }],
    });
    expect(quote).toMatchObject({ currency: 'eur', amount_total: 2700 });
    await stripe.quotes.finalizeQuote(quote.id);
    const { subscription } = await stripe.quotes.accept(quote.id);
    expect(await stripe.subscriptions.retrieve(String(subscription))).toMatchObject({
      currency: 'eur',
    });
    await expect(
      stripe.quotes.create({ customer, line_items: [{ price: 'price_PRO_MONTHLY', quantity: 1 }] }),
    ).rejects.toMatchObject({ param: 'line_items[0][price]' });
  });

  it('is previewed as it then is', async () => {
    const one = await shop();
    const { stripe, customer, small } = one;
    const preview = await stripe.invoices.createPreview({
      customer,
      currency: 'eur',
      subscription_details: { items: [{ price: small, quantity: 3 }] },
      invoice_items: [{ amount: 50 }],
    });
    expect(preview).toMatchObject({ currency: 'eur', total: 2750 });
    expect(await stripe.customers.retrieve(customer)).toMatchObject({ currency: null });
    const made = await subscribe(one);
    const next = await stripe.invoices.createPreview({ subscription: made.id });
    expect(next).toMatchObject({ currency: 'eur', total: 900 });
  });
});

it('a portal shows and changes plans in the currency of the subscription', async () => {
  const one = await shop();
  const { stripe, customer, large } = one;
  const made = await subscribe(one);
  const { url } = await stripe.billingPortal.sessions.create({ customer });
  const page = await (await fetch(url)).text();
  expect(page).toContain('Large: €27.00');
  expect(page).not.toContain('price_PRO_MONTHLY');
  await fetch(`${url}/subscriptions/${made.id}`, {
    method: 'POST',
    body: new URLSearchParams({ act: 'change', price: large }),
    redirect: 'manual',
  });
  expect((await stripe.subscriptions.retrieve(made.id)).items.data).toMatchObject([
    { price: { id: large } },
  ]);
  const item = made.items.data[0]?.id ?? '';
  const confirm = (price: string) =>
    stripe.billingPortal.sessions.create({
      customer,
      flow_data: {
        type: 'subscription_update_confirm',
        subscription_update_confirm: { subscription: made.id, items: [{ id: item, price }] },
      },
    });
  const flow = await confirm(one.small);
  expect(await (await fetch(flow.url)).text()).toContain('€9.00');
  await expect(confirm('price_PRO_MONTHLY')).rejects.toMatchObject({ message: ONLY_USD });
});
