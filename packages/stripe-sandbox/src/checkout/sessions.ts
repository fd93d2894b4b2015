import { invalid, noSuch } from '../api/errors.ts';
import { addDiscount, type Redemption } from '../billing/discounts.ts';
import { emit } from '../events/emit.ts';
import type { CheckoutSession, SessionLine } from '../shapes.ts';
import type { SessionPlan, SubscriptionPlan } from '../store/records.ts';
import { newId, type World } from '../world.ts';
import { discountLines, type OptionalItem, totals } from './lines.ts';

/** How long a session is open, unless it says less. */
export const OPEN_SECONDS = 86_400;

const NO_INVOICE_DATA: InvoiceData = {
  account_tax_ids: null,
  custom_fields: null,
  description: null,
  footer: null,
  issuer: null,
  metadata: null,
  rendering_options: null,
};

export type InvoiceData = NonNullable<CheckoutSession['invoice_creation']>['invoice_data'];

export type NewSession = {
  mode: string;
  lines: SessionLine[];
  optionalItems?: OptionalItem[];
  customer: string | null;
  customerEmail?: string | null;
  customerCreation?: string | null;
  clientReferenceId?: string | null;
  metadata: Record<string, string>;
  /** Default: the sandbox's own page. */
  uiMode?: string | undefined;
  returnUrl?: string | null | undefined;
  paymentMethodCollection?: string | undefined;
  successUrl: string | null;
  cancelUrl: string | null;
  expiresAt?: number | undefined;
  allowPromotionCodes?: boolean;
  discounts: readonly Redemption[];
  methodTypes: string[];
  paymentLink?: string | null;
  /** Absent: no invoice is made. */
  invoiceData?: Partial<InvoiceData> | undefined;
  automaticTax?: boolean;
  locale?: string | null;
  submitType?: string | null;
  subscriptionData: SubscriptionPlan;
  paymentMetadata: Record<string, string>;
  paymentDescription: string | null;
  setupFutureUsage: string | null;
  captureMethod: string;
};

/** Whether the buyer must say what they pay by: `payment_method_collection`, where nothing is due. */
export function needsMethod(session: CheckoutSession): boolean {
  return (
    (session.amount_total ?? 0) > 0 ||
    session.mode === 'setup' ||
    (session.mode === 'subscription' && session.payment_method_collection !== 'if_required')
  );
}

export function isTrial(plan: SubscriptionPlan): boolean {
  return plan.trialDays !== null || plan.trialEnd !== null;
}

export function addSession(world: World, input: NewSession): CheckoutSession {
  const id = newId('cs_test', 58);
  const lines = discountLines(world, input.lines, input.discounts);
  world.store.put('session_plan', {
    id,
    lines,
    subscriptionData: input.subscriptionData,
    paymentMetadata: input.paymentMetadata,
    paymentDescription: input.paymentDescription,
    setupFutureUsage: input.setupFutureUsage,
    captureMethod: input.captureMethod,
    attempted: {},
  });
  return world.store.put('checkout_session', buildSession(world, { id, input, lines }));
}

function buildSession(
  world: World,
  made: { id: string; input: NewSession; lines: SessionLine[] },
): CheckoutSession {
  const { id, input, lines } = made;
  const now = world.now();
  const [first] = lines;
  return {
    id,
    object: 'checkout.session',
    adaptive_pricing: null,
    after_expiration: null,
    allow_promotion_codes: input.allowPromotionCodes ?? null,
    allowed_payment_method_types: null,
    ...totals(lines, { trial: isTrial(input.subscriptionData) }),
    automatic_tax: {
      enabled: input.automaticTax ?? false,
      liability: null,
      provider: null,
      status: input.automaticTax ? 'complete' : null,
    },
    billing_address_collection: null,
    cancel_url: input.cancelUrl,
    client_reference_id: input.clientReferenceId ?? null,
    client_secret: input.uiMode === undefined ? null : `${id}_secret_${newId('s', 24).slice(2)}`,
    collected_information: null,
    consent: null,
    consent_collection: null,
    created: now,
    currency: first?.currency ?? null,
    currency_conversion: null,
    custom_fields: [],
    custom_text: {
      after_submit: null,
      shipping_address: null,
      submit: null,
      terms_of_service_acceptance: null,
    },
    customer: input.customer,
    customer_account: null,
    customer_creation: input.customer === null ? (input.customerCreation ?? 'if_required') : null,
    customer_details: null,
    customer_email: input.customerEmail ?? null,
    discounts: input.discounts.map((one) => ({
      coupon: one.promotionCode === null ? one.coupon : null,
      promotion_code: one.promotionCode,
    })),
    expires_at: input.expiresAt ?? now + OPEN_SECONDS,
    integration_identifier: null,
    invoice: null,
    invoice_creation:
      input.mode === 'payment'
        ? {
            enabled: input.invoiceData !== undefined,
            invoice_data: { ...NO_INVOICE_DATA, ...input.invoiceData },
          }
        : null,
    livemode: false,
    locale: input.locale ?? null,
    managed_payments: null,
    metadata: input.metadata,
    mode: input.mode,
    optional_items: input.optionalItems ?? [],
    origin_context: null,
    payment_intent: null,
    payment_link: input.paymentLink ?? null,
    payment_method_collection:
      input.paymentMethodCollection ?? (input.mode === 'subscription' ? 'always' : 'if_required'),
    payment_method_configuration_details: null,
    payment_method_options: {},
    payment_method_types: input.methodTypes,
    payment_status: input.mode === 'setup' ? 'no_payment_required' : 'unpaid',
    permissions: null,
    phone_number_collection: { enabled: false },
    recovered_from: null,
    saved_payment_method_options: null,
    setup_intent: null,
    shipping_address_collection: null,
    shipping_cost: null,
    shipping_options: [],
    status: 'open',
    submit_type: input.submitType ?? null,
    subscription: null,
    success_url: input.successUrl,
    ...(input.returnUrl == null ? {} : { return_url: input.returnUrl }),
    ui_mode: input.uiMode ?? 'hosted_page',
    url: input.uiMode === undefined ? `${world.baseUrl()}/c/pay/${id}` : null,
    wallet_options: null,
  };
}

export function needSession(world: World, id: string, param?: string): CheckoutSession {
  const session = world.store.get('checkout_session', id);
  if (session === undefined) {
    throw noSuch('checkout.session', id, param);
  }
  return session;
}

export function sessionPlan(world: World, id: string): SessionPlan {
  const plan = world.store.get('session_plan', id);
  if (plan === undefined) {
    throw noSuch('checkout.session', id);
  }
  return plan;
}

export function expireSession(world: World, before: CheckoutSession): CheckoutSession {
  if (before.status !== 'open') {
    throw invalid(
      `Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session has a status of ${before.status}.`,
    );
  }
  const session = world.store.put('checkout_session', { ...before, status: 'expired', url: null });
  emit(world, 'checkout.session.expired', session);
  return session;
}

export function redemptionsOf(world: World, session: CheckoutSession): Redemption[] {
  return (session.discounts ?? []).flatMap(({ coupon, promotion_code: code }) => {
    const ofCode =
      code === null ? null : (world.store.get('promotion_code', code)?.promotion.coupon ?? null);
    const id = coupon ?? ofCode;
    return id === null ? [] : [{ coupon: id, promotionCode: code }];
  });
}

/** Counts the redemption when a one-time session completes; a subscription counts its own. */
export function redeemForGood(world: World, session: CheckoutSession): string[] {
  return redemptionsOf(world, session).map(
    (one) => addDiscount(world, { ...one, customer: session.customer, session: session.id }).id,
  );
}
