import { invalid, noSuch } from '../api/errors.ts';
import { emit } from '../events/emit.ts';
import type { Product } from '../shapes.ts';
import { newId, type World } from '../world.ts';

export type NewProduct = {
  id?: string | undefined;
  name: string;
  description?: string | null | undefined;
  metadata?: Record<string, string>;
  active?: boolean;
  fields?: Partial<Product>;
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
    ...input.fields,
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
