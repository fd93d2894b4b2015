import type Stripe from 'stripe';
import { describe, expect, it } from 'vitest';
import { sandboxUnderTest, types } from './sandbox-under-test.ts';

async function paidCharge(stripe: Stripe, card = 'visa'): Promise<string> {
  const intent = await stripe.paymentIntents.create({
    amount: 1000,
    currency: 'usd',
    payment_method: `pm_card_${card}`,
    confirm: true,
  });
  return String(intent.latest_charge);
}

describe('refunds', () => {
  it('add up on the charge, part by part, and never exceed it', async () => {
    const { sandbox, stripe } = await sandboxUnderTest();
    const charge = await paidCharge(stripe);
    for (const amount of [300, 200]) {
      await stripe.refunds.create({ charge, amount });
    }
    const partly = await stripe.charges.retrieve(charge, { expand: ['refunds'] });
    expect(partly).toMatchObject({ amount_refunded: 500, refunded: false });
    expect(partly.refunds?.data.map((one) => one.amount)).toEqual([200, 300]);
    await expect(stripe.refunds.create({ charge, amount: 501 })).rejects.toMatchObject({
      param: 'amount',
    });
    await stripe.refunds.create({ charge });
    expect(await stripe.charges.retrieve(charge)).toMatchObject({
      amount_refunded: 1000,
      refunded: true,
    });
    await expect(stripe.refunds.create({ charge })).rejects.toMatchObject({
      code: 'charge_already_refunded',
    });
    const told = sandbox.events('charge.refunded');
    expect(told.map((event) => event.data.object['amount_refunded'])).toEqual([300, 500, 1000]);
    const { available } = await stripe.balance.retrieve();
    expect(available).toMatchObject([{ amount: -59, currency: 'usd' }]);
    expect(types(sandbox)).toEqual(
      expect.arrayContaining(['refund.created', 'refund.updated', 'charge.refund.updated']),
    );
  });

  it('that fail later give the charge its amount back', async () => {
    const { sandbox, stripe } = await sandboxUnderTest();
    const charge = await paidCharge(stripe, 'refundFail');
    const refund = await stripe.refunds.create({ charge, amount: 400 });
    expect(refund.status).toBe('succeeded');
    sandbox.advance({ days: 6 });
    expect(await stripe.refunds.retrieve(refund.id)).toMatchObject({
      status: 'failed',
      failure_reason: 'lost_or_stolen_card',
    });
    expect((await stripe.charges.retrieve(charge)).amount_refunded).toBe(0);
    expect(types(sandbox)).toContain('refund.failed');
  });

  it('that are pending can be cancelled, or succeed by themselves', async () => {
    const { sandbox, stripe } = await sandboxUnderTest();
    const charge = await paidCharge(stripe, 'pendingRefund');
    const [first, second] = [
      await stripe.refunds.create({ charge, amount: 100 }),
      await stripe.refunds.create({ charge, amount: 200 }),
    ];
    expect((await stripe.charges.retrieve(charge)).amount_refunded).toBe(300);
    await stripe.refunds.cancel(first.id);
    expect((await stripe.charges.retrieve(charge)).amount_refunded).toBe(200);
    sandbox.advance({ days: 6 });
    expect((await stripe.refunds.retrieve(second.id)).status).toBe('succeeded');
    await expect(stripe.refunds.cancel(second.id)).rejects.toThrow('cannot cancel');
  });

  it('come from a credit note of a paid invoice too', async () => {
    const { stripe } = await sandboxUnderTest();
    const customer = await stripe.customers.create({
      payment_method: 'pm_card_visa',
      invoice_settings: { default_payment_method: 'pm_card_visa' },
    });
    await stripe.subscriptions.create({
      customer: customer.id,
      items: [{ price: 'price_BASIC_MONTHLY' }],
    });
    const [invoice] = (await stripe.invoices.list({ expand: ['data.payments'] })).data;
    const note = await stripe.creditNotes.create({
      invoice: String(invoice?.id),
      amount: 300,
      refund_amount: 200,
      credit_amount: 100,
    });
    expect(note).toMatchObject({
      type: 'post_payment',
      post_payment_amount: 300,
      refunds: [{ amount_refunded: 200 }],
    });
    expect(await stripe.customers.retrieve(customer.id)).toMatchObject({ balance: -100 });
    const [charge] = (await stripe.charges.list({ customer: customer.id })).data;
    expect(charge?.amount_refunded).toBe(200);
  });
});

