import type { Catalog } from '../catalog/index.ts';
import type { Context } from '../db/index.ts';
import type { StripeLookups } from '../stripe/index.ts';
import type { EventOutcome, EventWrite } from './apply-event.ts';

/** What processing an event needs from outside. */
export type WebhookDeps = Context & {
  readonly catalog: Catalog;
  /** Null when Stripe cannot be asked at all (no secret key). */
  readonly stripe: StripeLookups | null;
  /** Whether the secret key belongs to live mode: events of the other mode are not ours. */
  readonly livemode: boolean;
  /** The connected account that is ours; null: the platform's own events only. */
  readonly stripeAccount?: string | null;
  /** Told of each account whose balance an event has changed, after its commit. */
  readonly announce?: (accountId: string) => void;
  /** Writes an event's effects, in one commit with others' that wait (`event-writer.ts`); default: in its own. */
  readonly write?: (write: EventWrite) => Promise<EventOutcome>;
  /** Completes what was written before lines were kept (docs/decisions/0075): only `reconcile --repair` does. */
  readonly mend?: boolean;
  /** 0 to 1: the jitter between attempts. */
  readonly random?: () => number;
};
