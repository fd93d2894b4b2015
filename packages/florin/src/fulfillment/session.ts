import type { LineFact, SessionFact } from '../stripe/index.ts';
import { type AccountFound, findAccount } from './account.ts';
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
import { addPurchases, convergePayment } from './payment.ts';
import { purchasesOf } from './purchase.ts';
import { isPaid, joinSession, type PaymentState } from './state.ts';

/**
 * A checkout session. In payment mode it grants once it is paid; in subscription mode it never
 * grants, since its invoice does, and only says whose subscription it is.
 */
export function decideSession(input: DecisionInput<SessionFact>): Decision {
  const { fact } = input;
  if (fact.mode === 'subscription') {
    return decideSubscriptionSession(input);
  }
  if (fact.mode !== 'payment') {
    return skipped(`A session in ${fact.mode} mode sells nothing.`, {
      customerId: fact.customerId,
    });
  }
  const state = joinSession(input.known.payment, fact);
  return isPaid(fact) ? decidePaid(input, state) : decideUnpaid(input, state);
}

function decideSubscriptionSession(input: DecisionInput<SessionFact>): Decision {
  const { fact } = input;
  if (fact.ended !== null) {
    return skipped(`The session ${fact.ended}; no money came.`, { customerId: fact.customerId });
  }
  const account = whose(input);
  if (!('accountId' in account)) {
    // Whose it is will be asked when the invoice comes.
    return processed("The subscription's invoice grants; the account is not known yet.", {
      customerId: fact.customerId,
    });
  }
  return processed("The subscription's invoice grants, not the session.", {
    accountId: account.accountId,
    customerId: fact.customerId,
    customer: account.link,
    subscription:
      fact.subscriptionId === null
        ? null
        : {
            subscriptionId: fact.subscriptionId,
            customerId: fact.customerId,
            accountId: account.accountId,
            fact: null,
          },
  });
}

function decideUnpaid(input: DecisionInput<SessionFact>, state: PaymentState): Decision {
  const { fact, known, now, eventId } = input;
  if (fact.ended === 'expired' && known.payment.sessions[fact.id] === undefined) {
    return skipped('The session expired unpaid.', { customerId: fact.customerId });
  }
  const account = whose(input);
  const accountId = 'accountId' in account ? account.accountId : null;
  const converged = convergePayment(state, { known, now, eventId, accountId });
  const standing = state.sessions[fact.id]?.standing;
  return processed(
    standing === 'pending'
      ? 'Completed, not paid yet: credits follow when the delayed payment succeeds.'
      : standing === 'failed'
        ? 'The delayed payment failed; nothing was credited.'
        : 'An older update about a session that is paid by now.',
    {
      ...converged.writes,
      accountId,
      customerId: fact.customerId,
    },
  );
}

function decidePaid(input: DecisionInput<SessionFact>, state: PaymentState): Decision {
  const { fact, known, catalog, details, now, eventId } = input;
  const invoiced = Object.values(state.purchases).some(
    (purchase) => purchase.via === 'invoice' && purchase.subscriptionId === null,
  );
  if (invoiced) {
    const converged = convergePayment(state, { known, now, eventId });
    return processed('The invoice of this session has granted already.', {
      ...converged.writes,
      customerId: fact.customerId,
    });
  }
  const listed = linesOf(input);
  if (!('lines' in listed)) {
    return 'need' in listed ? listed : failed(listed.obstacle, { customerId: fact.customerId });
  }
  const account = whose(input);
  if ('need' in account) {
    return account;
  }
  if ('obstacle' in account) {
    return failed(account.obstacle, { customerId: fact.customerId });
  }
  const made = purchasesOf(listed.lines, {
    catalog,
    known,
    details,
    now,
    accountId: account.accountId,
    via: 'checkout',
    paidObjectId: fact.id,
    subscriptionId: null,
    invoicedAt: null,
    metadata: {
      stripe_payment_id: fact.paymentIntentId ?? fact.id,
      stripe_session_id: fact.id,
    },
  });
  if ('need' in made) {
    return made;
  }
  const converged = convergePayment(addPurchases(state, made.purchases), { known, now, eventId });
  const { text } = input.catalog.credit;
  const writes = {
    ...converged.writes,
    accountId: account.accountId,
    customerId: fact.customerId,
    customer: account.link,
  };
  const obstacle = made.obstacles[0];
  if (obstacle !== undefined) {
    return failed(
      obstacle,
      made.purchases.length === 0
        ? { customerId: fact.customerId, accountId: account.accountId }
        : writes,
    );
  }
  return made.purchases.length === 0
    ? skipped('No line of this session is for credits.', { customerId: fact.customerId })
    : processed(
        `Credited ${text(converged.issued)}, taken back ${text(converged.reversed)}.`,
        writes,
      );
}

function whose({ fact, known, details }: DecisionInput<SessionFact>): AccountFound {
  return findAccount(
    {
      customerId: fact.customerId,
      clientReferenceId: fact.clientReferenceId,
      metadata: fact.metadata,
      subscriptionId: null,
      subscriptionMetadata: {},
    },
    known,
    details,
  );
}

type Listed = { lines: readonly LineFact[] } | { need: Need } | { obstacle: Obstacle };

/** The session's lines: from the event, from what we wrote when we made the session, or from Stripe. */
function linesOf({ fact, details }: DecisionInput<SessionFact>): Listed {
  const carried = fact.lines ?? ownLines(fact);
  if (carried !== null) {
    return { lines: carried };
  }
  const answer = details.get('sessionLines', fact.id);
  if (answer === undefined) {
    return { need: { ask: 'sessionLines', id: fact.id } };
  }
  if (answer === 'unavailable') {
    return { obstacle: stripeUnavailable(`the lines of session ${fact.id}`) };
  }
  return answer === null
    ? {
        obstacle: {
          code: 'object_unknown',
          message: `Paid, and Stripe does not know session ${fact.id}, so what was bought cannot be told. Check that STRIPE_SECRET_KEY belongs to the endpoint's account, then replay the event.`,
          needsAttention: true,
        },
      }
    : { lines: answer };
}

/**
 * Sessions that Florin made carry their single line in metadata (`florin_price`, `florin_quantity`),
 * which only the holder of the secret key can write: no need to ask Stripe.
 */
function ownLines(fact: SessionFact): readonly LineFact[] | null {
  const priceId = fact.metadata['florin_price'];
  const quantity = Number(fact.metadata['florin_quantity']);
  if (priceId === undefined || !Number.isSafeInteger(quantity) || quantity < 1) {
    return null;
  }
  return [
    {
      id: '1',
      priceId,
      lookupKey: fact.metadata['florin_lookup_key'],
      quantity,
      amount: fact.amountTotal ?? 0,
      discount: 0,
      currency: fact.currency ?? '',
      unitAmount: null,
      recurring: false,
      proration: false,
      period: null,
      subscriptionId: null,
      description: null,
    },
  ];
}
