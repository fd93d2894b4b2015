import { invalid, noSuch } from '../api/errors.ts';
import { filtered, momentFilter, page } from '../api/page.ts';
import type { Params } from '../api/params.ts';
import type { Route } from '../api/route.ts';
import { cancelNow } from '../billing/subscription-routes.ts';
import { needSubscription } from '../billing/subscriptions.ts';
import type { SchedulePhase, SubscriptionSchedule } from '../shapes.ts';
import { inTimeOf, type World } from '../world.ts';
import { changeSchedule } from './change-schedule.ts';
import { createSchedule, ENDS, readDefaults, refusePauses } from './create-schedule.ts';
import { applyPhase } from './enter-phase.ts';
import { currentPhase, enterPhase, planTheEnd, releaseSchedule, spanOf } from './follow.ts';
import { readPhases, refuseWithoutDays } from './phases.ts';

function mustRun(schedule: SubscriptionSchedule, verb: string): SubscriptionSchedule {
  if (schedule.status !== 'not_started' && schedule.status !== 'active') {
    throw invalid(
      `You cannot ${verb} a subscription schedule that is currently in the \`${schedule.status}\` status.`,
    );
  }
  return schedule;
}

/** Changes a schedule as `POST /v1/subscription_schedules/:id` does. */
export function updateSchedule(
  world: World,
  before: SubscriptionSchedule,
  params: Params,
): SubscriptionSchedule {
  mustRun(before, 'update');
  refusePauses(params);
  const prorations =
    params.oneOf('proration_behavior', ['create_prorations', 'always_invoice', 'none']) ??
    'create_prorations';
  const phases = params.has('phases') ? phasesAfter(world, before, params) : before.phases;
  const current = before.status === 'active' ? needCurrent(world, before, phases) : undefined;
  const isSame = current?.start_date === before.current_phase?.start_date;
  const defaults = readDefaults(world, params, {
    customer: before.customer,
    before: before.default_settings,
  });
  refuseWithoutDays(phases, defaults, params.name('phases'));
  const schedule = changeSchedule(world, before, {
    default_settings: defaults,
    end_behavior: params.oneOf('end_behavior', ENDS) ?? before.end_behavior,
    metadata: params.metadata(before.metadata ?? {}),
    phases,
    ...(current !== undefined && isSame ? { current_phase: spanOf(current) } : {}),
  });
  if (current !== undefined && isSame && params.has('phases')) {
    const subscription = needSubscription(world, before.subscription ?? '');
    applyPhase(world, subscription, { phase: current, prorations, begins: false });
  } else if (current !== undefined && !isSame) {
    enterPhase(world, schedule, current);
  }
  planTheEnd(world, schedule);
  return needSchedule(world, schedule.id);
}

/** The phases after an update: past ones may be left out, and stay. */
function phasesAfter(world: World, before: SubscriptionSchedule, params: Params): SchedulePhase[] {
  const given = readPhases(world, params, {
    customer: before.customer,
    currency: before.phases[0]?.currency,
  });
  const start = given[0]?.start_date ?? 0;
  if (before.status === 'active' && !before.phases.some((one) => one.start_date === start)) {
    throw invalid('You cannot modify the start date of the current phase.', {
      param: 'phases[0][start_date]',
    });
  }
  return [...before.phases.filter((one) => one.end_date <= start), ...given];
}

function needCurrent(
  world: World,
  before: SubscriptionSchedule,
  phases: SchedulePhase[],
): SchedulePhase {
  const current = currentPhase({ phases }, world.now());
  if (current === undefined) {
    throw invalid('You must include the current phase, and it must end in the future.', {
      param: 'phases',
    });
  }
  if (
    current.start_date !== before.current_phase?.start_date &&
    current.start_date !== world.now()
  ) {
    throw invalid('You cannot modify the start date of the current phase.', {
      param: 'phases[0][start_date]',
    });
  }
  return current;
}

function cancelSchedule(
  world: World,
  before: SubscriptionSchedule,
  params: Params,
): SubscriptionSchedule {
  mustRun(before, 'cancel');
  const subscription = world.store.get('subscription', before.subscription ?? '');
  const canceled = changeSchedule(
    world,
    before,
    { status: 'canceled', canceled_at: world.now(), current_phase: null },
    'subscription_schedule.canceled',
  );
  if (subscription !== undefined && subscription.ended_at === null) {
    cancelNow(world, subscription, {
      prorates: params.flag('prorate') ?? true,
      invoices: params.flag('invoice_now') ?? true,
    });
  }
  return canceled;
}

export function needSchedule(world: World, id: string, param?: string): SubscriptionSchedule {
  const schedule = world.store.get('subscription_schedule', id);
  if (schedule === undefined) {
    throw noSuch('subscription schedule', id, param);
  }
  return schedule;
}

function listSchedules(world: World, params: Params): SubscriptionSchedule[] {
  const moments = (['canceled_at', 'completed_at', 'created', 'released_at'] as const).map(
    (key) => [key, params.has(key), momentFilter(params, key)] as const,
  );
  const scheduled = params.flag('scheduled') ?? false;
  const all = world.store
    .all('subscription_schedule')
    .filter(
      (one) =>
        moments.every(
          ([key, asked, passes]) => !asked || (one[key] !== null && passes(one[key])),
        ) &&
        (!scheduled || one.status === 'not_started'),
    );
  return filtered(all.reverse(), params, ['customer']);
}

function onSchedule(
  work: (world: World, schedule: SubscriptionSchedule, params: Params) => object,
): Route[2] {
  return ({ world, path, params }) => {
    const schedule = needSchedule(world, path('id'));
    return inTimeOf(world, schedule.customer, () => work(world, schedule, params));
  };
}

const PATH = '/v1/subscription_schedules';

export const scheduleRoutes: readonly Route[] = [
  ['post', PATH, ({ world, params }) => createSchedule(world, params)],
  ['get', PATH, ({ world, params }) => page(listSchedules(world, params), params, PATH)],
  ['get', `${PATH}/:id`, ({ world, path }) => needSchedule(world, path('id'))],
  ['post', `${PATH}/:id`, onSchedule(updateSchedule)],
  ['post', `${PATH}/:id/cancel`, onSchedule(cancelSchedule)],
  [
    'post',
    `${PATH}/:id/release`,
    onSchedule((world, schedule, params) =>
      releaseSchedule(world, mustRun(schedule, 'release'), {
        keepCancelDate: params.flag('preserve_cancel_date') ?? false,
      }),
    ),
  ],
];
