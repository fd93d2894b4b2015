import { describe, expect, it } from 'vitest';
import type { Transaction } from '../../src/browser/index.ts';
import { formatMoney, formatUnitPrice } from '../../src/react/index.ts';
import { groupOperations } from '../../web/account/operations.ts';
import { niceTop } from '../../web/account/usage-chart.tsx';
import { byMeter } from '../../web/account/usage-days.ts';
import {
  credits,
  formatDuration,
  formatRelative,
  formatSigned,
  humanize,
} from '../../web/frame/format.ts';

describe('money', () => {
  it.each([
    [500, 'usd', '$5'],
    [950, 'usd', '$9.50'],
    [1200, 'jpy', '¥1,200'],
    [1234, 'kwd', 'KWD 1.234'],
    [150_000, 'isk', 'ISK 1,500'],
    [5000, 'mga', 'MGA 5,000'],
    [0, 'eur', '€0'],
  ])('%i in %s is counted as Stripe counts it', (amount, currency, text) => {
    expect(formatMoney(amount, currency, 'en-US').replaceAll('\u00a0', ' ')).toBe(text);
  });

  it('shows enough decimals of a unit price to tell two plans apart', () => {
    const price = { currency: 'usd', credits: 2000, amountMinor: 8900 };
    expect(formatUnitPrice(price, 'en-US')).toBe('$0.045');
    expect(formatUnitPrice({ ...price, credits: 10 }, 'en-US')).toBe('$8.90');
  });
});

describe('words', () => {
  it.each([
    ['P1Y', '1 year'],
    ['P3M', '3 months'],
    ['P1Y6M', 'P1Y6M'],
  ])('%s lasts %s', (duration, text) => {
    expect(formatDuration(duration)).toBe(text);
  });

  it('counts credits with real signs and plurals', () => {
    expect([credits(1), credits(-1), credits(0), credits(2)]).toEqual([
      '1 credit',
      '−1 credit',
      '0 credits',
      '2 credits',
    ]);
    expect([formatSigned(3), formatSigned(-3), formatSigned(0)]).toEqual(['+3', '−3', '0']);
  });

  it('says how far away an instant is', () => {
    const now = Date.parse('2026-11-23T12:00:00Z');
    expect(formatRelative('2026-11-27T12:00:00Z', now)).toBe('in 4 days');
    expect(formatRelative('2026-11-23T11:55:00Z', now)).toBe('5 minutes ago');
  });
});

describe('the history', () => {
  const entry = (part: Partial<Transaction> & { entryNo: number }): Transaction => ({
    entryId: `e${part.entryNo}`,
    kind: 'spend',
    amount: -1,
    postedAfter: 0,
    grantId: null,
    holdId: null,
    reason: 'scan',
    planType: null,
    actor: null,
    feature: null,
    meter: null,
    quantity: null,
    allocations: [],
    eventId: null,
    createdAt: '2026-11-23T12:00:00Z',
    ...part,
  });
  const group = (entries: readonly Transaction[]) =>
    groupOperations(entries, {
      humanize,
      dayOf: (instant) => instant.slice(0, 10),
      planName: (planType) => ({ vision_pro: 'Vision Pro' })[planType] ?? humanize(planType),
    }).map(({ day, operations }) => [
      day,
      ...operations.map(({ title, note, amount }) =>
        [title, note, amount].filter((part) => part !== undefined).join(' '),
      ),
    ]);

  it('puts neighbouring uses of a day together, and nothing else', () => {
    const entries = [
      entry({ entryNo: 7, amount: -3 }),
      entry({ entryNo: 6, amount: -2, kind: 'capture' }),
      entry({ entryNo: 5, amount: 50, kind: 'grant', reason: 'quick_scan_purchase' }),
      entry({ entryNo: 4, amount: 50, kind: 'grant', reason: 'quick_scan_purchase' }),
      entry({ entryNo: 3, amount: -4, reason: 'export' }),
      entry({ entryNo: 2, amount: -1 }),
      entry({ entryNo: 1, amount: -1, createdAt: '2026-11-22T12:00:00Z' }),
    ];
    expect(group(entries)).toEqual([
      [
        '2026-11-23',
        'Scan -5',
        'Quick scan purchase 50',
        'Quick scan purchase 50',
        'Export -4',
        'Scan -1',
      ],
      ['2026-11-22', 'Scan -1'],
    ]);
  });

  it('leaves out steps that move no credits, and names money that went back', () => {
    const entries = [
      entry({ entryNo: 6, kind: 'hold', amount: 0 }),
      entry({ entryNo: 5, kind: 'release', amount: 0 }),
      entry({ entryNo: 4, kind: 'reversal', amount: -50, reason: 'refund_quick_scan_purchase' }),
      entry({ entryNo: 3, kind: 'reversal', amount: -50, reason: 'dispute_quick_scan_purchase' }),
      entry({ entryNo: 2, kind: 'reversal', amount: 50, reason: 'dispute_quick_scan_purchase' }),
      entry({ entryNo: 1, kind: 'expiry', reason: null }),
    ];
    expect(group(entries)).toEqual([
      [
        '2026-11-23',
        'Refunded: quick scan purchase -50',
        'Held back by a dispute: quick scan purchase -50',
        'Given back 50',
        'Credits expired -1',
      ],
    ]);
  });
});

