/**
 * What the service answers to a browser. Instants are ISO 8601 strings in UTC, amounts are whole
 * credits, money is `amountMinor` in the currency's smallest unit.
 */

export type PlanKind = 'one_time' | 'recurring';

/** One thing on sale, from `GET /api/plans`. */
export type Plan = {
  readonly priceId: string;
  readonly name: string;
  readonly description: string | null;
  readonly kind: PlanKind;
  readonly planType: string;
  /** Credits of one unit; credits bought = credits × quantity. */
  readonly credits: number;
  /** Null while Stripe cannot be asked: the shop then shows no amount rather than a guess. */
  readonly amountMinor: number | null;
  /** ISO 4217, lower case. */
  readonly currency: string | null;
  readonly interval: 'day' | 'week' | 'month' | 'year' | null;
  readonly intervalCount: number | null;
  /** ISO 8601 duration after which the credits expire, or null. */
  readonly expiresAfter: string | null;
  /** `period_end` when a subscription's credits end with its period. */
  readonly expires: 'period_end' | null;
};

export type Balance = {
  readonly posted: number;
  readonly held: number;
  readonly available: number;
  readonly nextExpiryAt: string | null;
};

/** A grant that still has credits, from `GET /api/balance`. */
export type LiveGrant = {
  readonly grantId: string;
  readonly source: string;
  readonly reason: string | null;
  readonly planType: string | null;
  readonly amount: number;
  readonly remaining: number;
  readonly effectiveAt: string;
  readonly expiresAt: string | null;
};

/** The balance with the grants behind it, soonest expiry first. */
export type BalanceReport = Balance & { readonly grants: readonly LiveGrant[] };

/** The last four move no credits: a grant of the future, a hold placed, a hold ended, a closing. */
export type EntryKind =
  | 'grant'
  | 'spend'
  | 'capture'
  | 'expiry'
  | 'void'
  | 'reversal'
  | 'adjustment'
  | 'schedule'
  | 'hold'
  | 'release'
  | 'close';

/** Which grant paid for (part of) an entry; none: it became debt. */
export type Allocation = {
  readonly grantId: string | null;
  readonly amount: number;
  readonly reason: string | null;
};

/** One line of the ledger, newest first. `amount` is signed. */
export type Transaction = {
  readonly entryId: string;
  readonly entryNo: number;
  readonly kind: EntryKind | (string & {});
  readonly amount: number;
  readonly postedAfter: number;
  readonly grantId: string | null;
  readonly holdId: string | null;
  readonly reason: string | null;
  readonly planType: string | null;
  readonly allocations: readonly Allocation[];
  /** Entries of one event of Stripe's belong together, as those of a change of plan; null: none brought it. */
  readonly eventId: string | null;
  readonly createdAt: string;
};

export type TransactionPage = {
  readonly transactions: readonly Transaction[];
  readonly nextCursor: string | null;
};

/** One UTC day of `GET /api/usage`; days without movement may be left out. */
export type UsageDay = {
  /** YYYY-MM-DD */
  readonly day: string;
  readonly spent: number;
  readonly granted: number;
};

export type Usage = {
  readonly from: string;
  readonly to: string;
  readonly days: readonly UsageDay[];
};

/** The chosen plan, as the server has verified it. */
export type PlanSession = {
  readonly priceId: string;
  readonly planType: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly expiresAt: string;
};

export type CheckoutSession = { readonly sessionId: string; readonly url: string };

/**
 * `open`: not finished by the buyer. `processing`: paid or about to be, credits not written yet.
 * `pending`: a payment method that takes days (SEPA) is on its way. `paid`: credits are there.
 */
export type CheckoutState = 'open' | 'processing' | 'pending' | 'paid' | 'failed' | 'expired';

/** `GET /api/checkout-sessions/{id}` */
export type CheckoutStatus = {
  readonly sessionId: string;
  readonly state: CheckoutState;
  readonly priceId: string | null;
  readonly planType: string | null;
  /** Credits that this checkout brought, or will bring. */
  readonly credits: number | null;
};

