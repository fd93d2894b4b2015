import { invalid } from '../api/errors.ts';
import { filtered, momentFilter, page } from '../api/page.ts';
import type { Params } from '../api/params.ts';
import type { Route } from '../api/route.ts';
import { emit } from '../events/emit.ts';
import type { Product } from '../shapes.ts';
import type { World } from '../world.ts';
import { addPrice, needPrice, readPrice } from './prices.ts';
import { addProduct, needProduct } from './products.ts';

const TEXTS = ['description', 'statement_descriptor', 'unit_label', 'url'] as const;

/** What a request says of a product; an empty value takes it off. */
function readFields(params: Params): Partial<Product> {
  const texts = TEXTS.filter((key) => params.has(key)).map(
    (key) => [key, params.text(key) ?? null] as const,
  );
  const features = params.objects('marketing_features').map((one) => ({ name: one.need('name') }));
  return {
    ...Object.fromEntries(texts),
    ...(params.has('images') ? { images: params.texts('images') } : {}),
    ...(params.has('marketing_features') ? { marketing_features: features } : {}),
    ...(params.has('shippable') ? { shippable: params.flag('shippable') ?? null } : {}),
    ...(params.has('tax_code') ? { tax_code: params.text('tax_code') ?? null } : {}),
  };
}

function ownPrice(world: World, product: string, id: string | undefined): string | null {
  const price = id === undefined ? null : needPrice(world, id, 'default_price');
  if (price !== null && price.product !== product) {
    throw invalid(`The price ${price.id} is not of the product ${product}.`, {
      param: 'default_price',
    });
  }
  return price?.id ?? null;
}

/** `default_price_data`: a product that comes with its price. */
function createProduct(world: World, params: Params): Product {
  const product = addProduct(world, {
    id: params.text('id'),
    name: params.need('name'),
    metadata: params.metadata(),
    active: params.flag('active') ?? true,
    fields: readFields(params),
  });
  const data = params.object('default_price_data');
  if (data === undefined) {
    return product;
  }
  const price = addPrice(world, readPrice(world, data, { product: product.id }));
  const priced = world.store.put('product', { ...product, default_price: price.id });
  emit(world, 'product.updated', priced, product);
  return priced;
}

function updateProduct(world: World, before: Product, params: Params): Product {
  const product = world.store.put('product', {
    ...before,
    ...readFields(params),
    name: params.text('name') ?? before.name,
    active: params.flag('active') ?? before.active,
    ...(params.has('default_price')
      ? { default_price: ownPrice(world, before.id, params.text('default_price')) }
      : {}),
    metadata: params.metadata(before.metadata),
    updated: world.now(),
  });
  emit(world, 'product.updated', product, before);
  return product;
}

export const productRoutes: readonly Route[] = [
  ['post', '/v1/products', ({ world, params }) => createProduct(world, params)],
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
