import { invalid, noSuch } from '../api/errors.ts';
import { filtered, page } from '../api/page.ts';
import type { Params } from '../api/params.ts';
import type { Route } from '../api/route.ts';
import { amountOf } from '../catalog/amount.ts';
import { needPrice, priceNamed } from '../catalog/prices.ts';
import { readTaxRates } from '../catalog/tax-rates.ts';
import { settleCurrency } from '../customers/currency.ts';
import { needCustomer } from '../customers/customers.ts';
import { emit } from '../events/emit.ts';
import type {
  Invoice,
  InvoiceItem,
  ItemProrationDetails,
  Price,
  ProrationDetails,
  TaxRate,
} from '../shapes.ts';
import type { DraftLine } from '../store/records.ts';
import { inTimeOf, newId, type World } from '../world.ts';
import { appendLine, dropLine } from './invoice-amounts.ts';
import { needInvoice } from './invoices.ts';
import { pricingOf } from './lines.ts';

export type NewItem = {
  customer: string;
  currency: string;
  amount: number;
  quantity: number;
  price: Price | null;
  description: string | null;
  period: { start: number; end: number };
  subscription?: string | null;
  subscriptionItem?: string;
  invoice?: string | null;
  proration?: boolean;
  prorationDetails?: ProrationDetails;
  metadata?: Record<string, string>;
  taxRates?: readonly TaxRate[] | null | undefined;
};

/** Something to charge that waits for an invoice. */
export function addInvoiceItem(world: World, input: NewItem): InvoiceItem {
  const proration = input.proration ?? false;
  settleCurrency(world, input.customer, { currency: input.currency, changes: false });
  const item = world.store.put('invoice_item', {
    id: newId('ii'),
    object: 'invoiceitem',
    amount: input.amount,
    currency: input.currency,
    customer: input.customer,
    customer_account: null,
    date: world.now(),
    description: input.description,
    discountable: !proration,
    discounts: [],
    invoice: input.invoice ?? null,
    livemode: false,
    metadata: input.metadata ?? {},
    parent:
      input.subscription == null
        ? null
        : {
            type: 'subscription_details',
            subscription_details: {
              subscription: input.subscription,
              ...(input.subscriptionItem === undefined
                ? {}
                : { subscription_item: input.subscriptionItem }),
            },
          },
    period: input.period,
    pricing: input.price === null ? null : pricingOf(input.price, { ...input, proration }),
    proration,
    ...(proration ? { proration_details: detailsOf(input.prorationDetails) } : {}),
    quantity: input.quantity,
    quantity_decimal: String(input.quantity),
    tax_rates: [...(input.taxRates ?? [])],
    test_clock: world.store.get('customer', input.customer)?.test_clock ?? null,
  });
  emit(world, 'invoiceitem.created', item);
  return item;
}

/** An item and a line name the lines that are given back in shapes of their own. */
function detailsOf(details: ProrationDetails | undefined): ItemProrationDetails {
  const lines = details?.credited_items ?? null;
  return {
    credited_items:
      lines === null ? null : { type: 'invoice_line_items', invoice_line_item_details: lines },
    discount_amounts: [],
  };
}

function lineDetailsOf(details: ItemProrationDetails): ProrationDetails {
  return { credited_items: details.credited_items?.invoice_line_item_details ?? null };
}

/** The customer's waiting items as lines; from now on they belong to that invoice. */
export function takePendingItems(
  world: World,
  of: { customer: string; currency: string; subscription: string | 'all' | null },
): DraftLine[] {
  const items = world.store
    .where('invoice_item', 'customer', of.customer)
    .filter((item) => item.invoice === null && !isTaken(world, item.id))
    .filter((item) => item.currency === of.currency)
    .filter((item) => {
      const wanted = item.parent?.subscription_details?.subscription ?? null;
      return wanted === null || of.subscription === 'all' || wanted === of.subscription;
    });
  return items.map((item) => {
    world.store.put('counter', { id: `taken:${item.id}`, value: 1 });
    return lineOfItem(world, item);
  });
}

/** What a deleted draft held waits for the customer's next invoice again: it is not deleted with it. */
export function releaseItems(world: World, invoice: Invoice): void {
  for (const { invoiceItem } of world.store.get('invoice_plan', invoice.id)?.drafts ?? []) {
    const item = world.store.get('invoice_item', invoiceItem ?? '');
    if (item !== undefined) {
      world.store.remove('counter', `taken:${item.id}`);
      world.store.put('invoice_item', { ...item, invoice: null });
    }
  }
}

