import { invalid, missingParameter, noSuch } from '../api/errors.ts';
import { tooSmall } from '../api/money.ts';
import type { Params } from '../api/params.ts';
import { addDiscount, type Redemption, readDiscounts } from '../billing/discounts.ts';
import { readAnchor } from '../billing/read-cycle.ts';
import { readTaxRates } from '../catalog/tax-rates.ts';
import { needCustomer } from '../customers/customers.ts';
import { emit } from '../events/emit.ts';
import type { CheckoutSession, SessionLine } from '../shapes.ts';
import type { SessionPlan, SubscriptionPlan } from '../store/records.ts';
import { newId, type World } from '../world.ts';
import { refuseBesideCustom } from './custom-amount.ts';
import { untilAnchor } from './first-period.ts';
import {
  discountLines,
  lineOfOptional,
  type OptionalItem,
  readLines,
  readOptionalItems,
  totals,
} from './lines.ts';

const DAY = 86_400;
const HOSTED = ['hosted_page', 'hosted'];
const MIN_EXPIRY = 30 * 60;
const NO_INVOICE_DATA = {
  account_tax_ids: null,
  custom_fields: null,
  description: null,
  footer: null,
  issuer: null,
  metadata: null,
  rendering_options: null,
};

export type NewSession = {
  mode: string;
  lines: SessionLine[];
  optionalItems?: OptionalItem[];
  customer: string | null;
  customerEmail?: string | null;
  customerCreation?: string | null;
  clientReferenceId?: string | null;
  metadata: Record<string, string>;
  successUrl: string | null;
  cancelUrl: string | null;
  expiresAt?: number | undefined;
  allowPromotionCodes?: boolean;
  discounts: readonly Redemption[];
  methodTypes: string[];
  paymentLink?: string | null;
  invoiceCreation?: boolean;
  automaticTax?: boolean;
  locale?: string | null;
  submitType?: string | null;
  subscriptionData: SubscriptionPlan;
  paymentMetadata: Record<string, string>;
  paymentDescription: string | null;
  setupFutureUsage: string | null;
  captureMethod: string;
};

export function createSession(world: World, params: Params): CheckoutSession {
  const mode = params.oneOf('mode', ['payment', 'subscription', 'setup']) ?? params.need('mode');
  const customer = params.text('customer');
  if (customer !== undefined) {
    needCustomer(world, customer, 'customer');
    if (params.text('customer_email') !== undefined) {
      throw invalid('You may only specify one of these parameters: customer, customer_email.');
    }
  }
  const isHosted = HOSTED.includes(params.text('ui_mode') ?? 'hosted_page');
  if (isHosted && params.text('success_url') === undefined) {
    throw missingParameter('success_url');
  }
  const data = params.object('subscription_data');
  const subscriptionData = readSubscriptionData(world, data);
  const whole = readModeLines(world, mode, params);
  if (data !== undefined) {
    const items = whole.filter((line) => line.price.recurring !== null);
    readAnchor(data, { now: world.now(), items });
  }
  const lines = untilAnchor(world, whole, subscriptionData);
  const optionalItems = readOptionalItems(world, params);
  const offered = [...lines, ...optionalItems.map((item) => lineOfOptional(world, item))];
  refuseLines(mode, offered);
  refuseBesideCustom(offered);
  const discounts = readDiscounts(world, params);
  refuseSmallTotal(world, { lines, discounts, trial: isTrial(subscriptionData) });
  const intent = params.object('payment_intent_data');
  const types = params.texts('payment_method_types');
  const expiresAt = params.integer('expires_at');
  assertExpiry(world, expiresAt);
  return addSession(world, {
    mode,
    lines,
    optionalItems,
    customer: customer ?? null,
    customerEmail: params.text('customer_email') ?? null,
    customerCreation: params.text('customer_creation') ?? null,
    clientReferenceId: readReference(params),
    metadata: params.metadata(),
    successUrl: readUrl(params, 'success_url') ?? readUrl(params, 'return_url') ?? null,
    cancelUrl: readUrl(params, 'cancel_url') ?? null,
    expiresAt,
    allowPromotionCodes: params.flag('allow_promotion_codes') ?? false,
    discounts,
    methodTypes: types.length > 0 ? types : ['card', 'sepa_debit'],
    invoiceCreation: params.object('invoice_creation')?.flag('enabled') ?? false,
    automaticTax: params.object('automatic_tax')?.flag('enabled') ?? false,
    locale: params.text('locale') ?? null,
    submitType: params.text('submit_type') ?? null,
    subscriptionData,
    paymentMetadata: intent?.metadata() ?? {},
    paymentDescription: intent?.text('description') ?? null,
    setupFutureUsage: intent?.text('setup_future_usage') ?? null,
    captureMethod: intent?.text('capture_method') ?? 'automatic_async',
  });
}

