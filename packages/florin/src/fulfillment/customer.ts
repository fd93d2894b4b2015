import { isUuid } from '../kernel/index.ts';
import type { CustomerFact, SubscriptionFact } from '../stripe/index.ts';
import { type Decision, type DecisionInput, processed, skipped } from './plan.ts';

/**
 * A subscription's word grants nothing and takes nothing: what was bought stays, and the end of the
 * subscription stops the parts of dripped prices that are still to come. It is kept for whom it
 * belongs to, its trial and its prices.
 */
export function decideSubscription(input: DecisionInput<SubscriptionFact>): Decision {
  const { fact, known } = input;
  const named = fact.metadata['userId'];
  const accountId =
    known.customerAccountId ??
    known.subscription?.accountId ??
    (isUuid(named) ? named.toLowerCase() : null);
  const older = known.subscription?.fact;
  const newest = older != null && isNewer(older, fact) ? older : fact;
  return processed(`The subscription is ${newest.status}; what was bought stays.`, {
    accountId,
    customerId: fact.customerId,
    customer:
      fact.customerId !== null && known.customerAccountId === null && accountId !== null
        ? { customerId: fact.customerId, accountId, origin: 'subscription' }
        : null,
    subscription: {
      subscriptionId: fact.id,
      customerId: fact.customerId,
      accountId,
      fact: newest,
    },
  });
}

/** A customer whose metadata names its account is linked to it; a deleted one is marked. */
export function decideCustomer({ fact, known }: DecisionInput<CustomerFact>): Decision {
  if (fact.deleted) {
    return processed('The customer was deleted at Stripe; the ledger stays.', {
      accountId: known.customerAccountId,
      customerId: fact.id,
      deletedCustomerId: fact.id,
    });
  }
  const named = fact.metadata['userId'];
  if (known.customerAccountId !== null || !isUuid(named)) {
    return skipped(
      known.customerAccountId !== null
        ? 'The customer is linked to its account already.'
        : 'The customer names no account.',
      { accountId: known.customerAccountId, customerId: fact.id },
    );
  }
  const accountId = named.toLowerCase();
  return processed('Linked the customer to the account in its metadata.', {
    accountId,
    customerId: fact.id,
    customer: { customerId: fact.id, accountId, origin: 'metadata' },
  });
}

/**
 * Ended is for ever; else the later word counts. A subscription is made incomplete and paid within one
 * second, and Stripe tells of both in any order.
 */
function isNewer(stored: SubscriptionFact, fact: SubscriptionFact): boolean {
  const measures: readonly ((one: SubscriptionFact) => number)[] = [
    (one) => (one.endedAt !== null || one.status === 'canceled' ? 1 : 0),
    (one) => one.asOf,
    (one) => (one.status === 'incomplete' ? 0 : 1),
  ];
  const difference = measures.map((of) => of(stored) - of(fact)).find((one) => one !== 0);
  return difference !== undefined && difference > 0;
}
