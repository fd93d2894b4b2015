import type {
  ChargeFact,
  CreditNoteFact,
  DisputeFact,
  FraudWarningFact,
  RefundFact,
} from '../stripe/index.ts';
import {
  type Decision,
  type DecisionInput,
  failed,
  type Need,
  type Obstacle,
  processed,
  skipped,
  stripeUnavailable,
} from './decision.ts';
import { convergePayment } from './payment.ts';
import {
  joinCharge,
  joinCreditNote,
  joinDispute,
  joinFraudWarning,
  joinRefund,
  type PaymentState,
  refundIsOff,
} from './state.ts';

/** A charge with its cumulative `amount_refunded`. */
export function decideCharge(input: DecisionInput<ChargeFact>): Decision {
  return convergeMoneyBack(input, joinCharge(input.known.payment, input.fact), {
    paymentIntentId: input.fact.paymentIntentId,
    invoiceKnown: input.fact.invoiceId !== null,
  });
}

/** One refund, whatever its status. */
export function decideRefund(input: DecisionInput<RefundFact>): Decision {
  const truth = refundTruth(input);
  if ('need' in truth) {
    return truth;
  }
  if ('obstacle' in truth) {
    return failed(truth.obstacle);
  }
  return convergeMoneyBack(input, joinRefund(input.known.payment, truth.fact), {
    paymentIntentId: input.fact.paymentIntentId,
    invoiceKnown: false,
  });
}

/** A dispute or an inquiry. */
export function decideDispute(input: DecisionInput<DisputeFact>): Decision {
  return convergeMoneyBack(input, joinDispute(input.known.payment, input.fact), {
    paymentIntentId: input.fact.paymentIntentId,
    invoiceKnown: false,
  });
}

/** A credit note: what it gave back beside refunds counts as money back too. */
export function decideCreditNote(input: DecisionInput<CreditNoteFact>): Decision {
  return convergeMoneyBack(input, joinCreditNote(input.known.payment, input.fact), {
    paymentIntentId: null,
    invoiceKnown: true,
  });
}

/**
 * An early fraud warning moves no money. Where the catalogue says `freeze`, the credits of its charge
 * are taken back as an open dispute would, until the warning is not actionable any more. What was
 * frozen under that policy is given back under any.
 */
export function decideFraudWarning(input: DecisionInput<FraudWarningFact>): Decision {
  const { fact, known, catalog } = input;
  const { payment } = known;
  if (catalog.earlyFraudWarnings !== 'freeze' && payment.warnings?.[fact.id] === undefined) {
    return skipped('An early fraud warning moves no money: a refund or a dispute will say so.');
  }
  return convergeMoneyBack(input, joinFraudWarning(payment, fact), {
    paymentIntentId: fact.paymentIntentId,
    invoiceKnown: false,
  });
}

/**
 * `refund.failed` was recorded with an object that still says `succeeded`: neither is trusted alone.
 * Where they disagree Stripe is asked; where Stripe does not know the refund the event's type counts,
 * since Stripe sends it for nothing else.
 */
function refundTruth({
  fact,
  details,
}: DecisionInput<RefundFact>): { fact: RefundFact } | { need: Need } | { obstacle: Obstacle } {
  if (!fact.announcedFailed || refundIsOff(fact.status)) {
    return { fact };
  }
  const answer = details.get('refund', fact.id);
  if (answer === undefined) {
    return { need: { ask: 'refund', id: fact.id } };
  }
  if (answer === 'unavailable') {
    return { obstacle: stripeUnavailable(`the true status of refund ${fact.id}`) };
  }
  return { fact: answer === null ? { ...fact, status: 'failed' } : answer };
}

type PaymentClues = { paymentIntentId: string | null; invoiceKnown: boolean };

/**
 * Converges the payment. Where it has granted nothing yet, it may be known by its invoice only (the
 * link left the charge in 2025): Stripe is asked once. Money that goes back before its purchase is
 * known waits in the payment's state and applies when the purchase comes.
 */
function convergeMoneyBack(
  input: DecisionInput,
  state: PaymentState,
  { paymentIntentId, invoiceKnown }: PaymentClues,
): Decision {
  const { known, details, now, eventId } = input;
  const { writes, ...moved } = convergePayment(state, { known, now, eventId });
  const { text } = input.catalog.credit;
  const [issued, reversed] = [text(moved.issued), text(moved.reversed)];
  if (Object.keys(state.purchases).length > 0) {
    return processed(
      writes.commands.length === 0
        ? `Nothing to move: ${reversed} of ${issued} credits are taken back.`
        : `Of ${issued} credits, ${reversed} are taken back now.`,
      writes,
    );
  }
  if (paymentIntentId !== null && !invoiceKnown && Object.keys(state.invoices).length === 0) {
    const answer = details.get('invoiceOfPayment', paymentIntentId);
    if (answer === undefined) {
      return { need: { ask: 'invoiceOfPayment', id: paymentIntentId } };
    }
    if (answer === 'unavailable') {
      return failed(stripeUnavailable(`the invoice that ${paymentIntentId} paid`), writes);
    }
  }
  return processed(
    'No purchase of this payment is known: kept, and applied when it comes.',
    writes,
  );
}
