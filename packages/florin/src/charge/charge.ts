import { z } from 'zod';
import type { Executor } from '../db/index.ts';
import { check, FlorinError, measured, uuid } from '../kernel/index.ts';
import { findEntry, readBalance, type Spend, spendMetered, type Written } from '../ledger/index.ts';
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

export type QuoteRequest = { accountId: string } & Measured;

/** What a charge would cost now, and whether the account could pay it. */
export type Quote = Cost & { readonly affordable: boolean; readonly available: number };

/** Charges by what was used. */
export type Charges = {
  /**
   * Prices what was used by the rate card and takes the credits in one write; meter, quantity, rate and
   * version stay in the entry. The same key and the same use again answers with the first result and the
   * price of that day, whatever the card says by now. May cost 0 where the card has a free part. Throws
   * what a spend throws, and `meter_unknown`, `rate_missing` (never free), `invalid_input` (a quantity
   * below 0, or with more decimals than the meter allows), `invalid_configuration` (the card changed the
   * price of a version in use): then nothing is written.
   */
  charge(request: ChargeRequest): Promise<Charged>;
  /** The price of a use, and whether the account could pay it now. Writes nothing. Throws as `charge` does. */
  quote(request: QuoteRequest): Promise<Quote>;
};

const charging = z.looseObject(measured.shape, { error: 'must be an object' });
const quoting = measured.extend({ accountId: uuid });

export function createCharges({ db, card }: { db: Executor; card: RateCard }): Charges {
  const keepRate = createRateKeeper(db);
  return {
    async charge(given) {
      const { usage: _, ...spend } = check(charging, given);
      const priced = price(card, check(measured, given));
      await keepRate(priced);
      const { meter, quantity, credits: amount, pricing } = priced;
      const metered = {
        ...(spend as Omit<ChargeRequest, 'usage'>),
        amount,
        meter,
        quantity,
        pricing,
      };
      const written = await spendMetered(db, metered);
      return { ...written, ...(written.replayed ? await firstCost(db, metered) : costOf(priced)) };
    },
    async quote(given) {
      const { accountId, ...used } = check(quoting, given);
      const cost = costOf(price(card, used));
      const { available } = await readBalance(db, accountId);
      return { ...cost, affordable: cost.credits === 0 || available >= cost.credits, available };
    },
  };
}

function costOf({ credits, pricing }: Priced): Cost {
  return { credits, rate: pricing.rate, version: pricing.version };
}

/** What the entry says: the card may have changed since. */
async function firstCost(
  db: Executor,
  key: { accountId: string; idempotencyKey: string },
): Promise<Cost> {
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
