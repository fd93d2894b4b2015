import type { Due } from '../clock/happening.ts';
import { emit } from '../events/emit.ts';
import type { SubscriptionSchedule } from '../shapes.ts';
import type { World } from '../world.ts';
import { lastEnd } from './enter-phase.ts';
import { followSchedule, startSchedule } from './follow.ts';

/** Stripe announces the end of a schedule a week before it. */
const NOTICE_SECONDS = 7 * 86_400;

/** What a schedule does by itself: begin, go to the next phase, announce its end, end. */
export function dueOfSchedule(
  world: World,
  id: string,
): { customer: string; dues: Iterable<Due> } | null {
  const schedule = world.store.get('subscription_schedule', id);
  switch (schedule?.status) {
    case 'not_started':
      return { customer: schedule.customer, dues: startOf(world, schedule) };
    case 'active':
      return { customer: schedule.customer, dues: dueOf(world, schedule) };
    default:
      return null;
  }
}

function* startOf(world: World, schedule: SubscriptionSchedule): Iterable<Due> {
  const [first] = schedule.phases;
  if (first !== undefined) {
    yield { at: first.start_date, happen: () => void startSchedule(world, schedule) };
  }
}

function* dueOf(world: World, schedule: SubscriptionSchedule): Iterable<Due> {
  const end = lastEnd(schedule);
  const notice = `expiring:${schedule.id}:${end}`;
  if (world.store.get('counter', notice) === undefined) {
    yield {
      at: Math.max(schedule.created, end - NOTICE_SECONDS),
      happen: () => {
        world.store.put('counter', { id: notice, value: 1 });
        emit(world, 'subscription_schedule.expiring', schedule);
      },
    };
  }
  if (schedule.current_phase !== null) {
    yield {
      at: schedule.current_phase.end_date,
      happen: () => followSchedule(world, schedule),
    };
  }
}
