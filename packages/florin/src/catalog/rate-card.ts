import { z } from 'zod';
import type { Credit } from '../credit/index.ts';
import { MAX_CREDITS } from '../kernel/index.ts';
import { decimalText, type Meter, type Rate, type RateCard } from '../usage/index.ts';

const MAX_DECIMALS = 9;
const MAX_VERSION = 2_147_483_647;
const NAME = /^[\x21-\x7e]{1,200}$/;

/** An exact number of zero or more: a number, or a text where a number would lose digits. */
type Decimal = number | string;

type Common = {
  /** Units that a price is for. Default: 1. */
  readonly per?: Decimal;
  /** A factor on the sum: 1.2 adds a fifth. Default: 1. */
  readonly markup?: Decimal;
  /** Credits that a charge costs at least, unless it is free. */
  readonly minimum?: Decimal;
  /** Decimals that a quantity may have. Default: 0, whole units. */
  readonly decimals?: number;
  /** Default: 1. A price that changes wants another one. */
  readonly version?: number;
};

type Counted = Common & {
  /** A block of so many units that was begun counts whole. */
  readonly block?: Decimal;
  /** Units of each charge that cost nothing. */
  readonly free?: Decimal;
};

/** What one meter costs, as the catalogue's file says it. */
export type MeterInput =
  | (Counted & { /** Credits for `per` units. */ readonly credits: Decimal })
  | (Counted & {
      /** Graduated: each price is for the units that lie in its tier; the last has no `upTo`. */
      readonly tiers: readonly { readonly upTo?: Decimal; readonly credits: Decimal }[];
    })
  | (Common & {
      readonly by: 'model';
      /** Credits for `per` units of each kind, by model. */
      readonly rates: Readonly<Record<string, Readonly<Record<string, Decimal>>>>;
    });

const decimal = z
  .union([z.number(), z.string()], { error: 'must be a decimal, such as 0.3 or "0.3"' })
  .transform((given, context) => {
    const text = decimalText(given);
    if (text === undefined || Number(text) > MAX_CREDITS) {
      context.addIssue({
        code: 'custom',
        message: `must be a decimal from 0 to ${MAX_CREDITS}, such as 0.3 or "0.3"`,
      });
      return z.NEVER;
    }
    return text;
  });
const positive = decimal.refine((text) => text !== '0', { error: 'must be above 0' });
const named = z.string().regex(NAME, { error: 'a name has 1 to 200 characters, without spaces' });

const tier = z.strictObject({ upTo: positive.optional(), credits: decimal });

const meter = z.strictObject({
  credits: decimal.optional(),
  tiers: z.array(tier).min(1, { error: 'must have at least one tier' }).optional(),
  by: z.literal('model', { error: 'must be "model", or left out' }).optional(),
  rates: z.record(named, z.record(named, decimal)).optional(),
  per: positive.optional(),
  block: positive.optional(),
  free: positive.optional(),
  markup: positive.optional(),
  minimum: positive.optional(),
  decimals: z
    .int({ error: 'must be a whole number' })
    .min(0)
    .max(MAX_DECIMALS, { error: `must be at most ${MAX_DECIMALS}` })
    .default(0),
  version: z
    .int({ error: 'must be a whole number' })
    .min(1, { error: 'must be at least 1' })
    .max(MAX_VERSION, { error: `must be at most ${MAX_VERSION}` })
    .default(1),
});

export const rateCard = z.record(named, meter, { error: 'must be an object of meters' });

type ParsedMeter = z.infer<typeof meter>;

/** What no field of a meter alone can say. */
export function faultsOfMeter(name: string, said: ParsedMeter): string[] {
  const at = `usage.${name}`;
  const prices = [said.credits, said.tiers, said.rates].filter((one) => one !== undefined);
  const ends = said.tiers?.map(({ upTo }) => upTo) ?? [];
  const rules: [boolean, string][] = [
    [prices.length !== 1, `${at}: it needs one of credits, tiers, or by: "model" with rates.`],
    [
      (said.by === undefined) !== (said.rates === undefined),
      `${at}: by: "model" and rates belong together.`,
    ],
    [
      said.rates !== undefined && (said.block !== undefined || said.free !== undefined),
      `${at}: block and free are for meters that count one quantity, not for models.`,
    ],
    [
      ends.some((upTo, index) => (upTo === undefined) !== (index === ends.length - 1)),
      `${at}.tiers: every tier but the last has upTo, and the last has none.`,
    ],
    [
      ends.some(
        (upTo, index) => index > 0 && Number(upTo ?? 'Infinity') <= Number(ends[index - 1]),
      ),
      `${at}.tiers: each upTo must be above the one before.`,
    ],
    [
      Object.values(said.rates ?? {}).some((kinds) => Object.hasOwn(kinds, 'model')),
      `${at}.rates: no kind may be called model.`,
    ],
    ...Object.entries(said.rates ?? {}).map(([model, kinds]): [boolean, string] => [
      Object.keys(kinds).length === 0,
      `${at}.rates.${model}: it needs at least one kind, such as input.`,
    ]),
  ];
  return rules.filter(([broken]) => broken).map(([, says]) => says);
}

export function toRateCard(
  meters: Readonly<Record<string, ParsedMeter>>,
  credit: Credit,
): RateCard {
  return new Map(Object.entries(meters).map(([name, said]) => [name, toMeter(name, said, credit)]));
}

function toMeter(name: string, said: ParsedMeter, credit: Credit): Meter {
  const { by, rates, decimals, version, ...prices } = said;
  const price = { ...prices, unit: credit.text(1) };
  const byModel = Object.entries(rates ?? {}).map(
    ([model, kinds]) => [model, leaveOut({ ...price, kinds })] as const,
  );
  return {
    meter: name,
    version,
    decimals,
    byModel: by === 'model',
    rates: new Map(by === 'model' ? byModel : [['', leaveOut(price)]]),
  };
}

/** Without what does not apply, so that one price has one form. */
function leaveOut({ per, markup, unit, ...rate }: Record<string, unknown>): Rate {
  const said = {
    ...rate,
    per: per === '1' ? undefined : per,
    markup: markup === '1' ? undefined : markup,
    unit: unit === '1' ? undefined : unit,
  };
  return Object.fromEntries(Object.entries(said).filter(([, value]) => value !== undefined));
}