describe('disputes', () => {
  it('take the money at once and give it back when they are won', async () => {
    const { sandbox, stripe } = await sandboxUnderTest();
    const charge = await paidCharge(stripe, 'createDispute');
    const [dispute] = (await stripe.disputes.list({ charge })).data;
    expect(dispute).toMatchObject({ status: 'needs_response', amount: 1000, reason: 'fraudulent' });
    expect(dispute?.balance_transactions.map((one) => one.amount)).toEqual([-1000]);
    await stripe.disputes.update(String(dispute?.id), {
      evidence: { uncategorized_text: 'winning_evidence' },
    });
    const won = await stripe.disputes.retrieve(String(dispute?.id));
    expect(won.status).toBe('won');
    expect(won.balance_transactions.reduce((sum, one) => sum + one.amount, 0)).toBe(0);
    expect(types(sandbox).filter((type) => type.startsWith('charge.dispute'))).toEqual([
      'charge.dispute.created',
      'charge.dispute.funds_withdrawn',
      'charge.dispute.updated',
      'charge.dispute.funds_reinstated',
      'charge.dispute.closed',
    ]);
  });

  it('keep the money when they are lost', async () => {
    const { sandbox, stripe } = await sandboxUnderTest();
    const { id } = sandbox.dispute(await paidCharge(stripe), { amount: 400 });
    sandbox.closeDispute(id, 'lost');
    expect(await stripe.disputes.retrieve(id)).toMatchObject({ status: 'lost', amount: 400 });
    expect(types(sandbox)).not.toContain('charge.dispute.funds_reinstated');
    expect(() => sandbox.closeDispute(id, 'won')).toThrow('already closed');
  });

  it('begin as an inquiry that moves nothing, and may become real', async () => {
    const { sandbox, stripe } = await sandboxUnderTest();
    const charge = await paidCharge(stripe);
    const { id } = sandbox.dispute(charge, { inquiry: true });
    expect(await stripe.disputes.retrieve(id)).toMatchObject({
      status: 'warning_needs_response',
      balance_transactions: [],
    });
    expect(types(sandbox)).not.toContain('charge.dispute.funds_withdrawn');
    sandbox.escalateDispute(id);
    expect((await stripe.disputes.retrieve(id)).status).toBe('needs_response');
    expect(types(sandbox)).toContain('charge.dispute.funds_withdrawn');
    const other = sandbox.dispute(await paidCharge(stripe), { inquiry: true });
    sandbox.closeDispute(other.id, 'warning_closed');
    expect((await stripe.disputes.retrieve(other.id)).status).toBe('warning_closed');
  });

  it('can be prevented, and announced by a fraud warning', async () => {
    const { sandbox, stripe } = await sandboxUnderTest();
    const charge = await paidCharge(stripe, 'createIssuerFraudRecord');
    expect(types(sandbox)).toContain('radar.early_fraud_warning.created');
    const { id } = sandbox.dispute(charge, { inquiry: true });
    sandbox.closeDispute(id, 'prevented');
    expect((await stripe.disputes.retrieve(id)).status).toBe('prevented');
  });

  it('settles a fraud warning once its charge is disputed, or refunded in full', async () => {
    const { sandbox, stripe } = await sandboxUnderTest();
    const disputed = await paidCharge(stripe, 'createIssuerFraudRecord');
    const refunded = await paidCharge(stripe, 'createIssuerFraudRecord');
    const actionable = async (charge: string) =>
      (await stripe.radar.earlyFraudWarnings.list({ charge })).data.map((one) => one.actionable);
    expect(await actionable(disputed)).toEqual([true]);
    sandbox.dispute(disputed);
    await stripe.refunds.create({ charge: refunded, amount: 100 });
    expect(await actionable(refunded)).toEqual([true]);
    await stripe.refunds.create({ charge: refunded });
    expect([...(await actionable(disputed)), ...(await actionable(refunded))]).toEqual([
      false,
      false,
    ]);
    expect(
      types(sandbox).filter((type) => type === 'radar.early_fraud_warning.updated'),
    ).toHaveLength(2);
  });
});
