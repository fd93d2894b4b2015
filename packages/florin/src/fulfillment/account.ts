import { isUuid } from '../kernel/index.ts';
import type { Metadata } from '../stripe/index.ts';
import type { CustomerLink, Details, KnownState, Need, Obstacle } from './decision.ts';

export type AccountClues = {
  readonly customerId: string | null;
  readonly clientReferenceId: string | null;
  readonly metadata: Metadata;
  readonly subscriptionId: string | null;
  readonly subscriptionMetadata: Metadata;
};

export type AccountFound =
  | { readonly accountId: string; readonly link: CustomerLink | null }
  | { readonly need: Need }
  | { readonly obstacle: Obstacle };

/**
 * Whose credits they are, in this order: our own mapping of the customer; `client_reference_id`;
 * `metadata.userId`; the subscription's account; who was credited for this payment already; at Stripe the
 * subscription's metadata, its checkout session, the customer's metadata. The reference may be written by the buyer (a payment link's
 * address): it chooses who is credited and nothing else, and must be a uuid.
 */
export function findAccount(
  clues: AccountClues,
  known: KnownState,
  details: Details,
): AccountFound {
  if (known.customerAccountId !== null) {
    return { accountId: known.customerAccountId, link: null };
  }
  const near: readonly [string | null | undefined, CustomerLink['origin']][] = [
    [clues.clientReferenceId, 'client_reference_id'],
    [clues.metadata['userId'], 'metadata'],
    [clues.subscriptionMetadata['userId'], 'subscription'],
    [known.subscription?.accountId, 'subscription'],
    [known.subscription?.fact?.metadata['userId'], 'subscription'],
  ];
  const named = near.find(([candidate]) => isUuid(candidate));
  if (named !== undefined) {
    return found(named[0] as string, named[1], clues.customerId);
  }
  // This event lacked an account before: use the one for which another event credited the payment.
  const [bought] = Object.values(known.payment.purchases);
  return bought === undefined
    ? askStripe(clues, details)
    : { accountId: bought.accountId, link: null };
}

function askStripe(clues: AccountClues, details: Details): AccountFound {
  let unavailable = false;
  if (clues.subscriptionId !== null) {
    const subscription = details.get('subscription', clues.subscriptionId);
    if (subscription === undefined) {
      return { need: { ask: 'subscription', id: clues.subscriptionId } };
    }
    const session = details.get('sessionOfSubscription', clues.subscriptionId);
    if (subscription !== null && subscription !== 'unavailable') {
      const userId = subscription.metadata['userId'];
      if (isUuid(userId)) {
        return found(userId, 'subscription', clues.customerId);
      }
      if (session === undefined) {
        return { need: { ask: 'sessionOfSubscription', id: clues.subscriptionId } };
      }
    }
    if (session !== undefined && session !== null && session !== 'unavailable') {
      const reference = session.clientReferenceId ?? session.metadata['userId'];
      if (isUuid(reference)) {
        return found(reference, 'client_reference_id', clues.customerId);
      }
    }
    unavailable = subscription === 'unavailable' || session === 'unavailable';
  }
  if (clues.customerId !== null) {
    const customer = details.get('customer', clues.customerId);
    if (customer === undefined) {
      return { need: { ask: 'customer', id: clues.customerId } };
    }
    if (customer === 'unavailable') {
      unavailable = true;
    } else if (isUuid(customer?.metadata['userId'])) {
      return found(customer.metadata['userId'] as string, 'metadata', clues.customerId);
    }
  }
  return { obstacle: unknownAccount(clues, unavailable) };
}

function found(
  accountId: string,
  origin: CustomerLink['origin'],
  customerId: string | null,
): AccountFound {
  const id = accountId.toLowerCase();
  return {
    accountId: id,
    link: customerId === null ? null : { customerId, accountId: id, origin },
  };
}

function unknownAccount(clues: AccountClues, unavailable: boolean): Obstacle {
  const reference =
    clues.clientReferenceId === null
      ? 'there is no client_reference_id'
      : `client_reference_id is ${JSON.stringify(clues.clientReferenceId.slice(0, 64))}, not an account's uuid`;
  const customer = clues.customerId === null ? 'no customer' : `customer ${clues.customerId}`;
  return {
    code: 'account_unknown',
    message:
      `Paid, and no account to credit: ${customer}, ${reference}, and no metadata.userId` +
      `${unavailable ? ' (Stripe could not be asked for more)' : ''}. ` +
      (clues.customerId === null && clues.subscriptionId === null
        ? 'Set metadata.userId on the checkout session or the invoice at Stripe, then run `florin reconcile --repair`.'
        : 'Set metadata.userId on the customer or the subscription at Stripe, then replay the event.'),
    needsAttention: true,
  };
}
