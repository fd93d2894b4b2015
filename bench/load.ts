/** One way to do the work: called again and again by so many clients at once. */
export type Variant = {
  readonly name: string;
  readonly clients: number;
  /** Units of work in one call; default 1. */
  readonly unitsPerCall?: number;
  /** Runs before each slice, outside the time that is measured. */
  readonly prepare?: () => void | Promise<void>;
  readonly call: (client: number) => Promise<unknown>;
};

/** A line of the report: the rate of one variant divided by the rate of another. */
export type Comparison = {
  readonly what: string;
  readonly of: string;
  readonly against: string;
  readonly reach: number;
};

export type Scenario = {
  readonly variants: readonly Variant[];
  readonly comparisons: readonly Comparison[];
  close(): Promise<void>;
};

export type Pace = { readonly rounds: number; readonly sliceMs: number };

export type Finding = Comparison & {
  readonly ratio: number;
  readonly lowest: number;
  readonly highest: number;
  /** Units a second, medians. */
  readonly rate: number;
  readonly rateAgainst: number;
};

/**
 * Measures all variants of a scenario in interleaved rounds, each round starting with another one, so
 * that whatever else the machine does meets all of them. A ratio is taken within a round; the median
 * of the rounds is reported with the lowest and the highest.
 */
export async function measure(scenario: Scenario, pace: Pace): Promise<Finding[]> {
  const { variants, comparisons } = scenario;
  const rates = new Map<string, number[]>(variants.map(({ name }) => [name, []]));
  for (const variant of variants) {
    await slice(variant, Math.min(300, pace.sliceMs));
  }
  for (let round = 0; round < pace.rounds; round += 1) {
    for (const [index] of variants.entries()) {
      const variant = variants[(index + round) % variants.length];
      if (variant !== undefined) {
        rates.get(variant.name)?.push(await slice(variant, pace.sliceMs));
      }
    }
  }
  return comparisons.map((comparison) => {
    const of = rates.get(comparison.of) ?? [];
    const against = rates.get(comparison.against) ?? [];
    const ratios = of.map((rate, round) => rate / (against[round] ?? Number.NaN));
    return {
      ...comparison,
      ratio: median(ratios),
      lowest: Math.min(...ratios),
      highest: Math.max(...ratios),
      rate: median(of),
      rateAgainst: median(against),
    };
  });
}

/** Units a second. What is under way at the end is finished and counted, and so is its time. */
async function slice(variant: Variant, forMs: number): Promise<number> {
  await variant.prepare?.();
  let calls = 0;
  const start = performance.now();
  const end = start + forMs;
  await Promise.all(
    Array.from({ length: variant.clients }, async (_, client) => {
      do {
        await variant.call(client);
        calls += 1;
      } while (performance.now() < end);
    }),
  );
  return (calls * (variant.unitsPerCall ?? 1) * 1000) / (performance.now() - start);
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return sorted.length % 2 === 1
    ? (sorted[Math.floor(middle)] ?? Number.NaN)
    : ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2;
}

/** The value that this share of the sorted values lie below. */
export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
