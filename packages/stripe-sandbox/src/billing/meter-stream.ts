import { ApiError, invalid } from '../api/errors.ts';
import type { Params } from '../api/params.ts';
import type { Route } from '../api/route.ts';
import { tellThin } from '../events/tell-thin.ts';
import type { Meter } from '../shapes.ts';
import { newId, type World } from '../world.ts';
import { addMeterEvent, MeterEventFault, readReport } from './meter-events.ts';

export const STREAM = '/v2/billing/meter_event_stream';

const SESSION_SECONDS = 15 * 60;
const MAX_EVENTS = 100;

function createSession(world: World): object {
  const now = world.now();
  const session = world.store.put('meter_event_session', {
    id: newId('mes_test'),
    token: newId('mestoken_test', 48),
    expiresAt: now + SESSION_SECONDS,
  });
  return {
    id: session.id,
    object: 'v2.billing.meter_event_session',
    authentication_token: session.token,
    created: new Date(now * 1000).toISOString(),
    expires_at: new Date(session.expiresAt * 1000).toISOString(),
    livemode: false,
  };
}

/**
 * Whether a token opens the stream. One that has expired is refused by the type that the SDK has an
 * error of its own for; which status Stripe gives it is documented nowhere, 400 is the sandbox's.
 */
export function opensStream(world: World, token: string): boolean {
  const [session] = world.store.where('meter_event_session', 'token', token);
  if (session !== undefined && session.expiresAt <= world.now()) {
    throw new ApiError(400, {
      type: 'temporary_session_expired',
      message: 'The session has expired. Create another one.',
    });
  }
  return session !== undefined;
}

/** Takes all events, whatever they are; what is wrong with them is told in events of their meters. */
function takeEvents(world: World, params: Params): object {
  const events = params.objects('events');
  if (events.length === 0 || events.length > MAX_EVENTS) {
    throw invalid(`A request has between 1 and ${MAX_EVENTS} events.`, { param: 'events' });
  }
  const reports = events.map(readReport);
  const faults = reports.flatMap((report) => {
    try {
      addMeterEvent(world, report);
      return [];
    } catch (error) {
      // One that was counted before is no fault: it counts once.
      return error instanceof MeterEventFault ? [{ report, error }] : refuseOther(error);
    }
  });
  const meters = new Set(faults.map(({ error }) => error.meter?.id));
  for (const id of meters) {
    tellFaults(
      world,
      world.store.get('meter', id ?? ''),
      faults.filter(({ error }) => error.meter?.id === id),
    );
  }
  return {};
}

function refuseOther(error: unknown): [] {
  if (error instanceof ApiError && error.body.code === 'resource_already_exists') {
    return [];
  }
  throw error;
}

type Faulty = { report: { identifier: string }; error: MeterEventFault };

/** https://docs.stripe.com/billing/subscriptions/usage-based/recording-usage-api#handle-meter-event-errors */
function tellFaults(world: World, meter: Meter | undefined, faults: readonly Faulty[]): void {
  const codes = [...new Set(faults.map(({ error }) => error.fault))];
  const at = new Date(world.now() * 1000).toISOString();
  tellThin(world, {
    type:
      meter === undefined
        ? 'v1.billing.meter.no_meter_found'
        : 'v1.billing.meter.error_report_triggered',
    ...(meter === undefined
      ? {}
      : {
          related_object: {
            id: meter.id,
            type: 'billing.meter',
            url: `/v1/billing/meters/${meter.id}`,
          },
        }),
    data: {
      developer_message_summary: `There ${faults.length === 1 ? 'is 1 invalid event' : `are ${faults.length} invalid events`}.`,
      reason: {
        error_count: faults.length,
        error_types: codes.map((code) => {
          const such = faults.filter(({ error }) => error.fault === code);
          return {
            code,
            error_count: such.length,
            sample_errors: such.slice(0, 10).map(({ report, error }) => ({
              error_message: error.message,
              request: { identifier: report.identifier },
            })),
          };
        }),
      },
      validation_end: at,
      validation_start: at,
    },
  });
}

export const meterStreamRoutes: readonly Route[] = [
  ['post', '/v2/billing/meter_event_session', ({ world }) => createSession(world)],
  ['post', STREAM, ({ world, params }) => takeEvents(world, params)],
];
