import type { StripeEvent } from '../shapes.ts';
import type { Delivery } from '../store/records.ts';
import type { World } from '../world.ts';
import { findThin, thinOf } from './thin.ts';
import { isOldShape } from './versions.ts';

/** The event as that API version tells it: the object is as it was when it happened. */
export function eventIn(world: World, event: StripeEvent, version: string | null): StripeEvent {
  const wanted = version ?? world.settings.apiVersion;
  const object = isOldShape(wanted)
    ? (world.store.get('event_bodies', event.id)?.byVersion[wanted] ?? event.data.object)
    : event.data.object;
  return { ...event, api_version: wanted, data: { ...event.data, object } };
}

/** What is sent, where, and signed with what. */
export type Addressed = {
  readonly type: string;
  readonly url: string;
  readonly secret: string;
  readonly body: string;
};

/** The form in which a delivery's endpoint or destination wants the event; undefined when either is gone. */
export function addressedTo(
  world: World,
  { event: id, endpoint }: Delivery,
): Addressed | undefined {
  const event = world.store.get('event', id);
  const hook = world.store.get('webhook_endpoint', endpoint);
  if (event !== undefined && hook !== undefined) {
    return {
      type: event.type,
      url: hook.url,
      secret: hook.secret ?? '',
      body: JSON.stringify(eventIn(world, event, hook.api_version), null, 2),
    };
  }
  const destination = world.store.get('event_destination', endpoint);
  const thin = event === undefined ? findThin(world, id) : thinOf(event);
  if (destination === undefined || thin === undefined) {
    return undefined;
  }
  const told =
    destination.event_payload === 'snapshot' && event !== undefined
      ? eventIn(world, event, destination.snapshot_api_version)
      : thin;
  return {
    type: event?.type ?? thin.type,
    url: destination.url,
    secret: destination.signingSecret,
    body: JSON.stringify(told, null, 2),
  };
}
