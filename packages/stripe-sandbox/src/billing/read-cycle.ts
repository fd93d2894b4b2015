import { invalid, missingParameter } from '../api/errors.ts';
import type { Params } from '../api/params.ts';
import type { Subscription } from '../shapes.ts';
import type { World } from '../world.ts';
import { addIntervals, MONTHLY } from './periods.ts';
import type { NewSubscriptionItem } from './subscriptions.ts';

const PRORATIONS = ['create_prorations', 'always_invoice', 'none'] as const;

/** When a new subscription began, when its cycle does, and whether the time between is charged. */
export function readCycle(
  world: World,
  params: Params,
  items: readonly NewSubscriptionItem[],
): {
  startDate?: number;
  billingCycleAnchor: number | null;
  anchorConfig: Subscription['billing_cycle_anchor_config'];
  prorations: string;
} {
  const now = world.now();
  const start = params.integer('backdate_start_date');
  if (start !== undefined && start > now) {
    throw invalid('The `backdate_start_date` must be in the past.', {
      param: 'backdate_start_date',
    });
  }
  const anchorConfig = readConfig(params);
  const anchor =
    anchorConfig === null ? readAnchor(params, { now, items }) : nextDate(anchorConfig, now);
  return {
    ...(start === undefined ? {} : { startDate: start }),
    billingCycleAnchor: anchor ?? (start === undefined ? null : now),
    anchorConfig,
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

type Config = NonNullable<Subscription['billing_cycle_anchor_config']>;

function readConfig(params: Params): Config | null {
  const given = params.object('billing_cycle_anchor_config');
  if (given === undefined) {
    return null;
  }
  if (params.has('billing_cycle_anchor')) {
    throw invalid(
      'You may only specify one of these parameters: billing_cycle_anchor, billing_cycle_anchor_config.',
      { param: params.name('billing_cycle_anchor_config') },
    );
  }
  const within = (key: string, least: number, most: number) => {
    const value = given.integer(key);
    if (value !== undefined && (value < least || value > most)) {
      throw invalid(`Invalid ${key}: must be between ${least} and ${most}`, {
        param: given.name(key),
      });
    }
    return value ?? null;
  };
  const day = within('day_of_month', 1, 31);
  if (day === null) {
    throw missingParameter(given.name('day_of_month'));
  }
  return {
    day_of_month: day,
    hour: within('hour', 0, 23),
    minute: within('minute', 0, 59),
    month: within('month', 1, 12),
    second: within('second', 0, 59),
  };
}

/** The next such date, in UTC; what is not said of its time is that of now. */
function nextDate(config: Config, now: number): number {
  const date = new Date(now * 1000);
  const at = (months: number) => {
    const year = date.getUTCFullYear();
    const month = (config.month === null ? date.getUTCMonth() : config.month - 1) + months;
    const lastDay = new Date(Date.UTC(year, month + 1, 0)).getUTCDate();
    return Math.floor(
      Date.UTC(
        year,
        month,
        Math.min(config.day_of_month, lastDay),
        config.hour ?? date.getUTCHours(),
        config.minute ?? date.getUTCMinutes(),
        config.second ?? date.getUTCSeconds(),
      ) / 1000,
    );
  };
  const first = at(0);
  return first > now ? first : at(config.month === null ? 1 : 12);
}
