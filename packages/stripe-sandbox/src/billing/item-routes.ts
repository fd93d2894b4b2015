import { noSuch } from '../api/errors.ts';
import { page } from '../api/page.ts';
import type { Params } from '../api/params.ts';
import type { Route } from '../api/route.ts';
import { priceNamed, priceOfLine } from '../catalog/prices.ts';
import { readTaxRates } from '../catalog/tax-rates.ts';
import { tellSchedule } from '../schedules/follow.ts';
import type { Subscription, SubscriptionItem } from '../shapes.ts';
import { inTimeOf, type World } from '../world.ts';
import { needSubscription } from './subscriptions.ts';
import { type ItemUpdate, updateSubscription } from './update-subscription.ts';

const PATH = '/v1/subscription_items';
const PRORATIONS = ['create_prorations', 'always_invoice', 'none'] as const;

function needItem(
  world: World,
  id: string,
): { subscription: Subscription; item: SubscriptionItem } {
  for (const subscription of world.store.where('subscription', 'ended_at', null)) {
    const item = subscription.items.data.find((one) => one.id === id);
    if (item !== undefined) {
      return { subscription, item };
    }
  }
  throw noSuch('subscription item', id);
}

/** An item's own change is a change of its subscription, with the same prorations. */
function change(
  world: World,
  before: Subscription,
  update: { item: ItemUpdate; params: Params },
): Subscription {
  const { item, params } = update;
  return inTimeOf(world, before.customer, () => {
    const updated = updateSubscription(world, before, {
      items: [item],
      prorationBehavior: params.oneOf('proration_behavior', PRORATIONS),
      prorationDate: params.integer('proration_date'),
    });
    tellSchedule(world, updated);
    return updated;
  });
}

export const itemRoutes: readonly Route[] = [
  [
    'get',
    PATH,
    ({ world, params }) => {
      const subscription = needSubscription(world, params.need('subscription'), 'subscription');
      return page(subscription.items.data, params, PATH);
    },
  ],
  [
    'post',
    PATH,
    ({ world, params }) => {
      const before = needSubscription(world, params.need('subscription'), 'subscription');
      const known = new Set(before.items.data.map((one) => one.id));
      const after = change(world, before, {
        params,
        item: {
          price: priceOfLine(world, params, before.currency),
          quantity: params.integer('quantity') ?? 1,
          metadata: params.metadata(),
          taxRates: readTaxRates(world, params, 'tax_rates'),
        },
      });
      return after.items.data.find((one) => !known.has(one.id)) ?? {};
    },
  ],
  ['get', `${PATH}/:id`, ({ world, path }) => needItem(world, path('id')).item],
  [
    'post',
    `${PATH}/:id`,
    ({ world, path, params }) => {
      const { subscription, item } = needItem(world, path('id'));
      const after = change(world, subscription, {
        params,
        item: {
          id: item.id,
          price: priceNamed(world, params, subscription.currency),
          quantity: params.integer('quantity'),
          metadata: params.metadata(item.metadata),
          taxRates: readTaxRates(world, params, 'tax_rates'),
        },
      });
      return after.items.data.find((one) => one.id === item.id) ?? item;
    },
  ],
  [
    'delete',
    `${PATH}/:id`,
    ({ world, path, params }) => {
      const { subscription, item } = needItem(world, path('id'));
      change(world, subscription, { params, item: { id: item.id, deleted: true } });
      return { id: item.id, object: 'subscription_item', deleted: true };
    },
  ],
];
