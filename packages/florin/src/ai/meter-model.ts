import {
  type EmbeddingModelMiddleware,
  type LanguageModelMiddleware,
  wrapEmbeddingModel,
  wrapLanguageModel,
} from 'ai';
import { z } from 'zod';
import {
  check,
  expiresInSeconds,
  metadata,
  randomIds,
  text,
  usedBy,
  uuid,
} from '../kernel/index.ts';
import { type Call, type MeteringFlorin, openCall } from './call.ts';
import { meterStream, used, withCharge } from './stream.ts';
import { type Counted, countTokens, estimateTokens, tokens } from './tokens.ts';

type LanguageModel = Parameters<typeof wrapLanguageModel>[0]['model'];
type MeteredLanguageModel = ReturnType<typeof wrapLanguageModel>;
type EmbeddingModel = Parameters<typeof wrapEmbeddingModel>[0]['model'];
type MeteredEmbeddingModel = ReturnType<typeof wrapEmbeddingModel>;
type CallOptions = Parameters<MeteredLanguageModel['doGenerate']>[0];

export type MeterOptions = {
  /** What `createFlorin` returned; its catalogue's rate card prices the tokens. */
  florin: MeteringFlorin;
  /** Who pays. */
  accountId: string;
  /**
   * Names the intent, at most 200 characters: `chat:<message id>`. Each call of the provider is one step of
   * it, `…#1`, `…#2`: steps of a tool loop, retries, batches of embeddings. A step that was charged is
   * not made again under the same key: `idempotency_key_reused`. Default: another one for each model that is made.
   */
  idempotencyKey?: string;
  /** The meter of the rate card that counts by model. Default: `tokens`. */
  meter?: string;
  /** The model's name in the rate card. Default: its `modelId`. */
  model?: string;
  /** Who uses it, and for what: for limits, and for usage by actor and feature. */
  actor?: string;
  feature?: string;
  /** Kept with the entries. */
  metadata?: Readonly<Record<string, unknown>>;
  /** The output limit of calls that name none: it bounds what is reserved. Default: 4096 tokens. */
  maxOutputTokens?: number;
  /**
   * Tokens of the input, as far as can be said beforehand, of the call's prompt and tools or of the values to embed.
   * Default: one for each 3 bytes of text, and 2,000 for each file.
   */
  estimateInput?: (input: unknown) => number;
  /** Seconds that a call of a process that dies stays reserved; a longer call is given more time. From 1; default 120. */
  holdSeconds?: number;
  /**
   * What happens to a use above what was reserved: what is available is taken (default), or debt is left, within
   * the catalogue's `debtLimit`, else what is available. A provider that was asked cannot be refused any more.
   */
  overage?: 'up_to_available' | 'debt';
};

const count = z.int({ error: 'must be a whole number of tokens' }).min(1);
const FUNCTIONS = [
  'quote',
  'placeHold',
  'captureHold',
  'extendHold',
  'releaseHold',
  'readHold',
  'charge',
] as const satisfies readonly (keyof MeteringFlorin)[];

const meterOptions = z.object(
  {
    florin: z.custom<MeteringFlorin>(
      (given) => FUNCTIONS.every((name) => typeof (given as MeteringFlorin)?.[name] === 'function'),
      { error: 'must be what createFlorin returns' },
    ),
    accountId: uuid,
    idempotencyKey: text.min(1).max(200, { error: 'must be at most 200 characters' }).optional(),
    meter: text.min(1).max(200).default('tokens'),
    model: text.min(1).max(200).optional(),
    actor: usedBy.optional(),
    feature: usedBy.optional(),
    metadata: metadata.default({}),
    maxOutputTokens: count.default(4_096),
    estimateInput: z
      .custom<(input: unknown) => number>((given) => typeof given === 'function', {
        error: 'must be a function',
      })
      .default(() => estimateTokens),
    holdSeconds: expiresInSeconds.min(1, { error: 'must be at least 1' }).default(120),
    overage: z
      .enum(['up_to_available', 'debt'], { error: 'must be up_to_available or debt' })
      .default('up_to_available'),
  },
  { error: 'must be an object' },
);
const isModel = (given: unknown) =>
  typeof given === 'object' && given !== null && ('doGenerate' in given || 'doEmbed' in given);
