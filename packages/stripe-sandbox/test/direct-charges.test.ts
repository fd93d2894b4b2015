import { describe, expect, it } from 'vitest';
import { sandboxUnderTest, types } from './sandbox-under-test.ts';

// https://docs.stripe.com/api/charges/create

describe('a charge without a payment intent', () => {
  it('is paid, refunded, and counted', async () => {
    const { sandbox, stripe } = await sandboxUnderTest();
    const charge = await stripe.charges.create({
      amount: 1200,
      currency: 'usd',
      source: 'tok_visa',
      description: 'An old program',
      metadata: { order: '7' },
    });
    expect(charge).toMatchObject({
      status: 'succeeded',
      captured: true,
      payment_intent: null,
      metadata: { order: '7' },
    });
    await stripe.refunds.create({ charge: charge.id, amount: 200 });
    expect((await stripe.charges.retrieve(charge.id)).amount_refunded).toBe(200);
    expect(types(sandbox)).toEqual(expect.arrayContaining(['charge.succeeded', 'charge.refunded']));
    expect(types(sandbox).filter((type) => type.startsWith('payment_intent.'))).toEqual([]);
  });

  it('is authorized first and captured later', async () => {
    const { stripe } = await sandboxUnderTest();
    const customer = await stripe.customers.create({
      payment_method: 'pm_card_visa',
      invoice_settings: { default_payment_method: 'pm_card_visa' },
    });
    const held = await stripe.charges.create({
      amount: 1200,
      currency: 'usd',
      customer: customer.id,
      capture: false,
    });
    expect(held).toMatchObject({ captured: false, amount_captured: 0 });
    const captured = await stripe.charges.capture(held.id, { amount: 1000 });
    expect(captured).toMatchObject({ captured: true, amount_captured: 1000, amount_refunded: 200 });
    await expect(stripe.charges.capture(held.id)).rejects.toMatchObject({
      code: 'charge_already_captured',
    });
  });

  it('is declined with its reason, and disputed where the card says so', async () => {
    const { stripe } = await sandboxUnderTest();
    const declined = await stripe.charges
      .create({ amount: 500, currency: 'usd', source: 'tok_chargeDeclined' })
      .catch((error) => error);
    expect(declined).toMatchObject({ statusCode: 402, code: 'card_declined' });
    const kept = await stripe.charges.retrieve(declined.raw.charge);
    expect(kept).toMatchObject({ status: 'failed', paid: false });
    const disputed = await stripe.charges.create({
      amount: 500,
      currency: 'usd',
      source: 'tok_createDispute',
    });
    expect((await stripe.disputes.list({ charge: disputed.id })).data).toHaveLength(1);
  });

  it('is refused without an amount or a source', async () => {
    const { stripe } = await sandboxUnderTest();
    const customer = await stripe.customers.create();
    await expect(stripe.charges.create({ amount: 500, currency: 'usd' })).rejects.toMatchObject({
      param: 'source',
    });
    await expect(
      stripe.charges.create({ amount: 500, currency: 'usd', customer: customer.id }),
    ).rejects.toMatchObject({ code: 'missing' });
    await expect(
      stripe.charges.create({ amount: 1, currency: 'usd', source: 'tok_visa' }),
    ).rejects.toMatchObject({ code: 'amount_too_small' });
  });
});
