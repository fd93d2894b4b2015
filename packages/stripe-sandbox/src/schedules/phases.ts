import { invalid, missingParameter } from '../api/errors.ts';
import type { Params } from '../api/params.ts';
import { COLLECTION_METHODS, type Collection, settleCollection } from '../billing/collection.ts';
import { addIntervals } from '../billing/periods.ts';
import { needCoupon, needPromotionCode } from '../catalog/coupons.ts';
import { needPrice, priceOfLine } from '../catalog/prices.ts';
import { ownPaymentMethod } from '../customers/payment-methods.ts';
import type { SchedulePhase, Subscription, SubscriptionSchedule } from '../shapes.ts';
import type { World } from '../world.ts';

const PRORATIONS = ['create_prorations', 'always_invoice', 'none'] as const;
const ANCHORS = ['automatic', 'phase_start'] as const;
const INTERVALS = ['day', 'week', 'month', 'year'] as const;

/** Reads `phases[]`, one after the other without a gap. `start` is where the first begins, if it does not say. */
export function readPhases(
  world: World,
  params: Params,
  of: { customer: string; start?: number | undefined; currency?: string | undefined },
): SchedulePhase[] {
  const given = params.objects('phases');
  const phases: SchedulePhase[] = [];
  for (const [nth, phase] of given.entries()) {
    const before = phases.at(-1);
    const start = phase.moment('start_date', world.now()) ?? before?.end_date ?? of.start;
    if (start === undefined) {
      throw invalid(
        'The subscription schedule update is missing at least one phase with a `start_date` to anchor end dates to.',
        { param: phase.name('start_date') },
      );
    }
    if (before !== undefined && start !== before.end_date) {
      throw invalid('The start date of a phase must be the end date of the phase before it.', {
        param: phase.name('start_date'),
      });
    }
    const currency = before?.currency ?? of.currency ?? currencyOf(phase);
    refuseOtherCurrency(phase, currency);
    const items = readItems(world, phase, currency);
    const end = endOf(world, { phase, items, start, next: given[nth + 1] });
    phases.push(readPhase(world, phase, { customer: of.customer, start, end, currency, items }));
  }
  return phases;
}

type Place = {
  phase: Params;
  items: SchedulePhase['items'];
  start: number;
  next: Params | undefined;
};

function endOf(world: World, { phase, items, start, next }: Place): number {
  const duration = phase.object('duration');
  const iterations = phase.integer('iterations');
  const said = ['end_date', 'duration', 'iterations'].filter((key) => phase.has(key));
  if (said.length > 1) {
    throw invalid(`You can only set one of ${said.join(' and ')} on a phase.`, {
      param: phase.name(said[0] ?? 'end_date'),
    });
  }
  const every = needPrice(world, items[0]?.price ?? '').recurring ?? {
    interval: 'month',
    interval_count: 1,
  };
  const end =
    phase.moment('end_date', world.now()) ??
    (duration === undefined
      ? undefined
      : addIntervals(
          start,
          {
            interval: duration.oneOf('interval', INTERVALS) ?? duration.need('interval'),
            interval_count: duration.integer('interval_count') ?? 1,
          },
          1,
        )) ??
    (iterations === undefined ? undefined : addIntervals(start, every, iterations)) ??
    next?.moment('start_date', world.now());
  if (end === undefined && next !== undefined) {
    throw invalid('Every phase but the last needs an `end_date` or a `duration`.', {
      param: phase.name('end_date'),
      code: 'parameter_missing',
    });
  }
  const ends = end ?? addIntervals(start, every, 1);
  if (ends <= start) {
    throw invalid('The end date of a phase must be after its start date.', {
      param: phase.name('end_date'),
    });
  }
  return ends;
}

/** All phases are in the currency of the first: a subscription cannot change its own. */
function refuseOtherCurrency(phase: Params, currency: string | undefined): void {
  if (currency !== undefined && (currencyOf(phase) ?? currency) !== currency) {
    throw invalid(
      `All phases of a subscription schedule must have the same currency. This one expects \`${currency}\`.`,
      { param: phase.name('currency') },
    );
  }
}

function currencyOf(phase: Params): string | undefined {
  return phase.text('currency')?.toLowerCase();
}

function readItems(world: World, phase: Params, asked: string | undefined): SchedulePhase['items'] {
  let currency = asked;
  const items = phase.has('items') ? phase.objects('items') : phase.objects('plans');
  if (items.length === 0) {
    throw missingParameter(phase.name('items'));
  }
  return items.map((item) => {
    const price = priceOfLine(world, item, currency);
    currency ??= price.currency;
    if (price.recurring === null) {
      throw invalid(
        `The price specified is set to \`type=one_time\` but this field only accepts prices with \`type=recurring\`.`,
        { param: item.name('price') },
      );
    }
    return {
      billing_thresholds: null,
      discounts: [],
      metadata: item.metadata(),
      plan: price.id,
      price: price.id,
      quantity: item.integer('quantity') ?? 1,
      tax_rates: [],
    };
  });
}

