import { invalid, noSuch } from '../api/errors.ts';
import { filtered, page } from '../api/page.ts';
import type { Params } from '../api/params.ts';
import type { Route } from '../api/route.ts';
import { needCustomer } from '../customers/customers.ts';
import { emit } from '../events/emit.ts';
import type { Meter, Subscription } from '../shapes.ts';
import type { DraftLine, MeterEvent } from '../store/records.ts';
import { newId, type World } from '../world.ts';
import { lineFor } from './cycle-lines.ts';

const FORMULAS = ['sum', 'count', 'last'] as const;

function createMeter(world: World, params: Params): Meter {
  const name = params.need('event_name');
  const taken = world.store
    .where('meter', 'event_name', name)
    .some((meter) => meter.status === 'active');
  if (taken) {
    throw invalid(`There is already an active meter for the event name ${name}.`, {
      param: 'event_name',
    });
  }
  const aggregation = params.object('default_aggregation');
  const meter = world.store.put('meter', {
    id: newId('mtr_test', 20),
    object: 'billing.meter',
    created: world.now(),
    customer_mapping: {
      event_payload_key:
        params.object('customer_mapping')?.text('event_payload_key') ?? 'stripe_customer_id',
      type: 'by_id',
    },
    default_aggregation: { formula: aggregation?.oneOf('formula', FORMULAS) ?? 'sum' },
    display_name: params.need('display_name'),
    event_name: name,
    event_time_window: params.text('event_time_window') ?? null,
    livemode: false,
    status: 'active',
    status_transitions: { deactivated_at: null },
    updated: world.now(),
    value_settings: {
      event_payload_key: params.object('value_settings')?.text('event_payload_key') ?? 'value',
    },
  });
  emit(world, 'billing.meter.created', meter);
  return meter;
}

function needMeter(world: World, id: string): Meter {
  const meter = world.store.get('meter', id);
  if (meter === undefined) {
    throw noSuch('billing meter', id);
  }
  return meter;
}

function switchMeter(world: World, before: Meter, status: 'active' | 'inactive'): Meter {
  const meter = world.store.put('meter', {
    ...before,
    status,
    status_transitions: { deactivated_at: status === 'inactive' ? world.now() : null },
    updated: world.now(),
  });
  const event = status === 'active' ? 'reactivated' : 'deactivated';
  emit(world, `billing.meter.${event}`, meter, before);
  return meter;
}

/** What a customer used from `start` on and before `end`, by the meter's formula. */
function usageOf(
  world: World,
  meter: Meter,
  of: { customer: string; start: number; end: number },
): number {
  const events = world.store
    .where('meter_event', 'customer', of.customer)
    .filter((one) => one.meter === meter.id && !one.canceled)
    .filter((one) => one.timestamp >= of.start && one.timestamp < of.end);
  return aggregate(events, meter.default_aggregation.formula);
}

function aggregate(events: readonly MeterEvent[], formula: string): number {
  switch (formula) {
    case 'count':
      return events.length;
    case 'last':
      return events.toSorted((a, b) => a.timestamp - b.timestamp).at(-1)?.value ?? 0;
    default:
      return events.reduce((sum, one) => sum + one.value, 0);
  }
}

/** The usage of the period that ends, one line for each metered item. */
export function usageLines(world: World, subscription: Subscription): DraftLine[] {
  return subscription.items.data.flatMap((item) => {
    const meter = world.store.get('meter', item.price.recurring?.meter ?? '');
    if (meter === undefined) {
      return [];
    }
    const period = { start: item.current_period_start, end: item.current_period_end };
    const used = usageOf(world, meter, { customer: subscription.customer, ...period });
    const quantity = Math.max(0, used);
    return [lineFor(subscription, item, { ...period, quantity })];
  });
}

const PATH = '/v1/billing/meters';

export const meterRoutes: readonly Route[] = [
  ['post', PATH, ({ world, params }) => createMeter(world, params)],
  [
    'get',
    PATH,
    ({ world, params }) =>
      page(filtered(world.store.all('meter').reverse(), params, ['status']), params, PATH),
  ],
  ['get', `${PATH}/:id`, ({ world, path }) => needMeter(world, path('id'))],
  [
    'post',
    `${PATH}/:id`,
    ({ world, path, params }) => {
      const before = needMeter(world, path('id'));
      const meter = world.store.put('meter', {
        ...before,
        display_name: params.text('display_name') ?? before.display_name,
        updated: world.now(),
      });
      emit(world, 'billing.meter.updated', meter, before);
      return meter;
    },
  ],
  [
    'post',
    `${PATH}/:id/deactivate`,
    ({ world, path }) => switchMeter(world, needMeter(world, path('id')), 'inactive'),
  ],
  [
    'post',
    `${PATH}/:id/reactivate`,
    ({ world, path }) => switchMeter(world, needMeter(world, path('id')), 'active'),
  ],
  [
    'get',
    `${PATH}/:id/event_summaries`,
    ({ world, path, params }) => {
      const meter = needMeter(world, path('id'));
      const start = params.integer('start_time') ?? 0;
      const end = params.integer('end_time') ?? world.now();
      const customer = needCustomer(world, params.need('customer'), 'customer').id;
      const summary = {
        id: `mtrusg_${meter.id}_${start}_${end}`,
        object: 'billing.meter_event_summary',
        aggregated_value: usageOf(world, meter, { customer, start, end }),
        end_time: end,
        livemode: false,
        meter: meter.id,
        start_time: start,
      };
      return page([summary], params, `${PATH}/${meter.id}/event_summaries`);
    },
  ],
];
