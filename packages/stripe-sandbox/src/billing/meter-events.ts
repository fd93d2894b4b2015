import { ApiError, invalid, missingParameter, noSuch } from '../api/errors.ts';
import type { Params } from '../api/params.ts';
import type { Route } from '../api/route.ts';
import { needCustomer } from '../customers/customers.ts';
import type { Meter } from '../shapes.ts';
import type { MeterEvent } from '../store/records.ts';
import { inTimeOf, newId, type World } from '../world.ts';

const DAY = 86_400;
const MAX_AGE = 35 * DAY;
const MAX_AHEAD = 300;

/** What Stripe names a fault of an event that it looks at later. */
export type FaultCode =
  | 'archived_meter'
  | 'meter_event_customer_not_found'
  | 'meter_event_invalid_value'
  | 'meter_event_no_customer_defined'
  | 'no_meter'
  | 'timestamp_in_future'
  | 'timestamp_too_far_in_past';

/** Why an event does not count; where it is looked at at once, the request is refused for it. */
export class MeterEventFault extends ApiError {
  readonly fault: FaultCode;
  readonly meter: Meter | undefined;

  constructor(fault: FaultCode, refusal: ApiError, meter?: Meter) {
    super(refusal.status, refusal.body);
    this.fault = fault;
    this.meter = meter;
  }
}

export type Report = {
  event_name: string;
  payload: Record<string, string>;
  identifier: string;
  /** Seconds since 1970; default: now, in the customer's time. */
  timestamp: number | undefined;
};

/** Seconds since 1970, or a moment as the v2 API writes it. */
export function readReport(params: Params): Report {
  const payload = params.metadata({}, 'payload');
  if (Object.keys(payload).length === 0) {
    throw missingParameter(params.name('payload'));
  }
  return {
    event_name: params.need('event_name'),
    payload,
    identifier: params.text('identifier') ?? newId('mevt'),
    timestamp: readTimestamp(params),
  };
}

function readTimestamp(params: Params): number | undefined {
  const written = params.text('timestamp');
  if (written === undefined || /^\d+$/.test(written)) {
    return params.integer('timestamp');
  }
  const at = Date.parse(written);
  if (Number.isNaN(at)) {
    throw invalid(`Invalid timestamp: ${written}`, { param: params.name('timestamp') });
  }
  return Math.floor(at / 1000);
}

/** Counts one report of usage. The same identifier twice is one event: the second is refused. */
export function addMeterEvent(world: World, report: Report): MeterEvent & { now: number } {
  const meter = meterOf(world, report.event_name);
  const customer = customerOf(world, meter, report.payload);
  const value = usedIn(meter, report.payload);
  return inTimeOf(world, customer, () => {
    const now = world.now();
    const timestamp = report.timestamp ?? now;
    refuseFarTime(timestamp, { now, meter });
    if (world.store.get('meter_event', report.identifier) !== undefined) {
      throw invalid(`An event already exists with identifier ${report.identifier}.`, {
        param: 'identifier',
        code: 'resource_already_exists',
      });
    }
    const event = world.store.put('meter_event', {
      id: report.identifier,
      meter: meter.id,
      customer,
      value,
      timestamp,
      receivedAt: now,
      canceled: false,
    });
    return { ...event, now };
  });
}

function meterOf(world: World, name: string): Meter {
  const named = world.store.where('meter', 'event_name', name);
  const active = named.find((one) => one.status === 'active');
  if (active === undefined) {
    const refusal = invalid(`No active meter found for event name ${name}.`, {
      param: 'event_name',
      code: 'resource_missing',
    });
    throw new MeterEventFault(named[0] ? 'archived_meter' : 'no_meter', refusal, named[0]);
  }
  return active;
}

