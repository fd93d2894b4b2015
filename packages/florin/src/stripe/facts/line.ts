import { z } from 'zod';
import type { CreditedItems, LineFact } from './fact.ts';
import { decimal, flag, minorUnits, optionalMinorUnits, reference, text } from './shapes.ts';

const price = z
  .union([
    z.string().transform((id) => ({ id, lookup_key: undefined })),
    z.object({
      id: z.string(),
      lookup_key: z.string().nullish(),
      unit_amount: optionalMinorUnits,
      unit_amount_decimal: decimal,
      currency: text,
    }),
  ])
  .nullish();

const plan = z
  .object({
    id: z.string(),
    amount: optionalMinorUnits,
    amount_decimal: decimal,
    currency: text,
    interval: text,
  })
  .nullish();

const creditedItems = z
  .object({
    invoice: text,
    invoice_line_items: z.array(z.string()).nullish(),
    invoice_item: text,
    invoice_line_item_details: z
      .object({ invoice: z.string(), invoice_line_items: z.array(z.string()) })
      .nullish(),
  })
  .nullish();

const prorationDetails = z.object({ credited_items: creditedItems }).nullish();

const parentDetails = z
  .object({
    proration: flag,
    subscription: reference,
    invoice_item: text,
    proration_details: prorationDetails,
  })
  .nullish();

const invoiceLine = z.object({
  id: z.string(),
  amount: minorUnits,
  currency: z.string(),
  quantity: z.number().nullish(),
  description: text,
  discount_amounts: z.array(z.object({ amount: minorUnits })).nullish(),
  period: z.object({ start: z.number(), end: z.number() }).nullish(),
  proration: flag,
  subscription: reference,
  type: text,
  invoice_item: text,
  proration_details: prorationDetails,
  price,
  plan,
  pricing: z
    .object({
      unit_amount_decimal: decimal,
      price_details: z.object({ price }).nullish(),
    })
    .nullish(),
  parent: z
    .object({
      type: text,
      subscription_item_details: parentDetails,
      invoice_item_details: parentDetails,
    })
    .nullish(),
});

/** An invoice's line: `line.pricing` since 2025-03-31, `line.price` before, `line.plan` before that. */
export const invoiceLineFact = invoiceLine.transform((line): LineFact => {
  const named = line.pricing?.price_details?.price ?? line.price ?? null;
  const details = line.parent?.subscription_item_details ?? line.parent?.invoice_item_details;
  const unitCurrency = currencyOf(named) ?? line.plan?.currency;
  const invoiceItemId = line.invoice_item ?? details?.invoice_item;
  const credited = creditedBy(
    (details?.proration_details ?? line.proration_details)?.credited_items,
  );
  return {
    id: line.id,
    priceId: named?.id ?? line.plan?.id ?? null,
    lookupKey: named === null ? undefined : named.lookup_key,
    quantity: line.quantity ?? 1,
    amount: line.amount,
    discount: (line.discount_amounts ?? []).reduce((sum, one) => sum + one.amount, 0),
    currency: line.currency,
    unitAmount: unitAmountOf(named) ?? planAmount(line.plan),
    recurring: recurringOf(line),
    proration: line.proration || (details?.proration ?? false),
    period: line.period ?? null,
    subscriptionId: line.subscription ?? details?.subscription ?? null,
    description: line.description,
    ...(unitCurrency == null ? {} : { unitCurrency }),
    ...(invoiceItemId == null ? {} : { invoiceItemId }),
    ...(credited === undefined ? {} : { credited }),
  };
});

const sessionLine = z.object({
  id: z.string(),
  amount_subtotal: optionalMinorUnits,
  amount_total: optionalMinorUnits,
  amount_discount: optionalMinorUnits,
  currency: text,
  quantity: z.number().nullish(),
  description: text,
  price,
});

/** A line of a checkout session. */
export const sessionLineFact = sessionLine.transform((line): LineFact => {
  const before = line.amount_subtotal ?? line.amount_total ?? 0;
  return {
    id: line.id,
    priceId: line.price?.id ?? null,
    lookupKey: line.price?.lookup_key,
    quantity: line.quantity ?? 1,
    amount: before,
    discount: line.amount_discount ?? Math.max(0, before - (line.amount_total ?? before)),
    currency: line.currency ?? '',
    unitAmount: unitAmountOf(line.price ?? null),
    recurring: null,
    proration: false,
    period: null,
    subscriptionId: null,
    description: line.description,
  };
});

type PriceShape = z.infer<typeof price>;

/** The price's own unit amount; a line's `pricing.unit_amount_decimal` is that of a proration's part. */
function unitAmountOf(named: PriceShape | null): string | null {
  if (named == null || !('unit_amount' in named)) {
    return null;
  }
  return named.unit_amount_decimal ?? named.unit_amount?.toString() ?? null;
}

function currencyOf(named: PriceShape | null): string | null {
  return named == null || !('currency' in named) ? null : named.currency;
}

/**
 * A line names an invoice and its lines; an invoice item may name another that is still pending.
 * https://docs.stripe.com/api/invoice-line-item/object, https://docs.stripe.com/api/invoiceitems/object
 */
function creditedBy(items: z.infer<typeof creditedItems>): CreditedItems | undefined {
  const lines = items?.invoice_line_item_details;
  if (lines != null) {
    return { invoiceId: lines.invoice, lineIds: lines.invoice_line_items };
  }
  if (items?.invoice != null) {
    return { invoiceId: items.invoice, lineIds: items.invoice_line_items ?? [] };
  }
  return items?.invoice_item == null ? undefined : { invoiceItemId: items.invoice_item };
}

function planAmount(named: z.infer<typeof plan>): string | null {
  return named?.amount_decimal ?? named?.amount?.toString() ?? null;
}

function recurringOf(line: z.infer<typeof invoiceLine>): boolean | null {
  if (line.parent?.type != null) {
    return line.parent.type === 'subscription_item_details';
  }
  return line.type === null ? null : line.type === 'subscription';
}
