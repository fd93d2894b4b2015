import { randomUUID } from 'node:crypto';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Alert, tellAlerts } from '../../../src/alerts/index.ts';
import { parseCatalog } from '../../../src/catalog/index.ts';
import { createCredit } from '../../../src/credit/index.ts';
import { silentLogger } from '../../../src/kernel/index.ts';
import { issueGrant, setLimit } from '../../../src/ledger/index.ts';
import { grantDueDrips } from '../../../src/webhooks/index.ts';
import { freshDatabase } from '../../support/postgres.ts';
import { spend } from '../../support/spend.ts';
import { ADA, CATALOG } from '../http/florin-service.ts';
import { openTopUp } from '../top-up/top-up-service.ts';
import { event, invoice, refund, session, sessionLine } from '../webhooks/objects.ts';
import { openShop } from '../webhooks/shop.ts';

const PLAN = { reason: 'plan', planType: 'basic', kind: 'recurring' };
const catalog = parseCatalog({
  credit: { decimals: 2 },
  prices: {
    price_QUICK_SCAN: { ...CATALOG.prices.price_QUICK_SCAN, credits: '0.55', topUp: true },
    price_ANNUAL: { ...PLAN, credits: '100.05', drip: 'monthly' },
    price_TRIAL: { ...PLAN, credits: 100, trialCredits: '0.2' },
  },
  debtLimit: '0.75',
});

async function openSelling() {
  const shop = await openShop({ catalog });
  onTestFinished(() => shop.close());
  return shop;
}

describe('purchases of a catalogue with two decimals', () => {
  it('split a yearly price into months of whole units that add up to what was paid', async () => {
    const shop = await openSelling();
    const start = Math.floor(Date.now() / 1000) - 370 * 86_400;
    const line = { priceId: 'price_ANNUAL', period: { start, end: start + 365 * 86_400 } };
    const subscribed = { mode: 'subscription', subscription: 'sub_1', payment_intent: null };
    await shop.deliver(event('checkout.session.completed', session(subscribed)));
    await shop.deliver(event('invoice.paid', invoice([{ ...line, amount: 12_000 }], 'new')));
    await grantDueDrips(shop.deps);
    const amounts = (await shop.grants()).map(({ amount }) => amount);
    expect(amounts).toHaveLength(12);
    expect(new Set(amounts)).toEqual(new Set([833, 834]));
    expect(await shop.balance()).toBe(10_005);
  });

  it('say in credits what a refund takes back, as it is stored with its event', async () => {
    const shop = await openSelling();
    const lines = { line_items: { data: [sessionLine('price_QUICK_SCAN')], has_more: false } };
    await shop.deliver(event('checkout.session.completed', session(lines)));
    expect(await shop.balance()).toBe(55);
    const refunded = event('refund.created', refund('re_1', 200, 'succeeded'));
    await shop.deliver(refunded);
    expect(await shop.balance()).toBe(33);
    expect(await shop.inbox(String(refunded['id']))).toMatchObject({
      status: 'processed',
      reason: 'Of 0.55 credits, 0.22 are taken back now.',
    });
  });

  it('are topped up below a threshold of a fraction', async () => {
    const service = await openTopUp({ catalog });
    const tooFine = await service.agree({ threshold: '0.255' });
    expect(tooFine.body).toMatchObject({
      code: 'invalid_input',
      detail: expect.stringContaining('threshold: must have at most 2 decimals'),
    });
    const tooHigh = await service.agree({ threshold: '0.56' });
    expect(tooHigh.body).toMatchObject({
      detail: 'threshold: at most 0.55, which is what one top-up brings.',
    });
    const agreed = await service.agree({ threshold: '0.25' });
    expect(agreed.body).toMatchObject({ consent: { threshold: '0.25', credits: '0.55' } });
    // Ada has 30 units, which are 0.3 credits.
    await service.use(5);
    await service.rounds();
    expect(await service.available()).toBe(25);
    await service.use(1);
    await service.rounds();
    expect(await service.available()).toBe(79);
    expect(await service.state()).toMatchObject({ topUps: [{ credits: '0.55' }] });
    const { body } = await service.ask('/api/balance', { as: ADA });
    expect(body).toMatchObject({ available: '0.79' });
  });
});

describe('alerts with two decimals', () => {
  it('tell a low balance and a passed limit in credits', async () => {
    const fresh = await freshDatabase();
    onTestFinished(() => fresh.close());
    const { db } = fresh;
    const [accountId, heard]: [string, Alert[]] = [randomUUID(), []];
    await issueGrant(db, { accountId, amount: 300, idempotencyKey: 'g', source: 'gift' });
    await db.query('select billing.keep_customer($1, $2)', [accountId, `cus_${accountId}`]);
    await setLimit(db, { accountId, window: 'lifetime', credits: 150, soft: true });
    await spend(db, { accountId, amount: 175, idempotencyKey: 's' });
    const tell = async (alert: Alert) => {
      heard.push(alert);
    };
    const credit = createCredit(2);
    await tellAlerts({ db, logger: silentLogger, tell, credit, lowBalance: 150 }, 100);
    const told = Object.fromEntries(heard.map(({ type, data }) => [type, data]));
    expect(told).toMatchObject({
      balance_low: { available: '1.25', below: '1.5' },
      limit_passed: { limit: '1.5', used: '1.75' },
    });
  });
});
