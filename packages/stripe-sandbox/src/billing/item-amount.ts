import type { Params } from '../api/params.ts';
import { amountOf } from '../catalog/amount.ts';
import { amountIn } from '../catalog/price-forms.ts';
import type { Price } from '../shapes.ts';

/**
 * What an item of an invoice comes to, in the smallest unit: the amount that is said, so many of a unit
 * amount, or so many of its price. Undefined where there is none of them.
 */
export function readItemAmount(
  params: Params,
  { price, quantity, currency }: { price: Price | null; quantity: number; currency: string },
): number | undefined {
  const unit = amountIn(params, 'unit_amount', { credits: true });
  return (
    params.integer('amount') ??
    (unit === undefined ? undefined : Math.round(unit * quantity)) ??
    (price === null ? undefined : amountOf(price, { quantity, currency }))
  );
}
