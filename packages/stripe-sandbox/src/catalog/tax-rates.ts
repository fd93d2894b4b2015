import { invalid, noSuch } from '../api/errors.ts';
import { momentFilter, page } from '../api/page.ts';
import type { Params } from '../api/params.ts';
import type { Route } from '../api/route.ts';
import { emit } from '../events/emit.ts';
import type { TaxRate } from '../shapes.ts';
import { newId, type World } from '../world.ts';

const MAX_RATES = 5;

/** https://docs.stripe.com/api/tax_rates */
function createRate(world: World, params: Params): TaxRate {
  params.need('percentage');
  params.need('inclusive');
  const percentage = params.decimal('percentage') ?? 0;
  if (percentage < 0 || percentage > 100) {
    throw invalid('The tax rate percentage must be between 0 and 100.', { param: 'percentage' });
  }
  const rate = world.store.put('tax_rate', {
    id: newId('txr'),
    object: 'tax_rate',
    active: params.flag('active') ?? true,
    country: params.text('country') ?? null,
    created: world.now(),
    description: params.text('description') ?? null,
    display_name: params.need('display_name'),
    effective_percentage: percentage,
    flat_amount: null,
    inclusive: params.flag('inclusive') ?? false,
    jurisdiction: params.text('jurisdiction') ?? null,
    jurisdiction_level: null,
    livemode: false,
    metadata: params.metadata(),
    percentage,
    rate_type: 'percentage',
    state: params.text('state') ?? null,
    tax_type: (params.text('tax_type') as TaxRate['tax_type'] | undefined) ?? null,
  });
  emit(world, 'tax_rate.created', rate);
  return rate;
}

function updateRate(world: World, before: TaxRate, params: Params): TaxRate {
  const rate = world.store.put('tax_rate', {
    ...before,
    active: params.flag('active') ?? before.active,
    country: params.text('country') ?? before.country,
    description: params.text('description') ?? before.description,
    display_name: params.text('display_name') ?? before.display_name,
    jurisdiction: params.text('jurisdiction') ?? before.jurisdiction,
    metadata: params.metadata(before.metadata ?? {}),
    state: params.text('state') ?? before.state,
    tax_type: (params.text('tax_type') as TaxRate['tax_type'] | undefined) ?? before.tax_type,
  });
  emit(world, 'tax_rate.updated', rate, before);
  return rate;
}

function needRate(world: World, id: string, param?: string): TaxRate {
  const rate = world.store.get('tax_rate', id);
  if (rate === undefined) {
    throw noSuch('tax_rate', id, param);
  }
  return rate;
}

/** The rates that a parameter names; undefined where it is absent, none where it is emptied. */
export function readTaxRates(
  world: World,
  params: Params | undefined,
  key: 'tax_rates' | 'default_tax_rates',
): TaxRate[] | undefined {
  if (params?.has(key) !== true) {
    return undefined;
  }
  const param = params.name(key);
  const rates = params.texts(key).map((id) => needRate(world, id, param));
  if (rates.length > MAX_RATES) {
    throw invalid(`You can pass up to ${MAX_RATES} tax rates.`, { param });
  }
  const archived = rates.find((rate) => !rate.active);
  if (archived !== undefined) {
    throw invalid(`The tax rate ${archived.id} is archived, so it cannot be used.`, { param });
  }
  return rates;
}

const PATH = '/v1/tax_rates';

function listRates(world: World, params: Params): TaxRate[] {
  const created = momentFilter(params, 'created');
  const [active, inclusive] = [params.flag('active'), params.flag('inclusive')];
  return world.store
    .all('tax_rate')
    .filter(
      (one) =>
        created(one.created) &&
        (active === undefined || one.active === active) &&
        (inclusive === undefined || one.inclusive === inclusive),
    )
    .reverse();
}

export const taxRateRoutes: readonly Route[] = [
  ['post', PATH, ({ world, params }) => createRate(world, params)],
  ['get', PATH, ({ world, params }) => page(listRates(world, params), params, PATH)],
  ['get', `${PATH}/:id`, ({ world, path }) => needRate(world, path('id'))],
  [
    'post',
    `${PATH}/:id`,
    ({ world, path, params }) => updateRate(world, needRate(world, path('id')), params),
  ],
];
