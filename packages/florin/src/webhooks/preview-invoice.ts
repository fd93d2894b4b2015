import { decide, type KnownState, mayReturn, type Plan, subjectsOf } from '../fulfillment/index.ts';
import type { InvoiceFact } from '../stripe/index.ts';
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
  const { known } = await readState(deps.db, {
    eventId: null,
    aliases: [],
    wholeSubscription: mayReturn(fact),
    ...subjectsOf(fact),
  });
  for (;;) {
    const decision = decide({
      fact,
      details,
      eventId: fact.id,
      catalog: deps.catalog,
      known,
      now: deps.clock.now(),
    });
    if ('plan' in decision) {
      return { plan: decision.plan, known };
    }
    await details.ask(decision.need);
  }
}
