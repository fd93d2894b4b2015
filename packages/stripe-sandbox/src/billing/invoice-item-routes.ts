import { invalid, noSuch } from '../api/errors.ts';
import { filtered, page } from '../api/page.ts';
import type { Params } from '../api/params.ts';
import type { Route } from '../api/route.ts';
import { needPrice, priceNamed } from '../catalog/prices.ts';
import { readTaxRates } from '../catalog/tax-rates.ts';
import { needCustomer } from '../customers/customers.ts';
import { emit } from '../events/emit.ts';
import type { Invoice, InvoiceItem } from '../shapes.ts';
import { inTimeOf, type World } from '../world.ts';
import { appendLine, dropLine, setLines } from './invoice-amounts.ts';
import { addInvoiceItem, lineOfItem } from './invoice-items.ts';
import { needInvoice } from './invoices.ts';
import { readItemAmount } from './item-amount.ts';
import { pricingOf } from './lines.ts';

function createItem(world: World, params: Params): InvoiceItem {
  const customer = needCustomer(world, params.need('customer'), 'customer');
  const quantity = params.integer('quantity') ?? 1;
  const draft = draftOf(world, params.text('invoice'));
  const subscription = world.store.get('subscription', params.text('subscription') ?? '');
  const asked = params.text('currency')?.toLowerCase() ?? draft?.currency ?? subscription?.currency;
  const price = priceNamed(world, params, asked, { credits: true }) ?? null;
  const currency = asked ?? price?.currency ?? customer.currency ?? world.settings.currency;
  const amount = readItemAmount(params, { price, quantity, currency });
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
      period: readPeriod(params) ?? { start: world.now(), end: world.now() },
      discountable: params.flag('discountable'),
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

function readPeriod(params: Params): InvoiceItem['period'] | undefined {
  const given = params.object('period');
  const [start, end] = [given?.integer('start'), given?.integer('end')];
  if (start === undefined || end === undefined) {
    return undefined;
  }
  if (end < start) {
    throw invalid('The end of a period must not be before its start.', { param: 'period[end]' });
  }
  return { start, end };
}

/** Changes an item that waits, or stands on a draft; what is not said of it stays. */
function updateItem(world: World, before: InvoiceItem, params: Params): InvoiceItem {
  const draft = invoiceOf(world, before.id);
  if (draft !== undefined && draft.status !== 'draft') {
    throw invalid(`Invoice ${draft.id} is no longer editable.`, { code: 'invoice_not_editable' });
  }
  const named = priceNamed(world, params, before.currency, { credits: true });
  const known = before.pricing?.price_details.price;
  const price = named ?? (known === undefined ? null : needPrice(world, known));
  const quantity = params.integer('quantity') ?? before.quantity;
  const priced = price !== null && (named !== undefined || quantity !== before.quantity);
  const { currency } = before;
  const amount =
    readItemAmount(params, { price: priced ? price : null, quantity, currency }) ?? before.amount;
  const item = world.store.put('invoice_item', {
    ...before,
    amount,
    quantity,
    quantity_decimal: String(quantity),
    pricing:
      price === null ? null : pricingOf(price, { amount, quantity, currency, proration: false }),
    description: params.text('description') ?? before.description,
    discountable: params.flag('discountable') ?? before.discountable,
    period: readPeriod(params) ?? before.period,
    tax_rates: [...(readTaxRates(world, params, 'tax_rates') ?? before.tax_rates ?? [])],
    metadata: params.metadata(before.metadata ?? {}),
  });
  if (draft !== undefined) {
    const drafts = world.store.get('invoice_plan', draft.id)?.drafts ?? [];
    const lines = drafts.map((one) =>
      one.invoiceItem === item.id ? lineOfItem(world, item) : one,
    );
    emit(world, 'invoice.updated', setLines(world, draft, lines), draft);
  }
  return item;
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
    'post',
    '/v1/invoiceitems/:id',
    ({ world, path, params }) => {
      const item = needItem(world, path('id'));
      return inTimeOf(world, item.customer, () => updateItem(world, item, params));
    },
  ],
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
