import { describe, expect, it } from 'vitest';
import { verifyLedger } from '../../../src/ledger/index.ts';
import { dismissFraudWarning } from '../../../src/webhooks/index.ts';
import { testCatalog } from './catalog.ts';
import { ACCOUNT } from './objects.ts';
import { buyPack, shopOnSandbox, subscribe, URLS, upgradeInMidMonth } from './sandbox-shop.ts';

describe.each(['2026-10-28.endive', '2020-03-02'])(
  'the sandbox, delivering in %s, last events first and each twice',
  (apiVersion) => {
    it('a pack, three partial refunds', async () => {
      const { sandbox, stripe, shop, settle } = await shopOnSandbox(apiVersion);
      const charge = await buyPack(stripe, (id) => sandbox.pay(id));
      await settle();
      expect(await shop.balance()).toBe(100);
      for (const [amount, left] of [
        [300, 70],
        [333, 37],
        [367, 0],
      ] as const) {
        await stripe.refunds.create({ charge: charge.id, amount });
        await settle();
        expect(await shop.balance()).toBe(left);
      }
    });

    it('a dispute won and one lost', async () => {
      const { sandbox, stripe, shop, settle } = await shopOnSandbox(apiVersion);
      const [won, lost] = [
        await buyPack(stripe, (id) => sandbox.pay(id)),
        await buyPack(stripe, (id) => sandbox.pay(id)),
      ];
      const [first, second] = [sandbox.dispute(won.id), sandbox.dispute(lost.id, { amount: 400 })];
      await settle();
      expect(await shop.balance()).toBe(60);
      sandbox.closeDispute(first.id, 'won');
      sandbox.closeDispute(second.id, 'lost');
      await settle();
      expect(await shop.balance()).toBe(160);
    });

    it('a subscription, its renewal, an upgrade in mid-month and its refund', async () => {
      const { sandbox, stripe, shop, settle } = await shopOnSandbox(apiVersion);
      const session = await stripe.checkout.sessions.create({
        mode: 'subscription',
        client_reference_id: ACCOUNT,
        line_items: [{ price: 'price_BASIC_MONTHLY', quantity: 1 }],
        ...URLS,
      });
      sandbox.pay(session.id);
      await settle();
      expect(await shop.balance()).toBe(100);
      sandbox.advance({ months: 1, days: 1 });
      await settle();
      expect(await shop.balance()).toBe(200);

      const subscription = await upgradeInMidMonth({ sandbox, stripe });
      await settle();
      expect(await shop.balance()).toBe(400);

      const [upgrade] = (await stripe.invoices.list({ limit: 1, expand: ['data.payments'] })).data;
      const intent = upgrade?.payments?.data[0]?.payment.payment_intent;
      await stripe.refunds.create({ payment_intent: String(intent) });
      await stripe.subscriptions.cancel(subscription.id);
      await settle();
      expect(await shop.balance()).toBe(200);
    });

    it('a payment link of the shop’s, whose buyer is named in its address', async () => {
      const { sandbox, stripe, shop, settle } = await shopOnSandbox(apiVersion);
      const link = await stripe.paymentLinks.create({
        line_items: [{ price: 'price_QUICK_SCAN', quantity: 3 }],
      });
      const opened = await fetch(`${link.url}?client_reference_id=${ACCOUNT}`, {
        redirect: 'manual',
      });
      sandbox.pay(opened.headers.get('location')?.split('/').at(-1) ?? '');
      await settle();
      expect(await shop.balance()).toBe(150);
    });

    it('invoices that no cycle made: by hand, of a quote, at a threshold, with more lines than an event shows', async () => {
      const { sandbox, stripe, shop, settle } = await shopOnSandbox(apiVersion);
      const customer = await stripe.customers.create({ metadata: { userId: ACCOUNT } });
      for (const [made, reason] of ['manual', 'quote_accept', 'subscription_threshold'].entries()) {
        sandbox.invoice({
          customer: customer.id,
          reason,
          card: 'visa',
          lines: Array.from({ length: 12 }, () => ({ price: 'price_QUICK_SCAN' })),
        });
        await settle();
        expect(await shop.balance()).toBe((made + 1) * 600);
      }
      const unpaid = { customer: customer.id, reason: 'manual', pay: false };
      sandbox.invoice({ ...unpaid, lines: [{ price: 'price_QUICK_SCAN' }] });
      await settle();
      expect(await shop.balance()).toBe(1_800);
    });

    it('a debit that arrives, one that bounces, and a purchase that a coupon pays whole', async () => {
      const { sandbox, stripe, shop, settle } = await shopOnSandbox(apiVersion);
      const pay = (card: string) => buyPack(stripe, (id) => sandbox.pay(id, { card }));
      await pay('sepa_debit');
      await pay('sepa_debit_fails');
      await settle();
      expect(await shop.balance()).toBe(0);
      sandbox.advance({ days: 8 });
      await settle();
      expect(await shop.balance()).toBe(100);
      const coupon = await stripe.coupons.create({ percent_off: 100, duration: 'once' });
      const free = await stripe.checkout.sessions.create({
        mode: 'payment',
        client_reference_id: ACCOUNT,
        line_items: [{ price: 'price_QUICK_SCAN', quantity: 1 }],
        discounts: [{ coupon: coupon.id }],
        ...URLS,
      });
      sandbox.pay(free.id);
      await settle();
      expect(await shop.balance()).toBe(150);
    });

    it('a quantity that is raised in mid-month grants the prorated part, and each later month in full', async () => {
      const { sandbox, stripe, shop, settle } = await shopOnSandbox(apiVersion);
      const { id, item, half } = await subscribe({ sandbox, stripe, settle });
      await stripe.subscriptions.update(id, {
        items: [{ id: item, quantity: 3 }],
        proration_behavior: 'always_invoice',
        proration_date: half,
      });
      await settle();
      // Half of the month begun for one, and half a month of three.
      expect(await shop.balance()).toBe(200);
      sandbox.advance({ months: 1 });
      await settle();
      expect(await shop.balance()).toBe(500);
    });

    it('a downgrade grants the smaller plan’s part, takes back the larger one’s, and renews as the smaller plan', async () => {
      const { sandbox, stripe, shop, settle } = await shopOnSandbox(apiVersion);
      const { id, item, half } = await subscribe({
        sandbox,
        stripe,
        settle,
        price: 'price_PRO_MONTHLY',
      });
      expect(await shop.balance()).toBe(500);
      await stripe.subscriptions.update(id, {
        items: [{ id: item, price: 'price_BASIC_MONTHLY' }],
        proration_behavior: 'always_invoice',
        proration_date: half,
      });
      await settle();
      expect(await shop.balance()).toBe(300);
      sandbox.advance({ months: 1 });
      await settle();
      expect(await shop.balance()).toBe(400);
    });

    it('a plan that is switched back and forth for the next invoice grants what is charged in the end', async () => {
      const { sandbox, stripe, shop, settle } = await shopOnSandbox(apiVersion);
      const { id, item, half } = await subscribe({ sandbox, stripe, settle });
      for (const price of ['PRO', 'BASIC', 'PRO', 'BASIC', 'PRO'] as const) {
        await stripe.subscriptions.update(id, {
          items: [{ id: item, price: `price_${price}_MONTHLY` }],
          proration_behavior: 'create_prorations',
          proration_date: half,
        });
      }
      await settle();
      expect(await shop.balance()).toBe(100);
      sandbox.advance({ months: 1, days: 1 });
      await settle();
      // Half of the month begun on Basic, half a month of Pro, and the new month in full.
      expect(await shop.balance()).toBe(50 + 250 + 500);
    });

    it('a renewal that is declined grants nothing until it is paid, and then once', async () => {
      const { sandbox, stripe, shop, settle } = await shopOnSandbox(apiVersion);
      const { id, customer } = await subscribe({ sandbox, stripe, settle });
      sandbox.setCard(customer, 'chargeDeclined');
      sandbox.advance({ months: 1 });
      await settle();
      expect((await stripe.subscriptions.retrieve(id)).status).toBe('past_due');
      expect(await shop.balance()).toBe(100);
      sandbox.setCard(customer, 'visa');
      sandbox.advance({ days: 4 });
      await settle();
      expect((await stripe.subscriptions.retrieve(id)).status).toBe('active');
      expect(await shop.balance()).toBe(200);
    });

    it('a subscription whose first payment fails, whose collection pauses, or that ends', async () => {
      const { sandbox, stripe, shop, settle } = await shopOnSandbox(apiVersion);
      const nobody = await stripe.customers.create({ metadata: { userId: ACCOUNT } });
      await stripe.subscriptions.create({
        customer: nobody.id,
        items: [{ price: 'price_BASIC_MONTHLY' }],
        payment_behavior: 'default_incomplete',
      });
      await settle();
      sandbox.advance({ days: 1 });
      await settle();
      expect(await shop.balance()).toBe(0);

      const { id } = await subscribe({ sandbox, stripe, settle });
      await stripe.subscriptions.update(id, { pause_collection: { behavior: 'void' } });
      sandbox.advance({ months: 1 });
      await settle();
      expect(await shop.balance()).toBe(100);
      await stripe.subscriptions.update(id, { pause_collection: '' });
      sandbox.advance({ months: 1 });
      await settle();
      expect(await shop.balance()).toBe(200);
      await stripe.subscriptions.cancel(id);
      sandbox.advance({ months: 2 });
      await settle();
      expect(await shop.balance()).toBe(200);
    });

    it('fraud warnings that freeze: one that was right, one that a won dispute ends, one that is dismissed', async () => {
      const catalog = testCatalog([], 'freeze');
      const { sandbox, stripe, shop, settle } = await shopOnSandbox(apiVersion, catalog);
      const buy = () => buyPack(stripe, (id) => sandbox.pay(id));
      const [refunded, disputed, dismissed] = [await buy(), await buy(), await buy()];
      await settle();
      expect(await shop.balance()).toBe(300);
      sandbox.warnOfFraud(refunded.id);
      await settle();
      expect(await shop.balance()).toBe(200);
      await stripe.refunds.create({ charge: refunded.id });
      await settle();
      expect(await shop.balance()).toBe(200);

      sandbox.warnOfFraud(disputed.id);
      await settle();
      const dispute = sandbox.dispute(disputed.id);
      await settle();
      expect(await shop.balance()).toBe(100);
      sandbox.closeDispute(dispute.id, 'won');
      await settle();
      expect(await shop.balance()).toBe(200);

      const warning = sandbox.warnOfFraud(dismissed.id);
      await settle();
      expect(await shop.balance()).toBe(100);
      await dismissFraudWarning(shop.deps, warning.id);
      expect(await shop.balance()).toBe(200);
      expect(await verifyLedger(shop.deps.db)).toEqual([]);
    });

    it('a refund that fails days later', async () => {
      const { sandbox, stripe, shop, settle } = await shopOnSandbox(apiVersion);
      const charge = await buyPack(stripe, (id) => sandbox.pay(id, { card: 'refundFail' }));
      await stripe.refunds.create({ charge: charge.id, amount: 500 });
      await settle();
      expect(await shop.balance()).toBe(50);
      sandbox.advance({ days: 6 });
      await settle();
      expect(await shop.balance()).toBe(100);
    });
  },
);
