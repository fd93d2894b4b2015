import type Stripe from 'stripe';
import { describe, expect, it } from 'vitest';
import { sandboxUnderTest, types } from './sandbox-under-test.ts';

async function customerWithCard(stripe: Stripe) {
  return stripe.customers.create({
    payment_method: 'pm_card_visa',
    invoice_settings: { default_payment_method: 'pm_card_visa' },
  });
}

describe('a quote', () => {
  it('is finalized and accepted: a subscription begins with what is paid once', async () => {
    const { sandbox, stripe } = await sandboxUnderTest();
    const customer = await customerWithCard(stripe);
    const quote = await stripe.quotes.create({
      customer: customer.id,
      line_items: [
        { price: 'price_PRO_MONTHLY', quantity: 1 },
        { price: 'price_QUICK_SCAN', quantity: 2 },
      ],
      subscription_data: { metadata: { userId: 'user-1' } },
    });
    expect(quote).toMatchObject({
      status: 'draft',
      number: null,
      amount_total: 3900,
      computed: { recurring: { amount_total: 2900, interval: 'month' } },
    });
    await expect(stripe.quotes.accept(quote.id)).rejects.toMatchObject({
      code: 'quote_unexpected_state',
    });
    expect((await stripe.quotes.listLineItems(quote.id)).data).toHaveLength(2);
    const open = await stripe.quotes.finalizeQuote(quote.id);
    expect(open).toMatchObject({ status: 'open', number: expect.stringMatching(/^QT-/) });
    const accepted = await stripe.quotes.accept(quote.id, { expand: ['subscription'] });
    expect(accepted).toMatchObject({
      status: 'accepted',
      subscription: { status: 'active', metadata: { userId: 'user-1' } },
    });
    sandbox.advance({ hours: 2 });
    const invoice = await stripe.invoices.retrieve(String(accepted.invoice));
    expect(invoice).toMatchObject({ status: 'paid', total: 3900 });
    expect(types(sandbox).filter((type) => type.startsWith('quote.'))).toEqual([
      'quote.created',
      'quote.finalized',
      'quote.accepted',
    ]);
  });

  it('of one-time prices becomes an invoice of its own, with its discount', async () => {
    const { sandbox, stripe } = await sandboxUnderTest();
    const customer = await customerWithCard(stripe);
    const coupon = await stripe.coupons.create({ percent_off: 20 });
    const { id } = await stripe.quotes.create({
      customer: customer.id,
      line_items: [{ price: 'price_POWER_PACK', quantity: 1 }],
      discounts: [{ coupon: coupon.id }],
    });
    await stripe.quotes.update(id, { line_items: [{ price: 'price_POWER_PACK', quantity: 2 }] });
    await stripe.quotes.finalizeQuote(id);
    const { invoice } = await stripe.quotes.accept(id);
    sandbox.advance({ hours: 2 });
    expect(await stripe.invoices.retrieve(String(invoice))).toMatchObject({
      billing_reason: 'quote_accept',
      parent: { quote_details: { quote: id } },
      total: 3200,
      status: 'paid',
    });
  });

  it('is cancelled or expires, and cannot be accepted then', async () => {
    const { sandbox, stripe } = await sandboxUnderTest();
    const customer = await customerWithCard(stripe);
    const make = () =>
      stripe.quotes.create({
        customer: customer.id,
        line_items: [{ price: 'price_QUICK_SCAN', quantity: 1 }],
      });
    const [cancelled, late] = [await make(), await make()];
    await stripe.quotes.cancel(cancelled.id);
    await stripe.quotes.finalizeQuote(late.id);
    sandbox.advance({ days: 31 });
    for (const { id } of [cancelled, late]) {
      await expect(stripe.quotes.accept(id)).rejects.toMatchObject({
        code: 'quote_unexpected_state',
      });
    }
    await expect(stripe.quotes.create({ customer: customer.id })).rejects.toMatchObject({
      param: 'line_items',
    });
  });
});
