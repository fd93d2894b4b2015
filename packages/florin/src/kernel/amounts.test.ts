import { describe, expect, it } from 'vitest';
import { parseCredits } from './amounts.ts';
import { AmountNotAllowedError } from './errors.ts';

describe('a number of credits', () => {
  it.each([1, 2, Number.MAX_SAFE_INTEGER])('may be %d', (amount) => {
    expect(parseCredits(amount)).toBe(amount);
  });

  it.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, '5', 5n, null, undefined])(
    'may not be %s',
    (amount) => {
      expect(() => parseCredits(amount, 'credits')).toThrow(AmountNotAllowedError);
      expect(() => parseCredits(amount, 'credits')).toThrow(
        `credits must be a whole number of credits between 1 and 9007199254740991; got ${String(amount)}.`,
      );
    },
  );

  it('is called the amount where it has no other name, and the error names it', () => {
    expect(() => parseCredits(0)).toThrow('amount must be');
    expect(() => parseCredits(0, 'held')).toThrow(
      expect.objectContaining({ details: { name: 'held' } }),
    );
  });
});
