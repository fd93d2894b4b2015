import type {
  ChargeFact,
  CreditedItems,
  CreditNoteFact,
  DisputeFact,
  FraudWarningFact,
  InvoiceFact,
  Period,
  Presentment,
  RefundFact,
  SessionFact,
} from '../stripe/index.ts';

/**
 * What Stripe has truly said about one payment, and what the ledger holds of it. A payment is all
 * that is connected: a checkout session, its payment intent and charge, the invoice it paid. Each
 * part is joined fact by fact, and every join is commutative, associative and idempotent: whatever
 * order events come in and however often, the same facts end in the same state.
 */
export type PaymentState = {
  readonly sessions: Readonly<Record<string, SessionState>>;
  readonly invoices: Readonly<Record<string, InvoiceState>>;
  readonly charges: Readonly<Record<string, ChargeState>>;
  readonly refunds: Readonly<Record<string, RefundState>>;
  readonly disputes: Readonly<Record<string, DisputeState>>;
  readonly creditNotes: Readonly<Record<string, CreditNoteState>>;
  /** Early fraud warnings that freeze, by the policy that held when they came. Absent where there is none. */
  readonly warnings?: Readonly<Record<string, FraudWarningState>>;
  /** The negative lines of its invoices: they take back what lines of this or other payments granted. */
  readonly returns?: Readonly<Record<string, ReturnState>>;
  readonly purchases: Readonly<Record<string, Purchase>>;
};

export type SessionState = {
  readonly standing: 'pending' | 'failed' | 'paid';
  readonly amount: number;
  readonly currency: string;
  readonly presentment?: Presentment;
  readonly customerId: string | null;
};

export type InvoiceState = {
  /** Money and customer balance that paid it. */
  readonly value: number;
  readonly currency: string;
  readonly subscriptionId: string | null;
};

export type ChargeState = {
  readonly amount: number;
  readonly refunded: number;
  readonly currency: string;
  readonly presentment?: Presentment;
  readonly asOf: number;
};

export type RefundState = {
  readonly amount: number;
  readonly currency: string;
  readonly chargeId: string | null;
  readonly status: string;
  readonly reason: string | null;
  /** When it was first known to have failed or been cancelled. */
  readonly failedAt: number | null;
};

export type DisputeState = {
  readonly amount: number;
  readonly currency: string;
  readonly chargeId: string | null;
  readonly status: string;
  readonly reason: string | null;
  readonly balance: number | null;
  readonly asOf: number;
  readonly movement: 'withdrawn' | 'reinstated' | null;
  readonly movedAt: number;
};

export type FraudWarningState = {
  readonly chargeId: string | null;
  readonly actionable: boolean;
};

export type CreditNoteState = {
  readonly outsideRefunds: number;
  /** Absent in what was written before this was kept. */
  readonly besideRefund?: CreditNoteFact['besideRefund'];
  readonly currency: string;
  readonly status: string;
};

/** A negative proration line of a paid invoice: it never changes. */
export type ReturnState = {
  readonly invoiceId: string;
  /** When the invoice was made, in seconds since 1970; null: not known. */
  readonly invoicedAt: number | null;
  readonly priceId: string;
  readonly quantity: number;
  readonly subscriptionId: string | null;
  /** What it gives back: positive, in minor units of `currency`. */
  readonly amount: number;
  readonly currency: string;
  readonly period: Period | null;
  /** What Stripe says it credits; null where the API version does not. */
  readonly credited: CreditedItems | null;
};

/** One grant that money which came has earned, and how much of it has been taken back. */
export type Purchase = {
  /** Also the grant's idempotency key: `florin:invoice:in_1:line:il_1`. */
  readonly key: string;
  /** The checkout session or the invoice that was paid. */
  readonly paidObjectId: string;
  readonly accountId: string;
  readonly via: 'checkout' | 'invoice';
  readonly priceId: string;
  readonly credits: number;
  readonly quantity: number;
  readonly amountMinor: number;
  readonly currency: string;
  readonly source: 'purchase' | 'subscription' | 'trial' | 'rollover';
  readonly priority: number;
  readonly expiresAt: string | null;
  /** Seconds since 1970 when a part of a dripped price becomes due; null: at once. */
  readonly dueAt: number | null;
  readonly subscriptionId: string | null;
  /** Of a rollover: when the period that is over ended, in seconds; its credits are the most it may carry. */
  readonly rollsOverFrom: number | null;
  readonly metadata: Readonly<Record<string, string>>;
  /** The invoice line that was paid, whole; absent for a checkout session's. */
  readonly line?: {
    readonly id: string;
    readonly invoiceItemId: string | null;
    readonly invoicedAt: number | null;
    readonly amount: number;
    readonly period: Period | null;
    /** Of the whole line; a dripped price has a purchase a month. */
    readonly credits: number;
  };
  /** Credits that returns take of it, whether they were issued or not; absent: none. */
  readonly returned?: number;
  readonly standing: 'planned' | 'issued' | 'stopped';
  readonly reversed: number;
  /** How many reversals and restorations there were: names the next one. */
  readonly steps: number;
};

