import { needCoupon } from '../catalog/coupons.ts';
import { emit } from '../events/emit.ts';
import type { Invoice } from '../shapes.ts';
import type { DraftLine } from '../store/records.ts';
import type { World } from '../world.ts';
import { takeOff } from './discounts.ts';
import { buildLine } from './lines.ts';
import { onTop, sumOf, taxesOn, totalTaxes } from './taxes.ts';

/** Puts lines on a draft, takes the discounts off, adds the taxes, and counts it. */
export function setLines(world: World, invoice: Invoice, drafts: readonly DraftLine[]): Invoice {
  const offs = discountsOff(world, invoice, drafts);
  const kept = linesBefore(world, invoice.id);
  const lines = drafts.map((draft, at) => {
    const discounts = offs.map(({ discount, amounts }) => ({ discount, amount: amounts[at] ?? 0 }));
    const off = discounts.reduce((sum, one) => sum + one.amount, 0);
    const own = draft.taxRates ?? [];
    const taxes = taxesOn(
      draft.amount - off,
      own.length > 0 ? own : invoice.default_tax_rates,
      invoice.customer_tax_exempt,
    );
    const line = buildLine(invoice.id, draft, { discounts, taxes });
    return { ...line, id: kept.get(nameOf(draft)) ?? line.id };
  });
  const plan = world.store.get('invoice_plan', invoice.id);
  world.store.put('invoice_plan', {
    id: invoice.id,
    finalizesAt: plan?.finalizesAt ?? null,
    drafts: [...drafts],
  });
  world.store.put('invoice_lines', { id: invoice.id, lines });
  const subtotal = lines.reduce((sum, line) => sum + line.amount, 0);
  const totals = offs.map(({ discount, amounts }) => ({
    discount,
    amount: amounts.reduce((sum, amount) => sum + amount, 0),
  }));
  const taxes = totalTaxes(lines);
  const off = totals.reduce((sum, one) => sum + one.amount, 0);
  const total = subtotal - off + onTop(taxes);
  return world.store.put('invoice', {
    ...invoice,
    subtotal,
    subtotal_excluding_tax: subtotal - sumOf(taxes) + onTop(taxes),
    total,
    total_excluding_tax: total - sumOf(taxes),
    total_taxes: taxes,
    total_discount_amounts: totals,
    ...due(total, invoice.starting_balance),
  });
}

/** The ids of a draft's lines, by what they are of: a line keeps its own. */
function linesBefore(world: World, invoice: string): ReadonlyMap<string, string> {
  const lines = world.store.get('invoice_lines', invoice)?.lines ?? [];
  const drafts = world.store.get('invoice_plan', invoice)?.drafts ?? [];
  return new Map(
    lines.flatMap((line, at) => {
      const draft = drafts[at];
      return draft === undefined ? [] : [[nameOf(draft), line.id] as const];
    }),
  );
}

function nameOf({ invoiceItem, subscriptionItem, description, period }: DraftLine): string {
  return invoiceItem ?? `${subscriptionItem ?? ''} ${description} ${period.start}`;
}

/** Adds a line to a draft that has some. */
export function appendLine(world: World, invoice: Invoice, line: DraftLine): Invoice {
  const drafts = world.store.get('invoice_plan', invoice.id)?.drafts ?? [];
  const after = setLines(world, invoice, [...drafts, line]);
  emit(world, 'invoice.updated', after, invoice);
  return after;
}

/** Takes the line of an item off a draft. */
export function dropLine(world: World, invoice: Invoice, invoiceItem: string): void {
  const drafts = world.store.get('invoice_plan', invoice.id)?.drafts ?? [];
  const left = drafts.filter((draft) => draft.invoiceItem !== invoiceItem);
  if (left.length < drafts.length) {
    emit(world, 'invoice.updated', setLines(world, invoice, left), invoice);
  }
}

function discountsOff(world: World, invoice: Invoice, drafts: readonly DraftLine[]) {
  let amounts = drafts.map((draft) =>
    (draft.discountable ?? !draft.proration) ? draft.amount : 0,
  );
  return invoice.discounts.flatMap((id) => {
    const discount = world.store.get('discount', id);
    const coupon = discount?.source.coupon;
    if (discount === undefined || coupon == null) {
      return [];
    }
    const end = discount.end ?? Infinity;
    const within = amounts.map((amount, at) =>
      (drafts[at]?.period.start ?? 0) < end ? amount : 0,
    );
    const off = takeOff(needCoupon(world, coupon), {
      amounts: within,
      currency: invoice.currency,
    });
    amounts = amounts.map((amount, at) => amount - (off[at] ?? 0));
    return [{ discount: id, amounts: off }];
  });
}

/** A credit on the customer's balance (negative) pays first; a total below zero becomes one. */
export function due(total: number, startingBalance: number) {
  const owed = Math.max(0, total + startingBalance);
  return { amount_due: owed, amount_remaining: owed };
}
