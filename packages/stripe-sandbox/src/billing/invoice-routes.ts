import { invalid } from '../api/errors.ts';
import { filtered, momentFilter, page } from '../api/page.ts';
import type { Params } from '../api/params.ts';
import type { Route } from '../api/route.ts';
import { readTaxRates } from '../catalog/tax-rates.ts';
import { needCustomer } from '../customers/customers.ts';
import { emit } from '../events/emit.ts';
import { declined } from '../payments/intent-routes.ts';
import type { Invoice } from '../shapes.ts';
import { inTimeOf, type World } from '../world.ts';
import { markUncollectible, voidInvoice } from './close-invoice.ts';
import { refuseWithoutEmail } from './collection.ts';
import { addDiscount, readDiscounts } from './discounts.ts';
import { finalizeInvoice } from './finalize-invoice.ts';
import { setLines } from './invoice-amounts.ts';
import { readInvoiceFields, readPayable } from './invoice-fields.ts';
import { releaseItems, takePendingItems } from './invoice-items.ts';
import { addLines, removeLines, updateLines } from './invoice-lines.ts';
import { addInvoice, needInvoice } from './invoices.ts';
import { markInvoicePaid, payInvoice } from './pay-invoice.ts';
import { needSubscription } from './subscriptions.ts';

function createInvoice(world: World, params: Params): Invoice {
  const customer = needCustomer(world, params.need('customer'), 'customer');
  const subscriptionId = params.text('subscription');
  const subscription =
    subscriptionId === undefined ? null : needSubscription(world, subscriptionId, 'subscription');
  const behaviour = params.text('pending_invoice_items_behavior') ?? 'exclude';
  const currency =
    params.text('currency')?.toLowerCase() ??
    subscription?.currency ??
    customer.currency ??
    world.settings.currency;
  return inTimeOf(world, customer.id, () => {
    const payable = readPayable(params, { now: world.now(), created: world.now() });
    refuseWithoutEmail(world, customer.id, payable.collection_method);
    const lines =
      behaviour === 'include' || subscription !== null
        ? takePendingItems(world, {
            customer: customer.id,
            currency,
            // Without one, those of all of the customer's subscriptions are taken up.
            subscription: subscription?.id ?? 'all',
          })
        : [];
    const discounts = readDiscounts(world, params).map(
      (one) => addDiscount(world, { ...one, customer: customer.id }).id,
    );
    return addInvoice(world, {
      customer: customer.id,
      currency,
      reason: subscription === null ? 'manual' : 'subscription_update',
      subscription,
      lines,
      discounts,
      defaultPaymentMethod: params.text('default_payment_method') ?? null,
      autoAdvance: params.flag('auto_advance') ?? false,
      fields: { ...readInvoiceFields(params), ...payable },
      metadata: params.metadata(),
      defaultTaxRates: readTaxRates(world, params, 'default_tax_rates'),
      finalizesAt: params.flag('auto_advance') ? world.now() + world.settings.draftSeconds : null,
    });
  });
}

const FIXED_BY_FINALIZING = [
  'collection_method',
  'days_until_due',
  'default_tax_rates',
  'due_date',
  'number',
];

function updateInvoice(world: World, before: Invoice, params: Params): Invoice {
  const rates = readTaxRates(world, params, 'default_tax_rates');
  const fixed = FIXED_BY_FINALIZING.find((key) => params.has(key));
  if (fixed !== undefined) {
    mustBe(before, ['draft'], `change the ${fixed} of`);
  }
  const { created } = before;
  const payable = readPayable(params, { now: world.now(), created, before });
  if (payable.collection_method !== before.collection_method) {
    refuseWithoutEmail(world, before.customer ?? '', payable.collection_method);
  }
  const changed = world.store.put('invoice', {
    ...before,
    metadata: params.metadata(before.metadata ?? {}),
    ...readInvoiceFields(params),
    ...payable,
    auto_advance: params.flag('auto_advance') ?? before.auto_advance ?? false,
    default_payment_method: params.text('default_payment_method') ?? before.default_payment_method,
    default_tax_rates: rates ?? before.default_tax_rates,
  });
  const drafts = world.store.get('invoice_plan', before.id)?.drafts ?? [];
  const invoice = rates === undefined ? changed : setLines(world, changed, drafts);
  emit(world, 'invoice.updated', invoice, before);
  return invoice;
}

