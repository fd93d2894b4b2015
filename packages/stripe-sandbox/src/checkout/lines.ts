import { invalid } from '../api/errors.ts';
import type { Params } from '../api/params.ts';
import { type Redemption, takeOff } from '../billing/discounts.ts';
import { onTop, sumOf, taxesOn } from '../billing/taxes.ts';
import { amountOf } from '../catalog/amount.ts';
import { needCoupon } from '../catalog/coupons.ts';
import { needPrice, priceOfLine } from '../catalog/prices.ts';
import { needProduct } from '../catalog/products.ts';
import { readTaxRates } from '../catalog/tax-rates.ts';
import type { CheckoutSession, Price, SessionLine, TaxRate } from '../shapes.ts';
import { newId, type World } from '../world.ts';

const MAX_LINES = 100;
const MAX_QUANTITY = 999_999;
const MAX_OPTIONAL = 10;

export type OptionalItem = NonNullable<CheckoutSession['optional_items']>[number];

/** `line_items[]` of a session, quote or payment link. `defaultTaxRates` apply to those that name none. */
export function readLines(
  world: World,
  params: Params,
  {
    currency,
    defaultTaxRates = [],
  }: { currency: string | undefined; defaultTaxRates?: readonly TaxRate[] | undefined },
): SessionLine[] {
  const items = params.objects('line_items');
  if (items.length > MAX_LINES) {
    throw invalid(`A session can have up to ${MAX_LINES} line items.`, { param: 'line_items' });
  }
  return items.map((item) => {
    const price = priceOfLine(world, item, currency);
    const quantity = item.integer('quantity');
    if (quantity === undefined && price.recurring === null) {
      throw invalid('Quantity is required. Add `quantity` to `line_items[0]`', {
        param: item.name('quantity'),
      });
    }
    if (quantity !== undefined && (quantity < 1 || quantity > MAX_QUANTITY)) {
      throw invalid(`Invalid quantity: must be between 1 and ${MAX_QUANTITY}`, {
        param: item.name('quantity'),
        code: 'parameter_invalid_integer',
      });
    }
    const own = readTaxRates(world, item, 'tax_rates') ?? [];
    return lineOf(world, {
      price,
      currency: currency ?? price.currency,
      quantity: quantity ?? 1,
      adjustable: readAdjustable(item),
      metadata: item.metadata(),
      taxRates: own.length > 0 ? own : defaultTaxRates,
    });
  });
}

function readAdjustable(item: Params): OptionalItem['adjustable_quantity'] {
  const given = item.object('adjustable_quantity');
  return given?.flag('enabled') === true
    ? {
        enabled: true,
        maximum: given.integer('maximum') ?? 99,
        minimum: given.integer('minimum') ?? 0,
      }
    : null;
}

function lineOf(
  world: World,
  of: {
    price: Price;
    currency: string;
    quantity: number;
    adjustable: OptionalItem['adjustable_quantity'];
    metadata: Record<string, string>;
    taxRates: readonly TaxRate[];
  },
): SessionLine {
  const { price, currency, quantity, taxRates } = of;
  const amount = amountOf(price, { quantity, currency });
  return taxed({
    id: newId('li'),
    object: 'item',
    adjustable_quantity: of.adjustable,
    amount_discount: 0,
    amount_subtotal: amount,
    amount_tax: 0,
    amount_total: amount,
    currency,
    description: needProduct(world, price.product).name,
    metadata: of.metadata,
    price,
    quantity,
    ...(taxRates.length === 0 ? {} : { taxes: taxRates.map(untaxed) }),
  });
}

/** `optional_items[]`: what the buyer may add on the page. */
export function readOptionalItems(world: World, params: Params): OptionalItem[] {
  const items = params.objects('optional_items');
  if (items.length > MAX_OPTIONAL) {
    throw invalid(`You can have up to ${MAX_OPTIONAL} optional items.`, {
      param: 'optional_items',
    });
  }
  return items.map((item) => {
    const { id: price } = needPrice(world, item.need('price'), item.name('price'));
    const quantity = item.integer('quantity') ?? 1;
    if (quantity < 1 || quantity > MAX_QUANTITY) {
      throw invalid(`Invalid quantity: must be between 1 and ${MAX_QUANTITY}`, {
        param: item.name('quantity'),
      });
    }
    return { adjustable_quantity: readAdjustable(item), price, quantity };
  });
}

/** The line that an optional item becomes once the buyer adds it. */
export function lineOfOptional(
  world: World,
  item: OptionalItem,
  currency: string | null | undefined,
): SessionLine {
  const { price, quantity, adjustable_quantity: adjustable } = item;
  const taxRates: TaxRate[] = [];
  const sold = needPrice(world, price);
  return lineOf(world, {
    price: sold,
    currency: currency ?? sold.currency,
    quantity,
    adjustable,
    metadata: {},
    taxRates,
  });
}

/** The lines again with what the coupons take off. */
export function discountLines(
  world: World,
  lines: readonly SessionLine[],
  redemptions: readonly Redemption[],
): SessionLine[] {
  const currency = lines[0]?.currency ?? '';
  let left = lines.map((line) => line.amount_subtotal);
  for (const { coupon } of redemptions) {
    const off = takeOff(needCoupon(world, coupon), { amounts: left, currency });
    left = left.map((amount, at) => amount - (off[at] ?? 0));
  }
  return lines.map((line, at) =>
    taxed({ ...line, amount_discount: line.amount_subtotal - (left[at] ?? 0) }),
  );
}

function untaxed(rate: TaxRate): NonNullable<SessionLine['taxes']>[number] {
  return { amount: 0, rate, taxability_reason: null, taxable_amount: null };
}

/** The line with its taxes and its total, after its discount. */
function taxed(line: SessionLine): SessionLine {
  if (line.taxes === undefined) {
    return { ...line, amount_total: line.amount_subtotal - line.amount_discount };
  }
  const rates = line.taxes.map(({ rate }) => rate);
  const net = line.amount_subtotal - line.amount_discount;
  const taxes = taxesOn(net, rates);
  return {
    ...line,
    amount_tax: sumOf(taxes),
    amount_total: net + onTop(taxes),
    taxes: line.taxes.map((before, at) => ({
      ...before,
      amount: taxes[at]?.amount ?? 0,
      taxable_amount: taxes[at]?.taxable_amount ?? 0,
    })),
  };
}

/** The sums a session shows. During a trial nothing recurring is due today. */
export function totals(lines: readonly SessionLine[], { trial }: { trial: boolean }) {
  const due = lines.filter((line) => !trial || line.price.recurring === null);
  const sum = (of: (line: SessionLine) => number) =>
    due.reduce((total, line) => total + of(line), 0);
  return {
    amount_subtotal: sum((line) => line.amount_subtotal),
    amount_total: sum((line) => line.amount_total),
    total_details: {
      amount_discount: sum((line) => line.amount_discount),
      amount_shipping: 0,
      amount_tax: sum((line) => line.amount_tax),
    },
  };
}
