import { invalid, missingParameter } from '../api/errors.ts';
import { tooSmall } from '../api/money.ts';
import type { Params } from '../api/params.ts';
import { type Redemption, readDiscounts } from '../billing/discounts.ts';
import { readCustomFields } from '../billing/invoice-fields.ts';
import { readAnchor } from '../billing/read-cycle.ts';
import { refuseRestricted } from '../catalog/restrictions.ts';
import { readTaxRates } from '../catalog/tax-rates.ts';
import { refuseSecondCurrency, runningCurrency } from '../customers/currency.ts';
import { needCustomer } from '../customers/customers.ts';
import type { CheckoutSession, SessionLine } from '../shapes.ts';
import type { SubscriptionPlan } from '../store/records.ts';
import type { World } from '../world.ts';
import { refuseBesideCustom } from './custom-amount.ts';
import { untilAnchor } from './first-period.ts';
import { discountLines, lineOfOptional, readLines, readOptionalItems, totals } from './lines.ts';
import { addSession, type InvoiceData, isTrial, OPEN_SECONDS } from './sessions.ts';

const HOSTED = ['hosted_page', 'hosted'];
const MIN_EXPIRY = 30 * 60;

/** Reads what a session is made of, and refuses what Stripe refuses. */
export function createSession(world: World, params: Params): CheckoutSession {
  const mode = params.oneOf('mode', ['payment', 'subscription', 'setup']) ?? params.need('mode');
  refuseOfOtherModes(mode, params);
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
  const offered = [
    ...lines,
    ...optionalItems.map((item) => lineOfOptional(world, item, lines[0]?.currency)),
  ];
  refuseLines(mode, offered);
  refuseBesideCustom(offered);
  const discounts = readSessionDiscounts(world, params, lines);
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
    uiMode: isHosted ? undefined : params.text('ui_mode'),
    returnUrl: readUrl(params, 'return_url'),
    paymentMethodCollection: params.text('payment_method_collection'),
    successUrl: readUrl(params, 'success_url') ?? null,
    cancelUrl: readUrl(params, 'cancel_url') ?? null,
    expiresAt,
    allowPromotionCodes: params.flag('allow_promotion_codes') ?? false,
    discounts,
    methodTypes: types.length > 0 ? types : ['card', 'sepa_debit'],
    invoiceData: readInvoiceData(params.object('invoice_creation')),
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

/** One coupon or code, and then none that the buyer may type. */
function readSessionDiscounts(world: World, params: Params, lines: SessionLine[]): Redemption[] {
  const discounts = readDiscounts(world, params);
  if (discounts.length > 0 && params.has('allow_promotion_codes')) {
    throw invalid(
      'You may only specify one of these parameters: allow_promotion_codes, discounts.',
      { param: 'allow_promotion_codes' },
    );
  }
  if (discounts.length > 1) {
    throw invalid('A Checkout Session can have up to 1 discount.', { param: 'discounts' });
  }
  for (const { promotionCode } of discounts) {
    refuseRestricted(world, promotionCode, {
      customer: params.text('customer') ?? null,
      amount: totals(lines, { trial: false }).amount_subtotal,
      currency: lines[0]?.currency ?? '',
    });
  }
  return discounts;
}

const ONLY_IN: Readonly<Record<string, readonly string[]>> = {
  customer_creation: ['payment', 'setup'],
  invoice_creation: ['payment'],
  payment_intent_data: ['payment'],
  setup_intent_data: ['setup'],
  subscription_data: ['subscription'],
};

/** What a mode does not make cannot be described. */
function refuseOfOtherModes(mode: string, params: Params): void {
  const wrong = Object.keys(ONLY_IN).find(
    (key) => params.has(key) && !ONLY_IN[key]?.includes(mode),
  );
  if (wrong !== undefined) {
    throw invalid(`You can not pass \`${wrong}\` in \`${mode}\` mode.`, { param: wrong });
  }
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
  const ahead = expiresAt === undefined ? OPEN_SECONDS : expiresAt - world.now();
  // A little less than half an hour, since both clocks count whole seconds.
  if (ahead < MIN_EXPIRY - 60 || ahead > OPEN_SECONDS + 60) {
    throw invalid(
      'The `expires_at` timestamp must be between 30 minutes and 24 hours from Checkout Session creation.',
      { param: 'expires_at' },
    );
  }
}

/** What the invoice of a payment says; undefined where none is made. */
function readInvoiceData(creation: Params | undefined): Partial<InvoiceData> | undefined {
  if (creation?.flag('enabled') !== true) {
    return undefined;
  }
  const data = creation.object('invoice_data');
  return data === undefined
    ? {}
    : {
        custom_fields: readCustomFields(data),
        description: data.text('description') ?? null,
        footer: data.text('footer') ?? null,
        metadata: data.has('metadata') ? data.metadata() : null,
      };
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
  const defaultTaxRates = readTaxRates(
    world,
    params.object('subscription_data'),
    'default_tax_rates',
  );
  const currency = readCurrency(world, mode, params);
  const lines = readLines(world, params, { currency, defaultTaxRates });
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

/** What the session asks for; what recurs is in the currency of what runs for its customer. */
function readCurrency(world: World, mode: string, params: Params): string | undefined {
  const [customer, asked] = [params.text('customer'), params.text('currency')?.toLowerCase()];
  if (mode !== 'subscription' || customer === undefined) {
    return asked;
  }
  if (asked !== undefined) {
    refuseSecondCurrency(world, customer, { currency: asked, asked: true });
  }
  return asked ?? runningCurrency(world, customer);
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
