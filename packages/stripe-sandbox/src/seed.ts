import { addPrice } from './catalog/prices.ts';
import { addProduct } from './catalog/products.ts';
import { addEndpoint } from './events/event-routes.ts';
import type { SeedEndpoint, SeedPrice } from './settings.ts';
import type { World } from './world.ts';

/** Makes the products and prices that are not there yet. Prices that exist are left as they are. */
export function seedPrices(world: World, prices: readonly SeedPrice[]): void {
  world.store.commit(() => {
    for (const price of prices) {
      if (world.store.get('price', price.id) === undefined) {
        addSeedPrice(world, price);
      }
    }
  });
}

function addSeedPrice(world: World, price: SeedPrice): void {
  const product = price.product ?? `prod_${price.id.replace(/^price_/, '')}`;
  if (world.store.get('product', product) === undefined) {
    addProduct(world, { id: product, name: price.name, description: price.description });
  }
  addPrice(world, {
    id: price.id,
    product,
    currency: price.currency ?? world.settings.currency,
    unitAmount: price.unitAmount,
    lookupKey: price.lookupKey,
    nickname: price.name,
    metadata: price.metadata ?? {},
    ...(price.recurring === undefined
      ? {}
      : {
          recurring: {
            interval: price.recurring.interval,
            intervalCount: price.recurring.intervalCount ?? 1,
          },
        }),
  });
}

/** Makes or corrects the endpoints that the options name; others stay. */
export function seedEndpoints(world: World, endpoints: readonly SeedEndpoint[]): void {
  world.store.commit(() => {
    for (const endpoint of endpoints) {
      const known = world.store.where('webhook_endpoint', 'url', endpoint.url)[0];
      if (known === undefined) {
        addEndpoint(world, endpoint);
        continue;
      }
      const wanted = {
        ...known,
        secret: endpoint.secret,
        api_version: endpoint.apiVersion ?? null,
        enabled_events: [...(endpoint.enabledEvents ?? ['*'])],
      };
      if (JSON.stringify(wanted) !== JSON.stringify(known)) {
        world.store.put('webhook_endpoint', wanted);
      }
    }
  });
}
