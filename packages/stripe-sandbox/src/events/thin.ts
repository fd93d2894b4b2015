import type { StripeEvent } from '../shapes.ts';
import type { ThinEvent } from '../store/records.ts';
import type { World } from '../world.ts';

const SNAPSHOT_ID = 'evt_';
export const THIN_ID = 'evt_test_65';

/** Where an object is read, where that is not `/v1/<kind>s/<id>`. */
const FOLDERS: Readonly<Record<string, string>> = {
  'checkout.session': 'checkout/sessions',
  'radar.early_fraud_warning': 'radar/early_fraud_warnings',
  'billing_portal.configuration': 'billing_portal/configurations',
  'billing_portal.session': 'billing_portal/sessions',
  'test_helpers.test_clock': 'test_helpers/test_clocks',
};

/** The thin event beside a snapshot event: always the same one for the same snapshot. */
export function thinOf(event: StripeEvent): ThinEvent {
  const { id = '', object: kind } = event.data.object as { id?: string; object: string };
  const { id: request, idempotency_key } = event.request ?? { id: null, idempotency_key: null };
  return {
    id: `${THIN_ID}${event.id.slice(SNAPSHOT_ID.length)}`,
    object: 'v2.core.event',
    type: thinType(event.type),
    livemode: event.livemode,
    created: new Date(event.created * 1000).toISOString(),
    ...(request === null
      ? {}
      : { reason: { type: 'request', request: { id: request, idempotency_key } } }),
    related_object: {
      id,
      type: kind,
      url: kind === 'balance' ? '/v1/balance' : `/v1/${FOLDERS[kind] ?? `${kind}s`}/${id}`,
    },
    snapshot_event: event.id,
  };
}

export function thinType(type: string): string {
  return `v1.${type}`;
}

/** A thin event by its id: a ping, or the one beside a snapshot. */
export function findThin(world: World, id: string): ThinEvent | undefined {
  const kept = world.store.get('thin_event', id);
  if (kept !== undefined || !id.startsWith(THIN_ID)) {
    return kept;
  }
  const snapshot = world.store.get('event', `${SNAPSHOT_ID}${id.slice(THIN_ID.length)}`);
  return snapshot === undefined ? undefined : thinOf(snapshot);
}
