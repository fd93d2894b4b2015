import { noSuch } from '../api/errors.ts';
import { settleCurrency } from '../customers/currency.ts';
import { needCustomer } from '../customers/customers.ts';
import { emit } from '../events/emit.ts';
import type { Invoice, Subscription, TaxRate } from '../shapes.ts';
import type { DraftLine } from '../store/records.ts';
import { newId, type World } from '../world.ts';
import { setLines } from './invoice-amounts.ts';

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
  metadata?: Record<string, string>;
  /** What it says besides, such as a footer. */
  fields?: Partial<Invoice>;
  /** Default: the subscription's. */
  defaultTaxRates?: TaxRate[] | undefined;
  period?: { start: number; end: number };
  finalizesAt?: number | null;
};

/** Makes a draft with these lines. */
export function addInvoice(world: World, input: NewInvoice): Invoice {
  const customer = needCustomer(world, input.customer, 'customer');
  settleCurrency(world, customer.id, { currency: input.currency, changes: false });
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
    description: null,
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
    ...input.fields,
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

export function needInvoice(world: World, id: string, param?: string): Invoice {
  const invoice = world.store.get('invoice', id);
  if (invoice === undefined) {
    throw noSuch('invoice', id, param);
  }
  return invoice;
}
