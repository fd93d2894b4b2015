import type { InvoiceFact, InvoicePaymentFact, LineFact } from '../stripe/index.ts';
import { findAccount } from './account.ts';
import {
  type Decision,
  type DecisionInput,
  type Details,
  failed,
  processed,
  skipped,
  stripeUnavailable,
} from './decision.ts';
import { addPurchases, type ConvergedPayment, convergePayment } from './payment.ts';
import { purchasesOf } from './purchase.ts';
import { returnsOf } from './returns.ts';
import { joinInvoice, joinReturns, type PaymentState } from './state.ts';

/**
 * An invoice grants when it is paid, whatever brought it about: the first period, a renewal, an
 * upgrade, a threshold, an invoice written by hand or from a quote. A session's own invoice (payment
 * mode) grants nothing once the session has.
 */
export function decideInvoice(told: DecisionInput<InvoiceFact>): Decision {
  const { known, details, now, eventId } = told;
  const { subscriptionId } = subscriptionsOf(told.fact, details);
  const fact = { ...told.fact, subscriptionId };
  const input = { ...told, fact };
  const subject = { customerId: fact.customerId };
  if (!fact.paid) {
    return skipped(
      `The invoice is ${fact.status ?? 'not paid'}; credits follow when it is paid.`,
      subject,
    );
  }
  const state = joinInvoice(known.payment, fact);
  const soldBySession =
    fact.subscriptionId === null &&
    Object.values(state.purchases).some((purchase) => purchase.via === 'checkout');
  if (soldBySession) {
    const converged = convergePayment(state, { known, now, eventId });
    return processed('The checkout session of this invoice has granted already.', {
      ...subject,
      ...converged.writes,
    });
  }
  const lines = linesOf(input);
  if (!Array.isArray(lines)) {
    return lines as Decision;
  }
  return decideLines(input, state, lines);
}

function decideLines(
  input: DecisionInput<InvoiceFact>,
  paid: PaymentState,
  lines: readonly LineFact[],
): Decision {
  const { fact, known, catalog, details, now, eventId, mend = false } = input;
  const subject = { customerId: fact.customerId };
  const returns = returnsOf(fact, lines, { catalog, known });
  const returning = Object.keys(returns).length > 0;
  const state = joinReturns(paid, returns);
  const withoutGrants = (reason: string) =>
    returning ? processReturns(input, state) : skipped(reason, subject);
  if (lines.every((line) => line.priceId === null || line.amount < 0)) {
    return withoutGrants('No line of this invoice names a price: nothing here is for credits.');
  }
  const account = findAccount(
    {
      customerId: fact.customerId,
      clientReferenceId: null,
      metadata: fact.metadata,
      subscriptionId: fact.subscriptionId,
      subscriptionMetadata: fact.subscriptionMetadata,
    },
    known,
    details,
  );
  if ('need' in account) {
    return account;
  }
  const made = purchasesOf(lines, {
    catalog,
    known,
    details,
    now,
    accountId: 'accountId' in account ? account.accountId : '',
    via: 'invoice',
    paidObjectId: fact.id,
    mend,
    subscriptionId: fact.subscriptionId,
    invoicedAt: fact.createdAt ?? null,
    metadata: {
      stripe_payment_id: fact.paymentIntentIds[0] ?? fact.id,
      stripe_invoice_id: fact.id,
      ...(fact.subscriptionId === null ? {} : { stripe_subscription_id: fact.subscriptionId }),
      ...(fact.billingReason === null ? {} : { billing_reason: fact.billingReason }),
    },
  });
  if ('need' in made) {
    return made;
  }
  const unknown = made.obstacles[0];
  if (unknown === undefined && made.purchases.length === 0) {
    return withoutGrants('Nothing on this invoice grants credits.');
  }
  if ('obstacle' in account) {
    return failed(unknown ?? account.obstacle, subject);
  }
  const converged = convergePayment(addPurchases(state, made.purchases, { mend }), {
    known,
    now,
    eventId,
  });
  const writes = {
    ...subject,
    ...converged.writes,
    accountId: account.accountId,
    customer: account.link,
  };
  if (unknown !== undefined) {
    return failed(
      unknown,
      made.purchases.length === 0 && !returning
        ? { ...subject, accountId: account.accountId }
        : writes,
    );
  }
  return processed(credited(converged, input), writes);
}

/**
 * The subscription that an invoice bills, and others whose lines it has too: an invoice without a
 * subscription takes up the pending items of all of a customer's
 * (https://docs.stripe.com/api/invoices/create#create_invoice-pending_invoice_items_behavior). Lines
 * beyond the first ones are known once Stripe has been asked for all.
 */
export function subscriptionsOf(
  fact: InvoiceFact,
  details: Details,
): { subscriptionId: string | null; joinedSubscriptions: readonly string[] } {
  const asked = details.get('invoiceLines', fact.id);
  const lines = Array.isArray(asked) ? (asked as readonly LineFact[]) : fact.lines;
  const named = new Set(lines.flatMap((line) => line.subscriptionId ?? []));
  const subscriptionId = fact.subscriptionId ?? [...named][0] ?? null;
  named.delete(subscriptionId ?? '');
  return { subscriptionId, joinedSubscriptions: fact.paid ? [...named].sort() : [] };
}

/** Nothing on the invoice grants: it only gives back, and whose credits those are is known. */
function processReturns(input: DecisionInput<InvoiceFact>, state: PaymentState): Decision {
  const { fact, known, now, eventId } = input;
  const converged = convergePayment(state, { known, now, eventId });
  return processed(credited(converged, input), {
    customerId: fact.customerId,
    ...converged.writes,
    accountId: converged.writes.commands[0]?.accountId ?? converged.writes.accountId,
  });
}

function credited(
  { issued, reversed, takenElsewhere, unmatched }: ConvergedPayment,
  { catalog }: DecisionInput<InvoiceFact>,
): string {
  const { text } = catalog.credit;
  const moved = `Credited ${text(issued)}, taken back ${text(reversed + Math.max(0, takenElsewhere))}.`;
  return unmatched.length === 0
    ? moved
    : `${moved} No credits are known for what ${namesOf(unmatched)} gave back: nothing is taken for it, until they are.`;
}

function namesOf(ids: readonly string[]): string {
  const shown = ids.slice(0, 3).join(', ');
  return ids.length > 3 ? `${shown} and ${ids.length - 3} more lines` : `line ${shown}`;
}

/** Which payment intent paid which invoice: links them, so that a refund finds what it pays back. */
export function decideInvoicePayment(input: DecisionInput<InvoicePaymentFact>): Decision {
  const { known, now, eventId } = input;
  const converged = convergePayment(known.payment, { known, now, eventId });
  return processed('Linked the payment to its invoice; invoice.paid grants.', converged.writes);
}

function linesOf({ fact, details }: DecisionInput<InvoiceFact>): readonly LineFact[] | Decision {
  if (fact.linesComplete) {
    return fact.lines;
  }
  const answer = details.get('invoiceLines', fact.id);
  if (answer === undefined) {
    return { need: { ask: 'invoiceLines', id: fact.id } };
  }
  if (answer === 'unavailable') {
    return failed(stripeUnavailable(`all lines of invoice ${fact.id}`), {
      customerId: fact.customerId,
    });
  }
  return (
    answer ??
    failed(
      {
        code: 'object_unknown',
        message: `Paid, and Stripe does not know invoice ${fact.id}, whose event carries only its first ${fact.lines.length} lines. Check that STRIPE_SECRET_KEY belongs to the endpoint's account, then replay the event.`,
        needsAttention: true,
      },
      { customerId: fact.customerId },
    )
  );
}
