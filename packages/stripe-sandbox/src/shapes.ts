import type Stripe from 'stripe';

/**
 * Stripe's objects as they travel and as the sandbox keeps them: the SDK's own types, so that a field
 * which Stripe renames is a compile error here, with references as ids and decimals as strings. Only
 * types are imported: the sandbox runs without the SDK.
 */
type Wire<T> = {
  [K in keyof T]: HasText<T[K]> extends true ? WithoutObjects<T[K]> : Plain<T[K]>;
};
type HasText<V> = [Extract<V, string>] extends [never] ? false : true;
type WithoutObjects<V> = V extends { id: string } ? never : V;
type Reference<V> = HasText<V> extends true ? WithoutObjects<V> : V;
type Plain<V> = V extends Stripe.Decimal ? string : V extends (infer U)[] ? Reference<U>[] : V;

export type Account = Stripe.Account;
export type ActiveEntitlement = Wire<Stripe.Entitlements.ActiveEntitlement>;
export type EntitlementFeature = Wire<Stripe.Entitlements.Feature>;
export type Address = Stripe.Address;
export type BalanceTransaction = Wire<Stripe.BalanceTransaction>;
export type Charge = Wire<Stripe.Charge>;
export type CheckoutSession = Wire<
  Omit<Stripe.Checkout.Session, 'discounts' | 'line_items' | 'invoice_creation'>
> & {
  invoice_creation: {
    enabled: boolean;
    invoice_data: Wire<Stripe.Checkout.Session.InvoiceCreation.InvoiceData>;
  } | null;
  discounts: { coupon: string | null; promotion_code: string | null }[] | null;
};
export type Coupon = Wire<Stripe.Coupon>;
export type CreditNote = Wire<Omit<Stripe.CreditNote, 'lines' | 'refunds'>> & {
  lines: WireList<Wire<Stripe.CreditNoteLineItem>>;
  refunds: (Omit<Stripe.CreditNote.Refund, 'refund'> & { refund: string })[];
};
export type Customer = Wire<Omit<Stripe.Customer, 'invoice_settings' | 'discount'>> & {
  invoice_settings: Wire<Stripe.Customer.InvoiceSettings>;
  discount: Discount | null;
};
export type CustomerBalanceTransaction = Wire<Stripe.CustomerBalanceTransaction>;
export type Discount = Wire<Omit<Stripe.Discount, 'source'>> & {
  source: { coupon: string | null; type: 'coupon' };
};
export type Dispute = Wire<Omit<Stripe.Dispute, 'balance_transactions' | 'evidence'>> & {
  balance_transactions: BalanceTransaction[];
  evidence: Record<string, unknown>;
};
export type EarlyFraudWarning = Wire<Stripe.Radar.EarlyFraudWarning>;
/** Lines and payments are kept apart and added when the invoice is shown. */
export type Invoice = Wire<Omit<Stripe.Invoice, 'lines' | 'payments' | 'parent' | 'issuer'>> & {
  parent: InvoiceParent | null;
  issuer: { type: 'self' };
};
export type InvoiceParent = {
  quote_details: { quote: string } | null;
  subscription_details: { metadata: Record<string, string>; subscription: string } | null;
  type: string;
};
export type InvoiceItem = Wire<
  Omit<Stripe.InvoiceItem, 'parent' | 'pricing' | 'proration_details'>
> & {
  proration_details?: ItemProrationDetails;
  parent: {
    subscription_details: { subscription: string; subscription_item?: string } | null;
    type: 'subscription_details';
  } | null;
  pricing: LinePricing | null;
};
export type InvoiceLine = Wire<
  Omit<Stripe.InvoiceLineItem, 'parent' | 'pricing' | 'discount_amounts' | 'pretax_credit_amounts'>
> & {
  parent: LineParent | null;
  pricing: LinePricing | null;
  discount_amounts: { amount: number; discount: string }[];
  pretax_credit_amounts: [];
};
export type LineParent = {
  invoice_item_details: {
    invoice_item: string;
    proration: boolean;
    proration_details: ProrationDetails | null;
    subscription: string | null;
  } | null;
  subscription_item_details: {
    invoice_item: string | null;
    proration: boolean;
    proration_details: ProrationDetails | null;
    subscription: string | null;
    subscription_item: string;
  } | null;
  type: 'invoice_item_details' | 'subscription_item_details';
};
/** What an item says of its proration; a line says it as `ProrationDetails`. */
export type ItemProrationDetails = Wire<
  Omit<Stripe.InvoiceItem.ProrationDetails, 'discount_amounts'>
