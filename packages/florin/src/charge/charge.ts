import { z } from 'zod';
import type { Executor } from '../db/index.ts';
import { type Credits, check, measured, text, usedBy, uuid } from '../kernel/index.ts';
import {
  createSpender,
  mayUse,
  readBalance,
  type Spend,
  type Spender,
  type Written,
} from '../ledger/index.ts';
import { type Measured, price, type RateCard } from '../usage/index.ts';
import { type Cost, costOf, createPricer, firstCost } from './cost.ts';
import { type ChargedHolds, createChargedHolds } from './hold.ts';

export type ChargeRequest = Omit<Spend, 'amount'> & Measured;

export type Charged = Written & Cost;

export type QuoteRequest = Pick<Spend, 'accountId' | 'actor' | 'feature'> & Measured;

/** What a charge would cost now, and whether the account could pay it now and nothing else would refuse it. */
export type Quote = Cost & { readonly affordable: boolean; readonly available: Credits };

/** Charges by what was used. */
export type Charges = ChargedHolds & {
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
   * The price of a use, and whether the account could pay it now: it is open, this actor may use its
   * credits, and no limit of actor or feature would be passed. Writes nothing. Throws as `charge` does.
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
export function createCharges(given: {
  db: Executor;
  card: RateCard;
  /** How far a capture with the overage `debt` may go below 0, in credits. */
  debtLimit?: number;
  /** Whose calls the charges share; default: one of its own. */
  spender?: Spender;
}): Charges {
  const { db, card, debtLimit = 0, spender = createSpender(db) } = given;
  const priceOf = createPricer({ db, card });

  return {
    async charge(given) {
      const { usage: _, ...spend } = check(charging, given);
      const priced = await priceOf(check(measured, given), spend as ChargeRequest);
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
        mayUse(db, { accountId, amount: cost.credits, actor, feature }),
      ]);
      const affordable = allowed && (cost.credits === 0 || available >= cost.credits);
      return { ...cost, affordable, available };
    },
    ...createChargedHolds({ db, debtLimit, priceOf }),
  };
}
