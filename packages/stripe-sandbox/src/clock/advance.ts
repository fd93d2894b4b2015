import { invalid } from '../api/errors.ts';
import { addIntervals } from '../billing/periods.ts';
import { advanceDraft } from '../billing/renew.ts';
import { type World, writeOffset } from '../world.ts';
import { runDue, type Scope } from './due.ts';

export type Advance = {
  seconds?: number;
  minutes?: number;
  hours?: number;
  days?: number;
  months?: number;
  /** Finalize and collect drafts at once instead of after Stripe's hour. Default true. */
  finalizeDrafts?: boolean;
};

/** The moment that lies this far after `from`, both in seconds since 1970. */
export function momentAfter(from: number, by: Advance): number {
  const months = addIntervals(from, { interval: 'month', interval_count: 1 }, by.months ?? 0);
  const { days = 0, hours = 0, minutes = 0, seconds = 0 } = by;
  return months + days * 86_400 + hours * 3600 + minutes * 60 + seconds;
}

/** Moves the sandbox's time forward, and lets happen what was to happen meanwhile. */
export function advanceAll(world: World, by: Advance): { now: number } {
  const from = world.now();
  const until = momentAfter(from, by);
  if (until < from) {
    throw invalid('Time moves forward only.');
  }
  const scope = { testClock: null };
  runDue(world, until, scope);
  world.store.commit(() => {
    writeOffset(world.store, until - world.start());
  });
  if (by.finalizeDrafts ?? true) {
    finalizeDrafts(world, scope);
  }
  return { now: world.now() };
}

function finalizeDrafts(world: World, scope: Scope): void {
  const waiting = world.store.where('invoice', 'status', 'draft').filter((invoice) => {
    const clock = world.store.get('customer', invoice.customer ?? '')?.test_clock ?? null;
    return (
      clock === scope.testClock && world.store.get('invoice_plan', invoice.id)?.finalizesAt != null
    );
  });
  for (const invoice of waiting) {
    world.store.commit(() => advanceDraft(world, invoice));
  }
}
