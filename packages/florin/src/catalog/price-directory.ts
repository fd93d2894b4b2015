import { type Clock, createMemory, FlorinError, type Logger } from '../kernel/index.ts';
import { isUnknownToStripe, type StripeClient, toStripeFlorinError } from '../stripe/index.ts';
import type { CatalogPrice } from './price.ts';

/** What Stripe says about a price: the catalogue says what it grants, Stripe what it costs. */
export type StripePrice = {
  readonly stripePriceId: string;
  readonly active: boolean;
  readonly name: string | null;
  readonly description: string | null;
  /** In the currency's smallest unit; null where the price has no fixed amount. */
  readonly amountMinor: number | null;
  readonly currency: string;
  readonly interval: 'day' | 'week' | 'month' | 'year' | null;
  readonly intervalCount: number | null;
};

export type PriceDirectory = {
  /** Throws `price_unknown` when Stripe has no such price, `stripe_unavailable` when it cannot be asked. */
  resolve(price: CatalogPrice): Promise<StripePrice>;
};

type Known = { readonly at: number; readonly price: Promise<StripePrice> };

const FRESH_MS = 5 * 60_000;
const STALE_MS = 24 * 60 * 60_000;
/** What fails is not asked again before: anybody may open a shop's page, as often as they like. */
const ASK_AGAIN_MS = 10_000;
const MAX_PRICES = 10_000;

/**
 * Stripe's prices by the catalogue's keys, remembered. One that is known is answered at once and
 * asked for again beside it when five minutes old, so that a shop goes on while Stripe does not answer. A
 * failure is remembered for ten seconds.
 */
export function createPriceDirectory(options: {
  stripe: StripeClient;
  clock: Clock;
  logger: Logger;
}): PriceDirectory {
  const { stripe, clock, logger } = options;
  const known = new Map<string, Known>();
  const asked = createMemory<StripePrice>({ forMs: ASK_AGAIN_MS, atMost: MAX_PRICES, clock });

  function ask(price: CatalogPrice): Promise<StripePrice> {
    return asked(price.id, () => {
      const fetched = fetchPrice(stripe, price);
      fetched.then(
        () => known.set(price.id, { at: clock.now().getTime(), price: fetched }),
        (error: Error) =>
          logger.warn({ priceId: price.id, error: error.message }, 'a price was not read'),
      );
      return fetched;
    });
  }

  return {
    resolve(price) {
      const found = known.get(price.id);
      const age = found === undefined ? Number.POSITIVE_INFINITY : clock.now().getTime() - found.at;
      if (found === undefined || age > STALE_MS) {
        return ask(price);
      }
      if (age > FRESH_MS) {
        ask(price).catch(() => undefined);
      }
      return found.price;
    },
  };
}

/** The catalogue's key may be a price's id or its lookup_key. */
async function fetchPrice(stripe: StripeClient, price: CatalogPrice): Promise<StripePrice> {
  const found = (await byId(stripe, price.id)) ?? (await byLookupKey(stripe, price));
  if (found === undefined) {
    throw new FlorinError(
      'price_unknown',
      `Stripe has no active price with the id or lookup_key ${price.id}. See \`florin catalog check\`.`,
      { details: { priceId: price.id } },
    );
  }
  return found;
}

async function byId(stripe: StripeClient, id: string): Promise<StripePrice | undefined> {
  if (!id.startsWith('price_')) {
    return undefined;
  }
  try {
    return toStripePrice(await stripe.prices.retrieve(id, { expand: ['product'] }));
  } catch (error) {
    if (isUnknownToStripe(error)) {
      return undefined;
    }
    throw toStripeFlorinError(error);
  }
}

async function byLookupKey(
  stripe: StripeClient,
  { id, lookupKey }: CatalogPrice,
): Promise<StripePrice | undefined> {
  try {
    const found = await stripe.prices.list({
      lookup_keys: [lookupKey ?? id],
      active: true,
      limit: 1,
      expand: ['data.product'],
    });
    const [first] = found.data;
    return first === undefined ? undefined : toStripePrice(first);
  } catch (error) {
    throw toStripeFlorinError(error);
  }
}

type PriceObject = Awaited<ReturnType<StripeClient['prices']['list']>>['data'][number];

function toStripePrice(price: PriceObject): StripePrice {
  const { product, recurring } = price;
  const shown = typeof product === 'string' || product.deleted ? undefined : product;
  return {
    stripePriceId: price.id,
    active: price.active,
    name: shown?.name ?? null,
    description: shown?.description ?? null,
    amountMinor: price.unit_amount,
    currency: price.currency,
    interval: (recurring?.interval as StripePrice['interval']) ?? null,
    intervalCount: recurring?.interval_count ?? null,
  };
}
