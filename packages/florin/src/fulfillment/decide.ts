import type { Fact } from '../stripe/index.ts';
import { decideCustomer, decideSubscription } from './customer.ts';
import { type Decision, type DecisionInput, type Details, skipped } from './decision.ts';
import { decideInvoice, decideInvoicePayment, subscriptionsOf } from './invoice.ts';
import {
  decideCharge,
  decideCreditNote,
  decideDispute,
  decideFraudWarning,
  decideRefund,
} from './money-back-facts.ts';
import { decideSession } from './session.ts';

/**
 * What one fact means for the ledger: its effects, or what has to be asked first. Pure: the time,
 * the catalogue, what the database knows and what Stripe has answered are all arguments.
 */
export function decide(input: DecisionInput): Decision {
  const { fact } = input;
  switch (fact.kind) {
    case 'session':
      return decideSession({ ...input, fact });
    case 'invoice':
      return decideInvoice({ ...input, fact });
    case 'invoice_payment':
      return decideInvoicePayment({ ...input, fact });
    case 'charge':
      return decideCharge({ ...input, fact });
    case 'refund':
      return decideRefund({ ...input, fact });
    case 'dispute':
      return decideDispute({ ...input, fact });
    case 'fraud_warning':
      return decideFraudWarning({ ...input, fact });
    case 'credit_note':
      return decideCreditNote({ ...input, fact });
    case 'subscription':
      return decideSubscription({ ...input, fact });
    case 'customer':
      return decideCustomer({ ...input, fact });
    case 'nothing':
      return skipped(fact.reason);
  }
}

/**
 * The names under which the fact's payment may be known: its session, payment intent, charge and
 * invoice. Facts that share one are about the same payment.
 */
export function aliasesOf(fact: Fact, details: Details): string[] {
  switch (fact.kind) {
    case 'session':
      return fact.mode === 'payment'
        ? present([fact.id, fact.paymentIntentId, fact.invoiceId])
        : [];
    case 'invoice':
      return present([fact.id, ...fact.paymentIntentIds, fact.chargeId]);
    case 'invoice_payment':
      return present([fact.invoiceId, fact.paymentIntentId, fact.chargeId]);
    case 'charge':
      return present([
        fact.id,
        fact.paymentIntentId,
        fact.invoiceId ?? invoiceOf(fact.paymentIntentId, details),
      ]);
    case 'refund':
    case 'dispute':
    case 'fraud_warning':
      return present([
        fact.chargeId,
        fact.paymentIntentId,
        invoiceOf(fact.paymentIntentId, details),
      ]);
    case 'credit_note':
      return [fact.invoiceId];
    case 'subscription':
    case 'customer':
    case 'nothing':
      return [];
  }
}

/** The subscription and customer that a fact names: what else to read before deciding. */
export function subjectsOf(
  fact: Fact,
  details: Details,
): {
  customerId: string | null;
  subscriptionId: string | null;
  joinedSubscriptions: readonly string[];
} {
  const joinedSubscriptions: readonly string[] = [];
  switch (fact.kind) {
    case 'invoice':
      return { customerId: fact.customerId, ...subscriptionsOf(fact, details) };
    case 'session':
      return {
        customerId: fact.customerId,
        subscriptionId: fact.subscriptionId,
        joinedSubscriptions,
      };
    case 'subscription':
      return { customerId: fact.customerId, subscriptionId: fact.id, joinedSubscriptions };
    case 'customer':
      return { customerId: fact.id, subscriptionId: null, joinedSubscriptions };
    case 'charge':
      return { customerId: fact.customerId, subscriptionId: null, joinedSubscriptions };
    case 'invoice_payment':
    case 'refund':
    case 'dispute':
    case 'fraud_warning':
    case 'credit_note':
    case 'nothing':
      return { customerId: null, subscriptionId: null, joinedSubscriptions };
  }
}

function invoiceOf(paymentIntentId: string | null, details: Details): string | null {
  if (paymentIntentId === null) {
    return null;
  }
  const answer = details.get('invoiceOfPayment', paymentIntentId);
  return answer === undefined || answer === 'unavailable' ? null : answer;
}

function present(values: readonly (string | null)[]): string[] {
  return [...new Set(values.filter((value) => value !== null))];
}
