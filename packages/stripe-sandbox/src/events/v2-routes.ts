import { invalid, noSuch } from '../api/errors.ts';
import type { Params } from '../api/params.ts';
import type { Route } from '../api/route.ts';
import type { ThinEvent } from '../store/records.ts';
import { newId, type World } from '../world.ts';
import {
  createDestination,
  needDestination,
  shown,
  switchDestination,
  timeOf,
  updateDestination,
} from './destinations.ts';
import { schedule } from './emit.ts';
import { isListed, oldestListed } from './reach.ts';
import { findThin, thinOf } from './thin.ts';

const DESTINATIONS = '/v2/core/event_destinations';
const EVENTS = '/v2/core/events';

const DEFAULT_LIMIT = 20;
const MAX_LIMIT = 100;

/** A page of the v2 API: the address of the next one carries all that was asked for. */
function pageOf<T extends { id: string }>(items: readonly T[], params: Params, path: string) {
  const limit = params.integer('limit') ?? DEFAULT_LIMIT;
  if (limit < 1 || limit > MAX_LIMIT) {
    throw invalid(`Invalid limit: must be between 1 and ${MAX_LIMIT}`, { param: 'limit' });
  }
  const after = params.text('page');
  const start = after === undefined ? 0 : items.findIndex(({ id }) => id === after) + 1;
  const data = items.slice(start, start + limit);
  const last = data.at(-1)?.id;
  const more = last !== undefined && start + limit < items.length;
  return {
    data,
    next_page_url: more ? `${path}?${params.query({ page: last })}` : null,
    previous_page_url: null,
  };
}

function listEvents(world: World, params: Params): ThinEvent[] {
  const types = params.texts('types');
  const about = params.text('object_id');
  const range = params.object('created');
  const bound = (name: string, otherwise: number) => {
    const written = range?.text(name);
    if (written === undefined) {
      return otherwise;
    }
    return /^\d+$/.test(written) ? Number(written) * 1000 : Date.parse(written);
  };
  const [from, after] = [bound('gte', 0), bound('gt', -1)];
  const [until, before] = [bound('lte', Infinity), bound('lt', Infinity)];
  const oldest = oldestListed(world) * 1000;
  const snapshots = world.store.all('event').filter((event) => isListed(world, event));
  const pings = world.store
    .all('thin_event')
    .filter(({ created }) => Date.parse(created) >= oldest);
  return [...snapshots.map(thinOf), ...pings]
    .filter((event) => {
      const at = Date.parse(event.created);
      return (
        at >= from &&
        at > after &&
        at <= until &&
        at < before &&
        (types.length === 0 || types.includes(event.type)) &&
        (about === undefined || event.related_object?.id === about)
      );
    })
    .sort((a, b) => Date.parse(b.created) - Date.parse(a.created));
}

/** An event that only tests the way; it goes to this destination, whatever that is subscribed to. */
function ping(world: World, id: string): ThinEvent {
  const destination = needDestination(world, id);
  const event = world.store.put('thin_event', {
    id: `evt_test_65${newId('x', 40).slice(2)}`,
    object: 'v2.core.event',
    type: 'v2.core.event_destination.ping',
    livemode: false,
    created: timeOf(world),
    related_object: { id, type: destination.object, url: `${DESTINATIONS}/${id}` },
  });
  schedule(world, event.id, id);
  return event;
}

export const v2Routes: readonly Route[] = [
  [
    'post',
    DESTINATIONS,
    ({ world, params }) => shown(createDestination(world, params), { params, created: true }),
  ],
  [
    'get',
    DESTINATIONS,
    ({ world, params }) =>
      pageOf(
        world.store
          .all('event_destination')
          .reverse()
          .map((one) => shown(one, { params })),
        params,
        DESTINATIONS,
      ),
  ],
  [
    'get',
    `${DESTINATIONS}/:id`,
    ({ world, params, path }) => shown(needDestination(world, path('id')), { params }),
  ],
  [
    'post',
    `${DESTINATIONS}/:id`,
    ({ world, params, path }) =>
      shown(updateDestination(world, needDestination(world, path('id')), params), { params }),
  ],
  [
    'delete',
    `${DESTINATIONS}/:id`,
    ({ world, path }) => {
      const { id, object } = needDestination(world, path('id'));
      world.store.remove('event_destination', id);
      return { id, object };
    },
  ],
  [
    'post',
    `${DESTINATIONS}/:id/disable`,
    ({ world, params, path }) =>
      shown(switchDestination(world, needDestination(world, path('id')), 'disabled'), { params }),
  ],
  [
    'post',
    `${DESTINATIONS}/:id/enable`,
    ({ world, params, path }) =>
      shown(switchDestination(world, needDestination(world, path('id')), 'enabled'), { params }),
  ],
  ['post', `${DESTINATIONS}/:id/ping`, ({ world, path }) => ping(world, path('id'))],
  ['get', EVENTS, ({ world, params }) => pageOf(listEvents(world, params), params, EVENTS)],
  [
    'get',
    `${EVENTS}/:id`,
    ({ world, path }) => {
      const event = findThin(world, path('id'));
      if (event === undefined) {
        throw noSuch('event', path('id'));
      }
      return event;
    },
  ],
];
