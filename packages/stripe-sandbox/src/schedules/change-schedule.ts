import { emit } from '../events/emit.ts';
import type { Subscription, SubscriptionSchedule } from '../shapes.ts';
import type { World } from '../world.ts';

/** Stores changes of a schedule and announces them under this name. */
export function changeSchedule(
  world: World,
  before: SubscriptionSchedule,
  changes: Partial<SubscriptionSchedule>,
  event = 'subscription_schedule.updated',
): SubscriptionSchedule {
  const schedule = world.store.put('subscription_schedule', { ...before, ...changes });
  emit(world, event, schedule, before);
  return schedule;
}

/** A subscription that ended takes its schedule with it. */
export function loseSchedule(world: World, subscription: Subscription, reason: string): void {
  const schedule = world.store.get('subscription_schedule', subscription.schedule ?? '');
  if (schedule?.status === 'active') {
    changeSchedule(
      world,
      schedule,
      { status: 'canceled', canceled_at: world.now(), current_phase: null },
      reason === 'payment_failed'
        ? 'subscription_schedule.aborted'
        : 'subscription_schedule.canceled',
    );
  }
}
