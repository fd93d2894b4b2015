import { type StripeClient, toStripeFlorinError } from '../stripe/index.ts';
import type { Catalog, CatalogPrice } from './price.ts';

export type PriceFault =
  | 'missing'
  | 'archived'
  | 'other_currency'
  | 'other_interval'
  | 'other_lookup_key';

export type CheckedPrice = {
  readonly id: string;
  /** The price's id at Stripe; null when it is missing. */
  readonly priceId: string | null;
  readonly faults: readonly { readonly fault: PriceFault; readonly explanation: string }[];
};

type StripePrice = Awaited<ReturnType<StripeClient['prices']['list']>>['data'][number];

/** Compares each price of the catalogue with Stripe. Changes nothing. Currency: lower case, optional. */
export async function checkCatalog(
  stripe: StripeClient,
  catalog: Catalog,
  options: { currency?: string | undefined } = {},
): Promise<CheckedPrice[]> {
  const all = await listPrices(stripe);
  const currency = options.currency ?? all.find((one) => matches(catalog, one))?.currency;
  return catalog.prices.map((price) => {
    const found = findPrice(all, price);
    return found === undefined
      ? {
          id: price.id,
          priceId: null,
          faults: [{ fault: 'missing', explanation: `Stripe has no price ${price.id}.` }],
        }
      : { id: price.id, priceId: found.id, faults: faultsOf({ price, found, currency }) };
  });
}

export type NewPrice = {
  readonly price: CatalogPrice;
  /** Minor units of `currency`. */
  readonly unitAmount: number;
  readonly currency: string;
};

/**
 * Creates a product and a price with a lookup_key for each. Never edits a price. Idempotent: the
 * same request made again within a day answers with the price that it made.
 */
export async function pushPrice(stripe: StripeClient, wanted: NewPrice): Promise<string> {
  const { price, unitAmount, currency } = wanted;
  const lookupKey = price.lookupKey ?? price.id;
  const key = `catalog:${lookupKey}:${currency}:${unitAmount}`;
  try {
    const product = await stripe.products.create(
      {
        name: price.name ?? price.id,
        ...(price.description === undefined ? {} : { description: price.description }),
      },
      { idempotencyKey: `${key}:product` },
    );
    const made = await stripe.prices.create(
      {
        product: product.id,
        currency,
        unit_amount: unitAmount,
        lookup_key: lookupKey,
        ...(price.kind === 'recurring' ? { recurring: { interval: intervalOf(price) } } : {}),
      },
      { idempotencyKey: key },
    );
    return made.id;
  } catch (error) {
    throw toStripeFlorinError(error);
  }
}

async function listPrices(stripe: StripeClient): Promise<StripePrice[]> {
  const found: StripePrice[] = [];
  try {
    for (const active of [true, false]) {
      for await (const price of stripe.prices.list({ active, limit: 100 })) {
        found.push(price);
      }
    }
  } catch (error) {
    throw toStripeFlorinError(error);
  }
  return found;
}

function matches(catalog: Catalog, one: StripePrice): boolean {
  return catalog.find({ priceId: one.id, lookupKey: one.lookup_key }) !== undefined;
}

function findPrice(all: readonly StripePrice[], price: CatalogPrice): StripePrice | undefined {
  const key = price.lookupKey ?? price.id;
  return all.find(({ id }) => id === price.id) ?? all.find((one) => one.lookup_key === key);
}

function intervalOf(price: CatalogPrice): 'month' | 'year' {
  return price.drip === 'monthly' ? 'year' : 'month';
}

function faultsOf(compared: {
  price: CatalogPrice;
  found: StripePrice;
  currency: string | undefined;
}): CheckedPrice['faults'] {
  const { price, found, currency } = compared;
  const faults: { fault: PriceFault; explanation: string }[] = [];
  if (!found.active) {
    faults.push({ fault: 'archived', explanation: `${found.id} is archived at Stripe.` });
  }
  if (currency !== undefined && found.currency !== currency) {
    faults.push({
      fault: 'other_currency',
      explanation: `${found.id} is in ${found.currency}, the others in ${currency}.`,
    });
  }
  const interval = found.recurring?.interval ?? null;
  const fits =
    price.kind === 'one_time'
      ? interval === null
      : interval !== null && (price.drip === undefined || interval === 'year');
  if (!fits) {
    faults.push({
      fault: 'other_interval',
      explanation: `The catalogue says ${price.kind}${price.drip === undefined ? '' : ', dripped from a yearly price'}; ${found.id} is ${interval === null ? 'one-time' : `paid every ${interval}`}.`,
    });
  }
  const named = price.lookupKey ?? price.id;
  if (named !== price.id && found.lookup_key !== named) {
    faults.push({
      fault: 'other_lookup_key',
      explanation: `${found.id} has the lookup_key ${found.lookup_key}, the catalogue ${price.lookupKey}.`,
    });
  }
  return faults;
}
