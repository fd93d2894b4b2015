import { isDeepStrictEqual } from 'node:util';
import type { Catalog } from '../catalog/index.ts';
import {
  aliasesOf,
  type Details,
  decide,
  type Effects,
  type KnownState,
  mayReturn,
  type Need,
  subjectsOf,
} from '../fulfillment/index.ts';
import type { Clock } from '../kernel/index.ts';
import type { Fact } from '../stripe/index.ts';

/** What has to be read before a fact can be decided on. */
export type StateRequest = {
  /** The names under which the fact's payment may be known. */
  readonly aliases: readonly string[];
  readonly customerId: string | null;
  readonly subscriptionId: string | null;
  /** Others that the same invoice bills: from then on all their payments are decided on together. */
  readonly joinedSubscriptions: readonly string[];
  /** Read the subscription's other payments even if none of them has given money back yet. */
  readonly wholeSubscription: boolean;
};

export type Deciding<Read> = {
  readonly fact: Fact;
  readonly eventId: string;
  readonly catalog: Catalog;
  readonly clock: Clock;
  /** Completes what was written before lines were kept (docs/decisions/0075): only `reconcile --repair` does. */
  readonly mend?: boolean;
  /** Stripe's answers so far; `ask` adds one. */
  readonly details: Details & { ask(need: Need): Promise<void> };
  /** Undefined: the event was finished meanwhile, and there is nothing to decide. */
  readonly read: (request: StateRequest) => Promise<Read | undefined>;
};

export type DecidedWith<Read> = {
  readonly effects: Effects;
  readonly aliases: readonly string[];
  /** What the decision was made from: the write must find it unchanged. */
  readonly read: Read;
};

/**
 * Decides on a fact: reads what is known, asks Stripe what the decision lacks, and reads again when an
 * answer names the payment differently. Writes nothing. Undefined where `read` found it finished.
 */
export async function decideWith<Read extends { readonly known: KnownState }>(
  deciding: Deciding<Read>,
): Promise<DecidedWith<Read> | undefined> {
  const { fact, eventId, catalog, clock, details, mend = false } = deciding;
  let request = requestFor(fact, details, mend);
  let read = await deciding.read(request);
  while (read !== undefined) {
    const { known } = read;
    const decision = decide({ fact, details, eventId, catalog, known, now: clock.now(), mend });
    if ('effects' in decision) {
      return { effects: decision.effects, aliases: request.aliases, read };
    }
    await details.ask(decision.need);
    const named = requestFor(fact, details, mend);
    if (!isDeepStrictEqual(named, request)) {
      request = named;
      read = await deciding.read(request);
    }
  }
  return undefined;
}

/** What to read before deciding on a fact; an answer of Stripe's may name more. */
export function requestFor(fact: Fact, details: Details, mend = false): StateRequest {
  return {
    aliases: aliasesOf(fact, details),
    wholeSubscription: mend || (fact.kind === 'invoice' && mayReturn(fact)),
    ...subjectsOf(fact, details),
  };
}
