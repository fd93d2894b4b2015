import type { StripeEvent } from '../shapes.ts';
import type { World } from '../world.ts';
import { isOldShape } from './versions.ts';

/** The event as that API version tells it: the object is as it was when it happened. */
export function eventIn(world: World, event: StripeEvent, version: string | null): StripeEvent {
  const wanted = version ?? world.settings.apiVersion;
  const object = isOldShape(wanted)
    ? (world.store.get('event_bodies', event.id)?.byVersion[wanted] ?? event.data.object)
    : event.data.object;
  return { ...event, api_version: wanted, data: { ...event.data, object } };
}
