import { isDeepStrictEqual } from 'node:util';
import { isUuid } from '../kernel/index.ts';
import type { CustomerFact, SubscriptionFact } from '../stripe/index.ts';
import {
  type Decision,
  type DecisionInput,
  type Details,
  failed,
  type Need,
  type Obstacle,
  processed,
  skipped,
  stripeUnavailable,
} from './decision.ts';

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
  const stored = known.subscription?.fact ?? null;
  const found = newestOf(stored, fact, input.details);
  if ('need' in found) {
    return found;
  }
  if ('obstacle' in found) {
    return failed(found.obstacle, { accountId, customerId: fact.customerId });
  }
  const { newest } = found;
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
      replaces: stored,
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

type Newest =
  | { readonly newest: SubscriptionFact }
  | { readonly need: Need }
  | { readonly obstacle: Obstacle };

/**
 * What counts of two updates of Stripe's: an end, which is for ever; else the later one. Stripe counts
 * seconds and promises no order within one (https://docs.stripe.com/webhooks#event-ordering). What
 * it was made as is its first update. Between any others in one second only Stripe decides: it is
 * asked what the subscription is now, and that counts as said in that second.
 */
function newestOf(
  stored: SubscriptionFact | null,
  fact: SubscriptionFact,
  details: Details,
): Newest {
  const order = stored === null ? -1 : compare(stored, fact);
  if (stored === null || order < 0) {
    return { newest: fact };
  }
  if (order > 0 || sayTheSame(stored, fact)) {
    return { newest: stored };
  }
  const now = details.get('subscription', fact.id);
  if (now === undefined) {
    return { need: { ask: 'subscription', id: fact.id } };
  }
  if (now === 'unavailable') {
    return {
      obstacle: stripeUnavailable(`what subscription ${fact.id} is after two changes at once`),
    };
  }
  return now === null
    ? { obstacle: unknownToStripe(fact.id) }
    : { newest: { ...now, asOf: fact.asOf } };
}

/** Above 0 where the first is the newer, 0 where their times do not say. */
function compare(one: SubscriptionFact, other: SubscriptionFact): number {
  const measures: readonly ((fact: SubscriptionFact) => number)[] = [
    ({ endedAt, status }) => (endedAt !== null || status === 'canceled' ? 1 : 0),
    ({ asOf }) => asOf,
    ({ asMade = false }) => (asMade ? 0 : 1),
  ];
  return measures.map((of) => of(one) - of(other)).find((difference) => difference !== 0) ?? 0;
}

function sayTheSame(one: SubscriptionFact, other: SubscriptionFact): boolean {
  const { asOf: _at, asMade: _as, ...rest } = other;
  const { asOf: _thenAt, asMade: _thenAs, ...known } = one;
  return isDeepStrictEqual(known, rest);
}

function unknownToStripe(id: string): Obstacle {
  return {
    code: 'object_unknown',
    message: `Two changes of subscription ${id} in one second, and Stripe does not know it. Check that STRIPE_SECRET_KEY belongs to the endpoint's account, then replay the event.`,
    needsAttention: true,
  };
}
