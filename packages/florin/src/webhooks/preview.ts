import {
  type Effects,
  EMPTY_PAYMENT,
  type KnownState,
  mergePayments,
  type PaymentState,
  toEffects,
} from '../fulfillment/index.ts';
import { FlorinError } from '../kernel/index.ts';
import type { InvoiceFact, StripeEvent } from '../stripe/index.ts';
import { decideWith } from './decide-with.ts';
import type { WebhookDeps } from './deps.ts';
import { factOf } from './handlers.ts';
import { collectDetails } from './lookups.ts';
import { fetchNamedObject, needsObject } from './named-object.ts';
import { notOurs } from './not-ours.ts';
import { readState, type StateBefore } from './read-state.ts';

/** What earlier previews came to, by payment: the next one is made as if they had been written. */
export type PreviewedStates = Map<string, PaymentState>;

/**
 * What processing an event would do now, whatever became of it before: reads the state and asks
 * Stripe, writes nothing. Undefined for an event that is not ours or says nothing.
 */
export async function previewEvent(
  deps: WebhookDeps,
  event: StripeEvent,
  previewed: PreviewedStates = new Map(),
): Promise<Effects | undefined> {
  if (notOurs(deps, event) !== undefined) {
    return undefined;
  }
  const details = collectDetails(deps.stripe, deps.logger);
  const named = needsObject(event)
    ? await fetchNamedObject(event, { stripe: deps.stripe, details })
    : { event };
  if ('obstacle' in named) {
    return toEffects({ status: 'failed', reason: '', obstacle: named.obstacle });
  }
  const fact = factOf(named.event);
  if (fact.kind === 'nothing') {
    return undefined;
  }
  const { catalog, clock, mend = false } = deps;
  const decided = await decideWith({
    fact,
    eventId: event.id,
    catalog,
    clock,
    details,
    mend,
    read: async (request) =>
      aheadOf(await readState(deps.db, { eventId: event.id, ...request }), previewed),
  });
  if (decided === undefined) {
    return undefined;
  }
  const { effects, read } = decided;
  const [kept] = read.payments;
  if (kept !== undefined && effects.payment !== null) {
    previewed.set(kept.id, effects.payment.state);
  }
  for (const { id, state } of effects.relatives ?? []) {
    previewed.set(id, state);
  }
  return effects;
}

/** What was read, with payments as earlier previews left them. */
function aheadOf(read: StateBefore, previewed: PreviewedStates): StateBefore {
  const ahead = <P extends { id: string; state: PaymentState }>(one: P): P => ({
    ...one,
    state: previewed.get(one.id) ?? one.state,
  });
  const payment = read.payments
    .map(ahead)
    .reduce((merged, one) => mergePayments(merged, one.state), EMPTY_PAYMENT);
  return { ...read, known: { ...read.known, payment, relatives: read.relatives.map(ahead) } };
}

/**
 * What an invoice that does not exist yet would do to credits once it is paid, by the decision that
 * its event would bring about. Reads the state and asks Stripe; writes nothing.
 */
export async function previewInvoice(
  deps: WebhookDeps,
  invoice: InvoiceFact,
): Promise<{ readonly effects: Effects; readonly known: KnownState }> {
  const fact: InvoiceFact = { ...invoice, paid: true, status: 'paid' };
  const details = collectDetails(deps.stripe, deps.logger);
  const decided = await decideWith({
    fact,
    details,
    eventId: fact.id,
    catalog: deps.catalog,
    clock: deps.clock,
    read: (request) => readState(deps.db, { eventId: null, ...request, aliases: [] }),
  });
  if (decided === undefined) {
    throw new FlorinError('internal', 'No event can have finished an invoice that does not exist.');
  }
  return { effects: decided.effects, known: decided.read.known };
}
