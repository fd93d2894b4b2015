/** Of a catalogue's price what its stand-in in the sandbox is made from. */
export type CatalogPrice = {
  readonly id: string;
  readonly lookupKey?: string | undefined;
  readonly name?: string | undefined;
  readonly description?: string | undefined;
  readonly credits: number;
  readonly kind: 'one_time' | 'recurring';
  readonly drip?: 'monthly' | undefined;
};

/** A price as the sandbox is given it. */
export type SandboxPrice = {
  readonly id: string;
  readonly lookupKey: string | undefined;
  readonly name: string;
  readonly description: string | undefined;
  /** In the smallest unit. */
  readonly unitAmount: number;
  readonly recurring: { readonly interval: 'month' | 'year' } | undefined;
};

const CENTS_A_CREDIT = 8;

/** What prices cost by their id, in the smallest unit. */
export type Amounts = Readonly<Record<string, number>>;

/**
 * The catalogue's prices as Stripe would have them, for `florin dev`: the catalogue says what a price
 * grants and not what it costs, so that amounts which are not in `amounts` are made up. A dripped price is
 * a yearly one.
 */
export function demoPrices(prices: readonly CatalogPrice[], amounts: Amounts): SandboxPrice[] {
  return prices.map((price) => ({
    id: price.id,
    lookupKey: price.lookupKey,
    name: price.name ?? nameOf(price),
    description: price.description,
    unitAmount: amounts[price.id] ?? price.credits * CENTS_A_CREDIT,
    recurring:
      price.kind === 'recurring'
        ? { interval: price.drip === 'monthly' ? 'year' : 'month' }
        : undefined,
  }));
}

/** `price_QUICK_SCAN` → `Quick Scan`. */
function nameOf({ id }: CatalogPrice): string {
  return id
    .replace(/^price_/, '')
    .toLowerCase()
    .replaceAll(
      /(^|[_-])([a-z0-9])/g,
      (_, separator: string, letter: string) =>
        `${separator === '' ? '' : ' '}${letter.toUpperCase()}`,
    );
}
