import type { Allocation, Balance, LiveGrant } from '../../src/browser/index.ts';

/** What `/api/admin/…` answers to an operator. Instants are ISO 8601 in UTC. */

export type EventStatus = 'received' | 'processed' | 'skipped' | 'failed' | 'dead';

export type AdminEvent = {
  readonly eventId: string;
  readonly type: string;
  readonly status: EventStatus;
  /** Somebody has to do something before another attempt can succeed. */
  readonly needsAttention: boolean;
  readonly attempts: number;
  /** What was done, or why nothing was. */
  readonly reason: string | null;
  readonly errorCode: string | null;
  readonly error: string | null;
  readonly accountId: string | null;
  readonly customerId: string | null;
  readonly objectId: string | null;
  readonly createdAt: string;
  readonly receivedAt: string;
  readonly processedAt: string | null;
  readonly nextAttemptAt: string | null;
  /** Bytes that are kept as they came, since the payload lacks something of them; null: it lacks nothing. */
  readonly keptBytes: number | null;
};

export type AdminEventPage = {
  readonly events: readonly AdminEvent[];
  readonly nextCursor: string | null;
};

export type AdminEventDetail = AdminEvent & { readonly payload: unknown };

export type AdminAccountHit = Balance & {
  readonly accountId: string;
  readonly customerId: string | null;
  readonly email: string | null;
};

/** Whose something is, and the events about it. */
export type AdminSearch = {
  /** The id of Stripe's within what was pasted; null for an account or an address. */
  readonly stripeId: string | null;
  readonly accounts: readonly AdminAccountHit[];
  /** Whose it is too, where nothing was ever granted or bought through us. */
  readonly withoutLedger: readonly string[];
  readonly events: readonly AdminEvent[];
  /** What Stripe said; null where it was not asked. */
  readonly atStripe: 'known' | 'unknown' | null;
};

/** amount = remaining + burned + expired + voided + reversed, always. */
export type AdminGrant = LiveGrant & {
  readonly priority: number;
  readonly burned: number;
  readonly expired: number;
  readonly voided: number;
  readonly reversed: number;
  readonly createdAt: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Who gave it by hand: an operator's account, `server`, or the name of whoever ran the command. */
  readonly actor: string | null;
  readonly internalNote: string | null;
};

export type AdminHold = {
  readonly holdId: string;
  readonly status: 'open' | 'captured' | 'released' | 'expired';
  readonly amount: number;
  readonly captured: number | null;
  readonly expiresAt: string;
  readonly createdAt: string;
};

export type AdminEntry = {
  readonly entryId: string;
  readonly entryNo: number;
  readonly kind: string;
  readonly amount: number;
  readonly postedAfter: number;
  readonly grantId: string | null;
  readonly holdId: string | null;
  readonly idempotencyKey: string;
  readonly reason: string | null;
  readonly actor: string | null;
  readonly internalNote: string | null;
  readonly allocations: readonly Allocation[];
  readonly createdAt: string;
};

export type AdminTopUps = {
  readonly consent: {
    readonly status: string;
    readonly pauseReason: string | null;
    readonly priceId: string;
    readonly credits: number;
    readonly amountMinor: number;
    readonly currency: string;
    readonly threshold: number;
    readonly maxPerMonth: number;
    readonly paymentMethod: string | null;
    readonly notBefore: string | null;
    readonly consentedAt: string;
  } | null;
  readonly topUps: readonly {
    readonly topUpId: string;
    readonly status: string;
    readonly credits: number;
    readonly amountMinor: number;
    readonly currency: string;
    readonly invoiceId: string | null;
    readonly failureCode: string | null;
    readonly failure: string | null;
    readonly createdAt: string;
  }[];
};

export type AdminAccount = {
  readonly accountId: string;
  readonly customerId: string | null;
  readonly email: string | null;
  readonly closedAt: string | null;
  readonly balance: Balance;
  readonly grants: readonly AdminGrant[];
  readonly holds: readonly AdminHold[];
  readonly topUp: AdminTopUps;
  readonly entries: readonly AdminEntry[];
  readonly nextCursor: string | null;
};

export type AdminHealth = {
  readonly database: 'ok' | 'unavailable';
  readonly stripe: 'ok' | 'unavailable' | 'unknown';
  readonly events: Readonly<Record<EventStatus, number>>;
  readonly needingAttention: number;
  /** When the event that has waited longest came in. */
  readonly oldestWaitingAt: string | null;
  /** How late the most overdue attempt is; above a minute nobody works the inbox off. */
  readonly lagSeconds: number;
  readonly reconcile: {
    /** Faults that are known and not seen mended; null before the first run. */
    readonly found: number | null;
    readonly scheduledAt: string | null;
    readonly error: string | null;
  };
  readonly ledgerFaults: number | null;
  readonly accounts: number;
  readonly version: string;
};

export type AdminFinding = {
  readonly kind: string;
  readonly subject: string;
  readonly accountId: string | null;
  readonly ids: Readonly<Record<string, string>>;
  /** Missing (above 0) or too many (below 0); null where that is not known. */
  readonly credits: number | null;
  readonly explanation: string;
  readonly remedy: string;
  readonly repairable: boolean;
};

export type AdminReconcileRun = {
  readonly runId: string;
  readonly kind: 'hourly' | 'daily' | 'by_hand';
  /** lost: its process was stopped before it ended. */
  readonly state: 'running' | 'done' | 'failed' | 'lost';
  readonly sinceDays: number;
  readonly startedBy: string | null;
  readonly startedAt: string;
  readonly finishedAt: string | null;
  /** How many there were; `findings` holds the first 200. */
  readonly found: number | null;
  readonly findings: readonly AdminFinding[] | null;
  readonly errorCode: string | null;
  readonly error: string | null;
};
