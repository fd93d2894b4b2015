import { invalid } from '../api/errors.ts';
import type { Params } from '../api/params.ts';
import { countRedemption, needCoupon, needPromotionCode, redeemable } from '../catalog/coupons.ts';
import { emit } from '../events/emit.ts';
import type { Coupon, Discount } from '../shapes.ts';
import { newId, type World } from '../world.ts';
import { addIntervals } from './periods.ts';

export type NewDiscount = {
  coupon: string;
  promotionCode: string | null;
  customer?: string | null;
  subscription?: string | null;
  session?: string | null;
  /** Seconds since 1970 where its months count from; default: now. */
  start?: number;
  invoice?: string | null;
  /** The one that this takes the place of: the customer is switched from it. */
  replaces?: Discount | null;
};

/** Takes a discount off: it counts no more. */
export function endDiscount(world: World, before: Discount): void {
  world.store.remove('discount', before.id);
  emit(world, 'customer.discount.deleted', before);
}

/** Redeems a coupon for a customer, subscription, session or invoice. */
export function addDiscount(world: World, input: NewDiscount): Discount {
  const coupon = needCoupon(world, input.coupon);
  countRedemption(world, coupon.id, input.promotionCode);
  const start = input.start ?? world.now();
  const discount = world.store.put('discount', {
    id: newId('di'),
    object: 'discount',
    checkout_session: input.session ?? null,
    customer: input.customer ?? null,
    customer_account: null,
    end: endOf(coupon, start),
    invoice: input.invoice ?? null,
    invoice_item: null,
    promotion_code: input.promotionCode,
    source: { coupon: coupon.id, type: 'coupon' },
    start,
    subscription: input.subscription ?? null,
    subscription_item: null,
  });
  if (discount.subscription !== null || discount.customer !== null) {
    if (input.replaces == null) {
      emit(world, 'customer.discount.created', discount);
    } else {
      emit(world, 'customer.discount.updated', discount, input.replaces);
    }
  }
  return discount;
}

function endOf(coupon: Coupon, start: number): number | null {
  return coupon.duration === 'repeating' && coupon.duration_in_months !== null
    ? addIntervals(start, { interval: 'month', interval_count: 1 }, coupon.duration_in_months)
    : null;
}

export type Redemption = { coupon: string; promotionCode: string | null };

/** `discounts[]` of a request: coupons, promotion codes. */
export function readDiscounts(world: World, params: Params): Redemption[] {
  const coupon = params.text('coupon');
  const code = params.text('promotion_code');
  const listed = params.objects('discounts').map((one) => readOne(world, one));
  const direct = coupon === undefined && code === undefined ? [] : [readOne(world, params)];
  return [...listed, ...direct];
}

function readOne(world: World, params: Params): Redemption {
  const code = params.text('promotion_code');
  if (code !== undefined) {
    return redemptionOfCode(world, code, params.name('promotion_code'));
  }
  const coupon = redeemable(world, params.need('coupon'), params.name('coupon'));
  return { coupon: coupon.id, promotionCode: null };
}

export function redemptionOfCode(world: World, id: string, param: string): Redemption {
  const promotion = needPromotionCode(world, id, param);
  const coupon = promotion.promotion.coupon;
  if (!promotion.active || coupon === null) {
    throw invalid('This promotion code is not active.', { param });
  }
  return { coupon: redeemable(world, coupon, param).id, promotionCode: promotion.id };
}

/**
 * What a coupon takes off each amount, whole units, together never more than the amounts. An amount off
 * is ignored in a currency that the coupon does not have, as Stripe ignores it.
 */
export function takeOff(
  coupon: Coupon,
  { amounts, currency }: { amounts: readonly number[]; currency: string },
): number[] {
  const positive = amounts.map((amount) => Math.max(0, amount));
  if (coupon.percent_off !== null) {
    const part = coupon.percent_off / 100;
    return positive.map((amount) => Math.round(amount * part));
  }
  const total = positive.reduce((sum, amount) => sum + amount, 0);
  const off = Math.min(amountOff(coupon, currency), total);
  let left = off;
  return positive.map((amount, at) => {
    const last = at === positive.length - 1;
    const share = last ? Math.min(left, amount) : Math.floor((off * amount) / Math.max(1, total));
    left -= share;
    return share;
  });
}

function amountOff(coupon: Coupon, currency: string): number {
  const own = coupon.currency === currency ? coupon.amount_off : undefined;
  return own ?? coupon.currency_options?.[currency]?.amount_off ?? 0;
}

/** What discounts leave of an amount, one after the other. */
export function afterDiscounts(
  world: World,
  discounts: readonly string[],
  { amount, currency }: { amount: number; currency: string },
): number {
  return discounts.reduce((left, id) => {
    const coupon = world.store.get('discount', id)?.source.coupon;
    const [off] =
      coupon == null ? [0] : takeOff(needCoupon(world, coupon), { amounts: [left], currency });
    return left - (off ?? 0);
  }, amount);
}

/** Whether a discount still counts for an invoice: `once` counts until an invoice has used it. */
export function isLive(world: World, discount: Discount): boolean {
  const coupon = discount.source.coupon;
  const duration = coupon === null ? 'once' : needCoupon(world, coupon).duration;
  if (duration === 'once') {
    return world.store.get('counter', `used:${discount.id}`) === undefined;
  }
  return discount.end === null || discount.end > world.now();
}

export function markUsed(world: World, discount: string): void {
  world.store.put('counter', { id: `used:${discount}`, value: 1 });
}