function customerOf(world: World, meter: Meter, payload: Record<string, string>): string {
  const key = meter.customer_mapping.event_payload_key;
  const [id, param] = [payload[key], `payload[${key}]`];
  if (id === undefined) {
    const refusal = missingParameter(param);
    throw new MeterEventFault('meter_event_no_customer_defined', refusal, meter);
  }
  try {
    return needCustomer(world, id, param).id;
  } catch (error) {
    throw error instanceof ApiError
      ? new MeterEventFault('meter_event_customer_not_found', error, meter)
      : error;
  }
}

/** Events that are only counted need no value. */
function usedIn(meter: Meter, payload: Record<string, string>): number {
  const key = meter.value_settings.event_payload_key;
  const counts = meter.default_aggregation.formula === 'count';
  const written = payload[key] ?? (counts ? '1' : undefined);
  if (written === undefined || !/^-?\d{1,15}(\.\d{1,12})?$/.test(written)) {
    const refusal =
      written === undefined
        ? missingParameter(`payload[${key}]`)
        : invalid('The value of a meter event must be a number.', { param: `payload[${key}]` });
    throw new MeterEventFault('meter_event_invalid_value', refusal, meter);
  }
  return Number(written);
}

function refuseFarTime(timestamp: number, { now, meter }: { now: number; meter: Meter }): void {
  const fault =
    timestamp > now + MAX_AHEAD
      ? 'timestamp_in_future'
      : timestamp < now - MAX_AGE
        ? 'timestamp_too_far_in_past'
        : undefined;
  if (fault !== undefined) {
    const refusal = invalid(
      'The timestamp must be within the past 35 days or up to 5 minutes in the future.',
      { param: 'timestamp' },
    );
    throw new MeterEventFault(fault, refusal, meter);
  }
}

/** Takes back an event of the last 24 hours. */
function adjust(world: World, params: Params) {
  const name = params.need('event_name');
  const type = params.oneOf('type', ['cancel']) ?? params.need('type');
  const cancel = params.object('cancel');
  const identifier = cancel?.text('identifier');
  if (identifier === undefined) {
    throw missingParameter('cancel[identifier]');
  }
  const event = world.store.get('meter_event', identifier);
  const meter = world.store.get('meter', event?.meter ?? '');
  if (event === undefined || event.canceled || meter?.event_name !== name) {
    throw noSuch('meter event', identifier, 'cancel[identifier]');
  }
  const now = inTimeOf(world, event.customer, () => world.now());
  if (event.receivedAt < now - DAY) {
    throw invalid('Only events that were received within the last 24 hours can be canceled.', {
      param: 'cancel[identifier]',
    });
  }
  world.store.put('meter_event', { ...event, canceled: true });
  return { cancel: { identifier }, event_name: name, livemode: false, status: 'complete', type };
}

const written = (seconds: number) => new Date(seconds * 1000).toISOString();

function createEvent(world: World, params: Params, version: 'v1' | 'v2'): object {
  const report = readReport(params);
  const { now, timestamp } = addMeterEvent(world, report);
  const shown = version === 'v1' ? (seconds: number) => seconds : written;
  return {
    object: version === 'v1' ? 'billing.meter_event' : 'v2.billing.meter_event',
    created: shown(now),
    event_name: report.event_name,
    identifier: report.identifier,
    livemode: false,
    payload: report.payload,
    timestamp: shown(timestamp),
  };
}

export const meterEventRoutes: readonly Route[] = [
  ['post', '/v1/billing/meter_events', ({ world, params }) => createEvent(world, params, 'v1')],
  ['post', '/v2/billing/meter_events', ({ world, params }) => createEvent(world, params, 'v2')],
  [
    'post',
    '/v1/billing/meter_event_adjustments',
    ({ world, params }) => ({ object: 'billing.meter_event_adjustment', ...adjust(world, params) }),
  ],
  [
    'post',
    '/v2/billing/meter_event_adjustments',
    ({ world, params }) => ({
      id: newId('mevtadj'),
      object: 'v2.billing.meter_event_adjustment',
      created: written(world.now()),
      ...adjust(world, params),
    }),
  ],
];
