import { invalid, noSuch } from '../api/errors.ts';
import { filtered, momentFilter, page } from '../api/page.ts';
import type { Params } from '../api/params.ts';
import type { Route } from '../api/route.ts';
import { emit } from '../events/emit.ts';
import type { Product } from '../shapes.ts';
import { newId, type World } from '../world.ts';

export type NewProduct = {
  id?: string | undefined;
  name: string;
  description?: string | null | undefined;
  metadata?: Record<string, string>;
  active?: boolean;
};

export function addProduct(world: World, input: NewProduct): Product {
  const id = input.id ?? newId('prod', 14);
  if (world.store.get('product', id) !== undefined) {
    throw invalid(`Product already exists: ${id}`, {
      param: 'id',
      code: 'resource_already_exists',
    });
  }
  const product = world.store.put('product', {
    id,
    object: 'product',
    active: input.active ?? true,
    created: world.now(),
    default_price: null,
    description: input.description ?? null,
    images: [],
    livemode: false,
    marketing_features: [],
    metadata: input.metadata ?? {},
    name: input.name,
    package_dimensions: null,
    shippable: null,
    statement_descriptor: null,
    tax_code: null,
    tax_details: null,
    type: 'service',
    unit_label: null,
    updated: world.now(),
    url: null,
  });
  emit(world, 'product.created', product);
  return product;
}

export function needProduct(world: World, id: string, param?: string): Product {
  const product = world.store.get('product', id);
  if (product === undefined) {
    throw noSuch('product', id, param);
  }
  return product;
}

function updateProduct(world: World, before: Product, params: Params): Product {
  const product = world.store.put('product', {
    ...before,
    name: params.text('name') ?? before.name,
    description: params.unsets('description')
      ? null
      : (params.text('description') ?? before.description),
    active: params.flag('active') ?? before.active,
    default_price: params.text('default_price') ?? before.default_price ?? null,
    metadata: params.metadata(before.metadata),
    updated: world.now(),
  });
  emit(world, 'product.updated', product, before);
  return product;
}

export const productRoutes: readonly Route[] = [
  [
    'post',
    '/v1/products',
    ({ world, params }) =>
      addProduct(world, {
        id: params.text('id'),
        name: params.need('name'),
        description: params.text('description'),
        metadata: params.metadata(),
        active: params.flag('active') ?? true,
      }),
  ],
  [
    'get',
    '/v1/products',
    ({ world, params }) => {
      const ids = params.texts('ids');
      const created = momentFilter(params, 'created');
      const all = world.store
        .all('product')
        .filter((one) => (ids.length === 0 || ids.includes(one.id)) && created(one.created));
      return page(filtered(all.reverse(), params, ['active', 'url']), params, '/v1/products');
    },
  ],
  ['get', '/v1/products/:id', ({ world, path }) => needProduct(world, path('id'))],
  [
    'post',
    '/v1/products/:id',
    ({ world, path, params }) => updateProduct(world, needProduct(world, path('id')), params),
  ],
  [
    'delete',
    '/v1/products/:id',
    ({ world, path }) => {
      const product = needProduct(world, path('id'));
      if (world.store.where('price', 'product', product.id).length > 0) {
        throw invalid(
          'This product cannot be deleted because it has one or more user-created prices.',
        );
      }
      world.store.remove('product', product.id);
      emit(world, 'product.deleted', product);
      return { id: product.id, object: 'product', deleted: true };
    },
  ],
];
