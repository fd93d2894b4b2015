import { ApiError, invalid, missingParameter } from '../api/errors.ts';
import type { Params } from '../api/params.ts';
import { present } from '../api/present.ts';
import type { Route } from '../api/route.ts';
import { priceOfLine } from '../catalog/prices.ts';
import { readTaxRates } from '../catalog/tax-rates.ts';
import { needCustomer } from '../customers/customers.ts';
import type { Invoice, InvoiceLine, Subscription } from '../shapes.ts';
import { listOf } from '../shapes.ts';
import { inTimeOf, newId, type World } from '../world.ts';
import { readDiscounts } from './discounts.ts';
import { endSubscription } from './end-subscription.ts';
import { addInvoiceItem, takePendingItems } from './invoice-items.ts';
import { addInvoice } from './invoices.ts';
import { priceAmount } from './lines.ts';
import { prorate } from './proration.ts';
import { readCycle } from './read-cycle.ts';
import { nextPeriodEnd, renew } from './renew.ts';
import { readItems, readUpdate } from './subscription-routes.ts';
import { addSubscription, needSubscription } from './subscriptions.ts';
import { applyUpdate, draftNow } from './update-subscription.ts';

/** Of what Stripe can preview, what the sandbox does not. */
const NOT_PLAYED = ['schedule', 'schedule_details', 'customer_details'];

/**
 * The invoice that a change of a subscription would make, or its next one: the change is carried out,
 * looked at and undone, so that a preview cannot differ from what it previews.
 * https://docs.stripe.com/api/invoices/create_preview
 */
function previewInvoice(world: World, params: Params): object {
  const unknown = NOT_PLAYED.find((name) => params.has(name));
  if (unknown !== undefined) {
    throw invalid(`Received unknown parameter: ${unknown}`, {
      param: unknown,
      code: 'parameter_unknown',
    });
  }
  const id = params.text('subscription');
  const customer = params.text('customer');
  if (id === undefined && customer !== undefined) {
    return tried(world, needCustomer(world, customer, 'customer').id, params, () =>
      draftOfNew(world, customer, params),
    );
  }
  const subscription = needSubscription(world, params.need('subscription'), 'subscription');
  if (customer !== undefined && customer !== subscription.customer) {
    throw invalid(`The subscription ${subscription.id} is not of the customer ${customer}.`, {
      param: 'subscription',
    });
  }
  return tried(world, subscription.customer, params, () => draftOf(world, subscription, params));
}

function tried(
  world: World,
  customer: string,
  params: Params,
  draftIn: () => Invoice | undefined,
): object {
  return inTimeOf(world, customer, () =>
    world.store.tryOut(() => {
      addPreviewItems(world, customer, params);
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
function addPreviewItems(world: World, customer: string, params: Params): void {
  for (const item of params.objects('invoice_items')) {
    const price = item.has('price') || item.has('price_data') ? priceOfLine(world, item) : null;
    const quantity = item.integer('quantity') ?? 1;
    const amount =
      item.integer('amount') ?? (price === null ? undefined : priceAmount(price, quantity));
    if (amount === undefined) {
      throw missingParameter(item.name('amount'));
    }
    addInvoiceItem(world, {
      customer,
      currency: item.text('currency') ?? price?.currency ?? world.settings.currency,
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
function draftOfNew(world: World, customer: string, params: Params): Invoice | undefined {
  const details = params.object('subscription_details');
  if (details?.has('items') === true) {
    const items = readItems(world, details, params.text('currency'));
    const { latest_invoice: first } = addSubscription(world, {
      customer,
      items,
      ...readCycle(world, details, items),
      trialEnd: details.moment('trial_end', world.now()) ?? null,
      discounts: readDiscounts(world, params),
      firstPayment: 'draft',
    });
    return world.store.get('invoice', first ?? '');
  }
  const lines = takePendingItems(world, { customer, subscription: 'all' });
  return lines.length === 0
    ? undefined
    : addInvoice(world, {
        customer,
        currency: lines[0]?.currency ?? world.settings.currency,
        reason: 'manual',
        lines,
      });
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

function asPreview(world: World, draft: Invoice, params: Params): object {
  const id = newId('upcoming_in');
  const shown = present(world, draft);
  const lines = (world.store.get('invoice_lines', draft.id)?.lines ?? []).map((line) => ({
    ...line,
    id: newId('il_tmp'),
    invoice: id,
  }));
  const at = prorationDate(lines, params);
  const { parent } = draft;
  return {
    ...shown,
    id,
    billing_reason: 'upcoming',
    automatically_finalizes_at: null,
    lines: { ...listOf(lines, `/v1/invoices/${id}/lines`), total_count: lines.length },
    parent:
      parent?.subscription_details == null || at === undefined
        ? parent
        : {
            ...parent,
            subscription_details: {
              ...parent.subscription_details,
              subscription_proration_date: at,
            },
          },
  };
}

/** The moment that this change is prorated at: it came last. */
function prorationDate(lines: readonly InvoiceLine[], params: Params): number | undefined {
  const asked = params.object('subscription_details')?.integer('proration_date');
  const starts = lines
    .filter(({ parent }) => parent?.invoice_item_details?.proration === true)
    .map(({ period }) => period.start);
  return starts.length === 0 ? undefined : (asked ?? Math.max(...starts));
}

export const previewRoutes: readonly Route[] = [
  ['post', '/v1/invoices/create_preview', ({ world, params }) => previewInvoice(world, params)],
];