/** What a buyer has agreed to: below `threshold` available, one purchase of `credits`. */
export type TopUpConsent = {
  readonly status: 'active' | 'paused' | 'off';
  /** Why nothing is bought until the buyer acts; docs/top-up.md. */
  readonly pauseReason: string | null;
  readonly priceId: string;
  readonly quantity: number;
  readonly credits: number;
  readonly amountMinor: number;
  readonly currency: string;
  readonly threshold: number;
  readonly maxPerMonth: number;
  /** `visa •••• 4242` */
  readonly paymentMethod: string | null;
  readonly consentedAt: string;
};

export type TopUp = {
  readonly topUpId: string;
  readonly status: 'charging' | 'needs_action' | 'voiding' | 'paid' | 'credited' | 'failed';
  readonly credits: number;
  readonly amountMinor: number;
  readonly currency: string;
  readonly failureCode: string | null;
  /** Where the buyer pays when their bank asks for them. */
  readonly payUrl: string | null;
  readonly createdAt: string;
};

/** `GET /api/top-up` */
export type TopUpState = {
  readonly consent: TopUpConsent | null;
  readonly topUps: readonly TopUp[];
  readonly offers: readonly { readonly priceId: string; readonly credits: number }[];
};

/** `amountMinor` and `currency`: what the buyer was shown for one top-up, before taxes. */
export type TopUpTerms = Pick<
  TopUpConsent,
  'priceId' | 'quantity' | 'threshold' | 'maxPerMonth' | 'amountMinor' | 'currency'
>;

/** A plan that the account has, from `GET /api/subscriptions`. */
export type CurrentPlan = {
  readonly subscriptionId: string;
  /** `active`, `trialing`, `past_due`, `unpaid`, `paused`. */
  readonly status: string;
  /** Null for a price that the catalogue does not know. */
  readonly priceId: string | null;
  readonly planType: string | null;
  readonly quantity: number;
  readonly currentPeriodEnd: string | null;
  /** It ends with its period. */
  readonly cancelAtPeriodEnd: boolean;
};

export type PlanChangeInput = {
  readonly priceId: string;
  /** Default: as many units as now. */
  readonly quantity?: number;
  /** Where the account has several. */
  readonly subscription?: string;
};

type PlanNamed = {
  readonly priceId: string;
  readonly planType: string;
  readonly quantity: number;
};

/** What another plan would cost and do to the credits, from `POST /api/change-plan/preview`. */
export type PlanChangePreview = {
  /** Confirms exactly this, until `expiresAt`. */
  readonly preview: string;
  readonly expiresAt: string;
  readonly subscriptionId: string;
  readonly from: PlanNamed;
  readonly to: PlanNamed;
  readonly effectiveAt: string;
  readonly renewsAt: string;
  readonly charge: {
    readonly when: 'now' | 'next_invoice';
    readonly date: string;
    readonly currency: string;
    readonly lines: readonly {
      readonly description: string;
      readonly amountMinor: number;
      readonly periodStart: string;
      readonly periodEnd: string;
    }[];
    readonly discountMinor: number;
    readonly taxMinor: number;
    readonly totalMinor: number;
    /** Of the total, what the customer's balance at Stripe pays. */
    readonly fromBalanceMinor: number;
    readonly dueMinor: number;
    /** Kept at Stripe for the next invoices, where the total is below zero. */
    readonly keptMinor: number;
  };
  readonly credits: {
    readonly added: number;
    readonly back: number;
    /** What comes in later months of a yearly plan, and what does not come any more. */
    readonly laterAdded: number;
    readonly laterStopped: number;
    readonly available: number;
    /** If nothing else happens meanwhile; below zero: debt. */
    readonly availableAfter: number;
  };
};

export type PlanChanged = {
  readonly subscriptionId: string;
  readonly to: PlanNamed;
  /** When the credits come: in a moment, with a bank debit, or with the next invoice. */
  readonly payment: 'paid' | 'processing' | 'later';
  readonly invoiceId: string | null;
  readonly credits: { readonly added: number; readonly back: number };
  readonly replayed: boolean;
};
