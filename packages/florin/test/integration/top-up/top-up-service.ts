import { onTestFinished } from 'vitest';
import { parseCatalog } from '../../../src/catalog/index.ts';
import { issueGrant, readBalance } from '../../../src/ledger/index.ts';
import { type ChargeDeps, runTopUps } from '../../../src/top-up/index.ts';
import { drainInbox } from '../../../src/webhooks/index.ts';
import { spend } from '../../support/spend.ts';
import { ADA, CATALOG, openService, type ServiceOptions } from '../http/florin-service.ts';
import { asOwner } from '../webhooks/shop.ts';

/** What Ada agrees to: below 20 credits, one Quick Scan of 50 for 5.00, five a month. */
export const TERMS = {
  consent: true,
  priceId: 'price_QUICK_SCAN',
  quantity: 1,
  threshold: 20,
  maxPerMonth: 5,
  amountMinor: 500,
  currency: 'usd',
};

const catalog = parseCatalog({
  prices: {
    ...CATALOG.prices,
    price_QUICK_SCAN: { ...CATALOG.prices.price_QUICK_SCAN, topUp: true },
  },
});

/** The service with a buyer who has 30 credits and a saved card; each test ends it. */
export async function openTopUp(options: ServiceOptions & { card?: string | null } = {}) {
  const { card = 'pm_card_visa', ...more } = options;
  const service = await openService({ catalog, ...more });
  onTestFinished(() => service.close());
  const { webhooks, stripe, sandbox, fresh } = service;
  const { db } = webhooks;
  const deps: ChargeDeps = { ...webhooks, stripe };
  await issueGrant(db, { accountId: ADA, amount: 30, idempotencyKey: 'start', source: 'gift' });
  let spends = 0;

  const customer = await stripe.customers.create(
    { metadata: { userId: ADA } },
    { idempotencyKey: `customer:${ADA}` },
  );
  const saveCard = async (method: string) => {
    const attached = await stripe.paymentMethods.attach(method, { customer: customer.id });
    await stripe.customers.update(customer.id, {
      invoice_settings: { default_payment_method: attached.id },
    });
    return attached.id;
  };
  if (card !== null) {
    await saveCard(card);
  }
  await db.query('select billing.keep_customer($1, $2)', [ADA, customer.id]);

  const rounds = async () => {
    for (let more = true; more; ) {
      more = await runTopUps(deps, 100);
    }
    await sandbox.settled();
    await drainInbox(webhooks);
    await runTopUps(deps, 100);
  };
  return {
    ...service,
    deps,
    customerId: customer.id,
    saveCard,
    agree: (terms: object = {}) =>
      service.ask('/api/top-up', { as: ADA, body: { ...TERMS, ...terms } }),
    state: async () => (await service.ask('/api/top-up', { as: ADA })).body,
    use: (amount: number) => {
      spends += 1;
      return spend(db, { accountId: ADA, amount, idempotencyKey: `use-${spends}` });
    },
    available: async () => (await readBalance(db, ADA)).available,
    /** Rounds until there is nothing to do, with all that Stripe tells delivered. */
    rounds,
    /** The same after this time, by the clock of the database's rows. */
    later: async (interval: string) => {
      await asOwner(
        fresh,
        `update billing.top_up_consents
            set not_before = greatest(not_before, '2000-01-01') - interval '${interval}'`,
      );
      await asOwner(
        fresh,
        `update billing.top_ups
            set next_attempt_at = next_attempt_at - interval '${interval}',
                created_at = created_at - interval '${interval}'`,
      );
      await rounds();
    },
    charges: async () => (await stripe.charges.list({ limit: 100 })).data.filter((c) => c.paid),
    invoices: async () => (await stripe.invoices.list({ limit: 100 })).data,
  };
}
