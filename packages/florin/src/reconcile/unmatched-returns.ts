import { listUnmatchedReturns, type UnmatchedReturn, type WebhookDeps } from '../webhooks/index.ts';
import type { Finding } from './finding.ts';

/**
 * Lines of the last `days` that gave money back for something that was never credited here, or by a name
 * that nobody knows (docs/decisions/0145). Whose credits they would be cannot be guessed, so a person looks.
 */
export async function findUnmatchedReturns(
  { db }: Pick<WebhookDeps, 'db'>,
  { days, known }: { days: number; known: readonly Finding[] },
): Promise<Finding[]> {
  // Books from before 0072 have a finding of their own, which takes what they kept.
  const told = new Set(known.map(({ ids }) => ids['subscriptionId']));
  const unmatched = await listUnmatchedReturns(db, days);
  return unmatched.filter(({ subscriptionId }) => !told.has(subscriptionId ?? '')).map(toFinding);
}

function toFinding(one: UnmatchedReturn): Finding {
  const { lineId, invoiceId, subscriptionId, accountId, amountMinor, currency } = one;
  return {
    kind: 'credited_not_paid',
    subject: `return:${lineId}`,
    accountId,
    ids: { lineId, invoiceId, ...(subscriptionId === null ? {} : { subscriptionId }) },
    credits: null,
    explanation: `Line ${lineId} of invoice ${invoiceId} gave back ${amountMinor} (minor units of ${currency}), and no credits are known for what it credits: none were taken.`,
    remedy:
      'Nothing by itself. If the buyer got credits for it another way, take them with florin account adjust; else leave it: it is reported for 30 days.',
    repair: null,
  };
}
