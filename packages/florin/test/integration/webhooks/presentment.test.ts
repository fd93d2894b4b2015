// Adaptive Pricing: the buyer pays in another currency than the price's, and is given back in it. https://docs.stripe.com/payments/currencies/localize-prices/adaptive-pricing, https://docs.stripe.com/currencies/disputes-refunds
import { describe, expect, it } from 'vitest';
import { buyPack, shopOnSandbox } from './sandbox-shop.ts';

/** 1000 US cents, shown as 917 euro cents. */
const SHOWN = { amount: 917, currency: 'eur' };

describe.each(['2026-10-28.endive', '2020-03-02'])(
  'a pack paid in euros, delivered in %s',
  (version) => {
    it('is granted in full, and refunds count by their share of their own charge', async () => {
      const { sandbox, stripe, shop, settle } = await shopOnSandbox(version);
      const charge = await buyPack(stripe, (id) => sandbox.pay(id, { presentment: SHOWN }));
      expect([charge.currency, charge.amount]).toEqual(['usd', 1000]);
      expect(charge.presentment_details).toEqual({
        presentment_amount: 917,
        presentment_currency: 'eur',
      });
      await settle();
      expect(await shop.balance()).toBe(100);
      const refund = await stripe.refunds.create({ charge: charge.id, amount: 300 });
      expect(refund.presentment_details?.presentment_amount).toBe(275);
      await settle();
      expect(await shop.balance()).toBe(70);
      await stripe.refunds.create({ charge: charge.id });
      await settle();
      expect(await shop.balance()).toBe(0);
    });

    it('is disputed in euros, which take the whole of it, and half of it', async () => {
      const { sandbox, stripe, shop, settle } = await shopOnSandbox(version);
      const pay = (id: string) => sandbox.pay(id, { presentment: SHOWN });
      const [whole, half] = [await buyPack(stripe, pay), await buyPack(stripe, pay)];
      await settle();
      expect(await shop.balance()).toBe(200);
      const dispute = sandbox.dispute(whole.id);
      expect([dispute.currency, dispute.amount]).toEqual(['eur', 917]);
      await settle();
      expect(await shop.balance()).toBe(100);
      sandbox.dispute(half.id, { amount: 500 });
      await settle();
      expect(await shop.balance()).toBe(50);
      sandbox.closeDispute(dispute.id, 'won');
      await settle();
      expect(await shop.balance()).toBe(150);
    });

    it('of which a part is refunded and then all of it disputed is taken back once', async () => {
      const { sandbox, stripe, shop, settle } = await shopOnSandbox(version);
      const charge = await buyPack(stripe, (id) => sandbox.pay(id, { presentment: SHOWN }));
      await stripe.refunds.create({ charge: charge.id, amount: 300 });
      const dispute = sandbox.dispute(charge.id);
      await settle();
      expect(await shop.balance()).toBe(0);
      sandbox.closeDispute(dispute.id, 'won');
      await settle();
      expect(await shop.balance()).toBe(70);
    });
  },
);
