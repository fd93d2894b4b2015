import { invalid, missingParameter, noSuch } from '../api/errors.ts';
import { filtered, momentFilter, page } from '../api/page.ts';
import type { Params } from '../api/params.ts';
import type { Route } from '../api/route.ts';
import { emit } from '../events/emit.ts';
import type { Price } from '../shapes.ts';
import { newId, type World } from '../world.ts';
import { inCurrency } from './amount.ts';
import { planOf } from './plan.ts';
import { amountIn, type PriceForm, readForm, readOptions } from './price-forms.ts';
import { addProduct, needProduct } from './products.ts';

export type NewPrice = {
  id?: string | undefined;
  product: string;
  currency: string;
  /** Null: tiers or the buyer say it. */
  unitAmount: number | null;
  lookupKey?: string | undefined;
  nickname?: string | undefined;
  recurring?:
    | {
        interval: string;
        intervalCount: number;
        usageType?: string;
        meter?: string | null;
        trialDays?: number | null;
      }
    | undefined;
  form?: PriceForm;
  metadata?: Record<string, string>;
  active?: boolean;
  transferLookupKey?: boolean;
};

const INTERVALS = ['day', 'week', 'month', 'year'] as const;

export function addPrice(world: World, input: NewPrice): Price {
  const price = world.store.put('price', buildPrice(world, input));
  if (input.lookupKey !== undefined) {
    claimLookupKey(world, price, input.transferLookupKey ?? false);
  }
  emit(world, 'price.created', price);
  if (price.recurring !== null) {
    emit(world, 'plan.created', planOf(price));
  }
  return price;
}

function buildPrice(world: World, input: NewPrice): Price {
  return {
    id: input.id ?? newId('price'),
    object: 'price',
    active: input.active ?? true,
    billing_scheme: 'per_unit',
    created: world.now(),
    currency: input.currency.toLowerCase(),
    custom_unit_amount: null,
    livemode: false,
    lookup_key: input.lookupKey ?? null,
    metadata: input.metadata ?? {},
    nickname: input.nickname ?? null,
    product: input.product,
    recurring:
      input.recurring === undefined
        ? null
        : {
            interval: input.recurring.interval,
            interval_count: input.recurring.intervalCount,
            meter: input.recurring.meter ?? null,
            trial_period_days: input.recurring.trialDays ?? null,
            usage_type: input.recurring.usageType ?? 'licensed',
          },
    tax_behavior: 'unspecified',
    tiers_mode: null,
    transform_quantity: null,
    type: input.recurring === undefined ? 'one_time' : 'recurring',
    unit_amount: Number.isInteger(input.unitAmount) ? input.unitAmount : null,
    unit_amount_decimal: input.unitAmount === null ? null : String(input.unitAmount),
    ...input.form,
  };
}

/** A lookup key names one price; another gives it up only when it is transferred. */
function claimLookupKey(world: World, price: Price, transfer: boolean): void {
  const holder = world.store
    .where('price', 'lookup_key', price.lookup_key)
    .find((other) => other.id !== price.id);
  if (holder === undefined) {
    return;
  }
  if (!transfer) {
    throw invalid(
      `A price (\`${holder.id}\`) already uses that lookup key. You may transfer the lookup key with \`transfer_lookup_key=true\`.`,
      { param: 'lookup_key' },
    );
  }
  emit(world, 'price.updated', world.store.put('price', { ...holder, lookup_key: null }), holder);
}

export function needPrice(world: World, id: string, param?: string): Price {
  const price = world.store.get('price', id);
  if (price === undefined) {
    throw noSuch('price', id, param);
  }
  return price;
}

/** The price of a line, by id or made from `price_data`; refused where it has no such currency. */
export function priceOfLine(
  world: World,
  line: Params,
  currency?: string,
  how: { credits?: boolean } = {},
): Price {
  const price = readNamed(world, line, how);
  if (currency !== undefined) {
    inCurrency(price, currency, line.name('price'));
  }
  return price;
}

/** The price that a line names or describes; undefined where it does neither. */
export function priceNamed(
  world: World,
  line: Params,
  currency?: string,
  how: { credits?: boolean } = {},
): Price | undefined {
  return ['price', 'plan', 'pricing', 'price_data'].some((key) => line.has(key))
    ? priceOfLine(world, line, currency, how)
    : undefined;
}

function readNamed(world: World, line: Params, how: { credits?: boolean }): Price {
  const inside = line.object('pricing');
  const id = line.text('price') ?? line.text('plan') ?? inside?.text('price');
  if (id !== undefined) {
    const price = needPrice(world, id, inside?.name('price') ?? line.name('price'));
    if (!price.active) {
      throw invalid(`The price specified is inactive. This field only accepts active prices.`, {
        param: line.name('price'),
      });
    }
    return price;
  }
  const data = line.object('price_data');
  if (data === undefined) {
    throw missingParameter(line.name('price'));
  }
  return addPrice(world, { ...readPrice(world, data, how), active: false });
}

