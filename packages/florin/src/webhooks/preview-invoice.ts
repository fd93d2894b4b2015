import type { KnownState, Plan } from '../fulfillment/index.ts';
import { FlorinError } from '../kernel/index.ts';
import type { InvoiceFact } from '../stripe/index.ts';
import { decideWith } from './decide-with.ts';
import type { WebhookDeps } from './deps.ts';
import { readState } from './inbox.ts';
import { collectDetails } from './lookups.ts';

/**
 * What an invoice that does not exist yet would do to credits once it is paid, by the decision that
 * its event would bring about. Reads the state and asks Stripe; writes nothing.
 */
export async function previewInvoice(
  deps: WebhookDeps,
  invoice: InvoiceFact,
): Promise<{ readonly plan: Plan; readonly known: KnownState }> {
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
  return { plan: decided.plan, known: decided.read.known };
}
