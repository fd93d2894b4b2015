import { Params } from '../api/params.ts';
import { dueOfSubscription } from '../clock/due-subscription.ts';
import type { Invoice, SubscriptionSchedule } from '../shapes.ts';
import type { World } from '../world.ts';
import { createOf } from './create-schedule.ts';
import { dueOfSchedule } from './due-schedules.ts';
import { needSchedule, updateSchedule } from './schedule-routes.ts';

/** More than any schedule has to do before its next invoice: its end, its phases, their renewals. */
const MAX_STEPS = 1000;

export function scheduleNamed(world: World, params: Params): SubscriptionSchedule | undefined {
  const id = params.text('schedule');
  return id === undefined ? undefined : needSchedule(world, id, 'schedule');
}

/** The next invoice of a schedule that runs, or the one that a change of it would make at once. */
export function draftOfSchedule(
  world: World,
  schedule: SubscriptionSchedule,
  params: Params,
): Invoice | undefined {
  holdInvoices(world, schedule);
  const before = latestOf(world, schedule.id);
  const details = params.object('schedule_details');
  if (details !== undefined) {
    updateSchedule(world, schedule, details);
  }
  return nextInvoice(world, schedule.id, before);
}

/** The first invoice of a schedule that could be made. */
export function draftOfNewSchedule(
  world: World,
  customer: string,
  params: Params,
): Invoice | undefined {
  const details = params.object('schedule_details') ?? new Params({}, 'schedule_details');
  const { id } = createOf(world, customer, details);
  return nextInvoice(world, id, undefined);
}

/** Nothing is collected in a preview: what is made there stays a draft. */
function holdInvoices(world: World, schedule: SubscriptionSchedule): void {
  const subscription = world.store.get('subscription', schedule.subscription ?? '');
  if (subscription !== undefined) {
    world.store.put('subscription', {
      ...subscription,
      pause_collection: { behavior: 'keep_as_draft', resumes_at: null },
    });
  }
}

function subscriptionOf(world: World, id: string): string {
  const schedule = needSchedule(world, id);
  return schedule.subscription ?? schedule.released_subscription ?? '';
}

function latestOf(world: World, id: string): Invoice | undefined {
  const subscription = world.store.get('subscription', subscriptionOf(world, id));
  return world.store.get('invoice', subscription?.latest_invoice ?? '');
}

/** Lets the schedule and its subscription go on until there is an invoice after `before`. */
function nextInvoice(world: World, id: string, before: Invoice | undefined): Invoice | undefined {
  for (let step = 0; step < MAX_STEPS; step += 1) {
    const latest = latestOf(world, id);
    if (latest !== undefined && latest.id !== before?.id) {
      return latest;
    }
    const [next] = [
      ...(dueOfSchedule(world, id)?.dues ?? []),
      ...(dueOfSubscription(world, subscriptionOf(world, id))?.dues ?? []),
    ].sort((one, other) => one.at - other.at);
    if (next === undefined) {
      return undefined;
    }
    world.at(Math.max(next.at, world.now()), next.happen);
  }
  return undefined;
}
