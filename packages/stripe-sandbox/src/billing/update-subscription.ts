import { invalid } from '../api/errors.ts';
import { planOf } from '../catalog/plan.ts';
import { emit } from '../events/emit.ts';
import type { Price, Subscription, SubscriptionItem, TaxRate } from '../shapes.ts';
import { newId, type World } from '../world.ts';
import { type BillNow, billNow } from './bill-now.ts';
import { addDiscount, type Redemption } from './discounts.ts';
import { periodEnd } from './periods.ts';
import { type ItemChange, prorate } from './proration.ts';
import { endTrialWithoutMethod } from './renew.ts';
import { buildItem, needSubscription } from './subscriptions.ts';

export type ItemUpdate = {
  id?: string | undefined;
  price?: Price | undefined;
  quantity?: number | undefined;
  deleted?: boolean | undefined;
  taxRates?: TaxRate[] | undefined;
  metadata?: Record<string, string> | undefined;
};

export type SubscriptionUpdate = {
  items?: readonly ItemUpdate[];
  prorationBehavior?: string | undefined;
  prorationDate?: number | undefined;
  /** Start a new cycle now. */
  resetCycle?: boolean;
  trialEnd?: number | null;
  discounts?: readonly Redemption[];
  fields?: Partial<Subscription>;
};

/** Changes a subscription as `POST /v1/subscriptions/:id` does, with its prorations and invoices. */
export function updateSubscription(
  world: World,
  before: Subscription,
  update: SubscriptionUpdate,
): Subscription {
  const bill = applyUpdate(world, before, update);
  if (bill !== null) {
    billNow(world, needSubscription(world, before.id), bill);
  }
  return needSubscription(world, before.id);
}

/** The change itself, with its prorations: what an update and a preview of it share. Null: nothing is billed at once. */
export function applyUpdate(
  world: World,
  before: Subscription,
  update: SubscriptionUpdate,
): BillNow | null {
  const at = update.prorationDate ?? world.now();
  const behavior = update.prorationBehavior ?? 'create_prorations';
  const changes = planChanges(before, update.items ?? []);
  refuseForeignDate(before, update);
  const moved = changes.some(changesInterval) || update.resetCycle === true;
  const endsTrial =
    update.trialEnd !== undefined &&
    before.status === 'trialing' &&
    (update.trialEnd ?? 0) <= world.now();
  if (endsTrial && endTrialWithoutMethod(world, { ...before, trial_end: world.now() })) {
    return null;
  }
  if (behavior !== 'none' && !endsTrial) {
    for (const change of changes.filter(matters)) {
      prorate(world, before, { change: moved ? { ...change, after: null } : change, at });
    }
  }
  const discounts = (update.discounts ?? []).map(
    (one) => addDiscount(world, { ...one, customer: before.customer, subscription: before.id }).id,
  );
  const after = world.store.put('subscription', {
    ...before,
    ...update.fields,
    ...(update.discounts === undefined ? {} : { discounts }),
    items: { ...before.items, data: applyChanges(world, before, changes) },
  });
  const cycled = moved || endsTrial ? restartCycle(world, after) : withTrial(world, after, update);
  emit(world, 'customer.subscription.updated', cycled, before);
  if (moved || endsTrial) {
    return { full: true, reason: endsTrial ? 'subscription_cycle' : 'subscription_update' };
  }
  return behavior === 'always_invoice' && changes.some(matters)
    ? { full: false, reason: 'subscription_update' }
    : null;
}

function refuseForeignDate(before: Subscription, { prorationDate }: SubscriptionUpdate): void {
  const within = before.items.data.some(
    (item) =>
      prorationDate === undefined ||
      (prorationDate >= item.current_period_start && prorationDate <= item.current_period_end),
  );
  if (!within) {
    throw invalid('Cannot specify `proration_date` outside of current billing period', {
      param: 'proration_date',
    });
  }
}

const MAX_ITEMS = 20;

/** No price stands twice on a subscription, and not more than so many. */
export function refuseTwice(prices: readonly string[]): void {
  const twice = prices.find((price, at) => prices.indexOf(price) !== at);
  if (twice !== undefined) {
    throw invalid(`Cannot add multiple subscription items with the same plan: ${twice}`, {
      param: 'items',
    });
  }
  if (prices.length > MAX_ITEMS) {
    throw invalid(`A subscription can have up to ${MAX_ITEMS} items.`, { param: 'items' });
  }
}

