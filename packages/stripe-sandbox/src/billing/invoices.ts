import { invalid, noSuch } from '../api/errors.ts';
import { needCoupon } from '../catalog/coupons.ts';
import { noteMove } from '../customers/balance-transactions.ts';
import { needCustomer } from '../customers/customers.ts';
import { emit } from '../events/emit.ts';
import { addIntent, cancelIntent, planOf } from '../payments/intents.ts';
import type { Invoice, Subscription, TaxRate } from '../shapes.ts';
import type { DraftLine } from '../store/records.ts';
import { newId, type World } from '../world.ts';
import { takeOff } from './discounts.ts';
import { addInvoicePayment } from './invoice-payments.ts';
import { buildLine } from './lines.ts';
import { markInvoicePaid } from './pay-invoice.ts';
import { onTop, sumOf, taxesOn, totalTaxes } from './taxes.ts';

export type NewInvoice = {
  customer: string;
  currency: string;
  reason: string;
  lines: readonly DraftLine[];
  subscription?: Pick<Subscription, 'id' | 'metadata' | 'default_tax_rates'> | null;
  quote?: string;
  discounts?: readonly string[];
  collectionMethod?: string;
  daysUntilDue?: number | null;
  defaultPaymentMethod?: string | null;
  autoAdvance?: boolean;
  description?: string | null;
  metadata?: Record<string, string>;
  /** Default: the subscription's. */
  defaultTaxRates?: TaxRate[] | undefined;
  period?: { start: number; end: number };
  finalizesAt?: number | null;
};

/** Makes a draft with these lines. */
export function addInvoice(world: World, input: NewInvoice): Invoice {
  const customer = needCustomer(world, input.customer, 'customer');
  const id = newId('in');
  const invoice = world.store.put('invoice', blankInvoice(world, { id, input, customer }));
  world.store.put('invoice_plan', { id, finalizesAt: input.finalizesAt ?? null, drafts: [] });
  const counted = setLines(world, invoice, input.lines);
  emit(world, 'invoice.created', counted);
  return counted;
}

function blankInvoice(
  world: World,
  made: { id: string; input: NewInvoice; customer: ReturnType<typeof needCustomer> },
): Invoice {
  const { id, input, customer } = made;
  const now = world.now();
  return {
    id,
    object: 'invoice',
    account_country: 'US',
    account_name: 'stripe-sandbox',
    account_tax_ids: null,
    amount_due: 0,
    amount_overpaid: 0,
    amount_paid: 0,
    amount_remaining: 0,
    amount_shipping: 0,
    application: null,
    attempt_count: 0,
    attempted: false,
    auto_advance: input.autoAdvance ?? true,
    automatic_tax: {
      disabled_reason: null,
      enabled: false,
      liability: null,
      provider: null,
      status: null,
    },
    automatically_finalizes_at: input.finalizesAt ?? null,
    billing_reason: input.reason,
    collection_method: input.collectionMethod ?? 'charge_automatically',
    created: now,
    currency: input.currency,
    custom_fields: null,
    customer: customer.id,
    customer_account: null,
    customer_address: customer.address ?? null,
    customer_email: customer.email,
    customer_name: customer.name ?? null,
    customer_phone: customer.phone ?? null,
    customer_shipping: customer.shipping,
    customer_tax_exempt: customer.tax_exempt ?? 'none',
    customer_tax_ids: [],
    default_payment_method: input.defaultPaymentMethod ?? null,
    default_source: null,
    default_tax_rates: [...(input.defaultTaxRates ?? input.subscription?.default_tax_rates ?? [])],
    description: input.description ?? null,
    discounts: [...(input.discounts ?? [])],
    due_date: input.daysUntilDue == null ? null : now + input.daysUntilDue * 86_400,
    effective_at: null,
    ending_balance: null,
    footer: null,
    from_invoice: null,
    hosted_invoice_url: null,
    invoice_pdf: null,
    issuer: { type: 'self' },
    last_finalization_error: null,
    latest_revision: null,
    livemode: false,
    metadata: input.metadata ?? {},
    next_payment_attempt: null,
    number: null,
    on_behalf_of: null,
    parent: parentOf(input),
    payment_settings: {
      default_mandate: null,
      payment_method_options: null,
      payment_method_types: null,
    },
    period_end: input.period?.end ?? now,
    period_start: input.period?.start ?? now,
    post_payment_credit_notes_amount: 0,
    pre_payment_credit_notes_amount: 0,
    receipt_number: null,
    rendering: null,
    shipping_cost: null,
    shipping_details: null,
    starting_balance: customer.balance,
    statement_descriptor: null,
    status: 'draft',
    status_transitions: {
      finalized_at: null,
      marked_uncollectible_at: null,
      paid_at: null,
      voided_at: null,
    },
    subtotal: 0,
    subtotal_excluding_tax: 0,
    test_clock: customer.test_clock ?? null,
    total: 0,
    total_discount_amounts: [],
    total_excluding_tax: 0,
    total_pretax_credit_amounts: [],
    total_taxes: [],
    webhooks_delivered_at: null,
  };
}

