// Two workers that decide about one subscription at the same instant, each without the other's payment (decision 0074).
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { connect, type Database, type Statement } from '../../../src/db/index.ts';
import { verifyLedger } from '../../../src/ledger/index.ts';
import { charge, event, invoice, type Json } from './objects.ts';
import { eventId, openShop, type Shop } from './shop.ts';

const DAY = 86_400;
const START = 1_790_000_000;
const MONTH = { start: START, end: START + 30 * DAY };
const HALF = { start: START + 15 * DAY, end: MONTH.end };

const bought = event('invoice.paid', invoice([line('BASIC', 1000, MONTH)], 'old'), {
  shape: 'old',
});
const upgraded = event(
  'invoice.paid',
  invoice(
    [
      { ...line('BASIC', -500, HALF), id: 'il_minus', proration: true },
      { ...line('PRO', 2500, HALF), id: 'il_plus', proration: true },
    ],
    'old',
    { id: 'in_2', payment_intent: 'pi_2', billing_reason: 'subscription_update' },
  ),
  { at: 15, shape: 'old' },
);
const upgradeRefunded = event(
  'charge.refunded',
  charge(2000, {
    id: 'ch_2',
    amount: 2000,
    amount_captured: 2000,
    payment_intent: 'pi_2',
    refunded: true,
  }),
  { at: 20 },
);

function line(plan: 'BASIC' | 'PRO', amount: number, period: { start: number; end: number }) {
  return {
    priceId: `price_${plan}_MONTHLY`,
    amount,
    unitAmount: plan === 'BASIC' ? 1000 : 5000,
    period,
  };
}

function closedGate(): { opened: Promise<void>; open: () => void } {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

/** A worker with connections of its own that stops once it has read and decided, until it may go on. */
function stoppedBeforeItWrites(shop: Shop): {
  worker: Shop;
  goOn: () => void;
  stopped: Promise<void>;
} {
  const own = connect({ url: shop.fresh.url, maxConnections: 2 });
  onTestFinished(() => own.close());
  const stopped = closedGate();
  const mayGoOn = closedGate();
  const query = async (statement: Statement | string, ...more: unknown[]) => {
    if (typeof statement !== 'string' && statement.name === 'billing_apply_event') {
      stopped.open();
      await mayGoOn.opened;
    }
    return own.query(statement, ...(more as []));
  };
  const db = new Proxy(own, {
    get: (target, name) => (name === 'query' ? query : Reflect.get(target, name)),
  }) as Database;
  return { worker: shop.with({ db }), goOn: mayGoOn.open, stopped: stopped.opened };
}

/** Both read, then one writes, then the other. */
async function atOnce(shop: Shop, first: Json, second: Json): Promise<void> {
  const [one, other] = [stoppedBeforeItWrites(shop), stoppedBeforeItWrites(shop)];
  const [oneDone, otherDone] = [one.worker.deliver(first), other.worker.deliver(second)];
  await Promise.all([one.stopped, other.stopped]);
  one.goOn();
  await oneDone;
  other.goOn();
  await otherDone;
}

describe('two workers that have read the same subscription', () => {
  const shops: Shop[] = [];
  afterEach(() => Promise.all(shops.splice(0).map((shop) => shop.close())));

  async function open(...before: readonly Json[]): Promise<Shop> {
    const shop = await openShop();
    shops.push(shop);
    const mine = event('customer.updated', {
      id: 'cus_1',
      object: 'customer',
      metadata: { userId: '6f1d3f52-0c1b-4d51-9a3e-6f3f4f0f7a01' },
    });
    for (const payload of [mine, ...before]) {
      await shop.deliver(payload);
    }
    return shop;
  }

  it.each([
    ['the invoice that returns', upgraded, bought],
    ['the invoice that is credited', bought, upgraded],
  ])('take back what was bought and switched away, when %s is written first', async (_, a, b) => {
    const shop = await open();
    await atOnce(shop, a, b);
    expect(await shop.inbox(eventId(a))).toMatchObject({ status: 'processed', attempts: 1 });
    expect(await shop.inbox(eventId(b))).toMatchObject({ status: 'processed', attempts: 1 });
    expect(await shop.balance()).toBe(300);
    expect(await verifyLedger(shop.deps.db)).toEqual([]);
  });

  it.each([
    ['the refund', upgradeRefunded, bought],
    ['the invoice that is credited', bought, upgradeRefunded],
  ])('give back what a refunded switch took, when %s is written first', async (_, a, b) => {
    const shop = await open(upgraded);
    await atOnce(shop, a, b);
    expect(await shop.balance()).toBe(100);
    expect(await verifyLedger(shop.deps.db)).toEqual([]);
  });

  it('write two subscriptions at the same instant without waiting for each other', async () => {
    const shop = await open();
    const other = event(
      'invoice.paid',
      invoice([{ ...line('BASIC', 1000, MONTH), subscription: 'sub_2' }], 'old', {
        id: 'in_9',
        payment_intent: 'pi_9',
        subscription: 'sub_2',
      }),
      { shape: 'old' },
    );
    await atOnce(shop, bought, other);
    expect(await shop.balance()).toBe(200);
    expect(
      await shop.deps.db.query(
        'select subscription_id, payments_version from billing.subscriptions order by 1',
      ),
    ).toEqual([
      { subscriptionId: 'sub_1', paymentsVersion: 1 },
      { subscriptionId: 'sub_2', paymentsVersion: 1 },
    ]);
  });
});
