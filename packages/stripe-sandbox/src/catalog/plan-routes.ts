import { invalid } from '../api/errors.ts';
import { filtered, momentFilter, page } from '../api/page.ts';
import type { Params } from '../api/params.ts';
import type { Route } from '../api/route.ts';
import { emit } from '../events/emit.ts';
import type { Plan, Price } from '../shapes.ts';
import type { World } from '../world.ts';
import { planOf } from './plan.ts';
import { addPrice, needPrice } from './prices.ts';
import { addProduct, needProduct } from './products.ts';

const INTERVALS = ['day', 'week', 'month', 'year'] as const;

/** A plan is a recurring price under its older name: both have one id. */
function createPlan(world: World, params: Params): Plan {
  const amount = params.integer('amount') ?? params.decimal('amount_decimal') ?? 0;
  if (amount < 0) {
    throw invalid('Invalid non-negative integer', {
      param: 'amount',
      code: 'parameter_invalid_integer',
    });
  }
  const id = params.text('id');
  if (id !== undefined && world.store.get('price', id) !== undefined) {
    throw invalid('Plan already exists.', { param: 'id', code: 'resource_already_exists' });
  }
  const price = addPrice(world, {
    id,
    product: productOf(world, params),
    currency: params.need('currency'),
    unitAmount: amount,
    nickname: params.text('nickname'),
    recurring: {
      interval: params.oneOf('interval', INTERVALS) ?? params.need('interval'),
      intervalCount: params.integer('interval_count') ?? 1,
    },
    metadata: params.metadata(),
    active: params.flag('active') ?? true,
  });
  return planOf(price);
}

/** An id, or a product that is made with the plan. */
function productOf(world: World, params: Params): string {
  if (typeof params.raw('product') === 'string') {
    return needProduct(world, params.need('product'), 'product').id;
  }
  const product = params.object('product');
  return addProduct(world, {
    id: product?.text('id'),
    name: product?.need('name') ?? params.need('product'),
    metadata: product?.metadata() ?? {},
  }).id;
}

function recurringPrices(world: World): Price[] {
  return world.store.all('price').filter((price) => price.recurring !== null);
}

function needPlan(world: World, id: string): Price {
  const price = world.store.get('price', id);
  return price?.recurring == null ? needPrice(world, `plan ${id}`) : price;
}

function updatePlan(world: World, before: Price, params: Params): Plan {
  const price = world.store.put('price', {
    ...before,
    active: params.flag('active') ?? before.active,
    nickname: params.unsets('nickname') ? null : (params.text('nickname') ?? before.nickname),
    metadata: params.metadata(before.metadata),
  });
  emit(world, 'price.updated', price, before);
  emit(world, 'plan.updated', planOf(price), planOf(before));
  return planOf(price);
}

export const planRoutes: readonly Route[] = [
  ['post', '/v1/plans', ({ world, params }) => createPlan(world, params)],
  [
    'get',
    '/v1/plans',
    ({ world, params }) => {
      const created = momentFilter(params, 'created');
      const all = recurringPrices(world)
        .filter((one) => created(one.created))
        .map(planOf)
        .reverse();
      return page(filtered(all, params, ['active', 'product']), params, '/v1/plans');
    },
  ],
  ['get', '/v1/plans/:id', ({ world, path }) => planOf(needPlan(world, path('id')))],
  [
    'post',
    '/v1/plans/:id',
    ({ world, path, params }) => updatePlan(world, needPlan(world, path('id')), params),
  ],
  [
    'delete',
    '/v1/plans/:id',
    ({ world, path }) => {
      const price = needPlan(world, path('id'));
      world.store.remove('price', price.id);
      emit(world, 'plan.deleted', planOf(price));
      return { id: price.id, object: 'plan', deleted: true };
    },
  ],
];
