import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createCredit, MAX_CREDIT_DECIMALS } from './credit.ts';

const MAX = Number.MAX_SAFE_INTEGER;
const anyDecimals = fc.integer({ min: 0, max: MAX_CREDIT_DECIMALS });
const anyUnits = fc.oneof(
  fc.integer({ min: -MAX, max: MAX }),
  fc.integer({ min: -2_000_000, max: 2_000_000 }),
  fc.constantFrom(MAX, -MAX, 0, 1, -1),
);

describe('credits with decimals', () => {
  it('come back as the units that they were, over the whole range and every number of decimals', () => {
    fc.assert(
      fc.property(anyDecimals, anyUnits, (decimals, units) => {
        const credit = createCredit(decimals);
        const shown: number | string = credit.show(units);
        expect(credit.read(shown)).toBe(units);
        expect(credit.read(credit.text(units))).toBe(units);
        expect(JSON.parse(JSON.stringify(shown))).toBe(shown);
        const isWhole = BigInt(units) % 10n ** BigInt(decimals) === 0n;
        expect(typeof shown).toBe(isWhole ? 'number' : 'string');
      }),
      { numRuns: 2_000 },
    );
  });

  it('are added up exactly, unlike doubles', () => {
    const credit = createCredit(2);
    const units = ['0.1', '0.2', 0.1, 0.2].map((given) => Number(credit.read(given)));
    expect(credit.show(units.reduce((sum, one) => sum + one, 0))).toBe('0.6');
    fc.assert(
      fc.property(anyDecimals, fc.array(fc.integer({ min: 0, max: 1e9 })), (decimals, amounts) => {
        const one = createCredit(decimals);
        const back = amounts.map((units) => Number(one.read(one.show(units))));
        expect(back.reduce((a, b) => a + b, 0)).toBe(amounts.reduce((a, b) => a + b, 0));
      }),
    );
  });

  it('are read from a JSON number by its shortest text', () => {
    fc.assert(
      fc.property(fc.integer({ min: -99_999_999_999, max: 99_999_999_999 }), (units) => {
        const credit = createCredit(6);
        const text = credit.text(units);
        expect(credit.read(JSON.parse(text) as number)).toBe(units);
      }),
    );
    expect(createCredit(1).read(0.1)).toBe(1);
    expect(createCredit(2).read(0.1 + 0.2)).toEqual({ fault: 'must have at most 2 decimals' });
  });

  it.each([
    ['1e3', 'must be credits: a number, or a decimal as text such as "0.5"'],
    ['1.234', 'must have at most 2 decimals'],
    ['1.500', 'must have at most 2 decimals'],
    [`0.1${'0'.repeat(400)}`, 'must have at most 2 decimals'],
    [' 1', 'must be credits: a number, or a decimal as text such as "0.5"'],
    ['1\n', 'must be credits: a number, or a decimal as text such as "0.5"'],
    ['１', 'must be credits: a number, or a decimal as text such as "0.5"'],
    ['+1', 'must be credits: a number, or a decimal as text such as "0.5"'],
    ['01', 'must be credits: a number, or a decimal as text such as "0.5"'],
    ['.5', 'must be credits: a number, or a decimal as text such as "0.5"'],
    ['5.', 'must be credits: a number, or a decimal as text such as "0.5"'],
    ['', 'must be credits: a number, or a decimal as text such as "0.5"'],
    ['1'.repeat(400), 'must be credits: a number, or a decimal as text such as "0.5"'],
    [Number.NaN, 'must be credits: a number, or a decimal as text such as "0.5"'],
    [Number.POSITIVE_INFINITY, 'must be credits: a number, or a decimal as text such as "0.5"'],
    [1e-7, 'must have at most 2 decimals'],
    [1e21, 'must be from -90071992547409.91 to 90071992547409.91 credits'],
    [2 ** 53, 'must be from -90071992547409.91 to 90071992547409.91 credits'],
    ['90071992547409.92', 'must be from -90071992547409.91 to 90071992547409.91 credits'],
    [90071992547409.9, 'has more digits than a JSON number keeps: pass it as text'],
    [9007199254740.95, 900719925474095],
    [90071992547409, 9007199254740900],
    [80071992547409.95, 'has more digits than a JSON number keeps: pass it as text'],
  ])('%j is read exactly or refused', (given, expected) => {
    const fault = typeof expected === 'string' ? { fault: expected } : expected;
    expect(createCredit(2).read(given)).toEqual(fault);
  });

  it('know no negative zero', () => {
    const credit = createCredit(2);
    expect(Object.is(credit.read(-0), 0)).toBe(true);
    expect(Object.is(credit.read('-0.00'), 0)).toBe(true);
    expect(Object.is(credit.show(-0), 0)).toBe(true);
  });

  it('have 0 to 6 decimals', () => {
    expect(() => createCredit(7)).toThrow(RangeError);
    expect(() => createCredit(0.5)).toThrow(RangeError);
  });
});