function planChanges(before: Subscription, updates: readonly ItemUpdate[]): ItemChange[] {
  const changes = readChanges(before, updates);
  const changed = new Set(changes.map((change) => change.before?.id));
  const kept = before.items.data.filter(({ id }) => !changed.has(id));
  const prices = [
    ...kept.map(({ price }) => price.id),
    ...changes.flatMap(({ after }) => (after === null ? [] : [after.price.id])),
  ];
  if (prices.length === 0) {
    throw invalid(
      'A subscription must have at least one active plan. To cancel a subscription, please use the cancel API endpoint on a subscription.',
      { param: 'items' },
    );
  }
  if (changes.length > 0) {
    refuseTwice(prices);
  }
  return changes;
}

function readChanges(before: Subscription, updates: readonly ItemUpdate[]): ItemChange[] {
  return updates.map((update) => {
    const item = before.items.data.find((one) => one.id === update.id);
    if (update.id !== undefined && item === undefined) {
      throw invalid(`No such subscription item: '${update.id}'`, {
        param: 'items',
        code: 'resource_missing',
      });
    }
    if (update.deleted) {
      return { before: item ?? null, after: null };
    }
    const price = update.price ?? item?.price;
    if (price === undefined || price.recurring === null) {
      throw invalid('A subscription item needs a recurring price.', { param: 'items' });
    }
    const quantity =
      update.quantity ??
      (item !== undefined && update.price === undefined ? item.quantity : undefined) ??
      item?.quantity ??
      1;
    const made = item?.id ?? newId('si', 14);
    const taxRates = update.taxRates ?? item?.tax_rates ?? [];
    return { before: item ?? null, after: { price, quantity, item: made, taxRates } };
  });
}

function matters({ before, after }: ItemChange): boolean {
  return (
    before?.price.id !== after?.price.id ||
    (before?.quantity ?? 1) !== (after?.quantity ?? 1) ||
    before === null
  );
}

/** A monthly item that becomes yearly starts a new cycle at once. */
function changesInterval({ before, after }: ItemChange): boolean {
  const [old, next] = [before?.price.recurring, after?.price.recurring];
  return (
    old != null &&
    next != null &&
    (old.interval !== next.interval || old.interval_count !== next.interval_count)
  );
}

/** The items as the updates leave them, in the period that they are in. */
export function itemsAfter(
  world: World,
  before: Subscription,
  updates: readonly ItemUpdate[],
): SubscriptionItem[] {
  return applyChanges(world, before, planChanges(before, updates));
}

function applyChanges(
  world: World,
  before: Subscription,
  changes: readonly ItemChange[],
): SubscriptionItem[] {
  const [first] = before.items.data;
  const kept = before.items.data.flatMap((item) => {
    const change = changes.find((one) => one.before?.id === item.id);
    if (change === undefined) {
      return [item];
    }
    return change.after === null ? [] : [withPrice(item, change.after)];
  });
  const added = changes.flatMap(({ before: old, after }) => {
    if (old !== null || after === null) {
      return [];
    }
    const period = {
      start: first?.current_period_start ?? world.now(),
      end: first?.current_period_end ?? world.now(),
    };
    const item = buildItem(world, { subscription: before.id, ...after, period });
    return [{ ...item, id: after.item }];
  });
  return [...kept, ...added];
}

function withPrice(
  item: SubscriptionItem,
  { price, quantity, taxRates }: NonNullable<ItemChange['after']>,
): SubscriptionItem {
  return { ...item, price, plan: planOf(price), quantity, tax_rates: [...taxRates] };
}

function restartCycle(world: World, subscription: Subscription): Subscription {
  const now = world.now();
  return world.store.put('subscription', {
    ...subscription,
    billing_cycle_anchor: now,
    ...(subscription.status === 'trialing' ? { status: 'active', trial_end: now } : {}),
    items: {
      ...subscription.items,
      data: subscription.items.data.map((item) => ({
        ...item,
        current_period_start: now,
        current_period_end: periodEnd(
          now,
          now,
          item.price.recurring ?? { interval: 'month', interval_count: 1 },
        ),
      })),
    },
  });
}

/** A trial that is prolonged, or given to a running subscription. */
function withTrial(
  world: World,
  subscription: Subscription,
  update: SubscriptionUpdate,
): Subscription {
  const end = update.trialEnd;
  if (end == null || end <= world.now()) {
    return subscription;
  }
  return world.store.put('subscription', {
    ...subscription,
    status: 'trialing',
    trial_start: subscription.trial_start ?? world.now(),
    trial_end: end,
    billing_cycle_anchor: end,
    items: {
      ...subscription.items,
      data: subscription.items.data.map((item) => ({ ...item, current_period_end: end })),
    },
  });
}
