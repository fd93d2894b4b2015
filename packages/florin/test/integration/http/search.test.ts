import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { ADA, type Answer, openService, type TestService } from './florin-service.ts';

let service: TestService;
beforeAll(async () => {
  service = await openService();
});
afterAll(() => service.close());

async function find(query: string, on = service): Promise<Answer['body']> {
  const path = `/api/admin/accounts?query=${encodeURIComponent(query)}`;
  const { status, body } = await on.ask(path, { as: 'server' });
  expect(status).toBe(200);
  return body;
}

const accountsOf = (found: Answer['body']) =>
  found.accounts.map(({ accountId }: { accountId: string }) => accountId);

async function buy(priceId: string, on = service) {
  const buyer = crypto.randomUUID();
  const made = await on.ask('/api/create-checkout-session', { as: buyer, body: { priceId } });
  on.sandbox.pay(made.body.sessionId);
  await on.sandbox.settled();
  const session = await on.stripe.checkout.sessions.retrieve(made.body.sessionId);
  return { buyer, session, sessionId: session.id };
}

describe('the operator’s search', () => {
  it('lands on the account by every name of its payment, and of what went back of it', async () => {
    await buy('price_QUICK_SCAN');
    const { buyer, session, sessionId } = await buy('price_QUICK_SCAN');
    const intent = String(session.payment_intent);
    const { data } = await service.stripe.charges.list({ payment_intent: intent });
    const charge = String(data[0]?.id);
    const refund = await service.stripe.refunds.create({ charge, amount: 100 });
    const dispute = service.sandbox.dispute(charge);
    await service.sandbox.settled();
    const names = [sessionId, intent, charge, refund.id, dispute.id, String(session.customer)];
    for (const name of names) {
      const found = await find(name);
      expect([name, accountsOf(found), found.atStripe]).toEqual([name, [buyer], null]);
    }
    const { events } = await find(intent);
    const types = events.map(({ type }: { type: string }) => type);
    expect(types).toContain('checkout.session.completed');
    expect(types).toContain('charge.refunded');
    for (const { eventId, accountId } of events) {
      expect([null, buyer]).toContain(accountId);
      const byEvent = await find(eventId);
      expect([eventId, accountsOf(byEvent)]).toEqual([eventId, [buyer]]);
      expect(byEvent.events).toContainEqual(expect.objectContaining({ eventId }));
    }
  });

  it('lands on the account by a subscription, its invoice and a credit note', async () => {
    const { buyer, session } = await buy('price_BASIC_MONTHLY');
    const [subscription, invoice] = [String(session.subscription), String(session.invoice)];
    const note = await service.stripe.creditNotes.create({
      invoice,
      amount: 100,
      refund_amount: 100,
    });
    await service.sandbox.settled();
    for (const name of [subscription, invoice, note.id]) {
      expect([name, accountsOf(await find(name))]).toEqual([name, [buyer]]);
    }
  });

  it('takes an id out of an address of the dashboard and out of a client secret', async () => {
    const { buyer, session, sessionId } = await buy('price_QUICK_SCAN');
    const intent = String(session.payment_intent);
    for (const pasted of [
      `https://dashboard.stripe.com/test/payments/${intent}`,
      `  ${intent}_secret_a1B2  `,
      `${service.config.appUrl}/?session_id=${sessionId}&x=1`,
    ]) {
      const found = await find(pasted);
      expect([pasted, accountsOf(found)]).toEqual([pasted, [buyer]]);
      expect([intent, sessionId]).toContain(found.stripeId);
    }
    expect(await find('price_QUICK_SCAN')).toMatchObject({ accounts: [], atStripe: null });
    expect(await find('begin_1')).toMatchObject({ accounts: [], atStripe: null });
  });

  it('shows the events of a payment that belongs to nobody yet', async () => {
    const session = await service.stripe.checkout.sessions.create({
      mode: 'payment',
      line_items: [{ price: 'price_QUICK_SCAN', quantity: 1 }],
      success_url: 'http://shop.test/',
    });
    service.sandbox.pay(session.id);
    await service.sandbox.settled();
    const found = await find(session.id);
    expect(found.accounts).toEqual([]);
    expect(found.events).toMatchObject([
      { type: 'checkout.session.completed', status: 'failed', needsAttention: true },
    ]);
  });

  it('asks Stripe what the inbox does not know: whose it is, and that no event has come', async () => {
    const deaf = await openService({ deliver: false });
    onTestFinished(() => deaf.close());
    const { buyer, session } = await buy('price_QUICK_SCAN', deaf);
    const intent = String(session.payment_intent);
    const { data } = await deaf.stripe.charges.list({ payment_intent: intent });
    const refund = await deaf.stripe.refunds.create({ payment_intent: intent, amount: 100 });
    for (const name of [intent, String(data[0]?.id), refund.id]) {
      const found = await find(name, deaf);
      expect([name, accountsOf(found)]).toEqual([name, [buyer]]);
      expect(found).toMatchObject({ atStripe: 'known', events: [] });
    }
    const [told] = (await deaf.stripe.events.list({ type: 'checkout.session.completed' })).data;
    expect(accountsOf(await find(String(told?.id), deaf))).toEqual([buyer]);

    const strange = await deaf.stripe.checkout.sessions.create({
      mode: 'payment',
      client_reference_id: ADA,
      line_items: [{ price: 'price_QUICK_SCAN', quantity: 1 }],
      success_url: 'http://shop.test/',
    });
    expect(await find(strange.id, deaf)).toMatchObject({ accounts: [], withoutLedger: [ADA] });

    for (const prefix of 'evt cs in pi ch re dp du cus sub cn'.split(' ')) {
      const found = await find(`${prefix}_nobody`, deaf);
      expect([prefix, found.accounts, found.atStripe]).toEqual([prefix, [], 'unknown']);
    }
    await deaf.sandbox.stop();
    const away = await deaf.ask('/api/admin/accounts?query=pi_nobody', { as: 'server' });
    expect([away.status, away.body.code]).toEqual([503, 'stripe_unavailable']);
  });
});
