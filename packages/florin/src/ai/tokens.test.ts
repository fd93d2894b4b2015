import { describe, expect, it } from 'vitest';
import { countTokens, estimateTokens, type Reported } from './tokens.ts';

const reported = (
  input: Reported['inputTokens'] | object,
  output: Reported['outputTokens'] | object = {},
): Reported => ({
  inputTokens: {
    ...{ total: undefined, noCache: undefined, cacheRead: undefined, cacheWrite: undefined },
    ...input,
  },
  outputTokens: { total: undefined, reasoning: undefined, ...output },
});
const ALL = ['input', 'cachedInput', 'cacheWrite', 'output', 'reasoning'];

describe('the tokens that a provider reports', () => {
  it.each([
    [
      'each kind by its own rate',
      ALL,
      reported(
        { total: 100, cacheRead: 60, cacheWrite: 10, noCache: 30 },
        { total: 50, reasoning: 20 },
      ),
      { input: 30, cachedInput: 60, cacheWrite: 10, output: 30, reasoning: 20 },
    ],
    [
      'as input and output what has no rate of its own: never free',
      ['input', 'output'],
      reported({ total: 100, cacheRead: 60, cacheWrite: 10 }, { total: 50, reasoning: 20 }),
      { input: 100, output: 50 },
    ],
    [
      'the sum of the parts where the whole is missing',
      ALL,
      reported({ noCache: 30, cacheRead: 60 }, { reasoning: 20 }),
      { input: 30, cachedInput: 60, output: 0, reasoning: 20 },
    ],
    ['nothing where nothing was reported', ALL, reported({}), {}],
    ['nothing where nothing was said about tokens', ALL, {}, {}],
    ['nothing where nothing was said at all', ALL, undefined, {}],
    ['what was reported of it alone', ALL, reported({ total: 7 }), { input: 7 }],
    [
      'nothing that is no count',
      ALL,
      reported({ total: Number.NaN, cacheRead: -1 }, { total: Number.POSITIVE_INFINITY }),
      {},
    ],
    [
      'no less than 0 where the parts are more than the whole',
      ALL,
      reported({ total: 10, cacheRead: 60 }, { total: 1.2 }),
      { input: 0, cachedInput: 60, output: 2 },
    ],
  ] satisfies [string, string[], Reported | undefined, object][])(
    'are counted: %s',
    (_what, kinds, given, counted) => {
      expect(countTokens(given, new Set(kinds))).toEqual(counted);
    },
  );
});

describe('the estimate of the input', () => {
  it('counts a token for each 3 bytes of text, in any alphabet', () => {
    expect(estimateTokens('x'.repeat(298))).toBe(100);
    expect(estimateTokens('\u5b57'.repeat(100))).toBe(101);
  });

  it('counts files as one sum each, whatever is in them, and no settings of providers', () => {
    const file = { type: 'file', mediaType: 'image/png', data: 'A'.repeat(1_000_000) };
    const content = [{ type: 'text', text: 'What is this?' }, file, file];
    const prompt = [{ role: 'user', content, providerOptions: { a: { b: 'x'.repeat(9_000) } } }];
    expect(estimateTokens({ prompt })).toBeGreaterThan(4_000);
    expect(estimateTokens({ prompt })).toBeLessThan(4_100);
  });
});
