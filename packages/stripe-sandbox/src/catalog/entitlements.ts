import { createHash } from 'node:crypto';
import { invalid, noSuch } from '../api/errors.ts';
import { filtered, page } from '../api/page.ts';
import type { Params } from '../api/params.ts';
import type { Route } from '../api/route.ts';
import { needCustomer } from '../customers/customers.ts';
import type { ActiveEntitlement, EntitlementFeature } from '../shapes.ts';
import type { ProductFeature } from '../store/records.ts';
import { newId, type World } from '../world.ts';
import { needProduct } from './products.ts';

const SERVED = new Set(['active', 'trialing', 'past_due']);

function createFeature(world: World, params: Params): EntitlementFeature {
  const key = params.need('lookup_key');
  if (world.store.where('entitlement_feature', 'lookup_key', key).length > 0) {
    throw invalid(`A feature already uses the lookup_key ${key}.`, {
      param: 'lookup_key',
      code: 'resource_already_exists',
    });
  }
  return world.store.put('entitlement_feature', {
    id: newId('feat'),
    object: 'entitlements.feature',
    active: true,
    livemode: false,
    lookup_key: key,
    metadata: params.metadata(),
    name: params.need('name'),
  });
}

function needFeature(world: World, id: string, param?: string): EntitlementFeature {
  const feature = world.store.get('entitlement_feature', id);
  if (feature === undefined) {
    throw noSuch('feature', id, param);
  }
  return feature;
}

/** What a customer may use now: the features of the products that their subscriptions are of. */
function activeOf(world: World, customer: string): ActiveEntitlement[] {
  const products = new Set(
    world.store
      .where('subscription', 'customer', customer)
      .filter((subscription) => SERVED.has(subscription.status))
      .flatMap((subscription) => subscription.items.data.map((item) => item.price.product)),
  );
  const features = world.store
    .all('product_feature')
    .filter((one) => products.has(one.product))
    .map((one) => one.feature);
  return [...new Set(features)].flatMap((id) => {
    const feature = world.store.get('entitlement_feature', id);
    return feature === undefined
      ? []
      : [
          {
            id: entitlementId(customer, id),
            object: 'entitlements.active_entitlement',
            feature: id,
            livemode: false,
            lookup_key: feature.lookup_key,
          },
        ];
  });
}

/** Nothing is kept for an entitlement: its id is made of what it is. */
function entitlementId(customer: string, feature: string): string {
  const digest = createHash('sha256').update(`${customer} ${feature}`).digest('hex');
  return `ent_test_${digest.slice(0, 24)}`;
}

function shownProductFeature(world: World, { id, feature }: ProductFeature) {
  return {
    id,
    object: 'product_feature',
    entitlement_feature: needFeature(world, feature),
    livemode: false,
  };
}

function needProductFeature(world: World, product: string, id: string): ProductFeature {
  const found = world.store.get('product_feature', id);
  if (found === undefined || found.product !== product) {
    throw noSuch('product feature', id);
  }
  return found;
}

const FEATURES = '/v1/entitlements/features';
const ACTIVE = '/v1/entitlements/active_entitlements';
const OF_PRODUCT = '/v1/products/:product/features';

export const entitlementRoutes: readonly Route[] = [
  ['post', FEATURES, ({ world, params }) => createFeature(world, params)],
  [
    'get',
    FEATURES,
    ({ world, params }) => {
      const archived = params.flag('archived') ?? false;
      const all = world.store
        .all('entitlement_feature')
        .filter((one) => one.active !== archived)
        .reverse();
      return page(filtered(all, params, ['lookup_key']), params, FEATURES);
    },
  ],
  ['get', `${FEATURES}/:id`, ({ world, path }) => needFeature(world, path('id'))],
  [
    'post',
    `${FEATURES}/:id`,
    ({ world, path, params }) => {
      const before = needFeature(world, path('id'));
      return world.store.put('entitlement_feature', {
        ...before,
        active: params.flag('active') ?? before.active,
        metadata: params.metadata(before.metadata),
        name: params.text('name') ?? before.name,
      });
    },
  ],
  [
    'get',
    ACTIVE,
    ({ world, params }) => {
      const { id } = needCustomer(world, params.need('customer'), 'customer');
      return page(activeOf(world, id), params, ACTIVE);
    },
  ],
  [
    'get',
    `${ACTIVE}/:id`,
    ({ world, path }) => {
      for (const customer of world.store.all('customer')) {
        const found = activeOf(world, customer.id).find((one) => one.id === path('id'));
        if (found !== undefined) {
          return found;
        }
      }
      throw noSuch('active entitlement', path('id'));
    },
  ],
  [
    'post',
    OF_PRODUCT,
    ({ world, path, params }) => {
      const product = needProduct(world, path('product'));
      const feature = needFeature(world, params.need('entitlement_feature'), 'entitlement_feature');
      const made = world.store.put('product_feature', {
        id: newId('prodft'),
        product: product.id,
        feature: feature.id,
      });
      return shownProductFeature(world, made);
    },
  ],
  [
    'get',
    OF_PRODUCT,
    ({ world, path, params }) => {
      const { id } = needProduct(world, path('product'));
      const all = world.store.where('product_feature', 'product', id).reverse();
      const shown = all.map((one) => shownProductFeature(world, one));
      return page(shown, params, `/v1/products/${id}/features`);
    },
  ],
  [
    'get',
    `${OF_PRODUCT}/:id`,
    ({ world, path }) =>
      shownProductFeature(world, needProductFeature(world, path('product'), path('id'))),
  ],
  [
    'delete',
    `${OF_PRODUCT}/:id`,
    ({ world, path }) => {
      const { id } = needProductFeature(world, path('product'), path('id'));
      world.store.remove('product_feature', id);
      return { id, object: 'product_feature', deleted: true };
    },
  ],
];
