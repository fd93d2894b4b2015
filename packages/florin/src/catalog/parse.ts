import { z } from 'zod';
import {
  type Credit,
  checkCredits,
  createCredit,
  MAX_CREDIT_DECIMALS,
  WHOLE_CREDITS,
} from '../credit/index.ts';
import {
  credits,
  creditsFrom,
  InvalidConfigurationError,
  type Issue,
  MAX_CREDITS,
} from '../kernel/index.ts';
import type { Catalog, CatalogPrice } from './price.ts';
import { faultsOfMeter, rateCard, toRateCard } from './rate-card.ts';

const MAX_INT4 = 2_147_483_647;
/** Stripe's own limit of a line's quantity. */
const MAX_QUANTITY = 999_999;
const DURATION =
  /^P(?!$)(\d{1,4}Y)?(\d{1,5}M)?(\d{1,5}W)?(\d{1,6}D)?(T(?=\d)(\d{1,7}H)?(\d{1,8}M)?(\d{1,9}S)?)?$/;
const KEY = /^[\x21-\x7e]{1,200}$/;

const DECIMALS = { error: `must be a whole number from 0 to ${MAX_CREDIT_DECIMALS}` };
const credit = z.strictObject({
  decimals: z.int(DECIMALS).min(0, DECIMALS).max(MAX_CREDIT_DECIMALS, DECIMALS).default(0),
});

function words(longest: number) {
  return z
    .string({ error: 'must be a text' })
    .trim()
    .min(1, { error: 'must not be empty' })
    .max(longest, { error: `must be at most ${longest} characters` });
}

const price = z.strictObject({
  lookupKey: words(200).optional(),
  credits,
  reason: words(100),
  planType: words(100).regex(/^[\w.-]+$/, {
    error: 'may hold letters, digits, and _ . - only: it is part of an address',
  }),
  kind: z.enum(['one_time', 'recurring'], { error: 'must be "one_time" or "recurring"' }),
  name: words(250).optional(),
  description: words(500).optional(),
  expiresAfter: z
    .string({ error: 'must be an ISO 8601 duration such as "P90D" or "P1Y"' })
    .refine((text) => DURATION.test(text) && /[1-9]/.test(text), {
      error: 'must be an ISO 8601 duration above zero in whole numbers, such as "P90D" or "P1Y"',
    })
    .optional(),
  expires: z.literal('period_end', { error: 'must be "period_end", or left out' }).optional(),
  priority: z
    .int({ error: 'must be a whole number; lower burns first' })
    .min(-MAX_INT4, { error: `must be at least ${-MAX_INT4}` })
    .max(MAX_INT4, { error: `must be at most ${MAX_INT4}` })
    .optional(),
  rollover: z.strictObject({ max: credits }).optional(),
  trialCredits: credits.optional(),
  drip: z.literal('monthly', { error: 'must be "monthly", or left out' }).optional(),
  topUp: z.boolean({ error: 'must be true or false' }).optional(),
  perSeat: z.boolean({ error: 'must be true or false' }).optional(),
});

const catalog = z.strictObject(
  {
    $schema: z.string().optional(),
    credit: credit.optional(),
    prices: z.record(z.string(), price, { error: 'must be an object of prices' }),
    ignore: z.array(words(200)).default([]),
    earlyFraudWarnings: z
      .enum(['ignore', 'freeze'], { error: 'must be "ignore" or "freeze"' })
      .default('ignore'),
    lowBalance: credits.optional(),
    debtLimit: creditsFrom(0).default(0),
    usage: rateCard.default({}),
    checkout: z
      .strictObject({
        automaticTax: z.boolean({ error: 'must be true or false' }).default(false),
        promotionCodes: z.boolean({ error: 'must be true or false' }).default(true),
        maxQuantity: z
          .int({ error: 'must be a whole number' })
          .min(1, { error: 'must be at least 1' })
          .max(MAX_QUANTITY, { error: `must be at most ${MAX_QUANTITY}` })
          .default(100),
        anonymousBuyers: z.boolean({ error: 'must be true or false' }).default(false),
        proration: z
          .enum(['always_invoice', 'create_prorations', 'none'], {
            error: 'must be "always_invoice", "create_prorations" or "none"',
          })
          .default('always_invoice'),
      })
      .prefault({}),
  },
  { error: 'must be an object with "prices"' },
);

type ParsedPrice = z.infer<typeof price>;

/**
 * Checks a catalogue, whatever it was written in. Throws `invalid_configuration` that names each
 * fault by its place.
 */
