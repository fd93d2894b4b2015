import type {
  BalanceTransaction,
  Charge,
  CheckoutSession,
  Coupon,
  CreditNote,
  Customer,
  CustomerBalanceTransaction,
  Discount,
  Dispute,
  EarlyFraudWarning,
  EntitlementFeature,
  Invoice,
  InvoiceItem,
  InvoiceLine,
  InvoicePayment,
  Meter,
  PaymentIntent,
  PaymentLink,
  PaymentMethod,
  Payout,
  PortalConfiguration,
  PortalSession,
  Price,
  Product,
  PromotionCode,
  ProrationDetails,
  Quote,
  Refund,
  SessionLine,
  SetupIntent,
  StripeEvent,
  Subscription,
  SubscriptionSchedule,
  TaxId,
  TaxRate,
  TestClock,
  WebhookEndpoint,
} from '../shapes.ts';

/** What the sandbox knows of an object beside what Stripe would show. Each has the object's id. */
export type SessionPlan = {
  id: string;
  lines: SessionLine[];
  /** The lines that optional items have become, by their prices. */
  chosen?: Record<string, string>;
  subscriptionData: SubscriptionPlan;
  paymentMetadata: Record<string, string>;
  paymentDescription: string | null;
  setupFutureUsage: string | null;
  captureMethod: string;
  /** The subscription or intent of an attempt that was declined; the next attempt goes on with it. */
  attempted: { subscription?: string; paymentIntent?: string; customer?: string };
};
export type SubscriptionPlan = {
  metadata: Record<string, string>;
  description: string | null;
  trialEnd: number | null;
  trialDays: number | null;
  missingPaymentMethod: string | null;
  billingCycleAnchor: number | null;
  prorations: string;
  defaultTaxRates: TaxRate[];
};
export type LinkPlan = {
  id: string;
  lines: SessionLine[];
  metadata: Record<string, string>;
  subscriptionData: SubscriptionPlan;
  paymentMetadata: Record<string, string>;
  afterUrl: string | null;
};
export type PaymentMethodSecret = { id: string; behaviour: string; detached?: boolean };
export type IntentPlan = {
  id: string;
  invoice: string | null;
  session: string | null;
  /** Epoch seconds at which a delayed payment settles, and how. */
  settlesAt: number | null;
  settlesAs: 'succeeded' | 'failed';
  returnUrl: string | null;
};
export type QuotePlan = {
  id: string;
  lines: SessionLine[];
  redemptions: { coupon: string; promotionCode: string | null }[];
};
export type RefundPlan = { id: string; dueAt: number | null; becomes: 'succeeded' | 'failed' };
export type InvoiceLines = { id: string; lines: InvoiceLine[] };
/** What is to be charged, before it is a line of an invoice. */
export type DraftLine = {
  price: Price | null;
  quantity: number;
  /** In the smallest unit; negative for a credit. */
  amount: number;
  currency: string;
  description: string;
  period: { start: number; end: number };
  subscription: string | null;
  /** Set for a line of the subscription itself; absent: an invoice item. */
  subscriptionItem: string | null;
  invoiceItem: string | null;
  proration: boolean;
  prorationDetails?: ProrationDetails | null;
  discountable?: boolean;
  /** Its own rates; without any, the invoice's default ones apply. */
  taxRates?: readonly TaxRate[] | null;
  metadata?: Record<string, string>;
};

/** `drafts`: the lines of an invoice that is still a draft, for adding to them. */
export type InvoicePlan = {
  id: string;
  finalizesAt: number | null;
  drafts: DraftLine[];
  /** Of one that is sent: 1 once it was overdue, 2 after the additional deadline. */
  overdueSteps?: number;
};
export type SubscriptionState = {
  id: string;
  trialWillEndSent: boolean;
  incompleteExpiresAt: number | null;
};
export type IdempotentRequest = {
  id: string;
  fingerprint: string;
  path: string;
  status: number;
  body: string;
  requestId: string;
  createdAt: number;
};
export type EventBodies = { id: string; byVersion: Record<string, Record<string, unknown>> };
/** An event destination of the v2 API, with what Stripe shows only when it is asked to. */
export type EventDestination = {
  id: string;
  object: 'v2.core.event_destination';
  created: string;
  updated: string;
  name: string;
  description: string;
  enabled_events: string[];
  event_payload: 'snapshot' | 'thin';
  events_from: string[];
  livemode: false;
  metadata: Record<string, string>;
  snapshot_api_version: string | null;
  status: 'enabled' | 'disabled';
  status_details: { disabled: { reason: string } } | null;
  type: 'webhook_endpoint';
  url: string;
  signingSecret: string;
};

