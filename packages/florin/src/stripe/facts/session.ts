import { z } from 'zod';
import type { SessionFact } from './fact.ts';
import { sessionLineFact } from './line.ts';
import {
  list,
  metadata,
  openEnum,
  optionalMinorUnits,
  presentmentDetails,
  reference,
  text,
} from './shapes.ts';

const session = z.object({
  id: z.string(),
  presentment_details: presentmentDetails,
  mode: z.string(),
  payment_status: z.string(),
  status: openEnum,
  amount_total: optionalMinorUnits,
  currency: text,
  customer: reference,
  client_reference_id: text,
  metadata,
  payment_intent: reference,
  invoice: reference,
  subscription: reference,
  line_items: list(sessionLineFact).nullish(),
});

/** Reads a checkout session of any API version. Throws a ZodError when it is not one. */
export function readSession(
  object: unknown,
  context: { asOf: number; ended?: SessionFact['ended'] },
): SessionFact {
  const read = session.parse(object);
  const items = read.line_items;
  return {
    kind: 'session',
    id: read.id,
    mode: read.mode,
    paymentStatus: read.payment_status,
    status: read.status,
    amountTotal: read.amount_total,
    currency: read.currency,
    ...(read.presentment_details == null ? {} : { presentment: read.presentment_details }),
    customerId: read.customer,
    clientReferenceId: read.client_reference_id,
    metadata: read.metadata,
    paymentIntentId: read.payment_intent,
    invoiceId: read.invoice,
    subscriptionId: read.subscription,
    lines: items == null || items.has_more ? null : items.data,
    asOf: context.asOf,
    ended: context.ended ?? null,
  };
}
