import { invalid, missingParameter } from '../api/errors.ts';
import { Params } from '../api/params.ts';
import { COLLECTION_METHODS, type Collection, settleCollection } from '../billing/collection.ts';
import { periodEnd } from '../billing/periods.ts';
import { needSubscription } from '../billing/subscriptions.ts';
import { refuseSecondCurrency } from '../customers/currency.ts';
import { needCustomer } from '../customers/customers.ts';
import { ownPaymentMethod } from '../customers/payment-methods.ts';
import { emit } from '../events/emit.ts';
import type { Price, SchedulePhase, Subscription, SubscriptionSchedule } from '../shapes.ts';
import { inTimeOf, newId, type World } from '../world.ts';
import { changeSchedule } from './change-schedule.ts';
import { spanOf, startSchedule } from './follow.ts';
import { phaseOf, readPhases, refuseWithoutDays } from './phases.ts';

export const ENDS = ['release', 'cancel'] as const;
const ALONE = ['phases', 'customer', 'start_date', 'end_behavior', 'default_settings'];

/** Makes a schedule: of a customer and phases, or around a subscription that runs already. */
export function createSchedule(world: World, params: Params): SubscriptionSchedule {
  refusePauses(params);
  const from = params.text('from_subscription');
  if (from !== undefined) {
    return createFrom(world, from, params);
  }
  const customer = needCustomer(world, params.need('customer'), 'customer');
  return inTimeOf(world, customer.id, () => createOf(world, customer.id, params));
}

/** A schedule of phases; where the first has begun, with its subscription. */
export function createOf(world: World, customer: string, params: Params): SubscriptionSchedule {
  if (!params.has('phases')) {
    throw missingParameter(params.name('phases'));
  }
  const now = world.now();
  const start = params.moment('start_date', now) ?? now;
  const phases = readPhases(world, params, { customer, start });
  const [first] = phases;
  if (first === undefined || (phases.at(-1)?.end_date ?? 0) <= now) {
    throw invalid('The last phase of a schedule must end in the future.', {
      param: params.name('phases'),
    });
  }
  const asked = params.objects('phases').some((phase) => phase.has('currency'));
  refuseSecondCurrency(world, customer, { currency: first.currency, asked });
  const schedule = addSchedule(world, params, { customer, phases });
  return first.start_date > now ? schedule : startSchedule(world, schedule);
}

function createFrom(world: World, id: string, params: Params): SubscriptionSchedule {
  const wrong = ALONE.find((key) => params.has(key));
  if (wrong !== undefined) {
    throw invalid(`You cannot set \`${wrong}\` if \`from_subscription\` is set.`, { param: wrong });
  }
  const subscription = needSubscription(world, id, 'from_subscription');
  if (subscription.schedule !== null) {
    throw invalid(
      `You cannot migrate a subscription that is already attached to a schedule: ${subscription.schedule}`,
      { param: 'from_subscription' },
    );
  }
  if (subscription.ended_at !== null) {
    throw invalid('You cannot migrate a subscription that has ended.', {
      param: 'from_subscription',
    });
  }
  return inTimeOf(world, subscription.customer, () => {
    const phase = phaseOf(subscription);
    const schedule = addSchedule(world, params, {
      customer: subscription.customer,
      phases: [phase],
      subscription: subscription.id,
      current: phase,
      collection: { method: subscription.collection_method, days: subscription.days_until_due },
      ends: subscription.cancel_at === null ? 'release' : 'cancel',
    });
    const bound = world.store.put('subscription', { ...subscription, schedule: schedule.id });
    emit(world, 'customer.subscription.updated', bound, subscription);
    return schedule;
  });
}