/**
 * A price that a request describes. `product`: whose it is, where the request cannot say. `credits`: it
 * is of an invoice item, which may give its customer money.
 */
export function readPrice(
  world: World,
  params: Params,
  { product, credits = false }: { product?: string; credits?: boolean } = {},
): NewPrice {
  const recurring = params.object('recurring');
  const amount = amountIn(params, 'unit_amount', { credits });
  const form = readForm(params);
  if (amount === undefined && form.tiers === undefined && form.custom_unit_amount == null) {
    throw missingParameter(params.name('unit_amount'));
  }
  return {
    product: product ?? productOf(world, params),
    currency: params.need('currency'),
    unitAmount: amount ?? null,
    form,
    lookupKey: params.text('lookup_key'),
    nickname: params.text('nickname'),
    recurring:
      recurring === undefined
        ? undefined
        : {
            interval: recurring.oneOf('interval', INTERVALS) ?? recurring.need('interval'),
            intervalCount: readCount(recurring),
            usageType: usageOf(world, recurring),
            meter: recurring.text('meter') ?? null,
            trialDays: recurring.integer('trial_period_days') ?? null,
          },
    metadata: params.metadata(),
    active: params.flag('active') ?? true,
    transferLookupKey: params.flag('transfer_lookup_key') ?? false,
  };
}

const THREE_YEARS: Readonly<Record<string, number>> = { day: 1095, week: 156, month: 36, year: 3 };

/** Not more than three years. */
function readCount(recurring: Params): number {
  const count = recurring.integer('interval_count') ?? 1;
  const most = THREE_YEARS[recurring.need('interval')] ?? 1;
  if (count < 1 || count > most) {
    throw invalid(`Invalid interval_count: must be between 1 and ${most}`, {
      param: recurring.name('interval_count'),
    });
  }
  return count;
}

/** Metered usage is counted by a meter; the older way, usage records, is gone. */
function usageOf(world: World, recurring: Params): string {
  const usage = recurring.oneOf('usage_type', ['licensed', 'metered']) ?? 'licensed';
  const meter = recurring.text('meter');
  if (usage === 'metered' && meter === undefined) {
    throw missingParameter(recurring.name('meter'));
  }
  if (meter !== undefined && world.store.get('meter', meter) === undefined) {
    throw noSuch('billing meter', meter, recurring.name('meter'));
  }
  return usage;
}

function productOf(world: World, params: Params): string {
  const data = params.object('product_data');
  if (data !== undefined) {
    return addProduct(world, {
      name: data.need('name'),
      description: data.text('description'),
      metadata: data.metadata(),
    }).id;
  }
  return needProduct(world, params.need('product'), params.name('product')).id;
}

function updatePrice(world: World, before: Price, params: Params): Price {
  const price = world.store.put('price', {
    ...before,
    active: params.flag('active') ?? before.active,
    nickname: params.unsets('nickname') ? null : (params.text('nickname') ?? before.nickname),
    lookup_key: params.unsets('lookup_key')
      ? null
      : (params.text('lookup_key') ?? before.lookup_key),
    metadata: params.metadata(before.metadata),
    tax_behavior: params.text('tax_behavior') ?? before.tax_behavior,
    ...optionsAfter(before, params),
  });
  if (price.lookup_key !== null && price.lookup_key !== before.lookup_key) {
    claimLookupKey(world, price, params.flag('transfer_lookup_key') ?? false);
  }
  emit(world, 'price.updated', price, before);
  return price;
}

/** Other currencies are added or replaced; an empty value takes them all off. */
function optionsAfter(before: Price, params: Params): Partial<Price> {
  const given = params.object('currency_options');
  if (given === undefined) {
    return params.unsets('currency_options') ? { currency_options: {} } : {};
  }
  const tiered = before.billing_scheme === 'tiered';
  return { currency_options: { ...before.currency_options, ...readOptions(given, { tiered }) } };
}

function listPrices(world: World, params: Params): Price[] {
  const keys = params.texts('lookup_keys');
  const created = momentFilter(params, 'created');
  const all = world.store
    .all('price')
    .filter(
      (one) =>
        (keys.length === 0 || (one.lookup_key !== null && keys.includes(one.lookup_key))) &&
        created(one.created),
    );
  return filtered(all.reverse(), params, ['active', 'currency', 'product', 'type']);
}

export const priceRoutes: readonly Route[] = [
  ['post', '/v1/prices', ({ world, params }) => addPrice(world, readPrice(world, params))],
  [
    'get',
    '/v1/prices',
    ({ world, params }) => page(listPrices(world, params), params, '/v1/prices'),
  ],
  ['get', '/v1/prices/:id', ({ world, path }) => needPrice(world, path('id'))],
  [
    'post',
    '/v1/prices/:id',
    ({ world, path, params }) => updatePrice(world, needPrice(world, path('id')), params),
  ],
];
