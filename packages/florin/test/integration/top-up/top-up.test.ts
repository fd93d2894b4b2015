import { describe, expect, it } from 'vitest';
import { closeAccount, reverseGrant, verifyLedger } from '../../../src/ledger/index.ts';
import { runTopUps } from '../../../src/top-up/index.ts';
import { ADA, BOB } from '../http/florin-service.ts';
import { openTopUp, TERMS } from './top-up-service.ts';

describe('auto top-up', () => {
  it('buys once when fewer credits are available than agreed, and not before', async () => {
    const one = await openTopUp();
    expect((await one.agree()).body.consent).toMatchObject({
      status: 'active',
      credits: 50,
      paymentMethod: 'visa •••• 4242',
    });
    await one.use(10);
    await one.rounds();
    expect(await one.charges()).toEqual([]);
    await one.use(1);
    await one.rounds();
    await one.rounds();
    expect(await one.available()).toBe(69);
    expect(await one.charges()).toMatchObject([
      { amount: 500, currency: 'usd', customer: one.customerId },
    ]);
    const { topUps } = await one.state();
    expect(topUps).toMatchObject([{ status: 'credited', credits: 50, amountMinor: 500 }]);
    expect(await verifyLedger(one.deps.db)).toEqual([]);
  });

  it('buys once, whoever notices first: eight services at once', async () => {
    const one = await openTopUp();
    await one.agree();
    await one.use(25);
    await Promise.all(Array.from({ length: 8 }, () => runTopUps(one.deps, 100)));
    await one.rounds();
    expect(await one.available()).toBe(55);
    expect(await one.charges()).toHaveLength(1);
    expect(await one.invoices()).toHaveLength(1);
  });

  it('buys nothing more while the credits of the last top-up have not come', async () => {
    const one = await openTopUp({ deliver: false });
    await one.agree();
    await one.use(25);
    await one.rounds();
    expect((await one.state()).topUps).toMatchObject([{ status: 'paid' }]);
    expect(await one.available()).toBe(5);
    await one.later('1 day');
    expect(await one.charges()).toHaveLength(1);
    expect(one.logs.filter(({ message }) => message.includes('credits have not come'))).not.toEqual(
      [],
    );
  });

  it('counts a calendar month in UTC, and goes on in the next one', async () => {
    const one = await openTopUp();
    await one.agree({ maxPerMonth: 2 });
    for (const _ of [1, 2, 3]) {
      await one.use((await one.available()) - 1);
      await one.rounds();
    }
    expect(await one.charges()).toHaveLength(2);
    expect(await one.available()).toBe(1);
    await one.later('32 days');
    expect(await one.charges()).toHaveLength(3);
  });

  it('charges nothing else that waits for the customer’s next invoice', async () => {
    const one = await openTopUp();
    await one.stripe.invoiceItems.create({
      customer: one.customerId,
      amount: 99_900,
      currency: 'usd',
      description: 'something of the shop',
    });
    await one.agree();
    await one.use(25);
    await one.rounds();
    expect(await one.charges()).toMatchObject([{ amount: 500 }]);
  });

  it('asks for consent anew when the price has changed since', async () => {
    const one = await openTopUp();
    await one.agree();
    const { invoiceItems } = one.stripe;
    const create = invoiceItems.create.bind(invoiceItems);
    // The shop sells another price under the same name by now.
    invoiceItems.create = (params, options) =>
      create({ ...params, pricing: { price: 'price_POWER_PACK' } }, options);
    await one.use(25);
    await one.rounds();
    expect(await one.state()).toMatchObject({
      consent: { status: 'paused', pauseReason: 'price_changed' },
      topUps: [{ status: 'failed', failureCode: 'price_changed' }],
    });
    expect(await one.charges()).toEqual([]);
    expect(await one.invoices()).toEqual([]);
    // Nor is anything left behind for the customer's next invoice to charge.
    expect((await one.stripe.invoiceItems.list({ customer: one.customerId })).data).toEqual([]);
  });

  it('does not agree to terms that the buyer was not shown, or that would never end', async () => {
    const one = await openTopUp();
    expect(await one.agree({ amountMinor: 499 })).toMatchObject({
      status: 409,
      body: { code: 'price_changed', amountMinor: 500, currency: 'usd' },
    });
    expect((await one.agree({ currency: 'eur' })).body.code).toBe('price_changed');
    expect((await one.agree({ consent: false })).body.code).toBe('invalid_input');
    expect((await one.agree({ threshold: 51 })).body.detail).toContain('at most 50');
    expect((await one.agree({ priceId: 'price_POWER_PACK' })).body.code).toBe('price_unknown');
    expect((await one.agree({ quantity: 101, amountMinor: 50_500 })).body.code).toBe(
      'invalid_input',
    );
    expect((await one.agree({ maxPerMonth: 0 })).body.code).toBe('invalid_input');
    expect((await one.state()).consent).toBeNull();
  });

  it('is a buyer’s own: nobody else sees it, and nobody without a sign-in', async () => {
    const one = await openTopUp();
    await one.agree();
    expect((await one.ask('/api/top-up', { as: BOB })).body).toMatchObject({
      consent: null,
      topUps: [],
      offers: [{ priceId: 'price_QUICK_SCAN', credits: 50 }],
    });
    expect((await one.ask('/api/top-up')).status).toBe(401);
    expect((await one.ask('/api/top-up', { body: TERMS })).status).toBe(401);
    expect((await one.ask('/api/top-up', { method: 'DELETE', as: BOB })).status).toBe(200);
    expect((await one.state()).consent.status).toBe('active');
  });

  it('waits for a card, saves one on Stripe’s page and goes on with it', async () => {
    const one = await openTopUp({ card: null });
    expect((await one.agree()).body.consent).toMatchObject({
      status: 'paused',
      pauseReason: 'no_payment_method',
    });
    await one.use(25);
    await one.rounds();
    expect(await one.invoices()).toEqual([]);
    const resume = (body: object) => one.ask('/api/top-up/resume', { as: ADA, body });
    expect((await resume({})).body.code).toBe('payment_method_missing');

    const opened = await one.ask('/api/top-up/payment-method', { as: ADA, method: 'POST' });
    expect(opened.body.url).toContain(one.sandbox.url);
    const [session] = (await one.stripe.checkout.sessions.list({ limit: 1 })).data;
    one.sandbox.pay(session?.id ?? '', { card: 'mastercard' });
    expect((await resume({ sessionId: session?.id })).body.consent).toMatchObject({
      status: 'active',
      pauseReason: null,
      paymentMethod: 'mastercard •••• 4444',
    });
    await one.rounds();
    expect(await one.available()).toBe(55);
    expect((await resume({ sessionId: 'cs_test_unknown' })).status).toBe(404);
  });

  it('ends when the buyer turns it off, and can be agreed to again', async () => {
    const one = await openTopUp();
    await one.agree();
    const off = await one.ask('/api/top-up', { method: 'DELETE', as: ADA });
    expect(off.body.consent.status).toBe('off');
    await one.use(25);
    await one.rounds();
    expect(await one.charges()).toEqual([]);
    expect((await one.ask('/api/top-up/resume', { as: ADA, body: {} })).status).toBe(404);
    await one.agree();
    await one.rounds();
    expect(await one.charges()).toHaveLength(1);
  });

  it('does not charge an account that is closed, nor let a user without a name agree', async () => {
    const one = await openTopUp();
    const token = await one.project.token({ sub: BOB, is_anonymous: true, email: '' });
    const refused = await one.ask('/api/top-up', { as: `Bearer ${token}`, body: TERMS });
    expect(refused).toMatchObject({ status: 403, body: { reason: 'anonymous_user' } });
    await one.agree();
    await one.use(25);
    await closeAccount(one.deps.db, { accountId: ADA, idempotencyKey: 'gone' });
    await one.rounds();
    expect((await one.state()).consent.pauseReason).toBe('account_closed');
    expect(await one.charges()).toEqual([]);
  });

  it('does not charge an account that owes credits, or whose payment is disputed', async () => {
    const debtor = await openTopUp();
    await debtor.agree();
    const { grantId } = (
      await debtor.deps.db.query<{ grantId: string }>('select grant_id from credits.grants')
    )[0] ?? { grantId: '' };
    await debtor.use(25);
    await reverseGrant(debtor.deps.db, {
      accountId: ADA,
      grantId,
      amount: 30,
      idempotencyKey: 'money went back',
    });
    await debtor.rounds();
    expect((await debtor.state()).consent).toMatchObject({ status: 'paused', pauseReason: 'debt' });
    expect(await debtor.charges()).toEqual([]);

    const disputed = await openTopUp({ card: 'pm_card_createDispute' });
    await disputed.agree();
    await disputed.use(25);
    await disputed.rounds();
    await disputed.rounds();
    expect(await disputed.charges()).toHaveLength(1);
    expect((await disputed.state()).consent.status).toBe('paused');
  });
});
