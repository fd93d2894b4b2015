import type Stripe from 'stripe';
import { sandboxUnderTest } from '../sandbox-under-test.ts';

const CARD = {
  payment_method: 'pm_card_visa',
  invoice_settings: { default_payment_method: 'pm_card_visa' },
};

/** A monthly price in dollars that has a price in euros. */
export const plan = (usd: number, eur: number): Stripe.PriceCreateParams => ({
  product: 'prod_PRO_MONTHLY',
  currency: 'usd',
  unit_amount: usd,
  currency_options: { eur: { unit_amount: eur } },
  recurring: { interval: 'month' },
});

export async function shop() {
  const { sandbox, stripe } = await sandboxUnderTest();
  const [small, large] = await Promise.all([
    stripe.prices.create({ ...plan(1000, 900), nickname: 'Small' }),
    stripe.prices.create({ ...plan(3000, 2700), nickname: 'Large' }),
  ]);
  const customer = await stripe.customers.create(CARD);
  return { sandbox, stripe, small: small.id, large: large.id, customer: customer.id };
}

export type Shop = Awaited<ReturnType<typeof shop>>;

export function subscribe({ stripe, customer, small }: Shop, price = small) {
  return stripe.subscriptions.create({ customer, currency: 'eur', items: [{ price }] });
}

export async function invoices({ stripe }: Shop) {
  const { data } = await stripe.invoices.list();
  return data.map(({ currency, total, status }) => [currency, total, status]);
}

export const ONLY_USD =
  "The price specified only supports `usd`. This doesn't match the expected currency: `eur`.";
