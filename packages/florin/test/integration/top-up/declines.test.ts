import Stripe from 'stripe';
import { describe, expect, it } from 'vitest';
import { ADA } from '../http/florin-service.ts';
import { openTopUp } from './top-up-service.ts';

describe('a top-up that is declined', () => {
  it.each([
    ['pm_card_chargeDeclinedLostCard', 'lost_card'],
    ['pm_card_chargeDeclinedExpiredCard', 'expired_card'],
    ['pm_card_chargeDeclinedStolenCard', 'stolen_card'],
    ['pm_card_chargeDeclinedFraudulent', 'fraudulent'],
  ])('with %s asks for another card, and tries this one no more', async (card, failureCode) => {
    const one = await openTopUp({ card });
    await one.agree();
    await one.use(25);
    await one.rounds();
    await one.later('30 days');
    expect(await one.state()).toMatchObject({
      consent: { status: 'paused', pauseReason: 'card_declined' },
      topUps: [{ status: 'failed', failureCode }],
    });
    const [invoice] = await one.invoices();
    expect(invoice).toMatchObject({ status: 'void' });
    // What an operator sees of it.
    const { topUp } = (await one.ask(`/api/admin/accounts/${ADA}`, { as: 'server' })).body;
    expect(topUp).toMatchObject({
      consent: { status: 'paused', pauseReason: 'card_declined', threshold: 20 },
      topUps: [{ status: 'failed', failureCode, invoiceId: invoice?.id }],
    });

    await one.saveCard('pm_card_mastercard');
    await one.ask('/api/top-up/resume', { as: ADA, body: {} });
    await one.rounds();
    expect(await one.available()).toBe(55);
  });

  it('for want of funds is tried again after an hour, a day and three days, then pauses', async () => {
    const one = await openTopUp({ card: 'pm_card_chargeDeclinedInsufficientFunds' });
    await one.agree();
    await one.use(25);
    await one.rounds();
    const tries = async () => (await one.invoices()).length;
    expect(await tries()).toBe(1);
    for (const [tooSoon, then, count] of [
      ['59 minutes', '1 minute', 2],
      ['23 hours', '1 hour', 3],
      ['71 hours', '1 hour', 4],
    ] as const) {
      await one.later(tooSoon);
      expect(await tries()).toBe(count - 1);
      await one.later(then);
      expect(await tries()).toBe(count);
    }
    expect((await one.state()).consent).toMatchObject({
      status: 'paused',
      pauseReason: 'card_declined',
    });
    expect(await one.charges()).toEqual([]);
  });

  it('because the bank wants to see the buyer waits for them, and is paid on the invoice’s page', async () => {
    const one = await openTopUp({ card: 'pm_card_authenticationRequired' });
    await one.agree();
    await one.use(25);
    await one.rounds();
    const [waiting] = (await one.state()).topUps;
    expect(waiting).toMatchObject({
      status: 'needs_action',
      failureCode: 'authentication_required',
    });
    const [invoice] = await one.invoices();
    expect(waiting.payUrl).toBe(invoice?.hosted_invoice_url);

    await one.saveCard('pm_card_visa');
    await one.stripe.invoices.pay(invoice?.id ?? '');
    await one.rounds();
    expect(await one.available()).toBe(55);
    expect((await one.state()).topUps).toMatchObject([{ status: 'credited', payUrl: null }]);
    expect(await one.charges()).toHaveLength(1);
  });

  it('is voided when the buyer does not come, and asks for them', async () => {
    const one = await openTopUp({ card: 'pm_card_authenticationRequired' });
    await one.agree();
    await one.use(25);
    await one.rounds();
    await one.later('71 hours');
    expect((await one.state()).topUps).toMatchObject([{ status: 'needs_action' }]);
    await one.later('2 hours');
    expect(await one.state()).toMatchObject({
      consent: { status: 'paused', pauseReason: 'authentication_required' },
      topUps: [{ status: 'failed' }],
    });
    expect(await one.invoices()).toMatchObject([{ status: 'void' }]);
  });

  it('is voided at once when the buyer turns top-up off', async () => {
    const one = await openTopUp({ card: 'pm_card_authenticationRequired' });
    await one.agree();
    await one.use(25);
    await one.rounds();
    await one.ask('/api/top-up', { method: 'DELETE', as: ADA });
    await one.rounds();
    expect(await one.invoices()).toMatchObject([{ status: 'void' }]);
    expect((await one.state()).consent.status).toBe('off');
  });

  it('by Stripe’s outage is no decline: it goes on when Stripe is back', async () => {
    const one = await openTopUp();
    await one.agree();
    await one.use(25);
    one.sandbox.failNext(50);
    await one.rounds();
    expect(await one.state()).toMatchObject({
      consent: { status: 'active' },
      topUps: [{ status: 'charging' }],
    });
    one.sandbox.failNext(0);
    await one.later('1 hour');
    expect(await one.available()).toBe(55);
    expect(await one.charges()).toHaveLength(1);
  });

  it('before it is made, because the buyer turned it off while Stripe was away, charges nothing', async () => {
    const one = await openTopUp();
    await one.agree();
    await one.use(25);
    one.sandbox.failNext(50);
    await one.rounds();
    await one.ask('/api/top-up', { method: 'DELETE', as: ADA });
    one.sandbox.failNext(0);
    await one.later('1 hour');
    expect(await one.charges()).toEqual([]);
    expect((await one.state()).topUps).toMatchObject([
      { status: 'failed', failureCode: 'stopped' },
    ]);
  });

  it('by Stripe before the card is asked, for want of an address to tax, tells so and waits', async () => {
    const one = await openTopUp();
    await one.agree();
    await one.use(25);
    const { invoices } = one.stripe;
    invoices.finalizeInvoice = () =>
      Promise.reject(
        new Stripe.errors.StripeInvalidRequestError({
          type: 'invalid_request_error',
          message: "The customer's location isn't recognized.",
          code: 'customer_tax_location_invalid',
          statusCode: 400,
        }),
      );
    await one.rounds();
    expect(await one.state()).toMatchObject({
      consent: { status: 'paused', pauseReason: 'stripe_rejected' },
      topUps: [{ status: 'failed', failureCode: 'stripe_rejected' }],
    });
    expect(await one.invoices()).toEqual([]);
  });

  it('or not, when only its answers are lost: charged once, over the real network', async () => {
    const one = await openTopUp();
    await one.agree();
    await one.use(25);
    for (let lost = 1; lost < 12; lost += 1) {
      one.sandbox.loseAnswers(2);
      await one.rounds();
      await one.later('1 hour');
    }
    one.sandbox.loseAnswers(0);
    await one.later('1 hour');
    expect(await one.available()).toBe(55);
    expect(await one.charges()).toHaveLength(1);
    expect((await one.invoices()).filter(({ status }) => status !== 'draft')).toHaveLength(1);
  });

  it('because the card was removed asks for one', async () => {
    const one = await openTopUp();
    await one.agree();
    const { data } = await one.stripe.customers.listPaymentMethods(one.customerId);
    await one.stripe.paymentMethods.detach(data[0]?.id ?? '');
    await one.use(25);
    await one.rounds();
    expect((await one.state()).consent).toMatchObject({
      status: 'paused',
      pauseReason: 'no_payment_method',
    });
    expect(await one.charges()).toEqual([]);
  });
});
