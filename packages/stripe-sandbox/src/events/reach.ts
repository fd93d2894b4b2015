import type { StripeEvent } from '../shapes.ts';
import type { World } from '../world.ts';

const REACH_SECONDS = 30 * 86_400;

/**
 * Events are listed for 30 days. Those of a test clock are in the clock's time, which may be years
 * from the sandbox's: they are listed while the clock exists.
 */
export function isListed(world: World, event: StripeEvent): boolean {
  return event.created >= oldestListed(world) || isOfTestClock(world, event);
}

/** Seconds since 1970. */
export function oldestListed(world: World): number {
  return world.now() - REACH_SECONDS;
}

function isOfTestClock(world: World, { data }: StripeEvent): boolean {
  const about = data.object as { test_clock?: unknown; customer?: unknown };
  const customer =
    typeof about.customer === 'string' ? world.store.get('customer', about.customer) : undefined;
  const clock = about.test_clock ?? customer?.test_clock;
  return typeof clock === 'string' && world.store.get('test_clock', clock) !== undefined;
}
