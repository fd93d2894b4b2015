import { inCurrency } from '../catalog/amount.ts';
import type { InvoiceLine, LinePricing, Price, Tax } from '../shapes.ts';
import type { DraftLine } from '../store/records.ts';
import { newId } from '../world.ts';

export function buildLine(
  invoice: string,
  draft: DraftLine,
  of: { discounts: { amount: number; discount: string }[]; taxes: Tax[] },
): InvoiceLine {
  return {
    id: newId('il'),
    object: 'line_item',
    amount: draft.amount,
    currency: draft.currency,
    description: draft.description,
    discount_amounts: of.discounts,
    discountable: draft.discountable ?? !draft.proration,
    discounts: [],
    invoice,
    livemode: false,
    metadata: draft.metadata ?? {},
    parent: parentOf(draft),
    period: draft.period,
    pretax_credit_amounts: [],
    pricing: draft.price === null ? null : pricingOf(draft.price, draft),
    quantity: draft.quantity,
    quantity_decimal: String(draft.quantity),
    subscription: draft.subscription,
    subtotal: draft.amount,
    taxes: of.taxes,
  };
}

function parentOf(draft: DraftLine): InvoiceLine['parent'] {
  const proration = {
    proration: draft.proration,
    proration_details: draft.prorationDetails ?? { credited_items: null },
  };
  if (draft.subscriptionItem !== null && draft.invoiceItem === null) {
    return {
      type: 'subscription_item_details',
      invoice_item_details: null,
      subscription_item_details: {
        ...proration,
        invoice_item: null,
        subscription: draft.subscription,
        subscription_item: draft.subscriptionItem,
      },
    };
  }
  return {
    type: 'invoice_item_details',
    subscription_item_details: null,
    invoice_item_details: {
      ...proration,
      invoice_item: draft.invoiceItem ?? newId('ii'),
      subscription: draft.subscription,
    },
  };
}

export function pricingOf(
  price: Price,
  line: { amount: number; currency: string; proration: boolean; quantity: number },
): LinePricing {
  return {
    type: 'price_details',
    price_details: { price: price.id, product: price.product },
    unit_amount_decimal:
      line.proration || price.custom_unit_amount !== null
        ? String(line.amount / Math.max(1, line.quantity))
        : inCurrency(price, line.currency).unit_amount_decimal,
  };
}
