import { present, type Shown } from '../api/present.ts';
import type { StripeEvent } from '../shapes.ts';
import type { ThinEvent } from '../store/records.ts';
import { newId, readOffset, type World } from '../world.ts';
import { destinationsFor } from './destinations.ts';
import { isOldShape, toVersion } from './versions.ts';

/**
 * Records that something happened, with the object as it is now, and schedules its deliveries. Both
 * are part of the commit that caused it, so an event exists exactly when its change does.
 */
export function emit(world: World, type: string, object: object, before?: object): void {
  const shown = present(world, object);
  const previous = before === undefined ? undefined : changedFrom(present(world, before), shown);
  record(world, { type, shown, previous });
  if (world.faults.twins) {
    record(world, { type, shown, previous });
  }
}

type Happened = { type: string; shown: Shown; previous: Shown | undefined };

function record(world: World, { type, shown, previous }: Happened): void {
  const endpoints = world.store
    .all('webhook_endpoint')
    .filter((endpoint) => endpoint.status === 'enabled' && wants(endpoint.enabled_events, type));
  const destinations = destinationsFor(world, type);
  const event = world.store.put('event', {
    id: newId('evt'),
    object: 'event',
    api_version: world.settings.apiVersion,
    created: world.now(),
    data: {
      object: shown,
      ...(previous === undefined ? {} : { previous_attributes: previous }),
    },
    livemode: false,
    pending_webhooks: endpoints.length + destinations.length,
    request: { id: world.request.id, idempotency_key: world.request.idempotencyKey },
    type,
  });
  const versions = new Set(
    [
      ...endpoints.map((endpoint) => endpoint.api_version),
      ...destinations.map((destination) => destination.snapshot_api_version),
    ].flatMap((version) => (version !== null && isOldShape(version) ? [version] : [])),
  );
  if (versions.size > 0) {
    world.store.put('event_bodies', {
      id: event.id,
      byVersion: Object.fromEntries(
        [...versions].map((version) => [version, toVersion(world, shown, version)]),
      ),
    });
  }
  tellOnceKept(world, event.id);
  for (const { id } of [...endpoints, ...destinations]) {
    schedule(world, event.id, id);
  }
}

/** After the commit: one that is undone leaves no event to tell of. */
export function tellOnceKept(world: World, id: string): void {
  if (world.told.length > 0) {
    setImmediate(() => {
      const event = world.store.get('event', id) ?? world.store.get('thin_event', id);
      if (event !== undefined) {
        tellAll(world, event);
      }
    });
  }
}

function tellAll(world: World, event: StripeEvent | ThinEvent): void {
  for (const tell of world.told) {
    tell(event);
  }
}

/** Schedules one delivery of an event to an endpoint, now. */
export function schedule(world: World, event: string, endpoint: string): void {
  const now = deliveryTime(world);
  world.store.put('delivery', {
    id: newId('dlv'),
    event,
    endpoint,
    attempts: 0,
    nextAttemptAt: now,
    status: 'pending',
    lastStatus: null,
    lastError: null,
    createdAt: now,
  });
}

/** Epoch milliseconds of the sandbox's time, by which deliveries are due. */
export function deliveryTime(world: World): number {
  return world.wall.now().getTime() + readOffset(world.store) * 1000;
}

export function wants(enabled: readonly string[], type: string): boolean {
  return enabled.some((pattern) => pattern === '*' || pattern === type);
}

function changedFrom(before: Shown, after: Shown): Shown {
  const changed: Shown = {};
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    if (JSON.stringify(before[key]) !== JSON.stringify(after[key])) {
      changed[key] = before[key] ?? null;
    }
  }
  return changed;
}
