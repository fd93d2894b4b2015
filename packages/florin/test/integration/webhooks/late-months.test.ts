// Months of an annual price whose credits end with each month, given after their own end.
import { expect, it, onTestFinished } from 'vitest';
import { verifyLedger } from '../../../src/ledger/index.ts';
import { testCatalog } from './catalog.ts';
import { dispute, event, invoice, session } from './objects.ts';
import { openShop } from './shop.ts';

const DAY = 86_400;
const ENDING = {
  id: 'price_ENDING',
  credits: 1200,
  reason: 'ending',
  planType: 'basic',
  kind: 'recurring',
  drip: 'monthly',
  expires: 'period_end',
} as const;

/** A shop that hears today of a year that began a hundred days ago. */
async function lateShop() {
  const shop = await openShop({ catalog: testCatalog([ENDING]) });
  onTestFinished(() => shop.close());
  const start = Math.floor(Date.now() / 1000) - 100 * DAY;
  const period = { start, end: start + 365 * DAY };
  await shop.deliver(
    event(
      'checkout.session.completed',
      session({ mode: 'subscription', subscription: 'sub_1', payment_intent: null }),
    ),
  );
  const paid = invoice([{ priceId: ENDING.id, amount: 12_000, period }], 'old');
  return { shop, hear: () => shop.deliver(event('invoice.paid', paid, { shape: 'old' })) };
}

it('months that are over as the event comes are given, and last as long from then', async () => {
  const { shop, hear } = await lateShop();
  await hear();
  expect(await shop.balance()).toBe(400);
  const ends = (await shop.grants()).map((grant) => new Date(grant['expiresAt'] as string));
  expect(ends).toHaveLength(4);
  expect(ends.every((end) => end.getTime() > Date.now())).toBe(true);
  expect(await verifyLedger(shop.deps.db)).toEqual([]);
});

it('months that ended while a dispute held the money are given when it is won', async () => {
  const { shop, hear } = await lateShop();
  await shop.deliver(event('charge.dispute.created', dispute('needs_response', 12_000)));
  await hear();
  expect(await shop.balance()).toBe(0);
  await shop.deliver(event('charge.dispute.closed', dispute('won', 12_000), { at: 100 }));
  expect(await shop.balance()).toBe(400);
});
