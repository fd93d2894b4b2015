import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DisputeFact } from '../stripe/index.ts';
import { creditsBack, moneyBack } from './money-back.ts';
import { addDuration, addMonths, monthsIn, splitEvenly } from './period.ts';
import { EMPTY_PAYMENT, joinDispute, mergePayments, type PaymentState } from './state.ts';

describe('credits to take back', () => {
  it('are all for all of the money, none for none, and never shrink as more goes back', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
        fc.integer({ min: 1, max: 99_999_999 }),
        fc.integer({ min: 0, max: 99_999_999 }),
        fc.integer({ min: 0, max: 99_999_999 }),
        (credits, paid, a, b) => {
          const at = (back: number) =>
            creditsBack(credits, { back: Math.min(back, paid), paid, disputed: 0, frozen: 0 });
          const [less, more] = a < b ? [a, b] : [b, a];
          expect(at(0)).toBe(0);
          expect(at(paid)).toBe(credits);
          expect(at(less)).toBeLessThanOrEqual(at(more));
        },
      ),
    );
  });
});

describe('a dispute', () => {
  const said = (status: string, more: Partial<DisputeFact> = {}): DisputeFact => ({
    kind: 'dispute',
    id: 'dp_1',
    amount: 300,
    currency: 'usd',
    chargeId: 'ch_1',
    paymentIntentId: 'pi_1',
    status,
    reason: null,
    balance: null,
    movement: null,
    asOf: 10,
    ...more,
  });
  const held = (...facts: DisputeFact[]): number =>
    moneyBack({ ...facts.reduce(joinDispute, EMPTY_PAYMENT), charges: CHARGE }).disputed;
  const CHARGE: PaymentState['charges'] = {
    ch_1: { amount: 500, refunded: 0, currency: 'usd', asOf: 0 },
  };

  it.each([
    ['warning_needs_response', 0],
    ['warning_under_review', 0],
    ['warning_closed', 0],
    ['needs_response', 300],
    ['under_review', 300],
    ['appeal_needs_response', 300],
    ['appeal_under_review', 300],
    ['lost', 300],
    ['won', 0],
    ['prevented', 0],
    ['a_status_of_tomorrow', 0],
  ])('that is %s holds %i of the money', (status, amount) => {
    expect(held(said(status))).toBe(amount);
  });

  it('is told most exactly by its balance transactions', () => {
    expect(held(said('lost', { balance: -300 }))).toBe(300);
    expect(held(said('lost', { balance: 0 }))).toBe(0);
    expect(held(said('under_review', { balance: -120 }))).toBe(120);
    expect(held(said('a_status_of_tomorrow', { balance: -300 }))).toBe(300);
  });

  it('gives back what was reinstated, and takes it again when it is lost after all', () => {
    const reinstated = said('under_review', { movement: 'reinstated', asOf: 20 });
    expect(held(said('needs_response', { movement: 'withdrawn' }), reinstated)).toBe(0);
    expect(held(reinstated, said('needs_response', { movement: 'withdrawn' }))).toBe(0);
    expect(held(reinstated, said('lost', { asOf: 30 }))).toBe(300);
  });
});

describe('two payments that are one', () => {
  it('merge to the same whatever the order and however often', () => {
    const fact = fc.record({
      kind: fc.constant('dispute' as const),
      id: fc.constantFrom('dp_1', 'dp_2'),
      amount: fc.integer({ min: 1, max: 5 }),
      currency: fc.constant('usd'),
      chargeId: fc.constantFrom('ch_1', null),
      paymentIntentId: fc.constant(null),
      status: fc.constantFrom('won', 'lost', 'needs_response', 'odd'),
      reason: fc.constant(null),
      balance: fc.constantFrom(null, -3, 0),
      movement: fc.constantFrom(null, 'withdrawn' as const, 'reinstated' as const),
      asOf: fc.integer({ min: 0, max: 3 }),
    });
    const state = fc.array(fact).map((facts) => facts.reduce(joinDispute, EMPTY_PAYMENT));
    fc.assert(
      fc.property(state, state, state, (a, b, c) => {
        expect(mergePayments(a, b)).toEqual(mergePayments(b, a));
        expect(mergePayments(a, a)).toEqual(a);
        expect(mergePayments(mergePayments(a, b), c)).toEqual(
          mergePayments(a, mergePayments(b, c)),
        );
      }),
      { numRuns: 500 },
    );
  });
});

describe('periods', () => {
  it('a month after the 31st is the last day of a shorter month', () => {
    const from = new Date('2027-01-31T10:00:00Z');
    expect(addMonths(from, 1).toISOString()).toBe('2027-02-28T10:00:00.000Z');
    expect(addMonths(from, 13).toISOString()).toBe('2028-02-29T10:00:00.000Z');
  });

  it('durations are added by the calendar', () => {
    const from = new Date('2026-12-15T00:00:00Z');
    expect(addDuration(from, 'P1Y').toISOString()).toBe('2027-12-15T00:00:00.000Z');
    expect(addDuration(from, 'P90D').toISOString()).toBe('2027-03-15T00:00:00.000Z');
    expect(addDuration(from, 'P1M2DT3H').toISOString()).toBe('2027-01-17T03:00:00.000Z');
  });

  it('a year has twelve months from any day, leap years included', () => {
    for (const start of ['2026-02-28', '2027-03-01', '2028-02-29', '2026-11-23']) {
      const from = new Date(`${start}T00:00:00Z`);
      const end = addMonths(from, 12).getTime() / 1000;
      expect(monthsIn({ start: from.getTime() / 1000, end })).toBe(12);
    }
  });

  it('parts add up exactly and differ by at most one', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
        fc.integer({ min: 1, max: 36 }),
        (total, count) => {
          const parts = splitEvenly(total, count);
          expect(parts.reduce((sum, part) => sum + BigInt(part), 0n)).toBe(BigInt(total));
          expect(Math.max(...parts) - Math.min(...parts)).toBeLessThanOrEqual(1);
        },
      ),
    );
  });
});