function parentOf(input: NewInvoice): Invoice['parent'] {
  if (input.subscription != null) {
    return {
      type: 'subscription_details',
      quote_details: null,
      subscription_details: {
        metadata: input.subscription.metadata,
        subscription: input.subscription.id,
      },
    };
  }
  return input.quote === undefined
    ? null
    : { type: 'quote_details', quote_details: { quote: input.quote }, subscription_details: null };
}

/** Puts lines on a draft, takes the discounts off, adds the taxes, and counts it. */
export function setLines(world: World, invoice: Invoice, drafts: readonly DraftLine[]): Invoice {
  const offs = discountsOff(world, invoice, drafts);
  const kept = linesBefore(world, invoice.id);
  const lines = drafts.map((draft, at) => {
    const discounts = offs.map(({ discount, amounts }) => ({ discount, amount: amounts[at] ?? 0 }));
    const off = discounts.reduce((sum, one) => sum + one.amount, 0);
    const own = draft.taxRates ?? [];
    const taxes = taxesOn(
      draft.amount - off,
      own.length > 0 ? own : invoice.default_tax_rates,
      invoice.customer_tax_exempt,
    );
    const line = buildLine(invoice.id, draft, { discounts, taxes });
    return { ...line, id: kept.get(nameOf(draft)) ?? line.id };
  });
  const plan = world.store.get('invoice_plan', invoice.id);
  world.store.put('invoice_plan', {
    id: invoice.id,
    finalizesAt: plan?.finalizesAt ?? null,
    drafts: [...drafts],
  });
  world.store.put('invoice_lines', { id: invoice.id, lines });
  const subtotal = lines.reduce((sum, line) => sum + line.amount, 0);
  const totals = offs.map(({ discount, amounts }) => ({
    discount,
    amount: amounts.reduce((sum, amount) => sum + amount, 0),
  }));
  const taxes = totalTaxes(lines);
  const off = totals.reduce((sum, one) => sum + one.amount, 0);
  const total = subtotal - off + onTop(taxes);
  return world.store.put('invoice', {
    ...invoice,
    subtotal,
    subtotal_excluding_tax: subtotal - sumOf(taxes) + onTop(taxes),
    total,
    total_excluding_tax: total - sumOf(taxes),
    total_taxes: taxes,
    total_discount_amounts: totals,
    ...due(total, invoice.starting_balance),
  });
}

/** The ids of a draft's lines, by what they are of: a line keeps its own. */
function linesBefore(world: World, invoice: string): ReadonlyMap<string, string> {
  const lines = world.store.get('invoice_lines', invoice)?.lines ?? [];
  const drafts = world.store.get('invoice_plan', invoice)?.drafts ?? [];
  return new Map(
    lines.flatMap((line, at) => {
      const draft = drafts[at];
      return draft === undefined ? [] : [[nameOf(draft), line.id] as const];
    }),
  );
}

function nameOf({ invoiceItem, subscriptionItem, description, period }: DraftLine): string {
  return invoiceItem ?? `${subscriptionItem ?? ''} ${description} ${period.start}`;
}

/** Adds a line to a draft that has some. */
export function appendLine(world: World, invoice: Invoice, line: DraftLine): Invoice {
  const drafts = world.store.get('invoice_plan', invoice.id)?.drafts ?? [];
  const after = setLines(world, invoice, [...drafts, line]);
  emit(world, 'invoice.updated', after, invoice);
  return after;
}

/** Takes the line of an item off a draft. */
export function dropLine(world: World, invoice: Invoice, invoiceItem: string): void {
  const drafts = world.store.get('invoice_plan', invoice.id)?.drafts ?? [];
  const left = drafts.filter((draft) => draft.invoiceItem !== invoiceItem);
  if (left.length < drafts.length) {
    emit(world, 'invoice.updated', setLines(world, invoice, left), invoice);
  }
}

function discountsOff(world: World, invoice: Invoice, drafts: readonly DraftLine[]) {
  let amounts = drafts.map((draft) =>
    (draft.discountable ?? !draft.proration) ? draft.amount : 0,
  );
  return invoice.discounts.flatMap((id) => {
    const discount = world.store.get('discount', id);
    const coupon = discount?.source.coupon;
    if (discount === undefined || coupon == null) {
      return [];
    }
    const end = discount.end ?? Infinity;
    const within = amounts.map((amount, at) =>
      (drafts[at]?.period.start ?? 0) < end ? amount : 0,
    );
    const off = takeOff(needCoupon(world, coupon), within);
    amounts = amounts.map((amount, at) => amount - (off[at] ?? 0));
    return [{ discount: id, amounts: off }];
  });
}

