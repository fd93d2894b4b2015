import { emit } from '../events/emit.ts';
import { loseSchedule } from '../schedules/change-schedule.ts';
import type { Subscription } from '../shapes.ts';
import type { World } from '../world.ts';

/** What a customer says of why. */
export type CancellationDetails = { comment?: string | undefined; feedback?: string | undefined };

/** Ends a subscription now. What was paid stays paid. */
export function endSubscription(
  world: World,
  before: Subscription,
  reason: 'cancellation_requested' | 'payment_failed',
  details: CancellationDetails = {},
): Subscription {
  const now = world.now();
  const subscription = world.store.put('subscription', {
    ...before,
    status: 'canceled',
    canceled_at: before.canceled_at ?? now,
    ended_at: now,
    cancellation_details: {
      comment: details.comment ?? before.cancellation_details?.comment ?? null,
      feedback: details.feedback ?? before.cancellation_details?.feedback ?? null,
      feedback_option: null,
      reason,
    },
  });
  emit(world, 'customer.subscription.deleted', subscription);
  loseSchedule(world, subscription, reason);
  return subscription;
}

/** The first payment never came: 23 hours after it was made. */
export function expireIncomplete(world: World, before: Subscription): Subscription {
  const subscription = world.store.put('subscription', {
    ...before,
    status: 'incomplete_expired',
    ended_at: world.now(),
  });
  emit(world, 'customer.subscription.updated', subscription, before);
  return subscription;
}