/**
 * An event of the v2 API: it names its object and does not show it. Its shape is that of
 * https://docs.stripe.com/event-destinations#thin-events and of the SDK's `V2.Core.Event`.
 */
export type ThinEvent = {
  id: string;
  object: 'v2.core.event';
  type: string;
  livemode: boolean;
  created: string;
  reason?: {
    type: 'request';
    request: { id: string; idempotency_key: string | null };
  };
  related_object?: { id: string; type: string; url: string };
  data?: object;
  /** The event that tells the same as a snapshot. */
  snapshot_event?: string;
};

export type Delivery = {
  id: string;
  event: string;
  endpoint: string;
  attempts: number;
  /** Epoch milliseconds, the sandbox's time. */
  nextAttemptAt: number;
  status: 'pending' | 'delivered' | 'given_up' | 'dropped';
  lastStatus: number | null;
  lastError: string | null;
  createdAt: number;
};
/** Which product has a feature. */
export type ProductFeature = { id: string; product: string; feature: string };
/** One report of usage; its id is the identifier that makes it one. */
export type MeterEvent = {
  id: string;
  meter: string;
  customer: string;
  value: number;
  timestamp: number;
  /** Seconds since 1970. */
  receivedAt: number;
  /** Taken back by an adjustment. */
  canceled: boolean;
};
/** Whoever has the token may report usage by the stream, until it expires. */
export type MeterEventSession = { id: string; token: string; expiresAt: number };
export type Setting = { id: string; value: number | string | boolean };
export type Counter = { id: string; value: number };

/** Every collection, and what it holds. */
export type Records = {
  balance_transaction: BalanceTransaction;
  charge: Charge;
  checkout_session: CheckoutSession;
  session_plan: SessionPlan;
  coupon: Coupon;
  credit_note: CreditNote;
  customer: Customer;
  customer_balance_transaction: CustomerBalanceTransaction;
  discount: Discount;
  dispute: Dispute;
  early_fraud_warning: EarlyFraudWarning;
  entitlement_feature: EntitlementFeature;
  product_feature: ProductFeature;
  event: StripeEvent;
  event_bodies: EventBodies;
  event_destination: EventDestination;
  thin_event: ThinEvent;
  delivery: Delivery;
  idempotency: IdempotentRequest;
  invoice: Invoice;
  invoice_plan: InvoicePlan;
  invoice_lines: InvoiceLines;
  invoice_item: InvoiceItem;
  invoice_payment: InvoicePayment;
  meter: Meter;
  meter_event: MeterEvent;
  meter_event_session: MeterEventSession;
  payment_intent: PaymentIntent;
  intent_plan: IntentPlan;
  payment_link: PaymentLink;
  link_plan: LinkPlan;
  payment_method: PaymentMethod;
  payment_method_secret: PaymentMethodSecret;
  payout: Payout;
  portal_configuration: PortalConfiguration;
  portal_session: PortalSession;
  price: Price;
  product: Product;
  promotion_code: PromotionCode;
  quote: Quote;
  quote_plan: QuotePlan;
  refund: Refund;
  refund_plan: RefundPlan;
  setup_intent: SetupIntent;
  subscription: Subscription;
  subscription_state: SubscriptionState;
  subscription_schedule: SubscriptionSchedule;
  tax_id: TaxId;
  tax_rate: TaxRate;
  test_clock: TestClock;
  webhook_endpoint: WebhookEndpoint;
  setting: Setting;
  counter: Counter;
};

export type Kind = keyof Records;
