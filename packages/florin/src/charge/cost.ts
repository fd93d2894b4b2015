import type { Executor } from '../db/index.ts';
import { type Credits, FlorinError, IdempotencyKeyReusedError } from '../kernel/index.ts';
import { findEntry, type Spend } from '../ledger/index.ts';
import {
  type Measured,
  type Priced,
  type Pricing,
  price,
  type Rate,
  type RateCard,
} from '../usage/index.ts';
import { createRateKeeper } from './rates.ts';

/** What a charge cost, and by which rate. */
export type Cost = {
  readonly credits: Credits;
  readonly rate: Rate;
  /** The version of the meter's rate. */
  readonly version: number;
};

/** Names the entry of a charge. */
export type ChargeKey = Pick<Spend, 'accountId' | 'idempotencyKey'>;

/** By the card; where that has no price any more, a repetition has the price of the entry of this key. */
export type Pricer = (used: Measured, key?: ChargeKey) => Promise<Priced>;

/** What a card says that has no price, or another form of price, for what is measured. */
const NO_LONGER_PRICED = new Set([
  'meter_unknown',
  'rate_missing',
  'invalid_input',
  'invalid_configuration',
  'amount_not_allowed',
]);
/** As many as any meter may have. */
const MAX_DECIMALS = 9;

export function createPricer({ db, card }: { db: Executor; card: RateCard }): Pricer {
  const keepRate = createRateKeeper(db);
  return async (used, key) => {
    try {
      const priced = price(card, used);
      await keepRate(priced);
      return priced;
    } catch (error) {
      const before =
        key !== undefined && error instanceof FlorinError && NO_LONGER_PRICED.has(error.code)
          ? await cardOfEntry(db, key, used)
          : undefined;
      if (before === undefined) {
        throw error;
      }
      return price(before, used);
    }
  };
}

export function costOf({ credits, pricing }: Priced): Cost {
  return { credits, rate: pricing.rate, version: pricing.version };
}

/** The one line of a card that the charge of this key was priced by; undefined when there is none. */
async function cardOfEntry(
  db: Executor,
  { accountId, idempotencyKey }: ChargeKey,
  { meter }: Measured,
): Promise<RateCard | undefined> {
  const entry = await findEntry(db, { accountId, idempotencyKey });
  if (entry === undefined) {
    return undefined;
  }
  if (entry.meter !== meter || entry.pricing === null) {
    throw new IdempotencyKeyReusedError(
      `The key ${idempotencyKey} names another operation of this account. Nothing was written.`,
    );
  }
  const { version, rate, usage } = entry.pricing as Pricing;
  const rates = new Map([[usage?.['model'] ?? '', rate]]);
  const byModel = rate.kinds !== undefined;
  return new Map([[meter, { meter, version, decimals: MAX_DECIMALS, rates, byModel }]]);
}

/** What the entry says: the card may have changed since. */
export async function firstCost(db: Executor, key: ChargeKey): Promise<Cost> {
  const entry = await findEntry(db, key);
  if (entry?.pricing == null) {
    throw new FlorinError(
      'internal',
      `The charge ${key.idempotencyKey} has no entry with a price.`,
    );
  }
  const { rate, version } = entry.pricing as Pricing;
  return { credits: entry.amount === 0 ? 0 : -entry.amount, rate, version };
}
