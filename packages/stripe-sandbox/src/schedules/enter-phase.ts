import { addDiscount, type Redemption } from '../billing/discounts.ts';
import { addInvoiceItem } from '../billing/invoice-items.ts';
import { renew } from '../billing/renew.ts';
import { addSubscription } from '../billing/subscriptions.ts';
import { type ItemUpdate, itemsAfter, updateSubscription } from '../billing/update-subscription.ts';
import { amountOf } from '../catalog/amount.ts';
import { needPrice } from '../catalog/prices.ts';
import type { SchedulePhase, Subscription, SubscriptionSchedule } from '../shapes.ts';
import type { World } from '../world.ts';
import { collectionOf } from './phases.ts';

/** Makes the subscription that a schedule's first phase describes. */
export function beginSubscription(
  world: World,
  schedule: SubscriptionSchedule,
  phase: SchedulePhase,
): Subscription {
  const settings = schedule.default_settings;
  const collection = collectionOf(phase, settings);
  return addSubscription(world, {
    customer: schedule.customer,
    currency: phase.currency,
    items: phase.items.map((item) => ({
      price: needPrice(world, item.price),
      quantity: item.quantity ?? 1,
      metadata: item.metadata ?? {},
    })),
    once: extrasOf(world, phase),
    metadata: phase.metadata ?? {},
    description: phase.description ?? settings.description,
    trialEnd: phase.trial_end,
    defaultPaymentMethod: phase.default_payment_method ?? methodOf(settings.default_payment_method),
    discounts: redemptionsOf(world, phase),
    collectionMethod: collection.method,
    daysUntilDue: collection.days,
    cancelAt: schedule.end_behavior === 'cancel' ? lastEnd(schedule) : null,
    schedule: schedule.id,
    startDate: phase.start_date,
    prorations: phase.proration_behavior,
    firstPayment: 'draft',
  });
}

function methodOf(method: string | { id: string } | null): string | null {
  return typeof method === 'object' ? (method?.id ?? null) : method;
}

/** Seconds since 1970 at which the schedule has nothing more to say. */
export function lastEnd(schedule: SubscriptionSchedule): number {
  return schedule.phases.at(-1)?.end_date ?? schedule.created;
}

/**
 * Makes the subscription what a phase says. Where its period ends at this moment the new period is
 * billed as the phase says; otherwise the rest of the period is prorated, as `prorations` says.
 */
export function applyPhase(
  world: World,
  before: Subscription,
  { phase, prorations, begins }: { phase: SchedulePhase; prorations: string; begins: boolean },
): void {
  const subscription = begins ? withExtras(world, before, phase) : before;
  const fields = fieldsOf(world, subscription, phase);
  const items = itemUpdates(world, subscription, phase);
  const discounts = discountsOf(world, subscription, phase);
  const restarts = begins && phase.billing_cycle_anchor === 'phase_start';
  const trialEnd = phase.trial_end !== null && phase.trial_end > world.now();
  if (begins && !trialEnd && isOver(world, subscription)) {
    renew(world, before, {
      ...subscription,
      ...fields,
      discounts,
      items: { ...subscription.items, data: itemsAfter(world, subscription, items) },
      ...(restarts || changesCycle(world, subscription, phase)
        ? { billing_cycle_anchor: world.now() }
        : {}),
    });
    return;
  }
  const changed = JSON.stringify([fields, discounts]) !== unchanged(subscription, fields);
  if (items.length > 0 || restarts || trialEnd || changed) {
    updateSubscription(world, subscription, {
      items,
      prorationBehavior: prorations,
      resetCycle: restarts,
      ...(trialEnd && phase.trial_end !== subscription.trial_end
        ? { trialEnd: phase.trial_end }
        : {}),
      fields: { ...fields, discounts },
    });
  }
}

function unchanged(subscription: Subscription, fields: Partial<Subscription>): string {
  const same = Object.keys(fields).map((key) => [key, subscription[key as keyof Subscription]]);
  return JSON.stringify([Object.fromEntries(same), subscription.discounts]);
}

function isOver(world: World, { items }: Subscription): boolean {
  return items.data.every((item) => item.current_period_end <= world.now());
}

