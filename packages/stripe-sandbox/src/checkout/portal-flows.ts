import { invalid, missingParameter } from '../api/errors.ts';
import type { Params } from '../api/params.ts';
import { readDiscounts } from '../billing/discounts.ts';
import { needSubscription } from '../billing/subscriptions.ts';
import { inCurrency } from '../catalog/amount.ts';
import { needPrice } from '../catalog/prices.ts';
import type { PortalConfiguration, PortalSession, Subscription } from '../shapes.ts';
import type { World } from '../world.ts';

export type Flow = NonNullable<PortalSession['flow']>;

const TYPES = [
  'customer_update',
  'payment_method_update',
  'subscription_cancel',
  'subscription_update',
  'subscription_update_confirm',
] as const;

/** The feature without which the configuration refuses a flow. */
const FEATURES: Readonly<Record<string, keyof PortalConfiguration['features']>> = {
  payment_method_update: 'payment_method_update',
  subscription_cancel: 'subscription_cancel',
  subscription_update: 'subscription_update',
  subscription_update_confirm: 'subscription_update',
};

/**
 * `flow_data`: a link that leads to one thing alone. https://docs.stripe.com/customer-management/portal-deep-links
 * The sandbox plays all but `customer_update`.
 */
export function readFlow(
  world: World,
  flow: Params | undefined,
  of: { customer: string; configuration: PortalConfiguration },
): Flow | null {
  if (flow === undefined) {
    return null;
  }
  const type = flow.oneOf('type', TYPES) ?? flow.need('type');
  const feature = FEATURES[type];
  if (feature === undefined) {
    throw invalid(`The sandbox does not play the flow \`${type}\`.`, { param: flow.name('type') });
  }
  if (!of.configuration.features[feature].enabled) {
    throw invalid(
      `The flow \`${type}\` needs the feature \`${feature}\`, which this portal configuration does not have.`,
      { param: flow.name('type') },
    );
  }
  return {
    after_completion: readAfter(flow.object('after_completion')),
    customer_update: null,
    subscription_cancel: null,
    subscription_pause: null,
    subscription_update: null,
    subscription_update_confirm: null,
    type,
    ...aboutSubscription(world, type, { flow, customer: of.customer }),
  };
}

function readAfter(after: Params | undefined): Flow['after_completion'] {
  const type =
    after?.oneOf('type', ['hosted_confirmation', 'portal_homepage', 'redirect']) ??
    'portal_homepage';
  return {
    type,
    hosted_confirmation:
      type === 'hosted_confirmation'
        ? { custom_message: after?.object('hosted_confirmation')?.text('custom_message') ?? null }
        : null,
    redirect:
      type === 'redirect'
        ? { return_url: (after?.object('redirect') ?? after)?.need('return_url') ?? '' }
        : null,
  };
}

function aboutSubscription(
  world: World,
  type: string,
  { flow, customer }: { flow: Params; customer: string },
): Partial<Flow> {
  if (type === 'payment_method_update') {
    return {};
  }
  const details = flow.object(type);
  if (details === undefined) {
    throw missingParameter(flow.name(type));
  }
  const subscription = needSubscription(
    world,
    details.need('subscription'),
    details.name('subscription'),
  );
  if (subscription.customer !== customer || subscription.ended_at !== null) {
    throw invalid(`The customer ${customer} has no live subscription ${subscription.id}.`, {
      param: details.name('subscription'),
    });
  }
  if (type === 'subscription_cancel') {
    return { subscription_cancel: { retention: null, subscription: subscription.id } };
  }
  return type === 'subscription_update'
    ? { subscription_update: { subscription: subscription.id } }
    : { subscription_update_confirm: readConfirmation(world, subscription, details) };
}

function readConfirmation(
  world: World,
  subscription: Subscription,
  details: Params,
): Flow['subscription_update_confirm'] {
  const [item, ...more] = details.objects('items');
  if (item === undefined || more.length > 0) {
    throw invalid('A flow confirms one item.', { param: details.name('items') });
  }
  const id = item.need('id');
  const old = subscription.items.data.find((one) => one.id === id);
  if (old === undefined) {
    throw invalid(`No such subscription item: '${id}'`, {
      param: item.name('id'),
      code: 'resource_missing',
    });
  }
  const price = item.text('price');
  return {
    subscription: subscription.id,
    items: [
      {
        id,
        price:
          price === undefined
            ? old.price.id
            : inCurrency(
                needPrice(world, price, item.name('price')),
                subscription.currency,
                item.name('price'),
              ).id,
        quantity: item.integer('quantity') ?? old.quantity ?? 1,
      },
    ],
    discounts: readDiscounts(world, details).map((one) => ({
      coupon: one.promotionCode === null ? one.coupon : null,
      promotion_code: one.promotionCode,
    })),
  };
}

const DONE = 'flow_done';

export function isFlowDone(world: World, session: PortalSession): boolean {
  return world.store.get('counter', `${DONE}:${session.id}`) !== undefined;
}

/** The flow is over: where the customer goes then. */
export function endFlow(world: World, session: PortalSession): string {
  world.store.put('counter', { id: `${DONE}:${session.id}`, value: 1 });
  return session.flow?.after_completion.redirect?.return_url ?? `/p/session/${session.id}`;
}
