import { describe, expect, it } from 'vitest';
import { addIntervals, periodEnd } from './periods.ts';

const at = (text: string) => Date.parse(text) / 1000;
const month = { interval: 'month', interval_count: 1 };

describe('periods', () => {
  it('end on the last day of a month that is too short, and come back to the day they began on', () => {
    const anchor = at('2027-01-31T10:00:00Z');
    const first = periodEnd(anchor, anchor, month);
    expect(first).toBe(at('2027-02-28T10:00:00Z'));
    expect(periodEnd(anchor, first, month)).toBe(at('2027-03-31T10:00:00Z'));
  });

  it('keep the 29th of February for the next leap year', () => {
    const anchor = at('2028-02-29T00:00:00Z');
    const year = { interval: 'year', interval_count: 1 };
    expect(addIntervals(anchor, year, 1)).toBe(at('2029-02-28T00:00:00Z'));
    expect(addIntervals(anchor, year, 4)).toBe(at('2032-02-29T00:00:00Z'));
  });

  it('count days, weeks and several months', () => {
    const anchor = at('2027-03-28T00:30:00Z');
    expect(addIntervals(anchor, { interval: 'day', interval_count: 10 }, 1)).toBe(
      at('2027-04-07T00:30:00Z'),
    );
    expect(addIntervals(anchor, { interval: 'week', interval_count: 2 }, 1)).toBe(
      at('2027-04-11T00:30:00Z'),
    );
    expect(addIntervals(anchor, { interval: 'month', interval_count: 3 }, 4)).toBe(
      at('2028-03-28T00:30:00Z'),
    );
  });
});
