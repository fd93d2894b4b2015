import { invalid } from '../api/errors.ts';
import type { Params } from '../api/params.ts';
import type { World } from '../world.ts';
import { addIntervals, MONTHLY } from './periods.ts';
import type { NewSubscriptionItem } from './subscriptions.ts';

const PRORATIONS = ['create_prorations', 'always_invoice', 'none'] as const;

/** When a new subscription began, when its cycle does, and whether the time between is charged. */
export function readCycle(
  world: World,
  params: Params,
  items: readonly NewSubscriptionItem[],
): { startDate?: number; billingCycleAnchor: number | null; prorations: string } {
  const now = world.now();
  const start = params.integer('backdate_start_date');
  if (start !== undefined && start > now) {
    throw invalid('The `backdate_start_date` must be in the past.', {
      param: 'backdate_start_date',
    });
  }
  const anchor = readAnchor(params, { now, items });
  return {
    ...(start === undefined ? {} : { startDate: start }),
    billingCycleAnchor: anchor ?? (start === undefined ? null : now),
    prorations: params.oneOf('proration_behavior', PRORATIONS) ?? 'create_prorations',
  };
}

/** Seconds since 1970: not before now, and not after the first full period of any item would end. */
export function readAnchor(
  params: Params,
  { now, items }: { now: number; items: readonly Pick<NewSubscriptionItem, 'price'>[] },
): number | undefined {
  const anchor = params.moment('billing_cycle_anchor', now);
  const natural = Math.min(
    ...items.map(({ price }) => addIntervals(now, price.recurring ?? MONTHLY, 1)),
  );
  if (anchor !== undefined && anchor < now) {
    throw invalid('billing_cycle_anchor must be a timestamp in the future.', {
      param: params.name('billing_cycle_anchor'),
    });
  }
  if (anchor !== undefined && anchor > natural) {
    throw invalid(
      `billing_cycle_anchor cannot be later than next natural billing date (${natural}) for plan`,
      { param: params.name('billing_cycle_anchor') },
    );
  }
  return anchor;
}
