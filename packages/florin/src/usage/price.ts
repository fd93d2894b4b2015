import { z } from 'zod';
import { createCredit, inCredits } from '../credit/index.ts';
import {
  AmountNotAllowedError,
  type Credits,
  check,
  FlorinError,
  MAX_CREDITS,
} from '../kernel/index.ts';
import {
  decimalText,
  type Exact,
  exact,
  isAbove,
  least,
  minus,
  most,
  over,
  plus,
  roundUp,
  times,
  ZERO,
} from './exact.ts';
import type { Meter, Pricing, Rate, RateCard, Tier, Usage } from './rate.ts';

export type Measured = {
  readonly meter: string;
  /** Units, from 0; whole unless the meter allows decimals. */
  readonly quantity?: number | string | undefined;
  /** Of a meter with a rate for each model: `{ model, input: 1200, output: 340 }`. */
  readonly usage?: Usage | undefined;
};

export type Priced = {
  readonly meter: string;
  /** Empty where the meter knows no models. */
  readonly model: string;
  /** Of the smallest unit of credits. */
  readonly credits: number;
  /** The units of all kinds together, as a decimal. */
  readonly quantity: string;
  readonly pricing: Pricing;
};

/**
 * What a quantity costs by the card. Throws `meter_unknown`, `rate_missing` (a model or a kind that the
 * card has no rate for: never free), `invalid_input` (below 0, more decimals than the meter allows) and
 * `amount_not_allowed` (more credits than one operation may move).
 */
export function price(card: RateCard, measured: Measured): Priced {
  const meter = card.get(measured.meter);
  if (meter === undefined) {
    throw new FlorinError(
      'meter_unknown',
      `The rate card has no meter ${measured.meter}. Nothing was written; add it to usage in the catalogue.`,
      { details: { meter: measured.meter } },
    );
  }
  return meter.byModel ? priceKinds(meter, measured) : priceQuantity(meter, measured);
}

function priceQuantity(meter: Meter, { quantity, usage }: Measured): Priced {
  if (usage !== undefined || quantity === undefined) {
    throw invalid('quantity', `must be given, and no usage: ${meter.meter} counts one quantity`);
  }
  const rate = rateOf(meter, '');
  const units = readUnits('quantity', quantity, meter.decimals);
  return {
    meter: meter.meter,
    model: '',
    credits: unitsFor(rate, { quantity: units }),
    quantity: units,
    pricing: { version: meter.version, rate },
  };
}

function priceKinds(meter: Meter, { quantity, usage }: Measured): Priced {
  if (usage === undefined || quantity !== undefined) {
    throw invalid('usage', `must be given, and no quantity: ${meter.meter} counts by model`);
  }
  const { model, ...counted } = usage;
  const rate = rateOf(meter, model);
  const used: Record<string, string> = {};
  for (const [kind, units] of Object.entries(counted)) {
    if (units !== undefined) {
      if (!Object.hasOwn(rate.kinds ?? {}, kind)) {
        throw missing(meter, { model, kind });
      }
      used[kind] = readUnits(`usage.${kind}`, units, meter.decimals);
    }
  }
  if (Object.keys(used).length === 0) {
    throw invalid('usage', 'must count at least one kind');
  }
  const total = Object.values(used).map(toExact).reduce(plus, ZERO);
  return {
    meter: meter.meter,
    model,
    credits: unitsFor(rate, { usage: used }),
    quantity: textOf(total, meter.decimals),
    pricing: { version: meter.version, rate, usage: { model, ...used } },
  };
}

const decimal = z
  .string({ error: 'must be a decimal, as a text' })
  .refine((text) => exact(text) !== undefined, { error: 'must be a decimal of zero or more' });
const aboveZero = decimal.refine((text) => isAbove(exact(text) ?? ZERO, ZERO), {
  error: 'must be above 0',
});
const kept = z.object({
  rate: z.object({
    credits: decimal.optional(),
    tiers: z.array(z.object({ upTo: decimal.optional(), credits: decimal })).optional(),
    kinds: z.record(z.string(), decimal).optional(),
    per: aboveZero.optional(),
    block: aboveZero.optional(),
    free: decimal.optional(),
    markup: decimal.optional(),
    minimum: decimal.optional(),
    unit: z
      .string()
      .regex(/^(1|0\.0{0,5}1)$/, { error: 'must be a unit of credits, such as 0.01' })
      .optional(),
  }),
  used: z.object({
    quantity: decimal.optional(),
    // The model's name is among them.
    usage: z.record(z.string(), z.string()).optional(),
  }),
});

/**
 * The credits of one charge, from what its entry keeps. The one place that computes a price, exactly,
 * and rounds it, up to the smallest unit of credits, once and at the end: free units off, blocks filled, tiers
 * summed, then the markup, then the minimum. Throws `invalid_input` for a rate or a quantity that is malformed,
 * and `amount_not_allowed`.
 */