/** A credit on the customer's balance (negative) pays first; a total below zero becomes one. */
function due(total: number, startingBalance: number) {
  const owed = Math.max(0, total + startingBalance);
  return { amount_due: owed, amount_remaining: owed };
}

/** A draft becomes an invoice: numbered, with the payment it asks for; nothing due is paid at once. */
export function finalizeInvoice(world: World, draft: Invoice): Invoice {
  if (draft.status !== 'draft') {
    throw invalid(`Invoice ${draft.id} is already finalized.`, {
      code: 'invoice_already_finalized',
    });
  }
  const customer = needCustomer(world, draft.customer ?? '');
  const sequence = customer.next_invoice_sequence ?? 1;
  const ending = Math.min(0, draft.total + customer.balance);
  const owed = due(draft.total, customer.balance);
  const balance = owed.amount_due > 0 ? 0 : ending;
  world.store.put('customer', {
    ...customer,
    currency: draft.currency,
    next_invoice_sequence: sequence + 1,
    balance,
  });
  if (balance !== customer.balance) {
    noteMove(world, {
      customer: customer.id,
      amount: balance - customer.balance,
      currency: draft.currency,
      type: 'applied_to_invoice',
      invoice: draft.id,
      ending: balance,
    });
  }
  world.store.put('invoice_plan', { id: draft.id, finalizesAt: null, drafts: [] });
  const page = `${world.baseUrl()}/invoices/${draft.id}`;
  const open = world.store.put('invoice', {
    ...draft,
    ...owed,
    status: 'open',
    number: `${customer.invoice_prefix ?? 'SANDBOX'}-${String(sequence).padStart(4, '0')}`,
    starting_balance: customer.balance,
    ending_balance: owed.amount_due > 0 ? 0 : ending,
    effective_at: world.now(),
    automatically_finalizes_at: null,
    hosted_invoice_url: page,
    invoice_pdf: `${page}/pdf`,
    status_transitions: { ...draft.status_transitions, finalized_at: world.now() },
  });
  if (open.amount_due > 0) {
    askForPayment(world, open);
  }
  emit(world, 'invoice.finalized', open, draft);
  return open.amount_due > 0 ? open : markInvoicePaid(world, open, { intent: null });
}

function askForPayment(world: World, invoice: Invoice): void {
  const intent = addIntent(world, {
    amount: invoice.amount_due,
    currency: invoice.currency,
    customer: invoice.customer,
    description: describe(invoice),
    plan: { invoice: invoice.id },
  });
  addInvoicePayment(world, invoice, intent.id);
}

function describe(invoice: Invoice): string {
  const words: Readonly<Record<string, string>> = {
    subscription_create: 'Subscription creation',
    subscription_update: 'Subscription update',
    subscription_cycle: 'Subscription update',
  };
  return (
    words[invoice.billing_reason ?? ''] ?? `Payment for Invoice ${invoice.number ?? ''}`.trim()
  );
}

export function needInvoice(world: World, id: string, param?: string): Invoice {
  const invoice = world.store.get('invoice', id);
  if (invoice === undefined) {
    throw noSuch('invoice', id, param);
  }
  return invoice;
}

export function voidInvoice(world: World, before: Invoice): Invoice {
  closePayments(world, before);
  const invoice = world.store.put('invoice', {
    ...before,
    status: 'void',
    auto_advance: false,
    next_payment_attempt: null,
    status_transitions: { ...before.status_transitions, voided_at: world.now() },
  });
  emit(world, 'invoice.voided', invoice, before);
  return invoice;
}

export function markUncollectible(world: World, before: Invoice): Invoice {
  const invoice = world.store.put('invoice', {
    ...before,
    status: 'uncollectible',
    auto_advance: false,
    next_payment_attempt: null,
    status_transitions: { ...before.status_transitions, marked_uncollectible_at: world.now() },
  });
  emit(world, 'invoice.marked_uncollectible', invoice, before);
  return invoice;
}

function closePayments(world: World, invoice: Invoice): void {
  for (const payment of world.store.where('invoice_payment', 'invoice', invoice.id)) {
    const intent = world.store.get('payment_intent', payment.payment.payment_intent ?? '');
    if (payment.status === 'open' && intent !== undefined) {
      world.store.put('invoice_payment', {
        ...payment,
        status: 'canceled',
        status_transitions: { ...payment.status_transitions, canceled_at: world.now() },
      });
      world.store.put('intent_plan', { ...planOf(world, intent.id), settlesAt: null });
      cancelIntent(world, intent, 'void_invoice');
    }
  }
}