describe('a change of plan in the history', () => {
  const words = {
    humanize,
    dayOf: (instant: string) => instant.slice(0, 10),
    planName: (planType: string) => ({ vision_pro: 'Vision Pro' })[planType] ?? humanize(planType),
  };
  const part = (entryNo: number, changes: Partial<Transaction>): Transaction => ({
    entryId: `e${entryNo}`,
    entryNo,
    kind: 'grant',
    amount: 1,
    postedAfter: 0,
    grantId: null,
    holdId: null,
    reason: null,
    planType: null,
    actor: null,
    feature: null,
    meter: null,
    quantity: null,
    allocations: [],
    eventId: 'evt_1',
    createdAt: '2026-11-23T12:00:00Z',
    ...changes,
  });
  const back = (entryNo: number, amount: number, planType: string, more = {}) =>
    part(entryNo, {
      kind: 'reversal',
      amount: -amount,
      planType,
      reason: `return_${planType}_monthly`,
      ...more,
    });
  const added = (entryNo: number, amount: number, planType: string, more = {}) =>
    part(entryNo, { amount, planType, reason: `${planType}_monthly`, ...more });
  const said = (entries: readonly Transaction[]) =>
    groupOperations(entries, words)
      .flatMap(({ operations }) => operations)
      .map(({ title, note, amount }) => ({ title, note, amount }));

  it('is one operation that says what came and what went', () => {
    expect(said([back(3, 50, 'basic'), added(2, 250, 'vision_pro')])).toEqual([
      { title: 'Basic to Vision Pro', note: '250 added, 50 back', amount: 200 },
    ]);
    expect(said([back(3, 100, 'basic'), added(2, 300, 'basic')])).toEqual([
      { title: 'Basic changed', note: '300 added, 100 back', amount: 200 },
    ]);
  });

  it('does not swallow what another event brought, or a return without a grant', () => {
    const other = { eventId: 'evt_2' };
    const entries = [
      added(5, 50, 'credits', { eventId: null }),
      back(4, 50, 'basic'),
      added(3, 250, 'vision_pro'),
      back(2, 20, 'basic', other),
      added(1, 100, 'basic', { eventId: 'evt_3' }),
    ];
    expect(said(entries).map(({ title }) => title)).toEqual([
      'Credits monthly',
      'Basic to Vision Pro',
      'Credited back: basic monthly',
      'Basic monthly',
    ]);
  });

  it('names no plans where several are mixed', () => {
    const entries = [
      back(4, 50, 'basic'),
      back(3, 250, 'vision_pro'),
      added(2, 250, 'vision_pro'),
      added(1, 100, 'basic'),
    ];
    expect(said(entries)).toEqual([
      { title: 'Plan changed', note: '350 added, 300 back', amount: 50 },
    ]);
  });
});

describe('the chart', () => {
  const range = { from: '2026-10-30', to: '2026-11-01T08:00:00Z' };
  const used = (day: string, meter: string | null, spent: number) => ({ day, meter, spent });

  it('shows quiet days as zeros, over the end of a month', () => {
    const days = [{ day: '2026-10-31', spent: 4, granted: 7 }];
    const groups = [used('2026-10-31', 'page', 4)];
    expect(byMeter({ ...range, days, groups })).toEqual({
      meters: ['page'],
      days: [
        { day: '2026-10-30', parts: [0], spent: 0, granted: 0 },
        { day: '2026-10-31', parts: [4], spent: 4, granted: 7 },
        { day: '2026-11-01', parts: [0], spent: 0, granted: 0 },
      ],
    });
    const long = byMeter({ from: '2024-01-01', to: '2026-11-01', days, groups });
    expect(long.days).toHaveLength(92);
    expect(byMeter({ from: '', to: '', days: [], groups: [] }).days).toEqual([]);
  });

  it('stacks the meters that used most first, and what has no meter last', () => {
    const groups = [
      used('2026-10-30', 'page', 4),
      used('2026-10-30', null, 9),
      used('2026-10-31', 'tokens', 6),
    ];
    expect(byMeter({ ...range, days: [], groups })).toMatchObject({
      meters: ['tokens', 'page', 'Other'],
      days: [{ parts: [0, 4, 9], spent: 13 }, { parts: [6, 0, 0], spent: 6 }, { spent: 0 }],
    });
  });

  it('adds up the meters that have no colour of their own, and no day before its first', () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
    const groups = [
      ...names.map((meter, index) => used('2026-10-31', meter, 10 - index)),
      used('2026-10-29', 'before', 100),
    ];
    expect(byMeter({ ...range, days: [], groups })).toMatchObject({
      meters: ['a', 'b', 'c', 'd', 'e', 'Other'],
      days: [{ spent: 0 }, { parts: [10, 9, 8, 7, 6, 9], spent: 49 }, { spent: 0 }],
    });
  });

  it.each([
    [0, 4],
    [4, 4],
    [5, 5],
    [11, 20],
    [40, 50],
    [101, 200],
    [999, 1000],
    [1000, 1000],
  ])('a day of %i fits under a line at %i', (largest, top) => {
    expect(niceTop(largest)).toBe(top);
  });
});
