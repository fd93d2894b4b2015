import { finalizeInvoice } from '../billing/finalize-invoice.ts';
import { addInvoice, needInvoice } from '../billing/invoices.ts';
import { methodFor, payInvoice } from '../billing/pay-invoice.ts';
import { needSubscription } from '../billing/subscriptions.ts';
import { amountOf } from '../catalog/amount.ts';
import { needPrice } from '../catalog/prices.ts';
import { needCustomer } from '../customers/customers.ts';
import type { Invoice } from '../shapes.ts';
import { inTimeOf, newId, type World } from '../world.ts';

export type HandMadeInvoice = {
  customer: string;
  lines: readonly {
    price?: string;
    quantity?: number;
    /** Default: the price's; without a price it must be said. */
    amount?: number;
    description?: string;
    proration?: boolean;
  }[];
  /** Default `manual`. */
  reason?: string;
  subscription?: string;
  /** Default true: finalized and, where a card is on file or named, paid. */
  pay?: boolean;
  card?: string;
};

/** Makes an invoice as a person, a quote or a usage threshold would, and collects it. */
export function makeInvoice(world: World, input: HandMadeInvoice): Invoice {
  const customer = needCustomer(world, input.customer);
  const reason = input.reason ?? 'manual';
  const subscription =
    input.subscription === undefined ? null : needSubscription(world, input.subscription);
  return inTimeOf(world, customer.id, () => {
    const now = world.now();
    const currency = subscription?.currency ?? currencyOf(world, input);
    const draft = addInvoice(world, {
      customer: customer.id,
      currency,
      reason,
      subscription,
      ...(reason === 'quote_accept' ? { quote: newId('qt') } : {}),
      lines: input.lines.map((line) => {
        const price = line.price === undefined ? null : needPrice(world, line.price);
        const quantity = line.quantity ?? 1;
        return {
          price,
          quantity,
          amount: line.amount ?? (price === null ? 0 : amountOf(price, { quantity, currency })),
          currency,
          description: line.description ?? price?.nickname ?? 'Item',
          period: { start: now, end: now },
          subscription: subscription?.id ?? null,
          subscriptionItem: null,
          invoiceItem: null,
          proration: line.proration ?? false,
        };
      }),
    });
    if (input.pay === false) {
      return draft;
    }
    const invoice = finalizeInvoice(world, draft);
    const method = input.card === undefined ? methodFor(world, invoice) : `pm_card_${input.card}`;
    if (invoice.status === 'open' && method !== null) {
      payInvoice(world, invoice, { method });
    }
    return needInvoice(world, draft.id);
  });
}

function currencyOf(world: World, input: HandMadeInvoice): string {
  const price = input.lines.find((line) => line.price !== undefined)?.price;
  return price === undefined ? world.settings.currency : needPrice(world, price).currency;
}
