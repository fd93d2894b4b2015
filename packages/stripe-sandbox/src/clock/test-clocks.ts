import { invalid, noSuch } from '../api/errors.ts';
import { page } from '../api/page.ts';
import type { Route } from '../api/route.ts';
import { addIntervals } from '../billing/periods.ts';
import { emit } from '../events/emit.ts';
import type { TestClock } from '../shapes.ts';
import { newId, type World } from '../world.ts';
import { runDue } from './due.ts';

const KEPT_SECONDS = 30 * 86_400;
const YEARLY = { interval: 'year', interval_count: 1 };

function needClock(world: World, id: string): TestClock {
  const clock = world.store.get('test_clock', id);
  if (clock === undefined) {
    throw noSuch('test_clock', id);
  }
  return clock;
}

/** Moves a clock and all that hangs on it. The answer says `advancing`, as Stripe's; ask again for `ready`. */
function advance(world: World, before: TestClock, to: number): TestClock {
  if (to <= before.frozen_time) {
    throw invalid('`frozen_time` must be after the clock’s current time.', {
      param: 'frozen_time',
    });
  }
  refuseTooFar(world, before, to);
  const advancing = world.store.put('test_clock', {
    ...before,
    status: 'advancing',
    status_details: { advancing: { target_frozen_time: to } },
  });
  emit(world, 'test_helpers.test_clock.advancing', advancing, before);
  runDue(world, to, { testClock: before.id });
  const ready = world.store.put('test_clock', {
    ...before,
    status: 'ready',
    frozen_time: to,
    status_details: {},
  });
  emit(world, 'test_helpers.test_clock.ready', ready, advancing);
  return advancing;
}

/** Stripe moves a clock by two periods at most: of its shortest subscription, or of years without one. */
function refuseTooFar(world: World, clock: TestClock, to: number): void {
  const ends = world.store
    .where('subscription', 'test_clock', clock.id)
    .filter((subscription) => subscription.ended_at === null)
    .flatMap((subscription) => subscription.items.data)
    .map(({ price }) => addIntervals(clock.frozen_time, price.recurring ?? YEARLY, 2));
  const furthest = Math.min(...ends, addIntervals(clock.frozen_time, YEARLY, 2));
  if (to > furthest) {
    throw invalid(
      'You cannot advance a test clock by more than two intervals of its shortest subscription at once.',
      { param: 'frozen_time' },
    );
  }
}

export const testClockRoutes: readonly Route[] = [
  [
    'post',
    '/v1/test_helpers/test_clocks',
    ({ world, params }) => {
      const frozen = params.integer('frozen_time');
      if (frozen === undefined) {
        throw invalid('Missing required param: frozen_time.', {
          param: 'frozen_time',
          code: 'parameter_missing',
        });
      }
      const clock = world.store.put('test_clock', {
        id: newId('clock'),
        object: 'test_helpers.test_clock',
        created: world.now(),
        deletes_after: world.now() + KEPT_SECONDS,
        frozen_time: frozen,
        livemode: false,
        name: params.text('name') ?? null,
        status: 'ready',
        status_details: {},
      });
      emit(world, 'test_helpers.test_clock.created', clock);
      return clock;
    },
  ],
  [
    'get',
    '/v1/test_helpers/test_clocks',
    ({ world, params }) =>
      page(world.store.all('test_clock').reverse(), params, '/v1/test_helpers/test_clocks'),
  ],
  ['get', '/v1/test_helpers/test_clocks/:id', ({ world, path }) => needClock(world, path('id'))],
  [
    'post',
    '/v1/test_helpers/test_clocks/:id/advance',
    ({ world, path, params }) =>
      advance(world, needClock(world, path('id')), params.integer('frozen_time') ?? 0),
  ],
  [
    'delete',
    '/v1/test_helpers/test_clocks/:id',
    ({ world, path }) => {
      const clock = needClock(world, path('id'));
      world.store.remove('test_clock', clock.id);
      emit(world, 'test_helpers.test_clock.deleted', clock);
      return { id: clock.id, object: 'test_helpers.test_clock', deleted: true };
    },
  ],
];