function pay(world: World, invoice: Invoice, params: Params): Invoice {
  if (invoice.status === 'paid') {
    throw invalid('Invoice is already paid', { code: 'invoice_already_paid' });
  }
  const open = invoice.status === 'draft' ? finalizeInvoice(world, invoice) : invoice;
  if (open.status === 'paid') {
    return open;
  }
  if (params.flag('paid_out_of_band')) {
    return markInvoicePaid(world, open, { intent: null, outOfBand: true });
  }
  const intent = payInvoice(world, open, {
    method: params.text('payment_method'),
    offSession: params.flag('off_session') ?? false,
  });
  if (intent.last_payment_error !== null) {
    throw declined(intent);
  }
  return needInvoice(world, invoice.id);
}

function mustBe(invoice: Invoice, statuses: readonly string[], verb: string): Invoice {
  if (!statuses.includes(invoice.status ?? '')) {
    throw invalid(`You cannot ${verb} an invoice with the status ${invoice.status}.`, {
      code: 'invoice_not_editable',
    });
  }
  return invoice;
}

function listInvoices(world: World, params: Params): Invoice[] {
  const created = momentFilter(params, 'created');
  const due = momentFilter(params, 'due_date');
  const subscription = params.text('subscription');
  const all = world.store
    .all('invoice')
    .filter(
      (one) =>
        created(one.created) &&
        due(one.due_date ?? Number.NaN) &&
        (subscription === undefined ||
          one.parent?.subscription_details?.subscription === subscription),
    );
  return filtered(all.reverse(), params, ['customer', 'status', 'collection_method']);
}

/** Runs in the customer's time. */
function onInvoice(work: (world: World, invoice: Invoice, params: Params) => object): Route[2] {
  return ({ world, path, params }) => {
    const invoice = needInvoice(world, path('id'));
    return inTimeOf(world, invoice.customer, () => work(world, invoice, params));
  };
}

export const invoiceRoutes: readonly Route[] = [
  ['post', '/v1/invoices', ({ world, params }) => createInvoice(world, params)],
  [
    'get',
    '/v1/invoices',
    ({ world, params }) => page(listInvoices(world, params), params, '/v1/invoices'),
  ],
  ['get', '/v1/invoices/:id', ({ world, path }) => needInvoice(world, path('id'))],
  ['post', '/v1/invoices/:id', onInvoice(updateInvoice)],
  [
    'delete',
    '/v1/invoices/:id',
    onInvoice((world, found) => {
      const invoice = mustBe(found, ['draft'], 'delete');
      releaseItems(world, invoice);
      world.store.remove('invoice', invoice.id);
      emit(world, 'invoice.deleted', invoice);
      return { id: invoice.id, object: 'invoice', deleted: true };
    }),
  ],
  [
    'get',
    '/v1/invoices/:id/lines',
    ({ world, path, params }) => {
      const { id } = needInvoice(world, path('id'));
      const lines = world.store.get('invoice_lines', id)?.lines ?? [];
      return page(lines, params, `/v1/invoices/${id}/lines`);
    },
  ],
  [
    'post',
    '/v1/invoices/:id/finalize',
    onInvoice((world, invoice) => finalizeInvoice(world, invoice)),
  ],
  ['post', '/v1/invoices/:id/add_lines', onInvoice(addLines)],
  ['post', '/v1/invoices/:id/remove_lines', onInvoice(removeLines)],
  ['post', '/v1/invoices/:id/update_lines', onInvoice(updateLines)],
  ['post', '/v1/invoices/:id/pay', onInvoice(pay)],
  [
    'post',
    '/v1/invoices/:id/send',
    onInvoice((world, invoice) => {
      const open = invoice.status === 'draft' ? finalizeInvoice(world, invoice) : invoice;
      emit(world, 'invoice.sent', open);
      return open;
    }),
  ],
  [
    'post',
    '/v1/invoices/:id/void',
    onInvoice((world, invoice) =>
      voidInvoice(world, mustBe(invoice, ['open', 'uncollectible'], 'void')),
    ),
  ],
  [
    'post',
    '/v1/invoices/:id/mark_uncollectible',
    onInvoice((world, invoice) =>
      markUncollectible(world, mustBe(invoice, ['open'], 'mark as uncollectible')),
    ),
  ],
];
