import { invalid } from '../api/errors.ts';
import { noteMove } from '../customers/balance-transactions.ts';
import { needCustomer } from '../customers/customers.ts';
import { emit } from '../events/emit.ts';
import { addIntent } from '../payments/intents.ts';
import type { Invoice } from '../shapes.ts';
import type { World } from '../world.ts';
import { due } from './invoice-amounts.ts';
import { addInvoicePayment } from './invoice-payments.ts';
import { markInvoicePaid } from './pay-invoice.ts';

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
    next_invoice_sequence: draft.number === null ? sequence + 1 : sequence,
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
    number:
      draft.number ??
      `${customer.invoice_prefix ?? 'SANDBOX'}-${String(sequence).padStart(4, '0')}`,
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
    setupFutureUsage: keepsMethod(world, invoice) ? 'off_session' : null,
    plan: { invoice: invoice.id },
  });
  addInvoicePayment(world, invoice, intent.id);
}

/** Whether the subscription keeps what its first invoice is paid with. */
function keepsMethod(world: World, invoice: Invoice): boolean {
  const subscription = invoice.parent?.subscription_details?.subscription ?? '';
  const settings = world.store.get('subscription', subscription)?.payment_settings;
  return settings?.save_default_payment_method === 'on_subscription';
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
