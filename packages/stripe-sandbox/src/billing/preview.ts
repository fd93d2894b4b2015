import { ApiError, invalid, missingParameter } from '../api/errors.ts';
import type { Params } from '../api/params.ts';
import type { Route } from '../api/route.ts';
import { priceNamed } from '../catalog/prices.ts';
import { readTaxRates } from '../catalog/tax-rates.ts';
import { runningCurrency } from '../customers/currency.ts';
import { needCustomer } from '../customers/customers.ts';
import {
  draftOfNewSchedule,
  draftOfSchedule,
  scheduleNamed,
} from '../schedules/preview-schedule.ts';
import type { Invoice, Subscription } from '../shapes.ts';
import { inTimeOf, type World } from '../world.ts';
import { asPreview } from './as-preview.ts';
import { draftNow } from './bill-now.ts';
import { readDiscounts } from './discounts.ts';
import { endSubscription } from './end-subscription.ts';
import { addInvoiceItem, takePendingItems } from './invoice-items.ts';
import { addInvoice } from './invoices.ts';
import { readItemAmount } from './item-amount.ts';
import { prorate } from './proration.ts';
import { readCycle } from './read-cycle.ts';
import { readItems, readUpdate } from './read-subscription.ts';
import { nextPeriodEnd, renew } from './renew.ts';
import { addSubscription, needSubscription } from './subscriptions.ts';
import { applyUpdate } from './update-subscription.ts';

/**
 * The invoice that a change of a subscription or schedule would make, or its next one: the change is
 * carried out, looked at and undone, so that a preview cannot differ from what it previews.
 * https://docs.stripe.com/api/invoices/create_preview
 */
function previewInvoice(world: World, params: Params): object {
  refuseTogether(params);
  const id = params.text('subscription');
  const asked = params.text('customer');
  if (params.has('schedule') || params.has('schedule_details')) {
    const schedule = scheduleNamed(world, params);
    const customer = ownerOf(params, { what: 'schedule', object: schedule, asked });
    return tried(world, { customer, currency: schedule?.phases[0]?.currency }, params, () =>
      schedule === undefined
        ? draftOfNewSchedule(world, customer, params)
        : draftOfSchedule(world, schedule, params),
    );
  }
  if (id === undefined && asked !== undefined) {
    const { id: customer, currency: own } = needCustomer(world, asked, 'customer');
    const currency = params.text('currency')?.toLowerCase();
    return tried(world, { customer, currency }, params, () =>
      draftOfNew(world, customer, { params, currency: currency ?? own ?? undefined }),
    );
  }
  const subscription = needSubscription(world, params.need('subscription'), 'subscription');
  const customer = ownerOf(params, { what: 'subscription', object: subscription, asked });
  return tried(world, { customer, currency: subscription.currency }, params, () =>
    draftOf(world, subscription, params),
  );
}

function refuseTogether(params: Params): void {
  const ofSchedule = ['schedule', 'schedule_details'].find((key) => params.has(key));
  const other = ['subscription', 'subscription_details'].find((key) => params.has(key));
  if (ofSchedule !== undefined && other !== undefined) {
    throw invalid(`You may only specify one of these parameters: ${ofSchedule}, ${other}.`, {
      param: other,
    });
  }
  const unknown = params.has('customer_details') ? 'customer_details' : undefined;
  if (unknown !== undefined) {
    throw invalid('The sandbox does not preview for customers that do not exist yet.', {
      param: unknown,
    });
  }
}

function ownerOf(
  params: Params,
  of: {
    what: 'subscription' | 'schedule';
    object: { id: string; customer: string } | undefined;
    asked: string | undefined;
  },
): string {
  const { what, object, asked } = of;
  if (object !== undefined && asked !== undefined && asked !== object.customer) {
    throw invalid(`The ${what} ${object.id} is not of the customer ${asked}.`, { param: what });
  }
  return object?.customer ?? params.need('customer');
}