/** Nothing at all may be charged, or what a card network takes. */
function refuseSmallTotal(
  world: World,
  of: { lines: SessionLine[]; discounts: Redemption[]; trial: boolean },
): void {
  const lines = discountLines(world, of.lines, of.discounts);
  const { amount_total: total } = totals(lines, { trial: of.trial });
  const what = "The Checkout Session's total amount due";
  const small = tooSmall(total, lines[0]?.currency ?? '', { what });
  if (total > 0 && small !== undefined) {
    throw small;
  }
}

function assertExpiry(world: World, expiresAt: number | undefined): void {
  const ahead = expiresAt === undefined ? DAY : expiresAt - world.now();
  // A little less than half an hour, since both clocks count whole seconds.
  if (ahead < MIN_EXPIRY - 60 || ahead > DAY + 60) {
    throw invalid(
      'The `expires_at` timestamp must be between 30 minutes and 24 hours from Checkout Session creation.',
      { param: 'expires_at' },
    );
  }
}

function readReference(params: Params): string | null {
  const reference = params.text('client_reference_id') ?? null;
  if (reference !== null && reference.length > 200) {
    throw invalid('client_reference_id can have up to 200 characters.', {
      param: 'client_reference_id',
    });
  }
  return reference;
}

function readUrl(params: Params, key: string): string | undefined {
  const url = params.text(key);
  if (url !== undefined && !/^https?:\/\/./.test(url)) {
    throw invalid('Not a valid URL', { param: key, code: 'url_invalid' });
  }
  return url;
}

function readModeLines(world: World, mode: string, params: Params): SessionLine[] {
  const rates = readTaxRates(world, params.object('subscription_data'), 'default_tax_rates');
  const lines = readLines(world, params, rates);
  if (mode === 'setup') {
    return lines;
  }
  if (lines.length === 0) {
    throw missingParameter('line_items');
  }
  const recurring = lines.some((line) => line.price.recurring !== null);
  if (mode === 'subscription' && !recurring) {
    throw invalid('You must provide at least one recurring price in `subscription` mode.', {
      param: 'line_items',
    });
  }
  return lines;
}

/** What no mix of lines and optional items may be. */
function refuseLines(mode: string, lines: readonly SessionLine[]): void {
  if (mode === 'payment' && lines.some((line) => line.price.recurring !== null)) {
    throw invalid(
      'You specified `payment` mode but passed a recurring price. Either switch to `subscription` mode or use only one-time prices.',
      { param: 'line_items' },
    );
  }
  if (new Set(lines.map((line) => line.currency)).size > 1) {
    throw invalid('All prices on a Checkout Session must be in the same currency.', {
      param: 'line_items',
    });
  }
}

export function readSubscriptionData(world: World, params: Params | undefined): SubscriptionPlan {
  return {
    metadata: params?.metadata() ?? {},
    description: params?.text('description') ?? null,
    trialEnd: params?.integer('trial_end') ?? null,
    trialDays: params?.integer('trial_period_days') ?? null,
    missingPaymentMethod:
      params?.object('trial_settings')?.object('end_behavior')?.text('missing_payment_method') ??
      null,
    billingCycleAnchor: params?.integer('billing_cycle_anchor') ?? null,
    prorations:
      params?.oneOf('proration_behavior', ['create_prorations', 'none']) ?? 'create_prorations',
    defaultTaxRates: readTaxRates(world, params, 'default_tax_rates') ?? [],
  };
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
    client_secret: null,
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
    expires_at: input.expiresAt ?? now + DAY,
    integration_identifier: null,
    invoice: null,
    invoice_creation:
      input.mode === 'payment'
        ? { enabled: input.invoiceCreation ?? false, invoice_data: NO_INVOICE_DATA }
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
    payment_method_collection: input.mode === 'subscription' ? 'always' : 'if_required',
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
    ui_mode: 'hosted_page',
    url: `${world.baseUrl()}/c/pay/${id}`,
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