function changesCycle(world: World, subscription: Subscription, phase: SchedulePhase): boolean {
  const cycle = (price: { recurring: { interval: string; interval_count: number } | null }) =>
    `${price.recurring?.interval_count} ${price.recurring?.interval}`;
  const [item] = subscription.items.data;
  const [next] = phase.items;
  return (
    item !== undefined &&
    next !== undefined &&
    cycle(item.price) !== cycle(needPrice(world, next.price))
  );
}

/** An empty value in a phase's metadata takes the key off; the others are added or replaced. */
function fieldsOf(
  world: World,
  subscription: Subscription,
  phase: SchedulePhase,
): Partial<Subscription> {
  const schedule = world.store.get('subscription_schedule', subscription.schedule ?? '');
  const collection =
    schedule === undefined ? undefined : collectionOf(phase, schedule.default_settings);
  return {
    metadata: { ...subscription.metadata, ...phase.metadata },
    ...(phase.default_payment_method === null
      ? {}
      : { default_payment_method: phase.default_payment_method }),
    ...(collection === undefined
      ? {}
      : { collection_method: collection.method, days_until_due: collection.days }),
    ...(phase.description === null ? {} : { description: phase.description }),
  };
}

/** Items of the same price stay; others of the subscription become those that the phase has instead. */
function itemUpdates(world: World, subscription: Subscription, phase: SchedulePhase): ItemUpdate[] {
  const old = subscription.items.data;
  const wanted = phase.items;
  const left = old.filter((item) => !wanted.some((one) => one.price === item.price.id));
  const fresh = wanted.filter((one) => !old.some((item) => item.price.id === one.price));
  const kept = wanted.flatMap((one) => {
    const item = old.find(({ price }) => price.id === one.price);
    return item === undefined || item.quantity === one.quantity
      ? []
      : [{ id: item.id, quantity: one.quantity }];
  });
  const swapped = fresh.map((one, at) => ({
    id: left[at]?.id,
    price: needPrice(world, one.price),
    quantity: one.quantity,
    metadata: one.metadata ?? {},
  }));
  const gone = left.slice(fresh.length).map((item) => ({ id: item.id, deleted: true }));
  return [...kept, ...swapped, ...gone];
}

function extrasOf(world: World, phase: SchedulePhase) {
  return phase.add_invoice_items.map((extra) => ({
    price: needPrice(world, extra.price),
    quantity: extra.quantity ?? 1,
  }));
}

function withExtras(world: World, subscription: Subscription, phase: SchedulePhase): Subscription {
  for (const extra of extrasOf(world, phase)) {
    addInvoiceItem(world, {
      ...extra,
      customer: subscription.customer,
      currency: subscription.currency,
      amount: amountOf(extra.price, { ...extra, currency: subscription.currency }),
      description: extra.price.nickname ?? extra.price.id,
      period: { start: phase.start_date, end: phase.end_date },
      subscription: subscription.id,
    });
  }
  return subscription;
}

/** The phase's discounts as ids; what the subscription has of the same coupon goes on. */
function discountsOf(world: World, subscription: Subscription, phase: SchedulePhase): string[] {
  return phase.discounts.flatMap((wanted) => {
    if (wanted.discount !== null) {
      return [wanted.discount];
    }
    const [redemption] = redemptionsOf(world, { ...phase, discounts: [wanted] });
    if (redemption === undefined) {
      return [];
    }
    const same = subscription.discounts.find(
      (id) => world.store.get('discount', id)?.source.coupon === redemption.coupon,
    );
    const of = { customer: subscription.customer, subscription: subscription.id };
    return [same ?? addDiscount(world, { ...redemption, ...of }).id];
  });
}

function redemptionsOf(world: World, phase: SchedulePhase): Redemption[] {
  return phase.discounts.flatMap(({ coupon, promotion_code: promotionCode, discount }) => {
    const ofCode =
      promotionCode === null
        ? null
        : (world.store.get('promotion_code', promotionCode)?.promotion.coupon ?? null);
    const ofDiscount = world.store.get('discount', discount ?? '')?.source.coupon ?? null;
    const id = coupon ?? ofCode ?? ofDiscount;
    return id === null ? [] : [{ coupon: id, promotionCode }];
  });
}
