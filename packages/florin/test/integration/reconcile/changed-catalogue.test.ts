// A change of the catalogue counts for what is bought after it (docs/catalog.md): events that come again, and reconcile, move nothing.
import { expect, it } from 'vitest';
import type { Catalog, CatalogPrice } from '../../../src/catalog/index.ts';
import { reconcile } from '../../../src/reconcile/index.ts';
import { replayEvent } from '../../../src/webhooks/index.ts';
import { testCatalog } from '../webhooks/catalog.ts';
import { shopOnSandbox, subscribe } from '../webhooks/sandbox-shop.ts';

const ID = 'price_CHANGING';
const AT_STRIPE = {
  id: ID,
  name: 'Annual',
  unitAmount: 12_000,
  recurring: { interval: 'year' as const },
};

function selling(more: Partial<CatalogPrice> = {}): Catalog {
  const price = { id: ID, credits: 1200, reason: 'changing', planType: 'basic' } as const;
  return testCatalog([{ ...price, kind: 'recurring', ...more }]);
}

const ignoring = (): Catalog => ({ ...testCatalog(), ignores: (id) => id === ID });

it.each<[string, Catalog, Catalog]>([
  ['is given by the month from now on', selling(), selling({ drip: 'monthly' })],
  ['is given whole from now on', selling({ drip: 'monthly' }), selling()],
  ['grants more', selling(), selling({ credits: 5000 })],
  ['rolls over', selling(), selling({ expires: 'period_end', rollover: { max: 50 } })],
  ['is not sold any more', selling(), testCatalog()],
  ['is ignored', selling(), ignoring()],
])('a price that %s changes nothing of what it has granted', async (_what, before, after) => {
  const here = await shopOnSandbox('2026-10-28.endive', before, [AT_STRIPE]);
  await subscribe({ ...here, price: ID });
  const { sandbox, stripe } = here;
  const balance = await here.shop.balance();
  const clock = { now: () => new Date((sandbox.now() + 1) * 1000) };
  const { deps } = here.shop.with({ catalog: after, clock });
  const paid = sandbox.events().find(({ type }) => type === 'invoice.paid');
  expect(await replayEvent(deps, paid?.id ?? '')).toMatchObject({ status: 'processed' });
  expect(await here.shop.balance()).toBe(balance);
  for (const repair of [false, true]) {
    expect((await reconcile({ ...deps, client: stripe }, { repair })).findings).toEqual([]);
  }
  expect(await here.shop.balance()).toBe(balance);
  const planned = "select count(*)::int from billing.purchases where standing = 'planned'";
  expect(await deps.db.query(planned)).toEqual([
    { count: before.find({ priceId: ID })?.drip ? 11 : 0 },
  ]);
});

it('a price that is ignored since gives back what it has granted', async () => {
  const here = await shopOnSandbox('2026-10-28.endive');
  const { stripe } = here;
  const { id, item, half } = await subscribe(here);
  const ignores = (priceId: string) => priceId === 'price_BASIC_MONTHLY';
  const { deps } = here.shop.with({ catalog: { ...testCatalog(), ignores } });
  await stripe.subscriptions.update(id, {
    items: [{ id: item, price: 'price_PRO_MONTHLY' }],
    proration_behavior: 'always_invoice',
    proration_date: half,
  });
  expect((await reconcile({ ...deps, client: stripe }, { repair: true })).remaining).toEqual([]);
  expect(await here.shop.balance()).toBe(300);
});
