import type { Due, InScope } from '../clock/happening.ts';
import { emit } from '../events/emit.ts';
import type { SubscriptionSchedule } from '../shapes.ts';
import type { World } from '../world.ts';
import { lastEnd } from './enter-phase.ts';
import { followSchedule, startSchedule } from './follow.ts';

/** Stripe announces the end of a schedule a week before it. */
const NOTICE_SECONDS = 7 * 86_400;

/** What schedules do by themselves: begin, go to the next phase, announce their end, end. */
export function* dueSchedules(world: World, inScope: InScope): Iterable<Due> {
  for (const schedule of world.store.where('subscription_schedule', 'status', 'not_started')) {
    const [first] = schedule.phases;
    if (first !== undefined && inScope(schedule.customer)) {
      yield { at: first.start_date, happen: () => void startSchedule(world, schedule) };
    }
  }
  for (const schedule of world.store.where('subscription_schedule', 'status', 'active')) {
    if (inScope(schedule.customer)) {
      yield* dueOf(world, schedule);
    }
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
