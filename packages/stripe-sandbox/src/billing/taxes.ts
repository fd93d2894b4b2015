import type { Tax, TaxRate } from '../shapes.ts';
import type { World } from '../world.ts';

/** What a customer who is exempt is told instead of a tax. */
const EXEMPT: Readonly<Record<string, Tax['taxability_reason']>> = {
  exempt: 'customer_exempt',
  reverse: 'reverse_charge',
};

/**
 * What each rate makes of an amount from which discounts are taken off already, in whole units. An
 * inclusive tax is a part of the amount, an exclusive one comes on top; both are of the same net amount.
 * Each line is rounded by itself. https://docs.stripe.com/billing/taxes/tax-rates
 */
export function taxesOn(
  amount: number,
  rates: readonly TaxRate[],
  exemption: string | null = null,
): Tax[] {
  const included = rates.reduce((sum, rate) => sum + (rate.inclusive ? rate.percentage : 0), 0);
  const reason = EXEMPT[exemption ?? ''];
  const net = reason === undefined ? amount / (1 + included / 100) : amount;
  const taxes = rates.map((rate) => ({
    rate,
    tax: reason === undefined ? roundAway((net * rate.percentage) / 100) : 0,
  }));
  const inside = taxes.reduce((sum, { rate, tax }) => sum + (rate.inclusive ? tax : 0), 0);
  return taxes.map(({ rate, tax }) => ({
    amount: tax,
    tax_behavior: rate.inclusive ? 'inclusive' : 'exclusive',
    tax_rate_details: { tax_rate: rate.id },
    taxability_reason: reason ?? 'not_available',
    taxable_amount: reason === undefined ? amount - inside : 0,
    type: 'tax_rate_details',
  }));
}

/** A credit is rounded as the charge that it gives back. */
function roundAway(value: number): number {
  return Math.sign(value) * Math.round(Math.abs(value));
}

/** The rate that a tax was computed with; undefined where none was. */
export function rateOf(world: World, tax: Tax): TaxRate | undefined {
  return world.store.get('tax_rate', tax.tax_rate_details?.tax_rate ?? '');
}

/** What comes on top of the amounts. */
export function onTop(taxes: readonly Tax[]): number {
  return sumOf(taxes.filter((tax) => tax.tax_behavior === 'exclusive'));
}

export function sumOf(taxes: readonly Tax[]): number {
  return taxes.reduce((sum, tax) => sum + tax.amount, 0);
}

/** The taxes of all lines, one a rate. */
export function totalTaxes(lines: readonly { taxes: Tax[] | null }[]): Tax[] {
  const byRate = new Map<string, Tax>();
  for (const tax of lines.flatMap((line) => line.taxes ?? [])) {
    const rate = tax.tax_rate_details?.tax_rate ?? '';
    const before = byRate.get(rate);
    byRate.set(rate, {
      ...tax,
      amount: tax.amount + (before?.amount ?? 0),
      taxable_amount: (tax.taxable_amount ?? 0) + (before?.taxable_amount ?? 0),
    });
  }
  return [...byRate.values()];
}
