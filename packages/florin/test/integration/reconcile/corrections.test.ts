// What is known as paid, and lacks its entries in the ledger.
import { expect, it, onTestFinished } from 'vitest';
import { PRICES, sandboxUnderTest } from '../../../../stripe-sandbox/test/sandbox-under-test.ts';
import type { Catalog, CatalogPrice } from '../../../src/catalog/index.ts';
import type { Database } from '../../../src/db/index.ts';
import { reconcile } from '../../../src/reconcile/index.ts';
import { createStripeLookups } from '../../../src/stripe/index.ts';
import { withCommands } from '../../support/apply-event.ts';
import { testCatalog } from '../webhooks/catalog.ts';
import { buyPack } from '../webhooks/sandbox-shop.ts';
import { asOwner, openShop } from '../webhooks/shop.ts';

/** A service that loses what it should have written to the ledger. */
function losing(db: Database): Database {
  return {
    ...db,
    query(statement, values, options) {
      if (typeof statement === 'string' || statement.name !== 'billing_apply_event') {
        return db.query(statement, values, options);
      }
      return db.query(statement, withCommands(statement, values), options);
    },
  };
}

it('credits that were never written are given as they were bought, and last as long after their end', async () => {
  const { sandbox, stripe } = await sandboxUnderTest({ prices: PRICES });
  const id = 'price_QUICK_SCAN';
  const pack = testCatalog().find({ priceId: id });
  const sold = { ...pack, id, priority: 7, expiresAfter: 'P90D' } as CatalogPrice;
  const catalog: Catalog = { ...testCatalog(), prices: [sold], find: () => sold };
  const shop = (await openShop({ catalog })).with({ stripe: createStripeLookups(stripe) });
  onTestFinished(() => shop.close());
  await buyPack(stripe, (id) => sandbox.pay(id));
  const lossy = shop.with({ db: losing(shop.deps.db) });
  for (const told of (await stripe.events.list({ limit: 100 })).data.toReversed()) {
    await lossy.deliver(told as never);
  }
  const [bought] = await shop.deps.db.query<{ purchaseKey: string }>(
    'select purchase_key from billing.purchases',
  );
  // It is found after the credits would have ended.
  await asOwner(
    shop.fresh,
    `update billing.payments
        set created_at = now() - interval '100 days',
            state = jsonb_set(state, '{purchases,${bought?.purchaseKey},expiresAt}',
                              to_jsonb(now() - interval '10 days'))`,
  );
  const run = (repair = false) => reconcile({ ...shop.deps, client: stripe }, { repair });
  expect((await run()).findings).toMatchObject([{ kind: 'paid_not_credited', credits: 100 }]);
  expect((await run(true)).remaining).toEqual([]);
  expect((await run(true)).findings).toEqual([]);
  const [grant, ...more] = await shop.deps.db.query(
    `select amount, priority, round(extract(epoch from expires_at - created_at) / 86400)::int as days
       from credits.grants`,
  );
  expect(grant).toEqual({ amount: 100, priority: 7, days: 90 });
  expect(more).toEqual([]);
});
