import type { Command } from '../fulfillment/index.ts';
import type { EventInHand } from '../webhooks/index.ts';

export const FINDING_KINDS = [
  'paid_not_credited',
  'credited_not_paid',
  'wrong_amount',
  'orphan_reversal',
  'undelivered_event',
  'drift',
] as const;

export type FindingKind = (typeof FINDING_KINDS)[number];

/** What mends a finding: an event through the webhook's path, or a movement of the ledger. */
export type Repair =
  | { readonly by: 'event'; readonly event: EventInHand }
  /** In this order, and completing what was written before lines were kept. */
  | { readonly by: 'events'; readonly events: readonly EventInHand[] }
  | { readonly by: 'command'; readonly command: Command };

export type Finding = {
  readonly kind: FindingKind;
  /** Names the same fault in every report. */
  readonly subject: string;
  readonly accountId: string | null;
  /** Stripe's objects, the grant's key, or the event. */
  readonly ids: Readonly<Record<string, string>>;
  /** Credits that are missing (above 0) or too many (below 0); null where that is not known. */
  readonly credits: number | null;
  readonly explanation: string;
  /** What `--repair` does about it, in words. */
  readonly remedy: string;
  /** Null: a person has to act. */
  readonly repair: Repair | null;
};