export const EMPTY_PAYMENT: PaymentState = {
  sessions: {},
  invoices: {},
  charges: {},
  refunds: {},
  disputes: {},
  creditNotes: {},
  purchases: {},
};

export function joinSession(state: PaymentState, fact: SessionFact): PaymentState {
  const standing = isPaid(fact) ? 'paid' : fact.ended !== null ? 'failed' : 'pending';
  const next: SessionState = {
    standing,
    amount: fact.amountTotal ?? 0,
    currency: fact.currency ?? '',
    customerId: fact.customerId,
    ...presented(fact),
  };
  const known = state.sessions[fact.id];
  const kept = known === undefined ? next : joinSessions(known, next);
  return { ...state, sessions: { ...state.sessions, [fact.id]: kept } };
}

export function joinInvoice(state: PaymentState, fact: InvoiceFact): PaymentState {
  const next: InvoiceState = {
    value: fact.amountPaid + fact.balanceApplied,
    currency: fact.currency,
    subscriptionId: fact.subscriptionId,
  };
  const known = state.invoices[fact.id];
  const kept = known === undefined ? next : joinInvoices(known, next);
  return { ...state, invoices: { ...state.invoices, [fact.id]: kept } };
}

export function joinCharge(state: PaymentState, fact: ChargeFact): PaymentState {
  const next: ChargeState = {
    amount: fact.amount,
    refunded: fact.refunded,
    currency: fact.currency,
    asOf: fact.asOf,
    ...presented(fact),
  };
  const known = state.charges[fact.id];
  const kept = known === undefined ? next : joinCharges(known, next);
  const joined = { ...state, charges: { ...state.charges, [fact.id]: kept } };
  return fact.refunds.reduce(joinRefund, joined);
}

export function joinRefund(state: PaymentState, fact: RefundFact): PaymentState {
  const next: RefundState = {
    amount: fact.amount,
    currency: fact.currency,
    chargeId: fact.chargeId,
    status: fact.status,
    reason: fact.reason,
    failedAt: refundIsOff(fact.status) ? fact.asOf : null,
  };
  const known = state.refunds[fact.id];
  const kept = known === undefined ? next : joinRefunds(known, next);
  return { ...state, refunds: { ...state.refunds, [fact.id]: kept } };
}

export function joinDispute(state: PaymentState, fact: DisputeFact): PaymentState {
  const next: DisputeState = {
    amount: fact.amount,
    currency: fact.currency,
    chargeId: fact.chargeId,
    status: fact.status,
    reason: fact.reason,
    balance: fact.balance,
    asOf: fact.asOf,
    movement: fact.movement,
    movedAt: fact.movement === null ? 0 : fact.asOf,
  };
  const known = state.disputes[fact.id];
  const kept = known === undefined ? next : joinDisputes(known, next);
  return { ...state, disputes: { ...state.disputes, [fact.id]: kept } };
}

export function joinCreditNote(state: PaymentState, fact: CreditNoteFact): PaymentState {
  const next: CreditNoteState = {
    outsideRefunds: fact.outsideRefunds,
    besideRefund: fact.besideRefund,
    currency: fact.currency,
    status: fact.status,
  };
  const known = state.creditNotes[fact.id];
  const kept = known === undefined ? next : joinCreditNotes(known, next);
  return { ...state, creditNotes: { ...state.creditNotes, [fact.id]: kept } };
}

/** A warning ends once: whatever says so counts, and nothing makes it stand again. */
export function joinFraudWarning(state: PaymentState, fact: FraudWarningFact): PaymentState {
  const next: FraudWarningState = { chargeId: fact.chargeId, actionable: fact.actionable };
  const known = state.warnings?.[fact.id];
  const kept = known === undefined ? next : joinFraudWarnings(known, next);
  return { ...state, warnings: { ...state.warnings, [fact.id]: kept } };
}

/** Adds the negative lines of a paid invoice. */
export function joinReturns(
  state: PaymentState,
  returns: Readonly<Record<string, ReturnState>>,
): PaymentState {
  return Object.keys(returns).length === 0
    ? state
    : { ...state, returns: mergeBy(state.returns ?? {}, returns, (a, b) => latest(a, b, [])) };
}

/** Two payments that a fact has shown to be one. */
export function mergePayments(a: PaymentState, b: PaymentState): PaymentState {
  const merged = {
    sessions: mergeBy(a.sessions, b.sessions, joinSessions),
    invoices: mergeBy(a.invoices, b.invoices, joinInvoices),
    charges: mergeBy(a.charges, b.charges, joinCharges),
    refunds: mergeBy(a.refunds, b.refunds, joinRefunds),
    disputes: mergeBy(a.disputes, b.disputes, joinDisputes),
    creditNotes: mergeBy(a.creditNotes, b.creditNotes, joinCreditNotes),
    ...(a.warnings === undefined && b.warnings === undefined
      ? {}
      : { warnings: mergeBy(a.warnings ?? {}, b.warnings ?? {}, joinFraudWarnings) }),
    // One key is one purchase and lives in one payment, so nothing meets here.
    purchases: { ...a.purchases, ...b.purchases },
  };
  return joinReturns(joinReturns(merged, a.returns ?? {}), b.returns ?? {});
}

