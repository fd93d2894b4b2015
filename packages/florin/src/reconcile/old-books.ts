import type { Credit } from '../credit/index.ts';
import { FlorinError } from '../kernel/index.ts';
import { type PreviewedStates, previewEvent, type WebhookDeps } from '../webhooks/index.ts';
import { type BookDays, type OldBooks, oldBooks } from './books.ts';
import type { Finding } from './finding.ts';
import type { Told } from './stripe-side.ts';

/**
 * Credits that changes of plan gave back and the former rule left with the buyer
 * (docs/decisions/0075): each subscription's invoices are previewed from the first, as if now, and
 * what would be taken is the finding. Nothing is found twice: a repair completes the books.
 */
export async function findInOldBooks(
  deps: WebhookDeps,
  { days, invoicesOf }: { days: BookDays; invoicesOf: (id: string) => Promise<readonly Told[]> },
): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (const books of await oldBooks(deps.db, days)) {
    const told = await invoicesOf(books.subscriptionId);
    const previewed: PreviewedStates = new Map();
    const taken = new Map<string, number>();
    for (const { event } of told) {
      const plan = await previewEvent({ ...deps, mend: true }, event, previewed);
      if (plan?.obstacle?.code === 'stripe_unavailable') {
        throw new FlorinError('stripe_unavailable', plan.obstacle.message);
      }
      if (plan?.obstacle != null) {
        findings.push(untold(books, plan.obstacle.message));
      }
      for (const command of plan?.commands ?? []) {
        const key = 'grantKey' in command ? command.grantKey : command.key;
        taken.set(
          key,
          (taken.get(key) ?? 0) + (command.do === 'reverse' ? 1 : -1) * command.amount,
        );
      }
    }
    const kept = [...taken].filter(([, amount]) => amount > 0);
    if (kept.length > 0) {
      findings.push(ofBooks(books, { told, kept, credit: deps.catalog.credit }));
    }
  }
  return findings;
}

/** What the catalogue does not know any more cannot be counted: a person has to look. */
function untold({ subscriptionId, accountId }: OldBooks, obstacle: string): Finding {
  return {
    kind: 'credited_not_paid',
    subject: `returns_unknown:${subscriptionId}`,
    accountId,
    ids: { subscriptionId },
    credits: null,
    explanation: `What changes of plan of ${subscriptionId} gave back cannot be counted: ${obstacle}`,
    remedy: 'Nothing, until the catalogue knows its prices again.',
    repair: null,
  };
}

function ofBooks(
  { subscriptionId, accountId }: OldBooks,
  {
    told,
    kept,
    credit,
  }: {
    told: readonly Told[];
    kept: readonly (readonly [string, number])[];
    credit: Credit;
  },
): Finding {
  const credits = kept.reduce((sum, [, amount]) => sum + amount, 0);
  const each = kept.map(([key, amount]) => `${credit.text(amount)} of ${key}`).join(', ');
  return {
    kind: 'credited_not_paid',
    subject: `returns:${subscriptionId}`,
    accountId,
    ids: { subscriptionId },
    credits: -credits,
    explanation: `Changes of plan of ${subscriptionId} gave money back, and its credits were kept, as was the rule until decision 0072: ${each}.`,
    remedy: `Take back ${credit.text(credits)} credits; what is spent of them becomes debt.`,
    repair: { by: 'events', events: told },
  };
}
