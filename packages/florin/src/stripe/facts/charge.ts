import { z } from 'zod';
import type { ChargeFact, DisputeFact, FraudWarningFact, RefundFact } from './fact.ts';
import {
  list,
  minorUnits,
  optionalMinorUnits,
  presentmentDetails,
  reference,
  text,
} from './shapes.ts';

const refund = z.object({
  id: z.string(),
  amount: minorUnits,
  currency: z.string(),
  charge: reference,
  payment_intent: reference,
  status: text,
  reason: text,
});

/** Reads a refund. `announcedFailed`: the event was `refund.failed`, whatever the object says. */
export function readRefund(
  object: unknown,
  context: { asOf: number; announcedFailed?: boolean },
): RefundFact {
  const read = refund.parse(object);
  return {
    kind: 'refund',
    id: read.id,
    amount: read.amount,
    currency: read.currency,
    chargeId: read.charge,
    paymentIntentId: read.payment_intent,
    // Very old refunds carry no status: they were always complete.
    status: read.status ?? 'succeeded',
    reason: read.reason,
    asOf: context.asOf,
    announcedFailed: context.announcedFailed ?? false,
  };
}

const charge = z.object({
  id: z.string(),
  amount: minorUnits,
  amount_captured: optionalMinorUnits,
  amount_refunded: minorUnits,
  currency: z.string(),
  payment_intent: reference,
  invoice: reference,
  customer: reference,
  refunds: list(z.unknown()).nullish(),
  presentment_details: presentmentDetails,
});

/** Reads a charge: `amount_refunded` is cumulative; `invoice` is there until 2025-03-31 only. */
export function readCharge(object: unknown, context: { asOf: number }): ChargeFact {
  const read = charge.parse(object);
  return {
    kind: 'charge',
    id: read.id,
    amount: read.amount_captured ?? read.amount,
    refunded: read.amount_refunded,
    currency: read.currency,
    paymentIntentId: read.payment_intent,
    invoiceId: read.invoice,
    customerId: read.customer,
    ...(read.presentment_details == null ? {} : { presentment: read.presentment_details }),
    refunds: (read.refunds?.data ?? []).map((one) => ({
      ...readRefund(one, context),
      chargeId: read.id,
      paymentIntentId: read.payment_intent,
    })),
    asOf: context.asOf,
  };
}

const dispute = z.object({
  id: z.string(),
  amount: minorUnits,
  currency: z.string(),
  charge: reference,
  payment_intent: reference,
  status: z.string(),
  reason: text,
  balance_transactions: z
    .array(z.object({ amount: minorUnits, currency: text }))
    .nullish()
    .catch(null),
});

const fraudWarning = z.object({
  id: z.string(),
  actionable: z.boolean().nullish(),
  charge: reference,
  payment_intent: reference,
});

/** Reads an early fraud warning; one that does not say whether it is actionable is. */
export function readFraudWarning(object: unknown): FraudWarningFact {
  const read = fraudWarning.parse(object);
  return {
    kind: 'fraud_warning',
    id: read.id,
    chargeId: read.charge,
    paymentIntentId: read.payment_intent,
    actionable: read.actionable ?? true,
  };
}

/** Reads a dispute or an inquiry. */
export function readDispute(
  object: unknown,
  context: { asOf: number; movement?: DisputeFact['movement'] },
): DisputeFact {
  const read = dispute.parse(object);
  const moves = (read.balance_transactions ?? []).map((one) =>
    // In another currency than the charge's only the direction counts: rates change on the way back.
    one.currency === null || one.currency === read.currency
      ? one.amount
      : Math.sign(one.amount) * read.amount,
  );
  return {
    kind: 'dispute',
    id: read.id,
    amount: read.amount,
    currency: read.currency,
    chargeId: read.charge,
    paymentIntentId: read.payment_intent,
    status: read.status,
    reason: read.reason,
    balance: moves.length === 0 ? null : moves.reduce((sum, one) => sum + one, 0),
    movement: context.movement ?? null,
    asOf: context.asOf,
  };
}
