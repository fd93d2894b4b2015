import { type Buyer, listOwnSubscriptions, type OwnSubscription } from '../checkout/index.ts';
import { FlorinError } from '../kernel/index.ts';
import { explainStripe, idOf } from '../stripe/index.ts';
import type { PlanChangeDeps, Subscription, SubscriptionItem } from './deps.ts';

/** A plan that the buyer has, as the webhooks told of it. */
export type CurrentPlan = {
  readonly subscriptionId: string;
  readonly status: string;
  /** The catalogue's key; null for a price that it does not know. */
  readonly priceId: string | null;
  readonly planType: string | null;
  readonly quantity: number;
  readonly currentPeriodEnd: Date | null;
  /** It ends with its period. */
  readonly cancelAtPeriodEnd: boolean;
};

/** The buyer's live subscriptions that have to do with credits. Asks Stripe about payment links' only. */
export async function listCurrentPlans(deps: PlanChangeDeps, buyer: Buyer): Promise<CurrentPlan[]> {
  const own = await listOwnPlans(deps, buyer);
  return own.map(({ subscriptionId, status, items, currentPeriodEnd, cancelAtPeriodEnd }) => {
    const known = items.flatMap((item) => {
      const price = deps.catalog.find(item);
      return price === undefined ? [] : [{ price, quantity: item.quantity }];
    });
    const plan = known.length === 1 ? known[0] : undefined;
    return {
      subscriptionId,
      status,
      priceId: plan?.price.id ?? null,
      planType: plan?.price.planType ?? null,
      quantity: plan?.quantity ?? 1,
      currentPeriodEnd,
      cancelAtPeriodEnd,
    };
  });
}

/** The one subscription that is meant, read from Stripe. Throws `not_found`, `plan_not_changeable`. */
export async function findSubscription(
  deps: PlanChangeDeps,
  buyer: Buyer & { readonly subscriptionId?: string | undefined },
): Promise<Subscription> {
  const own = await listOwnPlans(deps, buyer);
  const { subscriptionId: named } = buyer;
  if (named === undefined && own.length > 1) {
    throw new FlorinError(
      'plan_not_changeable',
      'There are several subscriptions: say which one is to be changed.',
      {
        details: {
          reason: 'several_subscriptions',
          subscriptions: own.map(({ subscriptionId }) => subscriptionId),
        },
      },
    );
  }
  const chosen = named === undefined ? own[0] : own.find((one) => one.subscriptionId === named);
  if (chosen === undefined) {
    throw named === undefined
      ? new FlorinError('not_found', 'There is no subscription to change. Buy a plan first.')
      : noSuch();
  }
  const subscription = await read(deps, chosen.subscriptionId);
  if (idOf(subscription.customer) !== chosen.customerId) {
    throw noSuch();
  }
  return subscription;
}

async function listOwnPlans(deps: PlanChangeDeps, buyer: Buyer): Promise<OwnSubscription[]> {
  const { ignores } = deps.catalog;
  const own = await listOwnSubscriptions(deps, buyer);
  return own.filter(
    ({ priceIds }) => priceIds.length === 0 || !priceIds.every((id) => ignores?.(id) === true),
  );
}

async function read({ stripe }: PlanChangeDeps, subscriptionId: string): Promise<Subscription> {
  try {
    return await stripe.subscriptions.retrieve(subscriptionId);
  } catch (error) {
    const mapped = explainStripe(error);
    throw mapped.details['stripeCode'] === 'resource_missing' ? noSuch() : mapped;
  }
}

function noSuch(): FlorinError {
  return new FlorinError('not_found', 'There is no such live subscription of this account.');
}

type Refusal = { readonly reason: string; readonly message: string };

/** Why a subscription must not be changed here: what would be shown would not be what happens. */
const REFUSALS: readonly ((one: Subscription) => Refusal | false)[] = [
  ({ status, ended_at }) =>
    (ended_at !== null || status === 'canceled' || status === 'incomplete_expired') && {
      reason: 'ended',
      message: 'This subscription has ended. Buy a plan on the pricing page.',
    },
  ({ status }) =>
    ['past_due', 'unpaid', 'incomplete'].includes(status) && {
      reason: 'payment_open',
      message: 'A payment of this subscription is open. Pay it on the billing page first.',
    },
  ({ status, pause_collection }) =>
    (status === 'paused' || pause_collection !== null) && {
      reason: 'paused',
      message: 'This subscription is paused. Resume it first.',
    },
  ({ cancel_at, cancel_at_period_end }) =>
    (cancel_at_period_end || cancel_at !== null) && {
      reason: 'ending',
      message: 'This subscription is set to end. Keep it on the billing page, then change it.',
    },
  ({ schedule }) =>
    schedule !== null && {
      reason: 'scheduled',
      message: 'A change of this subscription is planned already. Ask the shop to change it.',
    },
  ({ pending_update }) =>
    pending_update !== null && {
      reason: 'change_pending',
      message: 'A change of this subscription waits for its payment. Finish that one first.',
    },
  ({ collection_method }) =>
    collection_method === 'send_invoice' && {
      reason: 'paid_by_invoice',
      message: 'This subscription is paid by invoices that are sent. Ask the shop to change it.',
    },
];

/** The item that the catalogue sells. Throws `plan_not_changeable` with its `reason`. */
export function changeableItem(
  { catalog }: PlanChangeDeps,
  subscription: Subscription,
): SubscriptionItem {
  for (const refusal of REFUSALS) {
    const found = refusal(subscription);
    if (found !== false) {
      throw notChangeable(subscription.id, found);
    }
  }
  const [item, ...others] = subscription.items.data.filter(
    ({ price }) => catalog.find({ priceId: price.id, lookupKey: price.lookup_key }) !== undefined,
  );
  if (item === undefined || others.length > 0) {
    throw notChangeable(subscription.id, {
      reason: 'not_one_plan',
      message: 'This subscription does not consist of one plan that is for sale here.',
    });
  }
  return item;
}

export function notChangeable(subscriptionId: string, { reason, message }: Refusal): FlorinError {
  return new FlorinError('plan_not_changeable', message, {
    details: { reason, subscriptionId, manage: manageAddress(subscriptionId) },
  });
}

/** `POST` to it opens Stripe's billing page for the subscription. */
export function manageAddress(subscriptionId: string): string {
  return `/api/create-portal-session?subscription=${subscriptionId}`;
}
