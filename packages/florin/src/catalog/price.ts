import type { Credit } from '../credit/index.ts';
import type { RateCard } from '../usage/index.ts';
import type { MeterInput } from './rate-card.ts';

/**
 * What one Stripe price grants. Amounts are whole numbers of the smallest unit of credits; without
 * decimals in the catalogue that is one credit.
 */
export type CatalogPrice = {
  /** The key in the catalogue: the id of a Stripe price, or its lookup_key. */
  readonly id: string;
  /** The price's lookup_key; the key itself unless said. */
  readonly lookupKey?: string;
  /** Of one unit; a purchase brings credits × quantity. */
  readonly credits: number;
  /** Why credits were given, as the ledger records it: `quick_scan_purchase`. */
  readonly reason: string;
  readonly planType: string;
  readonly kind: 'one_time' | 'recurring';
  readonly name?: string;
  readonly description?: string;
  /** ISO 8601 duration from the purchase on; absent: credits never expire. */
  readonly expiresAfter?: string;
  /** A subscription's credits end with the period that they were paid for. */
  readonly expires?: 'period_end';
  /** Burn order: lower first. Default 0. */
  readonly priority?: number;
  /** Unspent credits that go on into the next period, at most. */
  readonly rollover?: { readonly max: number };
  /** Credits of a free trial's first period; absent: none. */
  readonly trialCredits?: number;
  /** Grants an annual price's credits a month at a time. */
  readonly drip?: 'monthly';
  /**
   * Its quantity is a number of seats, which buyers choose: `credits` for each go to the account's pool, and seats
   * are compared with members. Recurring prices only. Default false.
   */
  readonly perSeat?: boolean;
  /** Buyers may choose this one-time price for auto top-up. Default false. */
  readonly topUp?: boolean;
};

/** How checkouts are made. */
export type CheckoutSettings = {
  /** Stripe Tax computes taxes. Default false: it must be set up in Stripe first. */
  readonly automaticTax: boolean;
  /** Buyers may enter a promotion code. Default true. */
  readonly promotionCodes: boolean;
  /** Units in one checkout at most. Default 100. */
  readonly maxQuantity: number;
  /** Supabase users without an email may buy; their credits are lost with their browser. Default false. */
  readonly anonymousBuyers: boolean;
  /** What a buyer who changes plan pays, and when. Default `always_invoice`. */
  readonly proration: Proration;
};

/**
 * Stripe's `proration_behavior`. `always_invoice`: the rest of the period is charged or credited at once,
 * and credits follow at once. `create_prorations`: with the next invoice. `none`: never.
 */
export type Proration = 'always_invoice' | 'create_prorations' | 'none';

/** `freeze`: taken back as by an open dispute, until the warning is settled or dismissed. */
export type FraudPolicy = 'ignore' | 'freeze';

/** What each price grants, checked. Changing it never touches what was granted before. */
export type Catalog = {
  /** How many decimals credits have, and how amounts are read and shown. */
  readonly credit: Credit;
  readonly prices: readonly CatalogPrice[];
  readonly checkout: CheckoutSettings;
  /** What an early fraud warning does to the credits of its charge. Default `ignore`. */
  readonly earlyFraudWarnings: FraudPolicy;
  /** Available credits below which a buyer's account is told of as low; null: never. */
  readonly lowBalance: number | null;
  /**
   * Credits of debt that a capture with the overage `debt` may leave, for accounts without a limit of
   * their own. Default 0: no debt.
   */
  readonly debtLimit: number;
  /** What usage costs, by meter; empty: nothing is charged by meters. */
  readonly usage: RateCard;
  /** By price id first, then by lookup_key. */
  find(ref: { priceId: string; lookupKey?: string | null }): CatalogPrice | undefined;
  /** Whether a price is sold by the same Stripe account and has nothing to do with credits. */
  ignores?(priceId: string): boolean;
};

/** Credits as the catalogue's file says them: a number, or a decimal text such as "0.25". */
type CreditsInput = number | string;

/** What the file says in credits, and the catalogue keeps in units. */
type PriceAmounts = {
  readonly credits: CreditsInput;
  readonly rollover?: { readonly max: CreditsInput } | undefined;
  readonly trialCredits?: CreditsInput | undefined;
};

/** A price as the catalogue's file says it, under its key. */
export type PriceInput = {
  [Field in keyof Omit<CatalogPrice, 'id' | keyof PriceAmounts>]: CatalogPrice[Field] | undefined;
} & Pick<CatalogPrice, 'reason' | 'planType' | 'kind'> &
  PriceAmounts;

export type CatalogInput = {
  /**
   * Decimals that credits have, 0 to 6. Default 0: whole credits. Set it before the first entry: from
   * then on the ledger keeps it, and another value is refused.
   */
  readonly credit?: { readonly decimals?: number };
  readonly prices: Readonly<Record<string, PriceInput>>;
  /** Prices of the same Stripe account that have nothing to do with credits. */
  readonly ignore?: readonly string[];
  readonly checkout?: Partial<CheckoutSettings>;
  readonly earlyFraudWarnings?: FraudPolicy;
  readonly lowBalance?: CreditsInput;
  readonly debtLimit?: CreditsInput;
  /** The rate card: what each meter costs in credits. */
  readonly usage?: Readonly<Record<string, MeterInput>>;
};
