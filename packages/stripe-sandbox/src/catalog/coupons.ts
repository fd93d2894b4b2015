import { invalid, missingParameter, noSuch } from '../api/errors.ts';
import { refuseUnknownCurrency } from '../api/money.ts';
import { filtered, page } from '../api/page.ts';
import type { Params } from '../api/params.ts';
import type { Route } from '../api/route.ts';
import { emit } from '../events/emit.ts';
import type { Coupon, PromotionCode } from '../shapes.ts';
import { newId, type World } from '../world.ts';

function addCoupon(world: World, params: Params): Coupon {
  const percent = params.decimal('percent_off');
  const amount = params.integer('amount_off');
  if ((percent === undefined) === (amount === undefined)) {
    throw invalid('You must pass either percent_off or amount_off.', { param: 'percent_off' });
  }
  if (percent !== undefined && !(percent > 0 && percent <= 100)) {
    throw invalid('Invalid percent_off: must be above 0 and at most 100', { param: 'percent_off' });
  }
  if (amount !== undefined && params.text('currency') === undefined) {
    throw missingParameter('currency');
  }
  const id = params.text('id') ?? newId('c', 8).slice(2);
  if (world.store.get('coupon', id) !== undefined) {
    throw invalid('Coupon already exists.', { param: 'id', code: 'resource_already_exists' });
  }
  const coupon = world.store.put('coupon', {
    id,
    object: 'coupon',
    amount_off: amount ?? null,
    created: world.now(),
    currency: params.text('currency')?.toLowerCase() ?? null,
    ...readOptions(params),
    duration: params.oneOf('duration', ['once', 'forever', 'repeating']) ?? 'once',
    duration_in_months: params.integer('duration_in_months') ?? null,
    livemode: false,
    max_redemptions: params.integer('max_redemptions') ?? null,
    metadata: params.metadata(),
    name: params.text('name') ?? null,
    percent_off: percent ?? null,
    redeem_by: params.integer('redeem_by') ?? null,
    times_redeemed: 0,
    valid: true,
  });
  emit(world, 'coupon.created', coupon);
  return coupon;
}

/** What it takes off in other currencies. */
function readOptions(
  params: Params,
  before: Coupon['currency_options'] = {},
): Pick<Coupon, 'currency_options'> {
  const options = params.object('currency_options');
  if (options === undefined) {
    return {};
  }
  const read = options.keys().map((key) => {
    const one = options.object(key);
    const amount = one?.integer('amount_off');
    if (one === undefined || amount === undefined) {
      throw missingParameter(`${options.name(key)}[amount_off]`);
    }
    refuseUnknownCurrency(key, options.name(key));
    return [key.toLowerCase(), { amount_off: amount }] as const;
  });
  return { currency_options: { ...before, ...Object.fromEntries(read) } };
}

export function needCoupon(world: World, id: string, param?: string): Coupon {
  const coupon = world.store.get('coupon', id);
  if (coupon === undefined) {
    throw noSuch('coupon', id, param);
  }
  return coupon;
}

/** A coupon that may still be redeemed. Raises 400 when it is used up or over. */
export function redeemable(world: World, id: string, param: string): Coupon {
  const coupon = needCoupon(world, id, param);
  const over = coupon.redeem_by !== null && coupon.redeem_by < world.now();
  const usedUp = coupon.max_redemptions !== null && coupon.times_redeemed >= coupon.max_redemptions;
  if (!coupon.valid || over || usedUp) {
    throw invalid(`Coupon ${id} is used up and cannot be applied.`, {
      param,
      code: 'coupon_expired',
    });
  }
  return coupon;
}

export function countRedemption(world: World, coupon: string, promotionCode: string | null): void {
  const found = needCoupon(world, coupon);
  const used = found.times_redeemed + 1;
  world.store.put('coupon', {
    ...found,
    times_redeemed: used,
    valid: found.max_redemptions === null || used < found.max_redemptions,
  });
  const code =
    promotionCode === null ? undefined : world.store.get('promotion_code', promotionCode);
  if (code !== undefined) {
    const times = code.times_redeemed + 1;
    world.store.put('promotion_code', {
      ...code,
      times_redeemed: times,
      active: code.active && (code.max_redemptions === null || times < code.max_redemptions),
    });
  }
}