export function parseCatalog(input: unknown): Catalog {
  const credit = creditOf(input);
  const {
    prices: byKey,
    ignore,
    usage,
    lowBalance = null,
    ...settings
  } = checkCredits(credit, catalog, input, toFaults);
  const { checkout } = settings;
  const prices = Object.entries(byKey).map(([id, one]) => toPrice(id, one));
  const faults = [
    ...prices.flatMap(faultsOf),
    ...duplicatesOf(prices),
    ...Object.entries(usage).flatMap(([name, meter]) => faultsOfMeter(name, meter)),
    ...ignore
      .filter((id) => byKey[id] !== undefined)
      .map((id) => `ignore: ${id} is among the prices too. Remove it from one of them.`),
    ...prices
      .filter((one) => !Number.isSafeInteger(one.credits * checkout.maxQuantity))
      .map(
        (one) =>
          `${place(one.id)}: credits × checkout.maxQuantity is above ${credit.text(MAX_CREDITS)}.`,
      ),
  ];
  if (faults.length > 0) {
    throw new InvalidConfigurationError(faults);
  }
  const { earlyFraudWarnings, debtLimit } = settings;
  return createCatalog({
    credit,
    prices,
    ignore,
    checkout,
    earlyFraudWarnings,
    lowBalance,
    debtLimit,
    usage: toRateCard(usage, credit),
  });
}

function createCatalog(checked: {
  credit: Credit;
  prices: readonly CatalogPrice[];
  ignore: readonly string[];
  checkout: Catalog['checkout'];
  earlyFraudWarnings: Catalog['earlyFraudWarnings'];
  lowBalance: Catalog['lowBalance'];
  debtLimit: Catalog['debtLimit'];
  usage: Catalog['usage'];
}): Catalog {
  const { credit, prices, checkout, earlyFraudWarnings, lowBalance, debtLimit, usage } = checked;
  const byId = new Map(prices.map((one) => [one.id, one]));
  const byLookupKey = new Map(prices.map((one) => [one.lookupKey, one]));
  const ignored = new Set(checked.ignore);
  return {
    credit,
    prices,
    checkout,
    earlyFraudWarnings,
    lowBalance,
    debtLimit,
    usage,
    find({ priceId, lookupKey }) {
      const direct = byId.get(priceId);
      return direct ?? (lookupKey == null ? undefined : byLookupKey.get(lookupKey));
    },
    ignores: (priceId) => ignored.has(priceId),
  };
}

/** How many decimals the catalogue says, before its amounts can be read. */
function creditOf(input: unknown): Credit {
  try {
    const said = z.looseObject({ credit: credit.optional() }).safeParse(input).data;
    return said?.credit === undefined ? WHOLE_CREDITS : createCredit(said.credit.decimals);
  } catch {
    // A getter or a proxy of the caller's threw: the check of the whole says so.
    return WHOLE_CREDITS;
  }
}

function toFaults(issues: readonly Issue[]): InvalidConfigurationError {
  return new InvalidConfigurationError([...new Set(issues.map(describe))]);
}

/** A key may be a price id or a lookup_key, and only Stripe can tell: it counts as both. */
function toPrice(id: string, parsed: ParsedPrice): CatalogPrice {
  const said = Object.fromEntries(
    Object.entries(parsed).filter(([, value]) => value !== undefined),
  ) as unknown as Omit<CatalogPrice, 'id'>;
  return { id, lookupKey: id, ...said };
}

/** What no field alone can say. */
function faultsOf(one: CatalogPrice): string[] {
  const at = place(one.id);
  const subscriptionOnly = (['expires', 'rollover', 'trialCredits', 'drip', 'perSeat'] as const)
    .filter((field) => one.kind === 'one_time' && one[field] !== undefined)
    .map((field) => `${at}.${field}: only a recurring price may have it.`);
  const rules: [boolean, string][] = [
    [!KEY.test(one.id), `${at}: a key is a price id or a lookup_key, without spaces.`],
    [
      one.expires !== undefined && one.expiresAfter !== undefined,
      `${at}: it has both expires and expiresAfter. Keep one.`,
    ],
    [
      one.rollover !== undefined && one.expires !== 'period_end',
      `${at}.rollover: nothing is left to roll over unless expires is "period_end".`,
    ],
    [
      one.topUp === true && one.kind === 'recurring',
      `${at}.topUp: only a one-time price may have it.`,
    ],
    [
      one.rollover !== undefined && one.drip !== undefined,
      `${at}: it has both rollover and drip. Keep one.`,
    ],
  ];
  return [...subscriptionOnly, ...rules.filter(([broken]) => broken).map(([, says]) => says)];
}

function duplicatesOf(prices: readonly CatalogPrice[]): string[] {
  return prices.flatMap((one) => {
    const other = prices.find((each) => each !== one && each.lookupKey === one.lookupKey);
    return other === undefined || other.id < one.id
      ? []
      : [`${place(one.id)} and ${place(other.id)} mean the same lookup_key ${one.lookupKey}.`];
  });
}

function place(id: string): string {
  return `prices.${id}`;
}

function describe(issue: Issue): string {
  const at = issue.path.map(String).join('.');
  if (issue.keys !== undefined) {
    const names = issue.keys.map((key) => JSON.stringify(key)).join(', ');
    return `${at === '' ? 'the catalogue' : at}: unknown ${names}. See docs/catalog.md for what a price may say.`;
  }
  return `${at === '' ? 'the catalogue' : at}: ${issue.message}`;
}
