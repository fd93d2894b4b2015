/**
 * What a Stripe object truly says, whatever API version it was written in. Amounts are minor units
 * of `currency`; times are seconds since 1970 as Stripe sends them; null is "it does not say".
 */
export type Metadata = Readonly<Record<string, string>>;

export type Period = { readonly start: number; readonly end: number };

export type LineFact = {
  readonly id: string;
  readonly priceId: string | null;
  /** undefined: this API version does not say; null: the price has none. */
  readonly lookupKey: string | null | undefined;
  readonly quantity: number;
  /** Before discounts: what tells a trial (0) from a coupon, and how much of a price a proration is. */
  readonly amount: number;
  readonly discount: number;
  readonly currency: string;
  /** The price of one unit, in minor units with decimals; null where the shape does not say it. */
  readonly unitAmount: string | null;
  /** The currency of `unitAmount`; a price may be charged in another of its currencies. */
  readonly unitCurrency?: string;
  /** null: the shape does not say. */
  readonly recurring: boolean | null;
  readonly proration: boolean;
  readonly period: Period | null;
  readonly subscriptionId: string | null;
  readonly description: string | null;
  /** The invoice item that the line was made of. */
  readonly invoiceItemId?: string;
  /** Of a negative proration line: what it credits, where the API version says it. */
  readonly credited?: CreditedItems;
};

/** What a negative proration line credits: lines of an invoice, or an item that was still pending. */
export type CreditedItems =
  | { readonly invoiceId: string; readonly lineIds: readonly string[] }
  | { readonly invoiceItemId: string };

export type SessionFact = {
  readonly kind: 'session';
  readonly id: string;
  readonly mode: string;
  readonly paymentStatus: string;
  readonly status: string | null;
  readonly amountTotal: number | null;
  readonly currency: string | null;
  readonly presentment?: Presentment;
  readonly customerId: string | null;
  readonly clientReferenceId: string | null;
  readonly metadata: Metadata;
  readonly paymentIntentId: string | null;
  readonly invoiceId: string | null;
  readonly subscriptionId: string | null;
  /** Null when the event does not carry them: they have to be listed. */
  readonly lines: readonly LineFact[] | null;
  readonly asOf: number;
  /** What the event's type adds: a delayed payment failed, or the session ran out. */
  readonly ended: 'failed' | 'expired' | null;
};

export type InvoiceFact = {
  readonly kind: 'invoice';
  readonly id: string;
  readonly paid: boolean;
  readonly status: string | null;
  readonly billingReason: string | null;
  readonly amountPaid: number;
  readonly total: number;
  /** Of the total, what the customer's balance at Stripe paid. */
  readonly balanceApplied: number;
  readonly currency: string;
  readonly customerId: string | null;
  readonly subscriptionId: string | null;
  readonly subscriptionMetadata: Metadata;
  readonly metadata: Metadata;
  readonly paymentIntentIds: readonly string[];
  readonly chargeId: string | null;
  readonly lines: readonly LineFact[];
  readonly linesComplete: boolean;
  /** When the invoice was made, where the object says it. */
  readonly createdAt?: number;
  readonly asOf: number;
};

export type InvoicePaymentFact = {
  readonly kind: 'invoice_payment';
  readonly id: string;
  readonly invoiceId: string;
  readonly paymentIntentId: string | null;
  readonly chargeId: string | null;
};

export type RefundFact = {
  readonly kind: 'refund';
  readonly id: string;
  readonly amount: number;
  readonly currency: string;
  readonly chargeId: string | null;
  readonly paymentIntentId: string | null;
  readonly status: string;
  readonly reason: string | null;
  readonly asOf: number;
  /** The event's type says that it failed; the object may still say otherwise. */
  readonly announcedFailed: boolean;
};

/**
 * What the buyer was shown and paid, in minor units of their own currency; absent where it is ours.
 * https://docs.stripe.com/payments/currencies/localize-prices/adaptive-pricing
 */
export type Presentment = { readonly amount: number; readonly currency: string };

export type ChargeFact = {
  readonly kind: 'charge';
  readonly id: string;
  readonly amount: number;
  /** Cumulative over the charge. */
  readonly refunded: number;
  readonly currency: string;
  readonly presentment?: Presentment;
  readonly paymentIntentId: string | null;
  readonly invoiceId: string | null;
  readonly customerId: string | null;
  /** The single refunds, where the API version embeds them. */
  readonly refunds: readonly RefundFact[];
  readonly asOf: number;
};

export type DisputeFact = {
  readonly kind: 'dispute';
  readonly id: string;
  readonly amount: number;
  readonly currency: string;
  readonly chargeId: string | null;
  readonly paymentIntentId: string | null;
  readonly status: string;
  readonly reason: string | null;
  /** Sum of its balance transactions, negative while money is gone; null when none is listed. */
  readonly balance: number | null;
  /** What the event's type says about the money. */
  readonly movement: 'withdrawn' | 'reinstated' | null;
  readonly asOf: number;
};

/** The issuer suspects fraud. No money has moved; a dispute often follows. */
export type FraudWarningFact = {
  readonly kind: 'fraud_warning';
  readonly id: string;
  readonly chargeId: string | null;
  readonly paymentIntentId: string | null;
  /** False once the charge is disputed or refunded in full, or somebody has dismissed it. */
  readonly actionable: boolean;
};

export type CreditNoteFact = {
  readonly kind: 'credit_note';
  readonly id: string;
  readonly invoiceId: string;
  readonly currency: string;
  readonly status: string;
  /** What went back after payment other than as a refund: to the customer's balance or out of band. */
  readonly outsideRefunds: number;
  /** Where only the refund knows its share: the note's whole amount, and which refund is part of it. */
  readonly besideRefund: { readonly refundId: string; readonly amount: number } | null;
  readonly asOf: number;
};

export type SubscriptionItemFact = {
  readonly priceId: string;
  readonly unitAmount: string | null;
  /** The currency of `unitAmount`. */
  readonly currency?: string;
  readonly lookupKey: string | null;
  readonly quantity: number;
};

export type SubscriptionFact = {
  readonly kind: 'subscription';
  readonly id: string;
  readonly customerId: string | null;
  readonly status: string;
  readonly metadata: Metadata;
  readonly items: readonly SubscriptionItemFact[];
  readonly trial: Period | null;
  readonly currentPeriodEnd: number | null;
  readonly cancelAtPeriodEnd: boolean;
  readonly endedAt: number | null;
  readonly asOf: number;
  /** It is as it was made: nothing that was said of it is older. */
  readonly asMade?: true;
};

export type CustomerFact = {
  readonly kind: 'customer';
  readonly id: string;
  readonly metadata: Metadata;
  readonly deleted: boolean;
};

export type PriceFact = {
  readonly kind: 'price';
  readonly id: string;
  readonly lookupKey: string | null;
  readonly unitAmount: string | null;
  readonly currency?: string;
  /** The unit amounts in the price's other currencies. */
  readonly currencyOptions?: Readonly<Record<string, string | null>>;
};

/** Nothing for the ledger to do, and why. */
export type NothingFact = { readonly kind: 'nothing'; readonly reason: string };

export type Fact =
  | SessionFact
  | InvoiceFact
  | InvoicePaymentFact
  | RefundFact
  | ChargeFact
  | DisputeFact
  | FraudWarningFact
  | CreditNoteFact
  | SubscriptionFact
  | CustomerFact
  | NothingFact;