function addPromotionCode(world: World, params: Params): PromotionCode {
  const promotion = params.object('promotion');
  const couponId = promotion?.need('coupon') ?? params.need('coupon');
  const coupon = redeemable(world, couponId, 'promotion[coupon]');
  const code = params.text('code') ?? newId('c', 8).slice(2).toUpperCase();
  if (findPromotionCode(world, code) !== undefined) {
    throw invalid(`An active promotion code with \`code: ${code}\` already exists.`, {
      param: 'code',
      code: 'resource_already_exists',
    });
  }
  const made = world.store.put('promotion_code', {
    id: newId('promo'),
    object: 'promotion_code',
    active: params.flag('active') ?? true,
    code,
    created: world.now(),
    customer: params.text('customer') ?? null,
    customer_account: null,
    expires_at: params.integer('expires_at') ?? null,
    livemode: false,
    max_redemptions: params.integer('max_redemptions') ?? null,
    metadata: params.metadata(),
    promotion: { coupon: coupon.id, type: 'coupon' },
    restrictions: {
      first_time_transaction: false,
      minimum_amount: null,
      minimum_amount_currency: null,
    },
    times_redeemed: 0,
  });
  emit(world, 'promotion_code.created', made);
  return made;
}

/** The active promotion code that a buyer typed, in any case. */
export function findPromotionCode(world: World, typed: string): PromotionCode | undefined {
  const now = world.now();
  return world.store
    .all('promotion_code')
    .find(
      (one) =>
        one.active &&
        one.code.toLowerCase() === typed.trim().toLowerCase() &&
        (one.expires_at === null || one.expires_at > now),
    );
}

export function needPromotionCode(world: World, id: string, param?: string): PromotionCode {
  const code = world.store.get('promotion_code', id);
  if (code === undefined) {
    throw noSuch('promotion code', id, param);
  }
  return code;
}

export const couponRoutes: readonly Route[] = [
  ['post', '/v1/coupons', ({ world, params }) => addCoupon(world, params)],
  [
    'get',
    '/v1/coupons',
    ({ world, params }) => page(world.store.all('coupon').reverse(), params, '/v1/coupons'),
  ],
  ['get', '/v1/coupons/:id', ({ world, path }) => needCoupon(world, path('id'))],
  [
    'post',
    '/v1/coupons/:id',
    ({ world, path, params }) => {
      const before = needCoupon(world, path('id'));
      const coupon = world.store.put('coupon', {
        ...before,
        name: params.text('name') ?? before.name,
        metadata: params.metadata(before.metadata ?? {}),
        ...readOptions(params, before.currency_options),
      });
      emit(world, 'coupon.updated', coupon, before);
      return coupon;
    },
  ],
  [
    'delete',
    '/v1/coupons/:id',
    ({ world, path }) => {
      const coupon = needCoupon(world, path('id'));
      world.store.put('coupon', { ...coupon, valid: false });
      emit(world, 'coupon.deleted', coupon);
      return { id: coupon.id, object: 'coupon', deleted: true };
    },
  ],
  ['post', '/v1/promotion_codes', ({ world, params }) => addPromotionCode(world, params)],
  [
    'get',
    '/v1/promotion_codes',
    ({ world, params }) => {
      const all = filtered(world.store.all('promotion_code').reverse(), params, [
        'active',
        'code',
        'customer',
      ]);
      return page(all, params, '/v1/promotion_codes');
    },
  ],
  ['get', '/v1/promotion_codes/:id', ({ world, path }) => needPromotionCode(world, path('id'))],
  [
    'post',
    '/v1/promotion_codes/:id',
    ({ world, path, params }) => {
      const before = needPromotionCode(world, path('id'));
      const code = world.store.put('promotion_code', {
        ...before,
        active: params.flag('active') ?? before.active,
        metadata: params.metadata(before.metadata ?? {}),
      });
      emit(world, 'promotion_code.updated', code, before);
      return code;
    },
  ],
];