/** Money counts once it has come: `paid`, or nothing to pay. */
export function isPaid(fact: SessionFact): boolean {
  return fact.paymentStatus === 'paid' || fact.paymentStatus === 'no_payment_required';
}

/** Whether a refund came to nothing: it failed or was cancelled, and stays so. */
export function refundIsOff(status: string): boolean {
  return status === 'failed' || status === 'canceled';
}

function joinSessions(a: SessionState, b: SessionState): SessionState {
  const order = ['pending', 'failed', 'paid'];
  const kept = latest(a, b, [(one) => order.indexOf(one.standing)]);
  return { ...kept, ...presented(kept, a, b) };
}

function joinInvoices(a: InvoiceState, b: InvoiceState): InvoiceState {
  const kept = latest(a, b, [(one) => one.value]);
  return { ...kept, subscriptionId: a.subscriptionId ?? b.subscriptionId };
}

/** The newest update counts; within one second the larger sum, since refunds add up. */
function joinCharges(a: ChargeState, b: ChargeState): ChargeState {
  const kept = latest(a, b, [(one) => one.asOf, (one) => one.refunded]);
  return { ...kept, ...presented(kept, a, b) };
}

/** Older API versions leave it out: whoever says it counts. */
function presented(...said: readonly { readonly presentment?: Presentment }[]) {
  const presentment = said.find((one) => one.presentment !== undefined)?.presentment;
  return presentment === undefined ? {} : { presentment };
}

const REFUND_ORDER = ['pending', 'requires_action', 'succeeded', 'canceled', 'failed'];

/**
 * A refund's life goes one way: on its way, done, and perhaps failed after all. So its furthest
 * status is its latest, whatever the clock on the events says; an unknown word stands before all.
 */
function joinRefunds(a: RefundState, b: RefundState): RefundState {
  const kept = latest(a, b, [(one) => REFUND_ORDER.indexOf(one.status), (one) => one.amount]);
  const failures = [a.failedAt, b.failedAt].filter((at) => at !== null);
  return {
    ...kept,
    chargeId: a.chargeId ?? b.chargeId,
    reason: kept.reason ?? a.reason ?? b.reason,
    failedAt: failures.length === 0 ? null : Math.min(...failures),
  };
}

const DISPUTE_ORDER = [
  'warning_needs_response',
  'warning_under_review',
  'warning_closed',
  'needs_response',
  'under_review',
  'lost',
  'appeal_needs_response',
  'appeal_under_review',
  'won',
  'prevented',
];

/** The newest update counts; within one second the status that comes later in a dispute's life. */
function joinDisputes(a: DisputeState, b: DisputeState): DisputeState {
  const kept = latest(a, b, [
    (one) => one.asOf,
    (one) => DISPUTE_ORDER.indexOf(one.status),
    (one) => (one.balance === null ? 0 : 1),
    (one) => one.balance ?? 0,
    (one) => one.amount,
  ]);
  const moved = latest(a, b, [
    (one) => one.movedAt,
    (one) => (one.movement === 'reinstated' ? 2 : one.movement === 'withdrawn' ? 1 : 0),
  ]);
  return {
    ...kept,
    chargeId: a.chargeId ?? b.chargeId,
    movement: moved.movement,
    movedAt: moved.movedAt,
  };
}

function joinCreditNotes(a: CreditNoteState, b: CreditNoteState): CreditNoteState {
  return latest(a, b, [(one) => (one.status === 'void' ? 1 : 0), (one) => one.outsideRefunds]);
}

function joinFraudWarnings(a: FraudWarningState, b: FraudWarningState): FraudWarningState {
  return { chargeId: a.chargeId ?? b.chargeId, actionable: a.actionable && b.actionable };
}

/** The greater of two by the first measure that tells them apart: the maximum of a total order. */
function latest<T extends object>(a: T, b: T, measures: readonly ((one: T) => number)[]): T {
  for (const measure of measures) {
    const difference = measure(a) - measure(b);
    if (difference !== 0) {
      return difference > 0 ? a : b;
    }
  }
  return canonical(a) >= canonical(b) ? a : b;
}

/** Equal by every measure: any fixed choice will do, if it does not depend on who came first. */
function canonical(value: object): string {
  return JSON.stringify(value, (_name, inside: unknown) =>
    typeof inside === 'object' && inside !== null
      ? Object.fromEntries(Object.entries(inside).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inside,
  );
}

function mergeBy<T>(
  a: Readonly<Record<string, T>>,
  b: Readonly<Record<string, T>>,
  join: (a: T, b: T) => T,
): Readonly<Record<string, T>> {
  const merged: Record<string, T> = { ...a };
  for (const [id, value] of Object.entries(b)) {
    const known = merged[id];
    merged[id] = known === undefined ? value : join(known, value);
  }
  return merged;
}
