import { describe, expect, it } from 'vitest';
import { verifyLedger } from '../../../src/ledger/index.ts';
import { ACCOUNT } from './objects.ts';
import { shopOnSandbox, URLS, upgradeInMidMonth } from './sandbox-shop.ts';

/** Basic costs 9 dollars or 8 euros, Pro 29 dollars or 20 euros: the shares differ between the currencies. */
const EUROS = { price_BASIC_MONTHLY: 800, price_PRO_MONTHLY: 2000 };

describe.each(['2026-10-28.endive', '2020-03-02'])(
  'a subscription in another currency than its price’s own, delivered in %s, last events first',
  (apiVersion) => {
    it('is credited at each renewal and upgrade, and refunds take their share', async () => {
      const { sandbox, stripe, shop, settle } = await shopOnSandbox(apiVersion);
      for (const [price, unit_amount] of Object.entries(EUROS)) {
        await stripe.prices.update(price, { currency_options: { eur: { unit_amount } } });
      }
      const session = await stripe.checkout.sessions.create({
        mode: 'subscription',
        currency: 'eur',
        client_reference_id: ACCOUNT,
        line_items: [{ price: 'price_BASIC_MONTHLY', quantity: 1 }],
        ...URLS,
      });
      sandbox.pay(session.id);
      await settle();
      expect(await shop.balance()).toBe(100);

      const refund = async (amount: number) => {
        const [charge] = (await stripe.charges.list({ limit: 1 })).data;
        expect(charge?.currency).toBe('eur');
        await stripe.refunds.create({ charge: charge?.id ?? '', amount });
        await settle();
        return shop.balance();
      };
      expect(await refund(200)).toBe(75);
      sandbox.advance({ months: 1 });
      await settle();
      expect(await shop.balance()).toBe(175);

      await upgradeInMidMonth({ sandbox, stripe });
      await settle();
      expect(await shop.balance()).toBe(175 - 50 + 250);
      const [upgrade] = (await stripe.invoices.list({ limit: 1 })).data;
      expect(upgrade).toMatchObject({ currency: 'eur', total: 1000 - 400 });
      expect(await refund(300)).toBe(175 - 50 + 250 - 100);
      expect(await verifyLedger(shop.deps.db)).toEqual([]);
    });
  },
);