function isTaken(world: World, id: string): boolean {
  return world.store.get('counter', `taken:${id}`) !== undefined;
}

export function lineOfItem(world: World, item: InvoiceItem): DraftLine {
  const price = item.pricing === null ? null : needPrice(world, item.pricing.price_details.price);
  return {
    price,
    quantity: item.quantity,
    amount: item.amount,
    currency: item.currency,
    description: item.description ?? price?.nickname ?? price?.id ?? 'Item',
    period: item.period,
    subscription: item.parent?.subscription_details?.subscription ?? null,
    subscriptionItem: null,
    invoiceItem: item.id,
    proration: item.proration,
    ...(item.proration_details === undefined
      ? {}
      : { prorationDetails: lineDetailsOf(item.proration_details) }),
    discountable: item.discountable,
    taxRates: item.tax_rates,
    metadata: item.metadata ?? {},
  };
}

function createItem(world: World, params: Params): InvoiceItem {
  const customer = needCustomer(world, params.need('customer'), 'customer');
  const quantity = params.integer('quantity') ?? 1;
  const draft = draftOf(world, params.text('invoice'));
  const subscription = world.store.get('subscription', params.text('subscription') ?? '');
  const asked = params.text('currency')?.toLowerCase() ?? draft?.currency ?? subscription?.currency;
  const price = priceNamed(world, params, asked) ?? null;
  const currency = asked ?? price?.currency ?? customer.currency ?? world.settings.currency;
  const amount =
    params.integer('amount') ??
    (price === null ? undefined : amountOf(price, { quantity, currency }));
  if (amount === undefined) {
    throw invalid('You must pass either amount or pricing.', { param: 'amount' });
  }
  return inTimeOf(world, customer.id, () => {
    const item = addInvoiceItem(world, {
      customer: customer.id,
      currency,
      amount,
      quantity,
      price,
      description: params.text('description') ?? null,
      period: { start: world.now(), end: world.now() },
      subscription: params.text('subscription') ?? null,
      invoice: draft?.id ?? null,
      metadata: params.metadata(),
      taxRates: readTaxRates(world, params, 'tax_rates'),
    });
    if (draft !== undefined) {
      appendLine(world, draft, lineOfItem(world, item));
    }
    return item;
  });
}

function draftOf(world: World, id: string | undefined): Invoice | undefined {
  if (id === undefined) {
    return undefined;
  }
  const invoice = needInvoice(world, id, 'invoice');
  if (invoice.status !== 'draft') {
    throw invalid(`Invoice ${id} is no longer editable.`, {
      param: 'invoice',
      code: 'invoice_not_editable',
    });
  }
  return invoice;
}

/** The invoice that an item stands on; undefined while it waits for one. */
function invoiceOf(world: World, itemId: string): Invoice | undefined {
  return world.store
    .all('invoice')
    .find(({ id }) =>
      world.store
        .get('invoice_lines', id)
        ?.lines.some(({ parent }) => parent?.invoice_item_details?.invoice_item === itemId),
    );
}

function needItem(world: World, id: string): InvoiceItem {
  const item = world.store.get('invoice_item', id);
  if (item === undefined) {
    throw noSuch('invoiceitem', id);
  }
  return item;
}

export const invoiceItemRoutes: readonly Route[] = [
  ['post', '/v1/invoiceitems', ({ world, params }) => createItem(world, params)],
  [
    'get',
    '/v1/invoiceitems',
    ({ world, params }) => {
      const all = filtered(world.store.all('invoice_item').reverse(), params, [
        'customer',
        'invoice',
      ]);
      return page(all, params, '/v1/invoiceitems');
    },
  ],
  ['get', '/v1/invoiceitems/:id', ({ world, path }) => needItem(world, path('id'))],
  [
    'delete',
    '/v1/invoiceitems/:id',
    ({ world, path }) => {
      const item = needItem(world, path('id'));
      const invoice = invoiceOf(world, item.id);
      if (invoice !== undefined) {
        if (invoice.status !== 'draft') {
          throw invalid('Invoice items can only be deleted from a draft invoice.');
        }
        dropLine(world, invoice, item.id);
      }
      world.store.remove('invoice_item', item.id);
      emit(world, 'invoiceitem.deleted', item);
      return { id: item.id, object: 'invoiceitem', deleted: true };
    },
  ],
];
