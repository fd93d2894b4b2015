import type { StripeClient } from '../stripe/index.ts';
import type { ChargeDeps } from './deps.ts';
import { noteInvoice, type OpenTopUp } from './top-up.ts';

export type Invoice = Awaited<ReturnType<StripeClient['invoices']['list']>>['data'][number];

/** Stripe forgets idempotency keys after a day; what is older is looked for before it is made again. */
const KEYS_LAST_MS = 20 * 3_600_000;
const PAGE = 100;

/**
 * The top-up's one invoice, as it stands at Stripe: the one noted, or a draft made now. The draft takes
 * nothing else along that waits for the customer's next invoice, and charges nobody by itself.
 */
export async function topUpInvoice(deps: ChargeDeps, topUp: OpenTopUp): Promise<Invoice> {
  const { db, stripe } = deps;
  if (topUp.invoiceId !== null) {
    return stripe.invoices.retrieve(topUp.invoiceId);
  }
  const { topUpId } = topUp;
  const made = (await findOlder(deps, topUp)) ?? (await createDraft(deps, topUp));
  const invoiceId = await noteInvoice(db, { topUpId, invoiceId: made.id });
  return invoiceId === made.id ? made : stripe.invoices.retrieve(invoiceId);
}

/** Puts the line on a draft that has none: read first, for a key that was forgotten would add a second. */
export async function addLine(
  { stripe }: ChargeDeps,
  topUp: OpenTopUp,
  draft: Invoice,
): Promise<Invoice> {
  if (draft.lines.data.length === 0) {
    const { topUpId, customerId, stripePriceId, quantity } = topUp;
    await stripe.invoiceItems.create(
      {
        customer: customerId,
        invoice: draft.id,
        pricing: { price: stripePriceId },
        quantity,
        metadata: { top_up_id: topUpId },
      },
      { idempotencyKey: `top-up:${topUpId}:item` },
    );
  }
  return stripe.invoices.retrieve(draft.id);
}

/**
 * Deletes a draft, its items first: Stripe would leave them behind for the customer's next invoice,
 * which would charge them after all.
 */
export async function deleteDraft({ stripe }: ChargeDeps, invoiceId: string): Promise<void> {
  for await (const { id } of stripe.invoiceItems.list({ invoice: invoiceId, limit: PAGE })) {
    await stripe.invoiceItems.del(id);
  }
  await stripe.invoices.del(invoiceId);
}

/** Whether it charges what was agreed to, and nothing else. Taxes come on top; discounts come off. */
export function isAsAgreed(draft: Invoice, { amountMinor, currency }: OpenTopUp): boolean {
  return (
    draft.lines.data.length === 1 && draft.subtotal === amountMinor && draft.currency === currency
  );
}

async function createDraft(
  { stripe, catalog }: ChargeDeps,
  { topUpId, accountId, customerId, priceId, currency }: OpenTopUp,
): Promise<Invoice> {
  return stripe.invoices.create(
    {
      customer: customerId,
      currency,
      collection_method: 'charge_automatically',
      auto_advance: false,
      pending_invoice_items_behavior: 'exclude',
      metadata: { top_up_id: topUpId, userId: accountId, priceId },
      ...(catalog.checkout.automaticTax ? { automatic_tax: { enabled: true } } : {}),
    },
    { idempotencyKey: `top-up:${topUpId}:invoice` },
  );
}

async function findOlder(
  { stripe, clock }: ChargeDeps,
  { topUpId, customerId, createdAt }: OpenTopUp,
): Promise<Invoice | undefined> {
  if (clock.now().getTime() - createdAt.getTime() < KEYS_LAST_MS) {
    return undefined;
  }
  const created = { gte: Math.floor(createdAt.getTime() / 1000) - 3600 };
  const query = { customer: customerId, created, limit: PAGE };
  for await (const invoice of stripe.invoices.list(query)) {
    if (invoice.metadata?.['top_up_id'] === topUpId) {
      return invoice;
    }
  }
  return undefined;
}
