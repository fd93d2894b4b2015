import { EMPTY_PAYMENT, type PaymentState, type Purchase } from '../fulfillment/index.ts';

/** What a purchase mostly is, or has none of. */
const USUAL: Partial<Purchase> = {
  expiresAt: null,
  dueAt: null,
  subscriptionId: null,
  rollsOverFrom: null,
  priority: 0,
  reversed: 0,
  steps: 0,
};

/** A payment's state as its row keeps it: without what is empty or usual, and a purchase without its own key. */
export type StoredState = Partial<Omit<PaymentState, 'purchases'>> & {
  readonly purchases?: Readonly<Record<string, Partial<Purchase>>>;
};

export function toStored(state: PaymentState): StoredState {
  const parts = Object.entries(state).filter(([, part]) => Object.keys(part).length > 0);
  const stored: StoredState = Object.fromEntries(parts);
  return stored.purchases === undefined
    ? stored
    : { ...stored, purchases: mapValues(state.purchases, toStoredPurchase) };
}

/** The same state again, of rows that keep everything too. */
export function fromStored({ purchases = {}, ...stored }: StoredState): PaymentState {
  return {
    ...EMPTY_PAYMENT,
    ...stored,
    purchases: mapValues(purchases, (one, key) => ({ ...USUAL, ...one, key }) as Purchase),
  };
}

function toStoredPurchase({ key: _key, ...purchase }: Purchase): Partial<Purchase> {
  return Object.fromEntries(
    Object.entries(purchase).filter(([name, value]) => value !== USUAL[name as keyof Purchase]),
  );
}

function mapValues<A, B>(
  all: Readonly<Record<string, A>>,
  map: (value: A, key: string) => B,
): Record<string, B> {
  return Object.fromEntries(Object.entries(all).map(([key, value]) => [key, map(value, key)]));
}
