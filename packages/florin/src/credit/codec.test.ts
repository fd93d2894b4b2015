import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { creditsFrom } from '../kernel/index.ts';
import { checkCredits, showCredits } from './codec.ts';
import { createCredit, WHOLE_CREDITS } from './credit.ts';

const CENTS = createCredit(2);
const amount = creditsFrom(1);
const schema = z.object({
  amount,
  count: z.int(),
  none: amount.nullable(),
  some: amount.optional(),
  by: z
    .int()
    .min(-500)
    .meta({ format: 'credits' })
    .refine((n) => n !== 0)
    .optional(),
  fallback: amount.default(5),
  list: z.array(z.object({ credits: amount, text: z.string() })),
  free: z.record(z.string(), z.unknown()),
});
const either = z.object({
  range: z.string(),
  found: z.union([
    z.object({ days: z.array(z.object({ spent: amount })) }),
    z.object({ groups: z.array(z.object({ spent: amount, count: z.int() })) }),
  ]),
});

describe('amounts by their schema', () => {
  it('are read into units wherever the schema marks them, and nowhere else', () => {
    const given = {
      amount: '0.25',
      count: 3,
      none: null,
      list: [{ credits: 1.5, text: '1.5' }],
      free: { amount: '0.25', credits: 1.5 },
    };
    expect(checkCredits(CENTS, schema, given)).toEqual({
      ...given,
      amount: 25,
      fallback: 5,
      list: [{ credits: 150, text: '1.5' }],
    });
    expect(given.amount).toBe('0.25');
  });

  it('are shown in credits, in whichever form of a union it is', () => {
    const days = { range: '1', found: { days: [{ spent: 25 }] } };
    const groups = { range: '1', found: { groups: [{ spent: 250, count: 250 }] } };
    expect(showCredits(CENTS, either, days).found).toEqual({ days: [{ spent: '0.25' }] });
    expect(showCredits(CENTS, either, groups).found).toEqual({
      groups: [{ spent: '2.5', count: 250 }],
    });
  });

  it('name the field that is wrong, in credits', () => {
    const read = (given: object) => () =>
      checkCredits(CENTS, schema, {
        amount: 1,
        count: 1,
        none: null,
        list: [],
        free: {},
        ...given,
      });
    expect(read({ amount: '0.255' })).toThrow('amount: must have at most 2 decimals');
    expect(read({ list: [{ credits: 'x', text: '' }] })).toThrow('list.0.credits: must be credits');
    expect(read({ amount: 0 })).toThrow('amount: must be credits from 0.01 to 90071992547409.91');
    expect(read({ amount: -0.01 })).toThrow('amount: must be credits from 0.01');
    expect(read({ amount: null })).toThrow('amount: must be credits from 0.01');
    expect(read({ count: 0.5 })).toThrow('count: ');
    expect(read({ by: '-0.00' })).toThrow('by: ');
  });

  it('are left alone where credits are whole', () => {
    const given = { amount: 5, count: 1, none: null, fallback: 5, list: [], free: {} };
    expect(showCredits(WHOLE_CREDITS, schema, given)).toBe(given);
    expect(() => checkCredits(WHOLE_CREDITS, schema, { ...given, amount: '5' })).toThrow(
      'amount: must be a whole number of credits from 1 to 9007199254740991',
    );
  });
});
