import { z } from 'zod';
import type { LineFact } from './fact.ts';
import { decimal, flag, minorUnits, optionalMinorUnits, reference, text } from './shapes.ts';

const price = z
  .union([
    z.string().transform((id) => ({ id, lookup_key: undefined })),
    z.object({
      id: z.string(),
      lookup_key: z.string().nullish(),
      unit_amount: optionalMinorUnits,
      unit_amount_decimal: decimal,
    }),
  ])
  .nullish();

const plan = z
  .object({
    id: z.string(),
    amount: optionalMinorUnits,
    amount_decimal: decimal,
    interval: text,
  })
  .nullish();

const parentDetails = z.object({ proration: flag, subscription: reference }).nullish();

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

function planAmount(named: z.infer<typeof plan>): string | null {
  return named?.amount_decimal ?? named?.amount?.toString() ?? null;
}

function recurringOf(line: z.infer<typeof invoiceLine>): boolean | null {
  if (line.parent?.type != null) {
    return line.parent.type === 'subscription_item_details';
  }
  return line.type === null ? null : line.type === 'subscription';
}
