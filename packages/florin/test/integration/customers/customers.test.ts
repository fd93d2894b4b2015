import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  ensureCustomer,
  findAccountByCustomer,
  findPrimaryCustomer,
} from '../../../src/customers/index.ts';
import type { StripeClient } from '../../../src/stripe/index.ts';
import { event, session, sessionLine, withLines } from '../webhooks/objects.ts';
import { openShop, type Shop } from '../webhooks/shop.ts';

let shop: Shop;
beforeAll(async () => {
  shop = await openShop();
});
afterAll(() => shop.close());

/** Stripe's customers.create: one customer an idempotency key, after a moment. */
function stripeWith(keys: Map<string, string>, prefix: string): StripeClient {
  const create = async (_params: unknown, { idempotencyKey }: { idempotencyKey: string }) => {
    await new Promise((resolve) => setImmediate(resolve));
    const known = keys.get(idempotencyKey) ?? `cus_${prefix}_${keys.size + 1}`;
    keys.set(idempotencyKey, known);
    return { id: known };
  };
  return { customers: { create } } as unknown as StripeClient;
}

describe("an account's customer", () => {
  it('is made once, also by many clicks at once', async () => {
    const accountId = '11111111-0000-4000-8000-000000000001';
    const keys = new Map<string, string>();
    const stripe = stripeWith(keys, 'a');
    const made = await Promise.all(
      Array.from({ length: 20 }, () => ensureCustomer({ db: shop.deps.db, stripe }, { accountId })),
    );
    expect(new Set(made).size).toBe(1);
    expect([...keys.keys()]).toEqual([`customer:${accountId}`]);
    expect(await findPrimaryCustomer(shop.deps.db, accountId)).toBe(made[0]);
    expect(await findAccountByCustomer(shop.deps.db, String(made[0]))).toBe(accountId);
  });

  it('is never one that a buyer linked by a reference', async () => {
    const accountId = '11111111-0000-4000-8000-000000000002';
    await shop.deliver(
      event(
        'checkout.session.completed',
        session({
          ...withLines([sessionLine('price_QUICK_SCAN')]),
          customer: 'cus_stranger',
          client_reference_id: accountId,
        }),
      ),
    );
    expect(await findAccountByCustomer(shop.deps.db, 'cus_stranger')).toBe(accountId);
    expect(await findPrimaryCustomer(shop.deps.db, accountId)).toBeUndefined();
    const stripe = stripeWith(new Map(), 'b');
    const own = await ensureCustomer({ db: shop.deps.db, stripe }, { accountId });
    expect(own).not.toBe('cus_stranger');
  });

  it('a deleted customer keeps its ledger and gets a new customer at the next checkout', async () => {
    const accountId = '11111111-0000-4000-8000-000000000003';
    const keys = new Map<string, string>();
    const stripe = stripeWith(keys, 'c');
    const first = await ensureCustomer({ db: shop.deps.db, stripe }, { accountId });
    await shop.deliver(event('customer.deleted', { id: first, object: 'customer', deleted: true }));
    const second = await ensureCustomer({ db: shop.deps.db, stripe }, { accountId });
    expect(second).not.toBe(first);
    expect(await findAccountByCustomer(shop.deps.db, first)).toBe(accountId);
  });
});
