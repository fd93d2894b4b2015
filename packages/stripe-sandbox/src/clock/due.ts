import { expireIncomplete } from '../billing/end-subscription.ts';
import { advanceDraft, collect, nextPeriodEnd, renew } from '../billing/renew.ts';
import { changeSubscription } from '../billing/subscription-status.ts';
import { sendTrialNotice, TRIAL_NOTICE_SECONDS } from '../billing/subscriptions.ts';
import { expireSession } from '../checkout/sessions.ts';
import { settleIntent } from '../payments/intents.ts';
import { finishRefund } from '../payments/refunds.ts';
import { dueSchedules } from '../schedules/due-schedules.ts';
import type { Subscription } from '../shapes.ts';
import type { World } from '../world.ts';
import type { Due, InScope } from './happening.ts';

/** Which things a clock moves: a test clock's customers', or everyone's without one. */
export type Scope = { testClock: string | null };

const MAX_STEPS = 100_000;

/** Lets everything happen that is due until `until`, in its order, each at its own time. */
export function runDue(world: World, until: number, scope: Scope): number {
  for (let steps = 0; steps < MAX_STEPS; steps += 1) {
    const next = earliest(world, until, scope);
    if (next === undefined) {
      return steps;
    }
    world.store.commit(() => world.at(next.at, next.happen));
  }
  throw new Error(`The sandbox's clock had more than ${MAX_STEPS} things to do at once.`);
}

function earliest(world: World, until: number, scope: Scope): Due | undefined {
  let first: Due | undefined;
  for (const due of allDue(world, scope)) {
    if (due.at <= until && (first === undefined || due.at < first.at)) {
      first = due;
    }
  }
  return first;
}

function* allDue(world: World, scope: Scope): Iterable<Due> {
  const inScope = (customer: string | null) =>
    ((customer === null ? null : world.store.get('customer', customer)?.test_clock) ?? null) ===
    scope.testClock;
  yield* dueSessions(world, inScope);
  // Before subscriptions: where a phase begins as a period ends, the new period is of the new phase.
  yield* dueSchedules(world, inScope);
  yield* dueSubscriptions(world, inScope);
  yield* dueInvoices(world, inScope);
  yield* duePayments(world, inScope);
}

function* dueSessions(world: World, inScope: InScope): Iterable<Due> {
  for (const session of world.store.where('checkout_session', 'status', 'open')) {
    if (inScope(session.customer)) {
      yield { at: session.expires_at, happen: () => void expireSession(world, session) };
    }
  }
}

function* dueSubscriptions(world: World, inScope: InScope): Iterable<Due> {
  for (const subscription of world.store.where('subscription', 'ended_at', null)) {
    if (inScope(subscription.customer)) {
      yield* dueOf(world, subscription);
    }
  }
}

function* dueOf(world: World, subscription: Subscription): Iterable<Due> {
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

function* dueInvoices(world: World, inScope: InScope): Iterable<Due> {
  for (const invoice of world.store.where('invoice', 'status', 'draft')) {
    const at = world.store.get('invoice_plan', invoice.id)?.finalizesAt;
    if (at != null && inScope(invoice.customer)) {
      yield { at, happen: () => advanceDraft(world, invoice) };
    }
  }
  for (const invoice of world.store.where('invoice', 'status', 'open')) {
    if (invoice.next_payment_attempt !== null && inScope(invoice.customer)) {
      yield {
        at: invoice.next_payment_attempt,
        happen: () => {
          const tried = world.store.put('invoice', { ...invoice, next_payment_attempt: null });
          collect(world, tried);
        },
      };
    }
  }
}

function* duePayments(world: World, inScope: InScope): Iterable<Due> {
  for (const intent of world.store.where('payment_intent', 'status', 'processing')) {
    const plan = world.store.get('intent_plan', intent.id);
    if (plan?.settlesAt != null && inScope(intent.customer)) {
      yield {
        at: plan.settlesAt,
        happen: () => void settleIntent(world, intent, plan.settlesAs),
      };
    }
  }
  for (const plan of world.store.all('refund_plan')) {
    const refund = plan.dueAt === null ? undefined : world.store.get('refund', plan.id);
    if (plan.dueAt !== null && refund !== undefined && inScope(refund.customer)) {
      yield {
        at: plan.dueAt,
        happen: () => void finishRefund(world, refund, { as: plan.becomes }),
      };
    }
  }
}
