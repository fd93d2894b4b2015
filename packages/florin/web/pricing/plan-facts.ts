import type { CurrentPlan, Plan } from '../../src/browser/index.ts';
import { formatMoney, formatUnitPrice } from '../../src/react/index.ts';
import { credits, formatDuration, humanize } from '../frame/format.ts';

/** `Quick Scan`, or `3 × Quick Scan`. */
export function nameOf(plan: Plan, quantity: number): string {
  return quantity === 1 ? plan.name : `${quantity} × ${plan.name}`;
}

/** What a running plan is called, also where the shop no longer knows its price. */
export function titleOf({ planType, quantity }: CurrentPlan, plan: Plan | undefined): string {
  return plan === undefined ? humanize(planType ?? 'subscription') : nameOf(plan, quantity);
}

/** `$29` for so many of it, or null while the amount is not known. */
export function priceOf(plan: Plan, quantity = 1): string | null {
  return plan.amountMinor === null || plan.currency === null
    ? null
    : formatMoney(plan.amountMinor * quantity, plan.currency);
}

/** `$0.18 a scan` or null. */
export function unitPriceOf(plan: Plan): string | null {
  if (plan.amountMinor === null || plan.currency === null || plan.amountMinor === 0) {
    return null;
  }
  const { amountMinor, currency, credits } = plan;
  return `${formatUnitPrice({ amountMinor, currency, credits })} a scan`;
}

/** ` / month`, ` / 3 months`, or nothing for a pack. */
export function intervalOf(plan: Plan): string {
  if (plan.interval === null) {
    return '';
  }
  const count = plan.intervalCount ?? 1;
  return count === 1 ? `/ ${plan.interval}` : `/ ${count} ${plan.interval}s`;
}

/** `100 credits for $9 a month`, or without the money while it is not known. */
export function offerOf(plan: Plan, quantity: number): string {
  const price = priceOf(plan, quantity);
  const count = plan.intervalCount ?? 1;
  const interval = plan.interval ?? 'month';
  const often = count === 1 ? `a ${interval}` : `every ${count} ${interval}s`;
  return `${credits(Number(plan.credits) * quantity)}${price === null ? '' : ` for ${price}`} ${often}`;
}

/** How long the credits last, as a sentence. */
export function lifetimeOf(plan: Plan): string {
  if (plan.expires === 'period_end') {
    return 'Credits last until the next renewal.';
  }
  return plan.expiresAfter === null
    ? 'Credits never expire.'
    : `Credits last ${formatDuration(plan.expiresAfter)}.`;
}

/** `$29 / month` on one line, or nothing while the amount is not known. */
export function priceText(plan: Plan, quantity = 1): string {
  const price = priceOf(plan, quantity);
  return price === null ? '' : `${price} ${intervalOf(plan)}`.trim().replaceAll(' ', '\u00a0');
}