/** Puts a change off until the period ends: what the portal does with downgrades when it is told to. */
export function scheduleChange(
  world: World,
  subscription: Subscription,
  to: { price: Price; quantity: number },
): SubscriptionSchedule {
  const known = world.store.get('subscription_schedule', subscription.schedule ?? '');
  const made =
    known ?? createFrom(world, subscription.id, new Params({ from_subscription: subscription.id }));
  const [current] = made.phases;
  if (current === undefined) {
    return made;
  }
  const end = periodEnd(
    current.end_date,
    current.end_date,
    to.price.recurring ?? { interval: 'month', interval_count: 1 },
  );
  const [item] = current.items;
  return changeSchedule(world, made, {
    phases: [
      current,
      {
        ...current,
        start_date: current.end_date,
        end_date: end,
        proration_behavior: 'none',
        items:
          item === undefined
            ? []
            : [{ ...item, price: to.price.id, plan: to.price.id, quantity: to.quantity }],
      },
    ],
  });
}

type Made = {
  customer: string;
  phases: SchedulePhase[];
  subscription?: string;
  current?: SchedulePhase;
  ends?: string;
  collection?: Collection;
};

function addSchedule(world: World, params: Params, made: Made): SubscriptionSchedule {
  const defaults = readDefaults(world, params, { ...made, before: null });
  refuseWithoutDays(made.phases, defaults, params.name('phases'));
  const schedule = world.store.put('subscription_schedule', {
    id: newId('sub_sched'),
    object: 'subscription_schedule',
    application: null,
    billing_mode: { flexible: { proration_discounts: 'included' }, type: 'flexible' },
    canceled_at: null,
    completed_at: null,
    created: world.now(),
    current_phase: made.current === undefined ? null : spanOf(made.current),
    customer: made.customer,
    customer_account: null,
    default_settings: defaults,
    end_behavior: params.oneOf('end_behavior', ENDS) ?? made.ends ?? 'release',
    livemode: false,
    metadata: params.metadata(),
    pause_schedules: [],
    phases: made.phases,
    released_at: null,
    released_subscription: null,
    status: made.current === undefined ? 'not_started' : 'active',
    subscription: made.subscription ?? null,
    test_clock: world.store.get('customer', made.customer)?.test_clock ?? null,
  });
  emit(world, 'subscription_schedule.created', schedule);
  return schedule;
}

export function readDefaults(
  world: World,
  params: Params,
  of: {
    customer: string;
    before: SubscriptionSchedule['default_settings'] | null;
    /** That of the subscription that it is made from. */
    collection?: Collection;
  },
): SubscriptionSchedule['default_settings'] {
  const given = params.object('default_settings');
  const { before } = of;
  const method = given?.text('default_payment_method');
  const days = given?.object('invoice_settings')?.integer('days_until_due');
  const collection = settleCollection(
    {
      method: given?.oneOf('collection_method', COLLECTION_METHODS),
      days,
      param: `${params.name('default_settings')}[invoice_settings][days_until_due]`,
    },
    before?.collection_method == null
      ? of.collection
      : { method: before.collection_method, days: before.invoice_settings.days_until_due },
  );
  return {
    application_fee_percent: null,
    automatic_tax: { disabled_reason: null, enabled: false, liability: null },
    billing_cycle_anchor:
      given?.oneOf('billing_cycle_anchor', ['automatic', 'phase_start']) ??
      before?.billing_cycle_anchor ??
      'automatic',
    billing_thresholds: null,
    collection_method: collection.method,
    default_payment_method:
      method === undefined
        ? (before?.default_payment_method ?? null)
        : ownPaymentMethod(world, method, of.customer).id,
    description: given?.text('description') ?? before?.description ?? null,
    invoice_settings: {
      account_tax_ids: null,
      custom_fields: null,
      days_until_due: collection.days,
      description: null,
      footer: null,
      issuer: { type: 'self' },
    },
    on_behalf_of: null,
    transfer_data: null,
  };
}

export function refusePauses(params: Params): void {
  if (params.has('pause_schedules')) {
    throw invalid(
      'The sandbox does not know pause_schedules; pause the subscription’s collection.',
      {
        param: 'pause_schedules',
      },
    );
  }
}