> & { discount_amounts: { amount: number; discount: string }[] };
export type ProrationDetails = {
  credited_items: { invoice: string; invoice_line_items: string[] } | null;
};
export type LinePricing = {
  price_details: { price: string; product: string };
  type: 'price_details';
  unit_amount_decimal: string | null;
};
export type InvoicePayment = Wire<Omit<Stripe.InvoicePayment, 'payment'>> & {
  payment: { type: 'payment_intent' | 'charge'; payment_intent?: string; charge?: string };
};
export type PaymentIntent = Wire<Omit<Stripe.PaymentIntent, 'last_payment_error'>> & {
  last_payment_error: Record<string, unknown> | null;
};
export type PaymentLink = Wire<Omit<Stripe.PaymentLink, 'line_items'>>;
export type PaymentMethod = Wire<Stripe.PaymentMethod>;
export type Meter = Wire<Stripe.Billing.Meter>;
export type Payout = Wire<Stripe.Payout>;
export type Plan = Wire<Stripe.Plan>;
export type PortalConfiguration = Wire<Stripe.BillingPortal.Configuration>;
export type PortalSession = Wire<Stripe.BillingPortal.Session>;
export type Price = Wire<Stripe.Price>;
export type Product = Wire<Stripe.Product>;
export type PromotionCode = Wire<Omit<Stripe.PromotionCode, 'promotion'>> & {
  promotion: { coupon: string | null; type: 'coupon' };
};
export type Quote = Wire<Omit<Stripe.Quote, 'line_items'>>;
export type Refund = Wire<Stripe.Refund>;
/** A line of a checkout session or payment link. */
export type SessionLine = Wire<Omit<Stripe.LineItem, 'price' | 'discounts'>> & { price: Price };
export type SetupIntent = Wire<Stripe.SetupIntent>;
export type Subscription = Wire<Omit<Stripe.Subscription, 'items' | 'pending_update'>> & {
  items: WireList<SubscriptionItem>;
  pending_update: null;
};
export type SubscriptionItem = Wire<Omit<Stripe.SubscriptionItem, 'plan' | 'price'>> & {
  plan: Plan;
  price: Price;
};
export type SubscriptionSchedule = Wire<
  Omit<Stripe.SubscriptionSchedule, 'phases' | 'pause_schedules'>
> & { phases: SchedulePhase[]; pause_schedules: [] };
export type SchedulePhase = Wire<
  Omit<Stripe.SubscriptionSchedule.Phase, 'items' | 'add_invoice_items' | 'discounts'>
> & {
  items: Wire<Stripe.SubscriptionSchedule.Phase.Item>[];
  add_invoice_items: Wire<Stripe.SubscriptionSchedule.Phase.AddInvoiceItem>[];
  discounts: Wire<Stripe.SubscriptionSchedule.Phase.Discount>[];
};
export type TaxRate = Stripe.TaxRate;
/** A tax on a line of an invoice or credit note, and on their totals. */
export type Tax = Wire<NonNullable<Stripe.InvoiceLineItem['taxes']>[number]>;
export type TaxId = Wire<Omit<Stripe.TaxId, 'owner'>> & { owner: Wire<Stripe.TaxId.Owner> };
export type TestClock = Wire<Stripe.TestHelpers.TestClock>;
export type WebhookEndpoint = Wire<Stripe.WebhookEndpoint>;

export type WireList<T> = { object: 'list'; data: T[]; has_more: boolean; url: string };

export type StripeEvent = {
  id: string;
  object: 'event';
  api_version: string;
  created: number;
  data: { object: Record<string, unknown>; previous_attributes?: Record<string, unknown> };
  livemode: boolean;
  pending_webhooks: number;
  request: { id: string | null; idempotency_key: string | null };
  type: string;
};

export function listOf<T>(data: T[], url: string): WireList<T> {
  return { object: 'list', data, has_more: false, url };
}