function readPhase(
  world: World,
  phase: Params,
  at: {
    customer: string;
    start: number;
    end: number;
    currency: string | undefined;
    items: SchedulePhase['items'];
  },
): SchedulePhase {
  const method = phase.text('default_payment_method');
  const trial = phase.flag('trial') ?? false;
  const trialEnd = trial ? at.end : (phase.moment('trial_end', world.now()) ?? null);
  if (trialEnd !== null && (trialEnd <= at.start || trialEnd > at.end)) {
    throw invalid('The trial of a phase must end within the phase.', {
      param: phase.name('trial_end'),
    });
  }
  const days = phase.object('invoice_settings')?.integer('days_until_due');
  const currency = at.currency ?? needPrice(world, at.items[0]?.price ?? '').currency;
  return {
    ...blankPhase({ start: at.start, end: at.end, currency }),
    add_invoice_items: readExtras(world, phase, currency),
    billing_cycle_anchor: phase.oneOf('billing_cycle_anchor', ANCHORS) ?? null,
    collection_method: phase.oneOf('collection_method', COLLECTION_METHODS) ?? null,
    default_payment_method:
      method === undefined ? null : ownPaymentMethod(world, method, at.customer).id,
    description: phase.text('description') ?? null,
    discounts: readDiscounts(world, phase),
    invoice_settings: days === undefined ? null : dueIn(days),
    items: at.items,
    metadata: phase.metadata(),
    proration_behavior: phase.oneOf('proration_behavior', PRORATIONS) ?? 'create_prorations',
    trial_end: trialEnd,
  };
}

function dueIn(days: number): NonNullable<SchedulePhase['invoice_settings']> {
  return {
    account_tax_ids: null,
    custom_fields: null,
    days_until_due: days,
    description: null,
    footer: null,
    issuer: null,
  };
}

/** How a phase is collected: what it does not say, the schedule's default settings do. */
export function collectionOf(
  { collection_method: method, invoice_settings: settings }: SchedulePhase,
  defaults: SubscriptionSchedule['default_settings'],
  param = 'days_until_due',
): Collection {
  return settleCollection(
    { method: method ?? undefined, days: settings?.days_until_due ?? undefined, param },
    {
      method: defaults.collection_method ?? 'charge_automatically',
      days: defaults.invoice_settings.days_until_due,
    },
  );
}

/** Raises a 400 for a phase that sends invoices without saying when they are due. */
export function refuseWithoutDays(
  phases: readonly SchedulePhase[],
  defaults: SubscriptionSchedule['default_settings'],
  param: string,
): void {
  for (const [nth, phase] of phases.entries()) {
    collectionOf(phase, defaults, `${param}[${nth}][invoice_settings][days_until_due]`);
  }
}

function readExtras(
  world: World,
  phase: Params,
  currency: string,
): SchedulePhase['add_invoice_items'] {
  return phase.objects('add_invoice_items').map((extra) => ({
    discountable: extra.flag('discountable') ?? null,
    discounts: [],
    metadata: extra.metadata(),
    period: { start: { type: 'phase_start' }, end: { type: 'phase_end' } },
    price: priceOfLine(world, extra, currency, { credits: true }).id,
    quantity: extra.integer('quantity') ?? 1,
    tax_rates: [],
  }));
}

function readDiscounts(world: World, phase: Params): SchedulePhase['discounts'] {
  return phase.objects('discounts').map((one) => {
    const [coupon, code] = [one.text('coupon'), one.text('promotion_code')];
    const discount = one.text('discount');
    if (discount !== undefined && world.store.get('discount', discount) === undefined) {
      throw invalid(`No such discount: '${discount}'`, {
        param: one.name('discount'),
        code: 'resource_missing',
      });
    }
    return {
      coupon: coupon === undefined ? null : needCoupon(world, coupon, one.name('coupon')).id,
      discount: discount ?? null,
      promotion_code:
        code === undefined ? null : needPromotionCode(world, code, one.name('promotion_code')).id,
    };
  });
}

function blankPhase(of: { start: number; end: number; currency: string }): SchedulePhase {
  return {
    add_invoice_items: [],
    application_fee_percent: null,
    billing_cycle_anchor: null,
    billing_thresholds: null,
    collection_method: null,
    currency: of.currency,
    default_payment_method: null,
    default_tax_rates: [],
    description: null,
    discounts: [],
    end_date: of.end,
    invoice_settings: null,
    items: [],
    metadata: {},
    on_behalf_of: null,
    proration_behavior: 'create_prorations',
    start_date: of.start,
    transfer_data: null,
    trial_end: null,
  };
}

/** A running subscription as the first phase of its schedule: what it is, until its period ends. */
export function phaseOf(subscription: Subscription): SchedulePhase {
  const [first] = subscription.items.data;
  const start = first?.current_period_start ?? subscription.start_date;
  return {
    ...blankPhase({
      start,
      end: subscription.cancel_at ?? first?.current_period_end ?? start + 1,
      currency: subscription.currency,
    }),
    collection_method: subscription.collection_method,
    default_payment_method: subscription.default_payment_method,
    discounts: subscription.discounts.map((discount) => ({
      coupon: null,
      discount,
      promotion_code: null,
    })),
    invoice_settings:
      subscription.days_until_due === null ? null : dueIn(subscription.days_until_due),
    items: phaseItems(subscription),
    metadata: { ...subscription.metadata },
    trial_end: subscription.status === 'trialing' ? subscription.trial_end : null,
  };
}

export function phaseItems(subscription: Subscription): SchedulePhase['items'] {
  return subscription.items.data.map((item) => ({
    billing_thresholds: null,
    discounts: [],
    metadata: { ...item.metadata },
    plan: item.price.id,
    price: item.price.id,
    quantity: item.quantity ?? 1,
    tax_rates: [],
  }));
}
