import { endSubscription } from '../billing/end-subscription.ts';
import { needSubscription } from '../billing/subscriptions.ts';
import { emit } from '../events/emit.ts';
import type { SchedulePhase, Subscription, SubscriptionSchedule } from '../shapes.ts';
import type { World } from '../world.ts';
import { changeSchedule } from './change-schedule.ts';
import { applyPhase, beginSubscription, lastEnd } from './enter-phase.ts';
import { phaseItems } from './phases.ts';

/** The schedule's time has come: its subscription is made. */
export function startSchedule(world: World, before: SubscriptionSchedule): SubscriptionSchedule {
  const phase = currentPhase(before, world.now()) ?? before.phases[0];
  if (phase === undefined) {
    return before;
  }
  const subscription = beginSubscription(world, before, phase);
  return changeSchedule(world, before, {
    status: 'active',
    subscription: subscription.id,
    current_phase: spanOf(phase),
  });
}

/** The phase that a moment lies in. */
export function currentPhase(
  schedule: Pick<SubscriptionSchedule, 'phases'>,
  moment: number,
): SchedulePhase | undefined {
  return schedule.phases.find((one) => one.start_date <= moment && moment < one.end_date);
}

export function spanOf({ start_date, end_date }: SchedulePhase) {
  return { start_date, end_date };
}

/** The current phase is over: the next begins, or the schedule ends as it says. */
export function followSchedule(world: World, before: SubscriptionSchedule): void {
  const next = currentPhase(before, world.now());
  if (next === undefined) {
    endSchedule(world, before);
    return;
  }
  enterPhase(world, before, next);
}

export function enterPhase(
  world: World,
  before: SubscriptionSchedule,
  phase: SchedulePhase,
): SubscriptionSchedule {
  const subscription = needSubscription(world, before.subscription ?? '');
  const entered = changeSchedule(world, before, { current_phase: spanOf(phase) });
  if (subscription.ended_at === null) {
    applyPhase(world, subscription, {
      phase,
      prorations: phase.proration_behavior,
      begins: true,
    });
  }
  return entered;
}

function endSchedule(world: World, before: SubscriptionSchedule): void {
  if (before.end_behavior !== 'cancel') {
    releaseSchedule(world, before, { keepCancelDate: false });
    return;
  }
  const now = world.now();
  changeSchedule(
    world,
    before,
    { status: 'completed', completed_at: now, current_phase: null },
    'subscription_schedule.completed',
  );
  const subscription = world.store.get('subscription', before.subscription ?? '');
  if (subscription !== undefined && subscription.ended_at === null) {
    endSubscription(world, subscription, 'cancellation_requested');
  }
}

/** The subscription goes on by itself, with what the last phase made of it. */
export function releaseSchedule(
  world: World,
  before: SubscriptionSchedule,
  { keepCancelDate }: { keepCancelDate: boolean },
): SubscriptionSchedule {
  const subscription = world.store.get('subscription', before.subscription ?? '');
  if (subscription !== undefined) {
    const planned = before.end_behavior === 'cancel' && !keepCancelDate;
    const free = world.store.put('subscription', {
      ...subscription,
      schedule: null,
      ...(planned ? { cancel_at: null, canceled_at: null } : {}),
    });
    emit(world, 'customer.subscription.updated', free, subscription);
  }
  return changeSchedule(
    world,
    before,
    {
      status: 'released',
      released_at: world.now(),
      released_subscription: before.subscription,
      subscription: null,
      current_phase: null,
    },
    'subscription_schedule.released',
  );
}

/** Items that were changed on the subscription itself belong to its current phase from now on. */
export function tellSchedule(world: World, subscription: Subscription): void {
  const schedule = world.store.get('subscription_schedule', subscription.schedule ?? '');
  const current = schedule === undefined ? undefined : currentPhase(schedule, world.now());
  if (schedule === undefined || current === undefined) {
    return;
  }
  changeSchedule(world, schedule, {
    phases: schedule.phases.map((phase) =>
      phase === current ? { ...phase, items: phaseItems(subscription) } : phase,
    ),
  });
}

/** A schedule that cancels at its end shows that on its subscription. */
export function planTheEnd(world: World, schedule: SubscriptionSchedule): void {
  const subscription = world.store.get('subscription', schedule.subscription ?? '');
  const end = schedule.end_behavior === 'cancel' ? lastEnd(schedule) : null;
  if (subscription !== undefined && subscription.cancel_at !== end) {
    const planned = world.store.put('subscription', {
      ...subscription,
      cancel_at: end,
      cancel_at_period_end: false,
      canceled_at: end === null ? null : world.now(),
    });
    emit(world, 'customer.subscription.updated', planned, subscription);
  }
}
