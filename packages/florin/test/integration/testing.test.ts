import { describe, expect, it, onTestFinished } from 'vitest';
import { endpointUnderTest, PRICES } from '../../../stripe-sandbox/test/sandbox-under-test.ts';
import { type StripeSandboxOptions, startStripeSandbox } from '../../src/testing.ts';

async function started(options: StripeSandboxOptions = {}) {
  const sandbox = await startStripeSandbox({ prices: PRICES, ...options });
  onTestFinished(() => sandbox.stop());
  return sandbox;
}

describe('florin/testing', () => {
  it("buys, refunds, disputes and moves time in a user's own test, with every event delivered", async () => {
    const endpoint = await endpointUnderTest();
    const sandbox = await started({ webhookUrl: endpoint.url });
    const bought = await sandbox.buy({ price: 'price_QUICK_SCAN', accountId: 'acc-1' });
    expect(bought).toMatchObject({
      paymentStatus: 'paid',
      chargeId: expect.stringMatching(/^ch_/),
    });
    const { body, signature } = endpoint.of('checkout.session.completed')[0] ?? {
      body: '',
      signature: '',
    };
    const event = sandbox.stripe.webhooks.constructEvent(
      body,
      signature,
      sandbox.env.STRIPE_WEBHOOK_SECRET,
    );
    expect(event.data.object).toMatchObject({ client_reference_id: 'acc-1' });
    sandbox.refund({ charge: String(bought.chargeId), amount: 100 });
    const dispute = sandbox.dispute(String(bought.chargeId), { amount: 400 });
    sandbox.closeDispute(dispute.id, 'won');
    await sandbox.settled();
    expect(endpoint.types()).toEqual(
      expect.arrayContaining(['charge.refunded', 'charge.dispute.closed']),
    );
  });

  it('subscribes, and renews when time moves', async () => {
    const endpoint = await endpointUnderTest();
    const sandbox = await started({
      webhookUrl: endpoint.url,
      webhookApiVersion: '2024-06-20',
    });
    const { subscriptionId } = await sandbox.subscribe({
      price: 'price_BASIC_MONTHLY',
      accountId: 'acc-1',
      metadata: { userId: 'acc-1' },
    });
    sandbox.advance({ months: 1 });
    await sandbox.settled();
    const paid = endpoint.of('invoice.paid').map((one) => one.event.data.object);
    expect(paid).toMatchObject([
      { subscription: subscriptionId, billing_reason: 'subscription_create' },
      { subscription: subscriptionId, billing_reason: 'subscription_cycle' },
    ]);
    expect(sandbox.deliveries().every((one) => one.status === 'delivered')).toBe(true);
  });

  it('leaves a declined purchase unpaid', async () => {
    const sandbox = await started();
    const bought = await sandbox.buy({ price: 'price_QUICK_SCAN', card: 'chargeDeclined' });
    expect(bought.paymentStatus).toBe('unpaid');
  });
});