function tried(
  world: World,
  of: { customer: string; currency: string | undefined },
  params: Params,
  draftIn: () => Invoice | undefined,
): object {
  const { id: customer } = needCustomer(world, of.customer, 'customer');
  return inTimeOf(world, customer, () =>
    world.store.tryOut(() => {
      addPreviewItems(world, params, of);
      const draft = draftIn();
      if (draft === undefined) {
        throw new ApiError(404, {
          type: 'invalid_request_error',
          code: 'invoice_upcoming_none',
          message: `No upcoming invoices for customer: ${customer}`,
        });
      }
      return asPreview(world, draft, params);
    }),
  );
}

/** `invoice_items[]`: what would be charged besides. */
function addPreviewItems(
  world: World,
  params: Params,
  of: { customer: string; currency: string | undefined },
): void {
  for (const item of params.objects('invoice_items')) {
    const asked = item.text('currency')?.toLowerCase() ?? of.currency;
    const price = priceNamed(world, item, asked, { credits: true }) ?? null;
    const quantity = item.integer('quantity') ?? 1;
    const currency = asked ?? price?.currency ?? world.settings.currency;
    const amount = readItemAmount(item, { price, quantity, currency });
    if (amount === undefined) {
      throw missingParameter(item.name('amount'));
    }
    addInvoiceItem(world, {
      customer: of.customer,
      currency,
      amount,
      quantity,
      price,
      description: item.text('description') ?? null,
      period: { start: world.now(), end: world.now() },
      subscription: params.text('subscription') ?? null,
      taxRates: readTaxRates(world, item, 'tax_rates'),
    });
  }
}

/** The first invoice of a subscription that could be made, or one of what is pending. */
function draftOfNew(
  world: World,
  customer: string,
  { params, currency: asked }: { params: Params; currency: string | undefined },
): Invoice | undefined {
  const details = params.object('subscription_details');
  if (details?.has('items') === true) {
    const currency = params.text('currency')?.toLowerCase();
    const items = readItems(world, details, currency);
    const { latest_invoice: first } = addSubscription(world, {
      customer,
      items,
      currency,
      ...readCycle(world, details, items),
      trialEnd: details.moment('trial_end', world.now()) ?? null,
      discounts: readDiscounts(world, params),
      firstPayment: 'draft',
    });
    return world.store.get('invoice', first ?? '');
  }
  const currency = asked ?? runningCurrency(world, customer) ?? world.settings.currency;
  const lines = takePendingItems(world, { customer, currency, subscription: 'all' });
  return lines.length === 0
    ? undefined
    : addInvoice(world, { customer, currency, reason: 'manual', lines });
}

function draftOf(world: World, before: Subscription, params: Params): Invoice | undefined {
  const details = params.object('subscription_details');
  if (details?.flag('cancel_now') === true) {
    return draftOfEnd(world, before, details);
  }
  const update = details === undefined ? {} : readUpdate(world, before, details);
  const discounts = params.has('discounts') ? { discounts: readDiscounts(world, params) } : {};
  const bill = applyUpdate(world, before, { ...update, ...discounts });
  const after = needSubscription(world, before.id);
  return bill === null ? draftOfCycle(world, after) : draftNow(world, after, bill);
}

/** Ending at once leaves what is pending, and the unused time where it is prorated. */
function draftOfEnd(world: World, before: Subscription, details: Params): Invoice | undefined {
  if (details.text('proration_behavior') !== 'none') {
    const at = details.integer('proration_date') ?? world.now();
    for (const item of before.items.data) {
      prorate(world, before, { change: { before: item, after: null }, at });
    }
  }
  const ended = endSubscription(world, before, 'cancellation_requested');
  return draftNow(world, ended, { full: false, reason: 'subscription_update' });
}

/** The next period's invoice; none for a subscription that ends before it. */
function draftOfCycle(world: World, subscription: Subscription): Invoice | undefined {
  world.at(nextPeriodEnd(subscription), () => renew(world, subscription));
  const { latest_invoice: next } = needSubscription(world, subscription.id);
  return next === null || next === subscription.latest_invoice
    ? undefined
    : world.store.get('invoice', next);
}

export const previewRoutes: readonly Route[] = [
  ['post', '/v1/invoices/create_preview', ({ world, params }) => previewInvoice(world, params)],
];
