// What each of the calls of streamed-calls.test.ts does, from its number alone: the process that makes
// it and the one that counts afterwards agree without a word.
import type { MeterInput } from '../../src/catalog/index.ts';

/** Credits for 1,000 tokens, with a fifth on top. */
export const TOKENS: MeterInput = {
  by: 'model',
  per: 1_000,
  markup: 1.2,
  rates: { 'a/b': { input: 3, cachedInput: 0.3, output: 15 } },
};
export const OUTPUT_LIMIT = 400;
export const HOLD_SECONDS = 4;
const ACCOUNTS = 40;
/** Accounts that run out of credits, and what they have. */
const POOR = 8;
export const FUNDS = { rich: 10_000_000, poor: 40 } as const;

export type Plan = {
  readonly key: string;
  readonly accountId: string;
  /** What becomes of the stream. */
  readonly end:
    | 'well'
    | 'refused by the provider'
    | 'broken'
    | 'failed and reported'
    | 'aborted'
    | 'cancelled';
  /** Parts of text; it is broken, aborted or cancelled after half of them. */
  readonly parts: number;
  readonly tokens: { readonly input: number; readonly cached: number; readonly output: number };
};

export function accountOf(number: number): string {
  return `33333333-0000-4000-8000-${String(number % ACCOUNTS).padStart(12, '0')}`;
}

export const accounts = Array.from({ length: ACCOUNTS }, (_, number) => ({
  accountId: accountOf(number),
  amount: number < POOR ? FUNDS.poor : FUNDS.rich,
}));

/** Numbers from a seed: a failing run can be played again. */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_664_525 + 1_013_904_223) % 4_294_967_296;
    return state / 4_294_967_296;
  };
}

const ENDS: readonly (readonly [Plan['end'], number])[] = [
  ['refused by the provider', 0.05],
  ['broken', 0.1],
  ['failed and reported', 0.15],
  ['aborted', 0.22],
  ['cancelled', 0.27],
];

export function planOf(call: number, seed: number): Plan {
  const random = seeded(seed * 1_000_003 + call * 7_919);
  // The first numbers of neighbouring seeds are alike.
  random();
  random();
  const drawn = random();
  const below = (most: number) => Math.floor(random() * most);
  const cached = below(300);
  const account = below(ACCOUNTS);
  // What says more than its limit, often where there is no more to take.
  const isOver = below(account < POOR ? 2 : 10) === 0;
  return {
    key: `call:${call}`,
    accountId: accountOf(account),
    end: ENDS.find(([, share]) => drawn < share)?.[0] ?? 'well',
    parts: 2 + below(8),
    tokens: {
      cached,
      input: cached + below(2_000),
      output: isOver ? OUTPUT_LIMIT * (2 + below(5)) : below(OUTPUT_LIMIT),
    },
  };
}

/** Whether the provider says what was used. */
export function isReported({ end }: Plan): boolean {
  return end === 'well' || end === 'failed and reported';
}

/** The price, in whole numbers: tenths of the rates, tenths of the markup, for 1,000 tokens; rounded up. */
export function priceOf({ tokens: { input, cached, output } }: Plan): number {
  const tenths = BigInt(input - cached) * 30n + BigInt(cached) * 3n + BigInt(output) * 150n;
  return Number((tenths * 12n + 99_999n) / 100_000n);
}
