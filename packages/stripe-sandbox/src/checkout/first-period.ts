import { periodsSince, shareOf } from '../billing/periods.ts';
import type { SessionLine } from '../shapes.ts';
import type { SubscriptionPlan } from '../store/records.ts';
import type { World } from '../world.ts';

/** The lines with what they cost until the anchor of the subscription's cycle, where it has one. */
export function untilAnchor(
  world: World,
  lines: readonly SessionLine[],
  { billingCycleAnchor: anchor, prorations }: SubscriptionPlan,
): SessionLine[] {
  const now = world.now();
  return lines.map((line) => {
    const every = line.price.recurring;
    if (anchor === null || anchor <= now || every === null) {
      return line;
    }
    const [first] = periodsSince({ anchor, every }, { from: now, now });
    const share = first === undefined || prorations === 'none' ? 0 : shareOf(first, every);
    return { ...line, amount_subtotal: Math.round(line.amount_subtotal * share) };
  });
}