export function creditsOf(
  rate: Rate,
  used: { quantity?: string; usage?: Readonly<Record<string, string>> },
): Credits {
  const given = check(kept, { rate, used });
  const decimals = (given.rate.unit ?? '1').split('.')[1]?.length ?? 0;
  const credit = createCredit(decimals);
  try {
    return credit.show(unitsFor(given.rate as Rate, given.used));
  } catch (error) {
    throw inCredits(credit, error);
  }
}

function unitsFor(
  rate: Rate,
  used: { quantity?: string | undefined; usage?: Readonly<Record<string, string>> | undefined },
): number {
  const sum =
    rate.kinds === undefined
      ? ofQuantity(rate, used.quantity ?? '0')
      : ofKinds(rate, used.usage ?? {});
  if (!isAbove(sum.units, ZERO)) {
    return 0;
  }
  const priced = times(over(sum.credits, toExact(rate.per ?? '1')), toExact(rate.markup ?? '1'));
  const credits = most(priced, toExact(rate.minimum ?? '0'));
  const units = roundUp(over(credits, toExact(rate.unit ?? '1')));
  if (units > BigInt(MAX_CREDITS)) {
    throw new AmountNotAllowedError(
      `It would cost ${units} credits; one charge is at most ${MAX_CREDITS}. Nothing was written.`,
    );
  }
  return Number(units);
}

/** Units that are not free, and what they cost before `per`, markup and minimum. */
type Sum = { readonly units: Exact; readonly credits: Exact };

function ofQuantity({ credits, tiers, free, block }: Rate, quantity: string): Sum {
  const counted = most(minus(toExact(quantity), toExact(free ?? '0')), ZERO);
  const units =
    block === undefined
      ? counted
      : times({ n: roundUp(over(counted, toExact(block))), d: 1n }, toExact(block));
  return {
    units,
    credits: tiers === undefined ? times(units, toExact(credits ?? '0')) : ofTiers(tiers, units),
  };
}

/** Graduated: each tier prices the units that lie in it. */
function ofTiers(tiers: readonly Tier[], units: Exact): Exact {
  let from = ZERO;
  let sum = ZERO;
  for (const { upTo, credits } of tiers) {
    const to = upTo === undefined ? units : least(units, toExact(upTo));
    if (isAbove(to, from)) {
      sum = plus(sum, times(minus(to, from), toExact(credits)));
      from = to;
    }
  }
  return sum;
}

function ofKinds({ kinds = {} }: Rate, usage: Readonly<Record<string, string>>): Sum {
  let sum: Sum = { units: ZERO, credits: ZERO };
  for (const [kind, credits] of Object.entries(kinds)) {
    const units = toExact(usage[kind] ?? '0');
    sum = {
      units: plus(sum.units, units),
      credits: plus(sum.credits, times(units, toExact(credits))),
    };
  }
  return sum;
}

function rateOf(meter: Meter, model: string): Rate {
  const rate = meter.rates.get(model);
  if (rate === undefined) {
    throw missing(meter, { model });
  }
  return rate;
}

function missing({ meter }: Meter, what: { model: string; kind?: string }): FlorinError {
  const kind = what.kind === undefined ? '' : ` and ${what.kind}`;
  return new FlorinError(
    'rate_missing',
    `The meter ${meter} has no rate for ${what.model}${kind}. Nothing was written; add it to the rate card.`,
    { details: { meter, ...what } },
  );
}

/** Units as the shortest decimal. */
function readUnits(name: string, given: number | string, decimals: number): string {
  const text = decimalText(given);
  const fraction = text?.split('.')[1] ?? '';
  if (text === undefined || isAbove(toExact(text), toExact(String(MAX_CREDITS)))) {
    throw invalid(name, `must be a number from 0 to ${MAX_CREDITS}`);
  }
  if (fraction.length > decimals) {
    throw invalid(
      name,
      decimals === 0 ? 'must be whole' : `must have at most ${decimals} decimals`,
    );
  }
  return text;
}

function textOf({ n, d }: Exact, decimals: number): string {
  const digits = String((n * 10n ** BigInt(decimals)) / d).padStart(decimals + 1, '0');
  const at = digits.length - decimals;
  return (
    decimalText(decimals === 0 ? digits : `${digits.slice(0, at)}.${digits.slice(at)}`) ?? digits
  );
}

function toExact(text: string): Exact {
  const value = exact(text);
  if (value === undefined) {
    throw invalid('units', `${text} is no decimal`);
  }
  return value;
}

function invalid(name: string, fault: string): FlorinError {
  const faults = [`${name}: ${fault}`];
  return new FlorinError('invalid_input', `${faults[0]}. Nothing was written.`, {
    details: { faults },
  });
}
