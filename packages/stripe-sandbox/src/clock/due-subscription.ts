import { expireIncomplete } from '../billing/end-subscription.ts';
import { nextPeriodEnd, renew } from '../billing/renew.ts';
import { changeSubscription } from '../billing/subscription-status.ts';
import { sendTrialNotice, TRIAL_NOTICE_SECONDS } from '../billing/subscriptions.ts';
import type { Subscription } from '../shapes.ts';
import type { World } from '../world.ts';
import type { Due } from './happening.ts';

/** What a subscription does by itself: expire, end its trial and its pause, renew. */
export function dueOfSubscription(
  world: World,
  id: string,
): { customer: string; dues: Iterable<Due> } | null {
  const subscription = world.store.get('subscription', id);
  return subscription === undefined || subscription.ended_at !== null
    ? null
    : { customer: subscription.customer, dues: duesOf(world, subscription) };
}

function* duesOf(world: World, subscription: Subscription): Iterable<Due> {
  const state = world.store.get('subscription_state', subscription.id);
  if (subscription.status === 'incomplete') {
    if (state?.incompleteExpiresAt != null) {
      yield {
        at: state.incompleteExpiresAt,
        happen: () => void expireIncomplete(world, subscription),
      };
    }
    return;
  }
  if (subscription.status === 'paused') {
    return;
  }
  if (subscription.status === 'trialing' && state?.trialWillEndSent === false) {
    yield {
      at: Math.max(subscription.created, (subscription.trial_end ?? 0) - TRIAL_NOTICE_SECONDS),
      happen: () => sendTrialNotice(world, subscription),
    };
  }
  const resumes = subscription.pause_collection?.resumes_at;
  if (resumes != null) {
    yield {
      at: resumes,
      happen: () => void changeSubscription(world, subscription, { pause_collection: null }),
    };
  }
  const ends = nextPeriodEnd(subscription);
  yield {
    at: subscription.cancel_at === null ? ends : Math.min(ends, subscription.cancel_at),
    happen: () => renew(world, subscription),
  };
}
