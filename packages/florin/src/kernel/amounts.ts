import { AmountNotAllowedError } from './errors.ts';

/** The largest amount of credits in one operation: 2^53 - 1, exact in every JSON reader. */
export const MAX_CREDITS = Number.MAX_SAFE_INTEGER;

/** Checks a number of credits: whole, at least 1, at most {@link MAX_CREDITS}. */
export function parseCredits(value: unknown, name = 'amount'): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 1) {
    throw new AmountNotAllowedError(
      `${name} must be a whole number of credits between 1 and ${MAX_CREDITS}; got ${String(value)}.`,
      { details: { name } },
    );
  }
  return value;
}
