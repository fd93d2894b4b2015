import { invalid } from '../api/errors.ts';
import { leastOf, MAX_AMOUNT, shownAmount } from '../api/money.ts';
import { inCurrency } from '../catalog/amount.ts';
import type { SessionLine } from '../shapes.ts';

/** The line whose amount the buyer says; undefined where every price is fixed. */
export function customLine(lines: readonly SessionLine[]): SessionLine | undefined {
  return lines.find(({ price }) => price.custom_unit_amount !== null);
}

/** What the buyer may say, in the smallest unit. */
export function limitsOf({ price, currency }: SessionLine): { least: number; most: number } {
  const { custom_unit_amount: limits } = inCurrency(price, currency);
  return {
    least: limits?.minimum ?? Math.max(1, leastOf(currency)),
    most: limits?.maximum ?? MAX_AMOUNT,
  };
}

/** An amount that the buyer chooses is one, and the whole order. */
export function refuseBesideCustom(lines: readonly SessionLine[]): void {
  const custom = customLine(lines);
  if (custom === undefined) {
    return;
  }
  const at = lines.indexOf(custom);
  if (lines.length > 1) {
    throw invalid('A price with `custom_unit_amount` must be the only line item.', {
      param: 'line_items',
    });
  }
  if (custom.quantity !== 1 || custom.adjustable_quantity !== null) {
    throw invalid('A price with `custom_unit_amount` must have a quantity of 1.', {
      param: `line_items[${at}][quantity]`,
    });
  }
}

/** The line with the amount that the buyer says; refused beyond its limits. */
export function withAmount(line: SessionLine, amount: number): SessionLine {
  const { least, most } = limitsOf(line);
  if (!Number.isInteger(amount) || amount < least) {
    throw invalid(`The amount must be at least ${shownAmount(least, line.currency)}.`, {
      param: 'amount',
      code: 'amount_too_small',
    });
  }
  if (amount > most) {
    throw invalid(`The amount must be at most ${shownAmount(most, line.currency)}.`, {
      param: 'amount',
      code: 'amount_too_large',
    });
  }
  return { ...line, amount_subtotal: amount };
}

/** A session cannot be paid before its buyer said how much. */
export function refuseUnsaid(lines: readonly SessionLine[]): void {
  const custom = customLine(lines);
  if (custom !== undefined && custom.amount_subtotal === 0) {
    throw invalid('Enter the amount that you want to pay.', {
      param: 'amount',
      code: 'parameter_missing',
    });
  }
}
