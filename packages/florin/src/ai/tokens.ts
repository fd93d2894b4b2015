/** Units of each kind, as the rate card calls the kinds. */
export type Counted = Readonly<Record<string, number>>;

/**
 * What a provider says that a call of a language model used; anything may be missing, also where the SDK's
 * types have it.
 */
export type Reported = {
  readonly inputTokens?: {
    readonly total: number | undefined;
    readonly noCache: number | undefined;
    readonly cacheRead: number | undefined;
    readonly cacheWrite: number | undefined;
  };
  readonly outputTokens?: {
    readonly total: number | undefined;
    readonly reasoning: number | undefined;
  };
};

/** Bytes of UTF-8 for one token: English has four, code about three, Chinese three a character. */
const BYTES_OF_A_TOKEN = 3;
/** What an image costs at most with the usual providers; a long document costs more. */
const TOKENS_OF_A_FILE = 2_000;

/** About how many tokens the input of a call has: its texts by their length, each file as one sum. */
export function estimateTokens(input: unknown): number {
  let files = 0;
  const texts = JSON.stringify(input, (key, value: unknown) => {
    if (key === 'providerOptions') {
      return undefined;
    }
    const type = (value as { type?: unknown } | null)?.type;
    if (type === 'file' || type === 'reasoning-file') {
      files += 1;
      return undefined;
    }
    return value;
  });
  return Math.ceil(Buffer.byteLength(texts) / BYTES_OF_A_TOKEN) + files * TOKENS_OF_A_FILE;
}

/**
 * What was reported, by the kinds that have a rate. Tokens that were read from a cache, written to one, or
 * thought are `cachedInput`, `cacheWrite` and `reasoning` where the rate knows these kinds; elsewhere they
 * are `input` and `output`. What was not reported is left out.
 */
export function countTokens(
  { inputTokens: input, outputTokens: output }: Reported = {},
  kinds: ReadonlySet<string>,
): Counted {
  const counted: Record<string, number> = {};
  const inputs = split(
    total(input?.total, input?.noCache, input?.cacheRead, input?.cacheWrite),
    { cachedInput: input?.cacheRead, cacheWrite: input?.cacheWrite },
    kinds,
  );
  const outputs = split(
    total(output?.total, output?.reasoning),
    { reasoning: output?.reasoning },
    kinds,
  );
  Object.assign(counted, inputs?.parts, outputs?.parts);
  if (inputs !== undefined) {
    counted['input'] = inputs.rest;
  }
  if (outputs !== undefined) {
    counted['output'] = outputs.rest;
  }
  return counted;
}

/** The parts that have a rate of their own, and what is left of the whole. */
function split(
  whole: number | undefined,
  reported: Readonly<Record<string, number | undefined>>,
  kinds: ReadonlySet<string>,
): { parts: Counted; rest: number } | undefined {
  if (whole === undefined) {
    return undefined;
  }
  const parts: Record<string, number> = {};
  let rest = whole;
  for (const [kind, units] of Object.entries(reported)) {
    const part = tokens(units);
    if (part !== undefined && part > 0 && kinds.has(kind)) {
      parts[kind] = part;
      rest = Math.max(rest - part, 0);
    }
  }
  return { parts, rest };
}

function total(reported: number | undefined, ...parts: (number | undefined)[]): number | undefined {
  const known = parts.map(tokens).filter((part) => part !== undefined);
  const sum = known.reduce((a, b) => a + b, 0);
  return tokens(reported) ?? (known.length === 0 ? undefined : sum);
}

/** A whole number of tokens; undefined for what is no count. */
export function tokens(reported: number | undefined): number | undefined {
  return typeof reported === 'number' && Number.isFinite(reported) && reported >= 0
    ? Math.ceil(reported)
    : undefined;
}
