import { z } from 'zod';
import type { CreditNoteFact, InvoiceFact, InvoicePaymentFact } from './fact.ts';
import { invoiceLineFact } from './line.ts';
import {
  flag,
  list,
  metadata,
  minorUnits,
  openEnum,
  optionalMinorUnits,
  reference,
  requiredReference,
} from './shapes.ts';

const paymentShape = z
  .object({ payment_intent: reference, charge: reference })
  .nullish()
  .transform((value) => value ?? { payment_intent: null, charge: null });

const invoice = z.object({
  id: z.string(),
  status: openEnum,
  paid: flag,
  billing_reason: openEnum,
  amount_paid: minorUnits.nullish(),
  total: minorUnits.nullish(),
  starting_balance: optionalMinorUnits,
  ending_balance: optionalMinorUnits,
  currency: z.string(),
  created: z.number().nullish(),
  customer: reference,
  subscription: reference,
  subscription_details: z.object({ metadata }).nullish(),
  parent: z
    .object({
      subscription_details: z.object({ subscription: reference, metadata }).nullish(),
    })
    .nullish(),
  metadata,
  payment_intent: reference,
  charge: reference,
  payments: list(z.object({ payment: paymentShape })).nullish(),
  lines: list(invoiceLineFact).nullish(),
});

/** Reads an invoice of any API version. Throws a ZodError when it is not one. */
export function readInvoice(object: unknown, context: { asOf: number }): InvoiceFact {
  const read = invoice.parse(object);
  const payments = (read.payments?.data ?? []).map((one) => one.payment);
  const charges = [read.charge, ...payments.map((one) => one.charge)].filter(isPresent);
  return {
    kind: 'invoice',
    id: read.id,
    paid: read.status === null ? read.paid : read.status === 'paid',
    status: read.status,
    billingReason: read.billing_reason,
    amountPaid: read.amount_paid ?? 0,
    total: read.total ?? 0,
    balanceApplied: Math.max(0, (read.ending_balance ?? 0) - (read.starting_balance ?? 0)),
    currency: read.currency,
    customerId: read.customer,
    subscriptionId:
      read.parent?.subscription_details?.subscription ??
      read.subscription ??
      read.lines?.data.find((line) => line.subscriptionId !== null)?.subscriptionId ??
      null,
    subscriptionMetadata:
      read.parent?.subscription_details?.metadata ?? read.subscription_details?.metadata ?? {},
    metadata: read.metadata,
    paymentIntentIds: unique(
      [read.payment_intent, ...payments.map((one) => one.payment_intent)].filter(isPresent),
    ),
    chargeId: charges[0] ?? null,
    lines: read.lines?.data ?? [],
    linesComplete: read.lines != null && !read.lines.has_more,
    ...(read.created == null ? {} : { createdAt: read.created }),
    asOf: context.asOf,
  };
}

const invoicePayment = z.object({
  id: z.string(),
  invoice: requiredReference,
  payment: paymentShape,
});

/** Reads an invoice payment: which payment intent paid which invoice, since that left the invoice. */
export function readInvoicePayment(object: unknown): InvoicePaymentFact {
  const read = invoicePayment.parse(object);
  return {
    kind: 'invoice_payment',
    id: read.id,
    invoiceId: read.invoice,
    paymentIntentId: read.payment.payment_intent,
    chargeId: read.payment.charge,
  };
}

const creditNote = z.object({
  id: z.string(),
  invoice: requiredReference,
  currency: z.string(),
  status: z.string(),
  type: openEnum,
  amount: minorUnits,
  post_payment_amount: optionalMinorUnits,
  out_of_band_amount: optionalMinorUnits,
  customer_balance_transaction: z
    .union([z.string(), z.object({ amount: optionalMinorUnits })])
    .nullish(),
  refunds: z.array(z.object({ amount_refunded: optionalMinorUnits })).nullish(),
  refund: reference,
});

/** Reads a credit note: what it gave back beside refunds, which arrive as refunds. */
export function readCreditNote(object: unknown, context: { asOf: number }): CreditNoteFact {
  const read = creditNote.parse(object);
  return {
    kind: 'credit_note',
    id: read.id,
    invoiceId: read.invoice,
    currency: read.currency,
    status: read.status,
    outsideRefunds: outsideRefunds(read),
    besideRefund: besideRefund(read),
    asOf: context.asOf,
  };
}

type CreditNoteShape = z.infer<typeof creditNote>;

function outsideRefunds(read: CreditNoteShape): number {
  if (read.type === 'pre_payment') {
    return 0;
  }
  if (read.post_payment_amount !== null && read.refunds != null) {
    const refunded = read.refunds.reduce((sum, one) => sum + (one.amount_refunded ?? 0), 0);
    return Math.max(0, read.post_payment_amount - refunded);
  }
  const outOfBand = read.out_of_band_amount ?? 0;
  if (read.customer_balance_transaction != null) {
    return read.refund === null ? read.amount : outOfBand;
  }
  return outOfBand;
}

/** Until 2025 a note names its refund and not how much of the note that is: the refund itself says it. */
function besideRefund(read: CreditNoteShape): CreditNoteFact['besideRefund'] {
  const { refund, refunds, amount, type } = read;
  return refund === null || refunds != null || type === 'pre_payment'
    ? null
    : { refundId: refund, amount };
}

function isPresent<T>(value: T | null): value is T {
  return value !== null;
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)];
}
