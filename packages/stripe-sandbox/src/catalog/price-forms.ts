import { invalid, missingParameter } from '../api/errors.ts';
import { leastOf, refuseUnknownCurrency, shownAmount } from '../api/money.ts';
import { Params } from '../api/params.ts';
import type { Price } from '../shapes.ts';

type Tier = NonNullable<Price['tiers']>[number];

/** What makes a price more than one amount a unit: tiers, packages, an amount that the buyer chooses. */
export type PriceForm = Partial<
  Pick<
    Price,
    | 'billing_scheme'
    | 'tiers'
    | 'tiers_mode'
    | 'transform_quantity'
    | 'custom_unit_amount'
    | 'currency_options'
    | 'tax_behavior'
  >
>;

export function readForm(params: Params): PriceForm {
  const tiered = params.text('billing_scheme') === 'tiered';
  const custom = params.object('custom_unit_amount');
  const transform = params.object('transform_quantity');
  const options = params.object('currency_options');
  const behaviour = params.text('tax_behavior');
  const currency = params.text('currency')?.toLowerCase() ?? '';
  refuseBeside(params, custom);
  return {
    ...(tiered ? readTiered(params) : {}),
    ...(custom?.flag('enabled') === true
      ? { custom_unit_amount: readCustom(custom, currency) }
      : {}),
    ...(transform === undefined
      ? {}
      : {
          transform_quantity: {
            divide_by: transform.integer('divide_by') ?? missing(transform, 'divide_by'),
            round: transform.oneOf('round', ['up', 'down']) ?? transform.need('round'),
          },
        }),
    ...(options === undefined ? {} : { currency_options: readOptions(options, { tiered }) }),
    ...(behaviour === undefined ? {} : { tax_behavior: behaviour }),
  };
}

function readTiered(params: Params): PriceForm {
  const mode = params.oneOf('tiers_mode', ['graduated', 'volume']) ?? params.need('tiers_mode');
  return { billing_scheme: 'tiered', tiers: readTiers(params), tiers_mode: mode };
}

function readTiers(params: Params): Tier[] {
  const tiers = params.objects('tiers');
  if (tiers.length === 0) {
    throw missingParameter(params.name('tiers'));
  }
  const read = tiers.map(readTier);
  const open = read.findIndex((tier) => tier.up_to === null);
  if (open !== read.length - 1) {
    throw invalid('The last tier, and no other, must have `up_to` set to `inf`.', {
      param: params.name('tiers'),
    });
  }
  if (read.some((tier, at) => at > 0 && (tier.up_to ?? Infinity) <= (read[at - 1]?.up_to ?? 0))) {
    throw invalid('Each tier must reach further than the one before it.', {
      param: params.name('tiers'),
    });
  }
  return read;
}

function readTier(tier: Params): Tier {
  const [flat = null, unit = null] = [amountIn(tier, 'flat_amount'), amountIn(tier, 'unit_amount')];
  if (flat === null && unit === null) {
    throw missingParameter(tier.name('unit_amount'));
  }
  return {
    flat_amount: whole(flat),
    flat_amount_decimal: flat === null ? null : String(flat),
    unit_amount: whole(unit),
    unit_amount_decimal: unit === null ? null : String(unit),
    up_to: tier.text('up_to') === 'inf' ? null : (tier.integer('up_to') ?? missing(tier, 'up_to')),
  } as Tier;
}

/** An amount, whole or with decimals; undefined where none is named. `credits`: it may be negative. */
export function amountIn(
  params: Params,
  key: string,
  { credits = false }: { credits?: boolean } = {},
): number | undefined {
  if (params.has(key) && params.has(`${key}_decimal`)) {
    throw invalid(`You may only specify one of these parameters: ${key}, ${key}_decimal.`, {
      param: params.name(`${key}_decimal`),
    });
  }
  const named = [key, `${key}_decimal`].find((one) => params.text(one) !== undefined) ?? key;
  const amount = params.decimal(named);
  if (amount !== undefined && amount < 0 && !credits) {
    throw invalid('Invalid non-negative integer', {
      param: params.name(named),
      code: 'parameter_invalid_integer',
    });
  }
  return amount;
}

function whole(amount: number | null): number | null {
  return amount !== null && Number.isInteger(amount) ? amount : null;
}

/** What the buyer chooses is no fixed amount, no tier and no subscription. */
function refuseBeside(params: Params, custom: Params | undefined): void {
  const other = ['unit_amount', 'unit_amount_decimal', 'tiers', 'recurring', 'transform_quantity'];
  const wrong = custom === undefined ? undefined : other.find((key) => params.has(key));
  if (wrong !== undefined) {
    throw invalid(`You may only specify one of these parameters: custom_unit_amount, ${wrong}.`, {
      param: params.name(wrong),
    });
  }
}

function readCustom(custom: Params, currency: string): NonNullable<Price['custom_unit_amount']> {
  const [minimum, maximum, preset] = ['minimum', 'maximum', 'preset'].map(
    (key) => custom.integer(key) ?? null,
  ) as [number | null, number | null, number | null];
  const least = minimum ?? leastOf(currency);
  if (least < leastOf(currency)) {
    const shown = shownAmount(leastOf(currency), currency);
    throw invalid(`The minimum must be at least ${shown} ${currency}`, {
      param: custom.name('minimum'),
      code: 'amount_too_small',
    });
  }
  if (maximum !== null && maximum < least) {
    throw invalid('The maximum must be at least the minimum.', { param: custom.name('maximum') });
  }
  if (preset !== null && (preset < least || preset > (maximum ?? Infinity))) {
    throw invalid('The preset must be between the minimum and the maximum.', {
      param: custom.name('preset'),
    });
  }
  return { maximum, minimum, preset };
}

/** `currency_options`: each has an amount of its own, and tiers where the price has some. */
export function readOptions(
  options: Params,
  { tiered }: { tiered: boolean },
): NonNullable<Price['currency_options']> {
  return Object.fromEntries(
    options.keys().map((key) => {
      const currency = key.toLowerCase();
      refuseUnknownCurrency(currency, options.name(key));
      const one = options.object(key) ?? new Params({}, options.name(key));
      const amount = amountIn(one, 'unit_amount') ?? null;
      const custom = one.object('custom_unit_amount');
      if (!tiered && amount === null && custom === undefined) {
        throw missingParameter(one.name('unit_amount'));
      }
      return [
        currency,
        {
          custom_unit_amount:
            custom?.flag('enabled') === true ? readCustom(custom, currency) : null,
          tax_behavior: one.text('tax_behavior') ?? 'unspecified',
          ...(tiered ? { tiers: readTiers(one) } : {}),
          unit_amount: whole(amount),
          unit_amount_decimal: amount === null ? null : String(amount),
        },
      ];
    }),
  ) as NonNullable<Price['currency_options']>;
}

function missing(params: Params, key: string): never {
  throw missingParameter(params.name(key));
}
