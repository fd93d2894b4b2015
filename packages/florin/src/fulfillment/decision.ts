import type { Catalog } from '../catalog/index.ts';
import type { ErrorCode } from '../kernel/index.ts';
import type {
  CustomerFact,
  Fact,
  LineFact,
  PriceFact,
  RefundFact,
  SessionFact,
  SubscriptionFact,
} from '../stripe/index.ts';
import type { Command } from './command.ts';
import type { PaymentState } from './state.ts';

/** What the database already knows about the things that a fact names. */
export type KnownState = {
  /** All payments that the fact's names reach, merged into one. */
  readonly payment: PaymentState;
  /** Our own mapping of the fact's customer. */
  readonly customerAccountId: string | null;
  readonly subscription: StoredSubscription | null;
  /** The other payments of the subscription, where lines of one take back what others granted. */
  readonly relatives?: readonly Relative[];
  /** When other subscriptions ended that one invoice has billed with this one, in seconds since 1970. */
  readonly ended?: Readonly<Record<string, number>>;
};

export type Relative = { readonly id: string; readonly state: PaymentState };

export type StoredSubscription = {
  readonly id: string;
  readonly accountId: string | null;
  /** What Stripe last said; null while only a checkout session has named it. */
  readonly fact: SubscriptionFact | null;
};

/** Something that only Stripe can say. Asked outside any transaction, then the decision is made again. */
export type Need =
  | { readonly ask: 'sessionLines'; readonly id: string }
  | { readonly ask: 'invoiceLines'; readonly id: string }
  | { readonly ask: 'invoiceOfPayment'; readonly id: string }
  | { readonly ask: 'sessionOfSubscription'; readonly id: string }
  | { readonly ask: 'subscription'; readonly id: string }
  | { readonly ask: 'customer'; readonly id: string }
  | { readonly ask: 'price'; readonly id: string }
  | { readonly ask: 'refund'; readonly id: string };

export type Answers = {
  readonly sessionLines: readonly LineFact[];
  readonly invoiceLines: readonly LineFact[];
  readonly invoiceOfPayment: string;
  readonly sessionOfSubscription: SessionFact;
  readonly subscription: SubscriptionFact;
  readonly customer: CustomerFact;
  readonly price: PriceFact;
  readonly refund: RefundFact;
};

/** An answer, `null` where Stripe knows no such thing, or `unavailable` where Stripe cannot be asked now. */
export type Answer<T> = T | null | 'unavailable';

export type Details = {
  get<K extends Need['ask']>(ask: K, id: string): Answer<Answers[K]> | undefined;
};

/** Why an event cannot be finished yet. */
export type Obstacle = {
  readonly code: ErrorCode | 'account_unknown' | 'object_unknown' | 'payload_malformed';
  /** What is wrong and what to do about it, for the operator. */
  readonly message: string;
  /** A person has to do something; retrying alone may never help. */
  readonly needsAttention: boolean;
};

export type CustomerLink = {
  readonly customerId: string;
  readonly accountId: string;
  readonly origin: 'client_reference_id' | 'metadata' | 'subscription';
};

export type SubscriptionLink = {
  readonly subscriptionId: string;
  readonly customerId: string | null;
  readonly accountId: string | null;
  readonly fact: SubscriptionFact | null;
  /** What `fact` was decided from: where something else is stored by then, it is decided again. */
  readonly replaces?: SubscriptionFact | null;
};

/** Everything that one event writes, in one transaction. */
export type Effects = {
  readonly status: 'processed' | 'skipped' | 'failed';
  /** What was done, or why nothing was: shown beside the event. */
  readonly reason: string;
  readonly obstacle: Obstacle | null;
  readonly accountId: string | null;
  readonly customerId: string | null;
  readonly payment: PaymentWrite | null;
  /** Other payments that change with it. */
  readonly relatives?: readonly RelativeWrite[];
  readonly customer: CustomerLink | null;
  readonly deletedCustomerId: string | null;
  readonly subscription: SubscriptionLink | null;
  readonly commands: readonly Command[];
};

export type RelativeWrite = PaymentWrite & { readonly id: string };

export type PaymentWrite = {
  readonly state: PaymentState;
  readonly accountId: string | null;
  readonly subscriptionId: string | null;
  readonly status: 'pending' | 'failed' | 'waiting' | 'credited';
  readonly nextDueAt: number | null;
};

/** All that a decision is made from: pure, so the time and every answer are arguments. */
export type DecisionInput<F extends Fact = Fact> = {
  readonly fact: F;
  readonly eventId: string;
  readonly catalog: Catalog;
  readonly known: KnownState;
  readonly details: Details;
  readonly now: Date;
  /** Completes what was written before lines were kept (docs/decisions/0075): only when that is asked for. */
  readonly mend?: boolean;
};

export type Decision = { readonly need: Need } | { readonly effects: Effects };

const NOTHING: Effects = {
  status: 'processed',
  reason: '',
  obstacle: null,
  accountId: null,
  customerId: null,
  payment: null,
  customer: null,
  deletedCustomerId: null,
  subscription: null,
  commands: [],
};

/** Effects that move nothing beyond what is given. */
export function toEffects(given: Pick<Effects, 'status' | 'reason'> & Partial<Effects>): Effects {
  return { ...NOTHING, ...given };
}

export function skipped(reason: string, more: Partial<Effects> = {}): Decision {
  return { effects: toEffects({ ...more, status: 'skipped', reason }) };
}

export function processed(reason: string, more: Partial<Effects> = {}): Decision {
  return { effects: toEffects({ ...more, status: 'processed', reason }) };
}

export function failed(obstacle: Obstacle, more: Partial<Effects> = {}): Decision {
  return { effects: toEffects({ ...more, status: 'failed', reason: obstacle.message, obstacle }) };
}

export function stripeUnavailable(what: string): Obstacle {
  return {
    code: 'stripe_unavailable',
    message: `Stripe could not be asked for ${what}; the event is tried again by itself.`,
    needsAttention: false,
  };
}
