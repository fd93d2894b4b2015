import { refundsOf, type Shown } from '../api/present.ts';
import { rateOf, sumOf } from '../billing/taxes.ts';
import { planOf } from '../catalog/plan.ts';
import type { Charge, Invoice, InvoiceLine, InvoiceParent, Tax } from '../shapes.ts';
import type { World } from '../world.ts';

/** The dates since which objects look otherwise; a version's first ten characters are its date. */
const BASIL = '2025-03-31';
const CLOVER = '2025-09-30';
const DAHLIA = '2026-03-25';
const LISTS_LEFT = '2022-11-15';

/** Whether this API version shows any object otherwise than the sandbox keeps it. */
export function isOldShape(version: string): boolean {
  return dateOf(version) < DAHLIA;
}

/** The object, and every object in it, as that API version shows it. Reads the store for what moved. */
export function toVersion(world: World, shown: Shown, version: string): Shown {
  return convert(world, shown, dateOf(version)) as Shown;
}

function dateOf(version: string): string {
  return version.slice(0, 10);
}

function convert(world: World, value: unknown, date: string): unknown {
  if (Array.isArray(value)) {
    return value.map((item) => convert(world, item, date));
  }
  if (value === null || typeof value !== 'object') {
    return value;
  }
  const object = value as Shown;
  const older = OLDER[String(object['object'])]?.(world, object, date) ?? object;
  return Object.fromEntries(
    Object.entries(older).map(([key, inside]) => [key, convert(world, inside, date)]),
  );
}

type Older = (world: World, object: Shown, date: string) => Shown;

const OLDER: Readonly<Record<string, Older>> = {
  invoice: olderInvoice,
  line_item: olderLine,
  charge: olderCharge,
  payment_intent: olderIntent,
  subscription: olderSubscription,
  'checkout.session': olderSession,
  discount: olderDiscount,
  promotion_code: olderPromotionCode,
};

function olderInvoice(world: World, object: Shown, date: string): Shown {
  if (date >= BASIL) {
    return object;
  }
  const { parent, payments: _, confirmation_secret: _s, total_taxes: taxes, ...rest } = object;
  const details = (parent as InvoiceParent | null)?.subscription_details ?? null;
  const intent = intentOfInvoice(world, String(object['id']));
  const isTaxed = (taxes as Tax[]).length > 0;
  return {
    ...rest,
    subscription: details?.subscription ?? null,
    subscription_details: { metadata: details?.metadata ?? null },
    payment_intent: intent?.id ?? null,
    charge: intent?.latest_charge ?? null,
    paid: (object as unknown as Invoice).status === 'paid',
    paid_out_of_band: Number(object['amount_paid_off_stripe'] ?? 0) > 0,
    quote: (parent as InvoiceParent | null)?.quote_details?.quote ?? null,
    discount: null,
    tax: isTaxed ? sumOf(taxes as Tax[]) : null,
    total_tax_amounts: olderTaxes(taxes),
    application_fee_amount: null,
    transfer_data: null,
  };
}

function olderTaxes(taxes: unknown): object[] {
  return ((taxes ?? []) as Tax[]).map((tax) => ({
    amount: tax.amount,
    inclusive: tax.tax_behavior === 'inclusive',
    tax_rate: tax.tax_rate_details?.tax_rate,
    taxability_reason: tax.taxability_reason === 'not_available' ? null : tax.taxability_reason,
    taxable_amount: tax.taxable_amount,
  }));
}

function intentOfInvoice(world: World, invoice: string) {
  const payment = world.store.where('invoice_payment', 'invoice', invoice).at(-1);
  const id = payment?.payment.payment_intent;
  return id === undefined ? undefined : world.store.get('payment_intent', id);
}

function olderLine(world: World, object: Shown, date: string): Shown {
  if (date >= BASIL || object['parent'] === undefined) {
    return object;
  }
  const line = object as unknown as InvoiceLine;
  const { parent, pricing, taxes, subtotal: _s, pretax_credit_amounts: _c, ...rest } = line;
  const item = parent?.subscription_item_details ?? null;
  const byHand = parent?.invoice_item_details ?? null;
  const priceId = pricing?.price_details.price;
  const price = priceId === undefined ? undefined : world.store.get('price', priceId);
  return {
    ...rest,
    type: item === null ? 'invoiceitem' : 'subscription',
    price: price ?? null,
    plan: price?.recurring == null ? null : planOf(price),
    proration: item?.proration ?? byHand?.proration ?? false,
    proration_details: item?.proration_details ?? byHand?.proration_details ?? null,
    subscription: item?.subscription ?? byHand?.subscription ?? null,
    ...(item === null ? {} : { subscription_item: item.subscription_item }),
    ...(byHand === null ? {} : { invoice_item: byHand.invoice_item }),
    unit_amount_excluding_tax: pricing?.unit_amount_decimal ?? null,
    tax_amounts: olderTaxes(taxes),
    tax_rates: (taxes ?? []).flatMap((tax) => rateOf(world, tax) ?? []),
  };
}

function olderCharge(world: World, object: Shown, date: string): Shown {
  const charge = object as unknown as Charge;
  return {
    ...object,
    ...(date < BASIL ? { invoice: invoiceOfIntent(world, charge.payment_intent) } : {}),
    ...(date < LISTS_LEFT ? { refunds: refundsOf(world, charge) } : {}),
  };
}

function olderIntent(world: World, object: Shown, date: string): Shown {
  return date < BASIL
    ? { ...object, invoice: invoiceOfIntent(world, String(object['id'])) }
    : object;
}

function invoiceOfIntent(world: World, intent: string | null): string | null {
  return intent === null ? null : (world.store.get('intent_plan', intent)?.invoice ?? null);
}

function olderSubscription(_world: World, object: Shown, date: string): Shown {
  if (date >= BASIL) {
    return object;
  }
  const items = object['items'] as { data: Shown[] };
  const [first] = items.data;
  return {
    ...object,
    current_period_start: first?.['current_period_start'],
    current_period_end: first?.['current_period_end'],
    plan: items.data.length === 1 ? first?.['plan'] : null,
    quantity: items.data.length === 1 ? first?.['quantity'] : null,
    discount: null,
    items: {
      ...items,
      data: items.data.map(
        ({ current_period_start: _start, current_period_end: _end, ...item }) => item,
      ),
    },
  };
}

const OLDER_UI: Readonly<Record<string, string>> = {
  hosted_page: 'hosted',
  embedded_page: 'embedded',
  elements: 'custom',
};

function olderSession(_world: World, object: Shown, date: string): Shown {
  const mode = String(object['ui_mode']);
  return {
    ...object,
    ui_mode: OLDER_UI[mode] ?? mode,
    ...(date < BASIL ? { shipping_details: null } : {}),
  };
}

function olderDiscount(world: World, object: Shown, date: string): Shown {
  if (date >= CLOVER) {
    return object;
  }
  const { source, ...rest } = object;
  const coupon = (source as { coupon: string | null } | undefined)?.coupon ?? null;
  return { ...rest, coupon: coupon === null ? null : world.store.get('coupon', coupon) };
}

function olderPromotionCode(world: World, object: Shown, date: string): Shown {
  if (date >= CLOVER) {
    return object;
  }
  const { promotion, ...rest } = object;
  const coupon = (promotion as { coupon: string | null } | undefined)?.coupon ?? null;
  return { ...rest, coupon: coupon === null ? null : world.store.get('coupon', coupon) };
}
