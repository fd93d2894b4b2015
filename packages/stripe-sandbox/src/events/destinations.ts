import { invalid, missingParameter, noSuch } from '../api/errors.ts';
import type { Params } from '../api/params.ts';
import type { EventDestination } from '../store/records.ts';
import { newId, type World } from '../world.ts';
import { thinType } from './thin.ts';

const MOST_EVENTS_FROM = ['@self', '@accounts', '@organization_members'];

/** As Stripe shows it: address and secret only where `include` names them, the secret at creation only. */
export function shown(
  {
    url,
    signingSecret,
    snapshot_api_version: version,
    status_details: details,
    ...rest
  }: EventDestination,
  { params, created = false }: { params: Params; created?: boolean },
) {
  const wanted = params.texts('include');
  const endpoint = {
    ...(wanted.includes('webhook_endpoint.url') ? { url } : {}),
    ...(created && wanted.includes('webhook_endpoint.signing_secret')
      ? { signing_secret: signingSecret }
      : {}),
  };
  return {
    ...rest,
    ...(version === null ? {} : { snapshot_api_version: version }),
    ...(details === null ? {} : { status_details: details }),
    webhook_endpoint: endpoint,
  };
}

export function createDestination(world: World, params: Params): EventDestination {
  const payload = params.oneOf('event_payload', ['snapshot', 'thin']);
  if (payload === undefined) {
    throw missingParameter('event_payload');
  }
  if (params.need('type') !== 'webhook_endpoint') {
    throw invalid('The sandbox delivers to destinations of type webhook_endpoint only.', {
      param: 'type',
    });
  }
  const version = params.text('snapshot_api_version') ?? null;
  if (payload === 'thin' && version !== null) {
    throw invalid('snapshot_api_version is for snapshot events only.', {
      param: 'snapshot_api_version',
    });
  }
  const from = params.texts('events_from');
  if (from.some((one) => !MOST_EVENTS_FROM.includes(one.split('/')[0] ?? ''))) {
    throw invalid(`Invalid events_from: ${from.join(', ')}`, { param: 'events_from' });
  }
  const now = timeOf(world);
  return world.store.put('event_destination', {
    id: `ed_test_61${newId('x', 40).slice(2)}`,
    object: 'v2.core.event_destination',
    created: now,
    updated: now,
    name: params.need('name'),
    description: params.text('description') ?? '',
    enabled_events: eventsOf(params, payload) ?? missing('enabled_events'),
    event_payload: payload,
    events_from: from.length === 0 ? ['@self'] : from,
    livemode: false,
    metadata: params.metadata(),
    snapshot_api_version: payload === 'thin' ? null : (version ?? world.settings.apiVersion),
    status: 'enabled',
    status_details: null,
    type: 'webhook_endpoint',
    url: urlOf(params) ?? missing('webhook_endpoint[url]'),
    signingSecret: newId('whsec', 32),
  });
}

/** Payload and transport are chosen once; the rest may be changed. */
export function updateDestination(
  world: World,
  before: EventDestination,
  params: Params,
): EventDestination {
  return world.store.put('event_destination', {
    ...before,
    name: params.text('name') ?? before.name,
    description: params.text('description') ?? before.description,
    enabled_events: eventsOf(params, before.event_payload) ?? before.enabled_events,
    metadata: params.metadata(before.metadata),
    url: urlOf(params) ?? before.url,
    updated: timeOf(world),
  });
}

export function switchDestination(
  world: World,
  before: EventDestination,
  status: EventDestination['status'],
): EventDestination {
  return world.store.put('event_destination', {
    ...before,
    status,
    status_details: status === 'disabled' ? { disabled: { reason: 'user' } } : null,
    updated: timeOf(world),
  });
}

export function needDestination(world: World, id: string): EventDestination {
  const destination = world.store.get('event_destination', id);
  if (destination === undefined) {
    throw noSuch('event destination', id);
  }
  return destination;
}

/** The destinations that hear of an event, thin or as a snapshot. */
export function destinationsFor(world: World, type: string): EventDestination[] {
  return world.store
    .all('event_destination')
    .filter(({ status, event_payload: payload, enabled_events: enabled }) => {
      const name = payload === 'thin' ? thinType(type) : type;
      return status === 'enabled' && (enabled.includes(name) || enabled.includes('*'));
    });
}

export function timeOf(world: World): string {
  return new Date(world.now() * 1000).toISOString();
}

function eventsOf(params: Params, payload: EventDestination['event_payload']) {
  const events = params.texts('enabled_events');
  if (events.length === 0) {
    return undefined;
  }
  const isThin = (type: string) => /^v[12]\./.test(type);
  const wrong = events.find((type) => type !== '*' && isThin(type) !== (payload === 'thin'));
  if (wrong !== undefined) {
    throw invalid(`${wrong} is not an event type with a ${payload} payload.`, {
      param: 'enabled_events',
    });
  }
  return events;
}

function urlOf(params: Params): string | undefined {
  const url = params.object('webhook_endpoint')?.text('url');
  if (url !== undefined && !/^https?:\/\/./.test(url)) {
    throw invalid('Invalid URL: An explicit scheme (such as https) must be provided.', {
      param: 'webhook_endpoint[url]',
      code: 'url_invalid',
    });
  }
  return url;
}

function missing(param: string): never {
  throw missingParameter(param);
}
