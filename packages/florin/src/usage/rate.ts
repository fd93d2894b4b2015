/**
 * What a quantity costs, in decimals as texts; what is absent does not apply. It is kept with each
 * charge as it stands here, so a field may be added and none may change its meaning.
 */
export type Rate = {
  /** Credits for `per` units. */
  readonly credits?: string;
  /** Instead of `credits`: the price of each stretch of the quantity, up to and with `upTo` units. */
  readonly tiers?: readonly Tier[];
  /** Instead of both: credits for `per` units of each kind. */
  readonly kinds?: Readonly<Record<string, string>>;
  /** Units that a price is for; absent: 1. */
  readonly per?: string;
  /** A block that was begun counts whole. */
  readonly block?: string;
  /** Units of each charge that cost nothing. */
  readonly free?: string;
  /** A factor on the sum. */
  readonly markup?: string;
  /** The least credits of a charge that is not free. */
  readonly minimum?: string;
  /** The smallest unit of credits, which the price is rounded up to; absent: 1. */
  readonly unit?: string;
};

/** The last tier has no `upTo`. */
export type Tier = { readonly upTo?: string; readonly credits: string };

/** One line of the rate card. */
export type Meter = {
  readonly meter: string;
  /** A price that changes is another version. */
  readonly version: number;
  /** Decimals that a quantity may have; 0: whole. */
  readonly decimals: number;
  /** By model; under an empty name where models do not matter. */
  readonly rates: ReadonlyMap<string, Rate>;
  readonly byModel: boolean;
};

/** The prices of what an app sells for credits, by meter. */
export type RateCard = ReadonlyMap<string, Meter>;

/** Units of each kind, and whose; undefined counts as left out. */
export type Usage = { readonly model: string } & {
  readonly [kind: string]: number | string | undefined;
};

/** All that says again what a charge cost; kept in its entry beside the quantity. */
export type Pricing = {
  readonly version: number;
  readonly rate: Rate;
  /** Where one quantity does not say it. */
  readonly usage?: Readonly<Record<string, string>>;
};
