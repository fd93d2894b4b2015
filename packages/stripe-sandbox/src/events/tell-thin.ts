import type { ThinEvent } from '../store/records.ts';
import { newId, type World } from '../world.ts';
import { schedule, tellOnceKept } from './emit.ts';
import { THIN_ID } from './thin.ts';

/** Tells what has no snapshot to the destinations that want it, and to whoever listens with the CLI. */
export function tellThin(world: World, told: Pick<ThinEvent, 'type' | 'related_object' | 'data'>) {
  const event = world.store.put('thin_event', {
    id: `${THIN_ID}${newId('x', 40).slice(2)}`,
    object: 'v2.core.event',
    livemode: false,
    created: new Date(world.now() * 1000).toISOString(),
    ...told,
  });
  tellOnceKept(world, event.id);
  for (const { id, status, ...one } of world.store.all('event_destination')) {
    const wants = one.enabled_events.includes(told.type) || one.enabled_events.includes('*');
    if (status === 'enabled' && one.event_payload === 'thin' && wants) {
      schedule(world, event.id, id);
    }
  }
}
