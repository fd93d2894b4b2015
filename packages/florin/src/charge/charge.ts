import { z } from 'zod';
import type { Executor } from '../db/index.ts';
import {
  check,
  FlorinError,
  IdempotencyKeyReusedError,
  measured,
  text,
  usedBy,
  uuid,
} from '../kernel/index.ts';
import {
  createSpender,
  findEntry,
  isWithinLimits,
  readBalance,
  type Spend,
  type Spender,
  type Written,
} from '../ledger/index.ts';
import {
  type Measured,
  type Priced,
  type Pricing,
  price,
  type Rate,
  type RateCard,
} from '../usage/index.ts';
import { createRateKeeper } from './rates.ts';

export type ChargeRequest = Omit<Spend, 'amount'> & Measured;

/** What a charge cost, and by which rate. */
export type Cost = {
  readonly credits: number;
  readonly rate: Rate;
  /** The version of the meter's rate. */
  readonly version: number;
};

export type Charged = Written & Cost;

export type QuoteRequest = Pick<Spend, 'accountId' | 'actor' | 'feature'> & Measured;

/** What a charge would cost now, and whether the account could pay it, and no limit would be passed. */
export type Quote = Cost & { readonly affordable: boolean; readonly available: number };

/** Charges by what was used. */
export type Charges = {
  /**
   * Prices what was used by the rate card and takes the credits in one write; meter, quantity, rate and
   * version stay in the entry. The same key and the same use again answers with the first result and the
   * price of that day, also when the card has lost the meter since. May cost 0 where the card has a free part. Throws
   * what a spend throws, and `meter_unknown`, `rate_missing` (never free), `invalid_input` (a quantity
   * below 0, or with more decimals than the meter allows), `invalid_configuration` (the card changed the
   * price of a version in use): then nothing is written.
   */
  charge(request: ChargeRequest): Promise<Charged>;
  /**
   * The price of a use, and whether the account could pay it now, within the limits of this actor and
   * feature. Writes nothing. Throws as `charge` does.
   */
  quote(request: QuoteRequest): Promise<Quote>;
};

const charging = z.looseObject(
  { ...measured.shape, accountId: uuid, idempotencyKey: text },
  { error: 'must be an object' },
);
const quoting = measured.extend({
  accountId: uuid,
  actor: usedBy.optional(),
  feature: usedBy.optional(),
});
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

export function createCharges({
  db,
  card,
  spender = createSpender(db),
}: {
  db: Executor;
  card: RateCard;
  /** Whose calls the charges share; default: one of its own. */
  spender?: Spender;
}): Charges {
  const keepRate = createRateKeeper(db);

  /** By the card; where that has no price any more, a repetition has the price of its entry. */
  async function priceOf(key: ChargeKey, used: Measured): Promise<Priced> {
    try {
      const priced = price(card, used);
      await keepRate(priced);
      return priced;
    } catch (error) {
      const before =
        error instanceof FlorinError && NO_LONGER_PRICED.has(error.code)
          ? await cardOfEntry(db, key, used)
          : undefined;
      if (before === undefined) {
        throw error;
      }
      return price(before, used);
    }
  }

  return {
    async charge(given) {
      const { usage: _, ...spend } = check(charging, given);
      const priced = await priceOf(spend as ChargeRequest, check(measured, given));
      const { meter, quantity, credits: amount, pricing } = priced;
      const metered = {
        ...(spend as Omit<ChargeRequest, 'usage'>),
        amount,
        meter,
        quantity,
        pricing,
      };
      const written = await spender.spendMetered(metered);
      return { ...written, ...(written.replayed ? await firstCost(db, metered) : costOf(priced)) };
    },
    async quote(given) {
      const { accountId, actor, feature, ...used } = check(quoting, given);
      const cost = costOf(price(card, used));
      const [{ available }, allowed] = await Promise.all([
        readBalance(db, accountId),
        isWithinLimits(db, { accountId, amount: cost.credits, actor, feature }),
      ]);
      const affordable = cost.credits === 0 || (available >= cost.credits && allowed);
      return { ...cost, affordable, available };
    },
  };
}

function costOf({ credits, pricing }: Priced): Cost {
  return { credits, rate: pricing.rate, version: pricing.version };
}

type ChargeKey = Pick<Spend, 'accountId' | 'idempotencyKey'>;

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
async function firstCost(db: Executor, key: ChargeKey): Promise<Cost> {
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
