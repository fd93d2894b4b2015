import { describe, expect, it } from 'vitest';
import { createAgenda } from './agenda.ts';

const at = (...moments: number[]) => moments.map((moment) => ({ at: moment, happen: () => {} }));

function taken(agenda: ReturnType<typeof createAgenda>): string[] {
  const order: string[] = [];
  for (let next = agenda.next(); next !== undefined; next = agenda.next()) {
    order.push(`${next.at} ${next.key}`);
  }
  return order;
}

describe('the agenda of the clock', () => {
  it('gives the earliest first; at the same time by rank, then as noted', () => {
    const agenda = createAgenda();
    agenda.set('subscription late', 1, at(9, 3));
    agenda.set('subscription b', 1, at(5));
    agenda.set('subscription a', 1, at(5));
    agenda.set('subscription_schedule s', 0, at(5));
    expect(taken(agenda)).toEqual([
      '3 subscription late',
      '5 subscription_schedule s',
      '5 subscription b',
      '5 subscription a',
      '9 subscription late',
    ]);
  });

  it('forgets what a record had when it is noted again', () => {
    const agenda = createAgenda();
    agenda.set('invoice i', 0, at(1, 2));
    agenda.set('invoice i', 0, at(4));
    agenda.set('invoice gone', 0, at(3));
    agenda.set('invoice gone', 0, []);
    expect(taken(agenda)).toEqual(['4 invoice i']);
  });

  it('keeps the order of many', () => {
    const agenda = createAgenda();
    const moments = Array.from({ length: 500 }, (_, nth) => (nth * 7919) % 503);
    for (const [nth, moment] of moments.entries()) {
      agenda.set(`invoice ${nth}`, 0, at(moment));
    }
    const order = taken(agenda).map((one) => Number(one.split(' ')[0]));
    expect(order).toEqual(moments.toSorted((a, b) => a - b));
  });
});