const models = z.object({
  model: z.custom<LanguageModel | EmbeddingModel>(isModel, {
    error: 'must be a language or embedding model of the AI SDK, not its name',
  }),
});

/**
 * The same model, paid with credits: each call reserves what it may cost before the provider is asked, and
 * is charged what the provider reported. For `generateText`, `streamText`, agents, `embed` and `embedMany`.
 * What a call cost is in `providerMetadata.florin`: `credits`, `uncovered`, `available`.
 *
 * Before the provider is asked a call throws `insufficient_credits`, `limit_reached`, `account_closed`,
 * `rate_missing` (a model that the card has no rate for is never free), `meter_unknown`,
 * `idempotency_key_reused` and `database_unavailable`. A call that the provider fails, or that is aborted, is
 * charged what was reported until then, else nothing. When the process dies its hold lapses. A charge that cannot
 * be written after five attempts is thrown, and the hold lapses too. Throws `invalid_input` for options that are wrong.
 */
export function meterModel(model: LanguageModel, options: MeterOptions): MeteredLanguageModel;
export function meterModel(model: EmbeddingModel, options: MeterOptions): MeteredEmbeddingModel;
export function meterModel(
  model: LanguageModel | EmbeddingModel,
  options: MeterOptions,
): MeteredLanguageModel | MeteredEmbeddingModel {
  check(models, { model });
  const given = check(meterOptions, options);
  const { idempotencyKey = `ai:${randomIds.uuid()}` } = given;
  let steps = 0;
  const open = (estimate: Counted) => {
    steps += 1;
    const key = `${idempotencyKey}#${steps}`;
    return openCall({ ...given, model: given.model ?? model.modelId, key }, estimate);
  };
  return 'doEmbed' in model
    ? wrapEmbeddingModel({ model, middleware: embedding(given, open) })
    : wrapLanguageModel({ model, middleware: language(given, open) });
}

type Given = z.infer<typeof meterOptions>;
type Open = (estimate: Counted) => Promise<Call>;

function language({ maxOutputTokens, estimateInput }: Given, open: Open): LanguageModelMiddleware {
  const estimateOf = ({ prompt, tools, responseFormat, ...rest }: CallOptions) => ({
    input: checkEstimate(estimateInput({ prompt, tools, responseFormat })),
    output: rest.maxOutputTokens ?? maxOutputTokens,
  });
  return {
    transformParams: async ({ params }) => ({
      ...params,
      maxOutputTokens: params.maxOutputTokens ?? maxOutputTokens,
    }),
    async wrapGenerate({ doGenerate, params }) {
      const estimate = estimateOf(params);
      const call = await open(estimate);
      const result = await asking(call, doGenerate);
      const isWell = result.finishReason.unified !== 'error';
      const counted = countTokens(result.usage, call.kinds);
      return withCharge(result, await call.end(used(counted, isWell ? estimate : undefined)));
    },
    async wrapStream({ doStream, params }) {
      const estimate = estimateOf(params);
      const call = await open(estimate);
      const { stream, ...result } = await asking(call, doStream);
      call.waiting(false);
      return { ...result, stream: meterStream(stream, { call, estimate }) };
    },
  };
}

function embedding({ estimateInput }: Given, open: Open): EmbeddingModelMiddleware {
  return {
    async wrapEmbed({ doEmbed, params }) {
      const estimate = { input: checkEstimate(estimateInput(params.values)) };
      const call = await open(estimate);
      const result = await asking(call, doEmbed);
      const reported = tokens(result.usage?.tokens);
      const counted = reported === undefined ? estimate : { input: reported };
      return withCharge(result, await call.end(counted));
    },
  };
}

/** Asks the provider; what it throws gives the hold back. */
async function asking<T>(call: Call, ask: () => PromiseLike<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    await call.end(undefined);
    throw error;
  }
}

function checkEstimate(estimate: number): number {
  return check(z.object({ estimateInput: z.number().min(0).transform(Math.ceil) }), {
    estimateInput: estimate,
  }).estimateInput;
}
