import { randomUUID } from 'node:crypto';
import { embedMany, generateText, isStepCount, streamText, tool } from 'ai';
import { convertArrayToReadableStream, MockEmbeddingModelV4, MockLanguageModelV4 } from 'ai/test';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { type MeterOptions, meterModel } from '../../../src/ai/index.ts';
import { defineCatalog } from '../../../src/catalog/index.ts';
import { createCharges } from '../../../src/charge/index.ts';
import { createLedger } from '../../../src/florin.ts';
import { DatabaseUnavailableError, silentLogger } from '../../../src/kernel/index.ts';
import { listEntries } from '../../../src/ledger/index.ts';
import { creditsOf, type Pricing } from '../../../src/usage/index.ts';
import { type FreshDatabase, freshDatabase } from '../../support/postgres.ts';

const { usage: CARD } = defineCatalog({
  prices: {},
  usage: {
    tokens: {
      by: 'model',
      per: 1_000,
      rates: {
        'a/b': { input: 10, cachedInput: 1, output: 50 },
        embedder: { input: 2 },
        free: { input: 0, output: 0 },
      },
    },
  },
});

type Language = MockLanguageModelV4['doGenerate'];
type Generated = Awaited<ReturnType<Language>>;
type StreamPart =
  Awaited<ReturnType<MockLanguageModelV4['doStream']>> extends { stream: ReadableStream<infer P> }
    ? P
    : never;

const usageOf = (input: number | undefined, output: number | undefined, cacheRead?: number) => ({
  inputTokens: { total: input, noCache: undefined, cacheRead, cacheWrite: undefined },
  outputTokens: { total: output, text: undefined, reasoning: undefined },
});
const text = (words: string): Generated['content'] => [{ type: 'text', text: words }];
const answer = (usage = usageOf(100, 20), content = text('Seven.')): Generated => ({
  ...{ content, usage, warnings: [] },
  finishReason: { unified: 'stop', raw: undefined },
});
const finish = (usage = usageOf(100, 20)): StreamPart => ({
  ...{ type: 'finish', usage },
  finishReason: { unified: 'stop', raw: undefined },
});
const words = (...deltas: string[]): StreamPart[] => [
  { type: 'stream-start', warnings: [] },
  { type: 'text-start', id: '1' },
  ...deltas.map((delta): StreamPart => ({ type: 'text-delta', id: '1', delta })),
];
const modelOf = (given: ConstructorParameters<typeof MockLanguageModelV4>[0]) =>
  new MockLanguageModelV4({ modelId: 'a/b', ...given });
const streaming = (...parts: StreamPart[]) =>
  modelOf({ doStream: async () => ({ stream: convertArrayToReadableStream(parts) }) });

describe('a metered model', () => {
  let database: FreshDatabase;
  let florin: MeterOptions['florin'] & ReturnType<typeof createLedger>;
  beforeAll(async () => {
    database = await freshDatabase();
    const charges = createCharges({ db: database.db, card: CARD, debtLimit: 5 });
    florin = { ...createLedger(database.db, silentLogger, { debtLimit: 5 }), ...charges };
  });
  afterAll(() => database.close());

  async function payer(credits = 1_000, options: Partial<MeterOptions> = {}) {
    const accountId = randomUUID();
    await florin.grant({ accountId, amount: credits, idempotencyKey: 'grant', source: 'test' });
    return { florin, accountId, idempotencyKey: 'chat', maxOutputTokens: 100, ...options };
  }
  const balance = async ({ accountId }: { accountId: string }) => {
    const { posted, held, available } = await florin.balance(accountId);
    expect(await florin.verify(accountId)).toEqual([]);
    return { posted, held, available };
  };
  const entriesOf = async ({ accountId }: { accountId: string }) =>
    (await listEntries(database.db, { accountId, limit: 100 })).reverse().slice(1);
  const kindsOf = async (from: { accountId: string }) =>
    (await entriesOf(from)).map(({ kind, amount }) => `${kind} ${amount}`);

  it('reserves what a call may cost, and charges what the provider reported, by kind', async () => {
    const paying = await payer(1_000, { actor: 'ada', feature: 'chat' });
    const model = modelOf({
      async doGenerate({ maxOutputTokens }) {
        expect(maxOutputTokens).toBe(100);
        const { held } = await florin.balance(paying.accountId);
        // 100 of output, and a few of input.
        expect(held).toBeGreaterThan(5);
        expect(held).toBeLessThan(10);
        return answer(usageOf(1_000, 60, 400));
      },
    });
    const result = await generateText({ model: meterModel(model, paying), prompt: 'How many?' });
    expect(result.text).toBe('Seven.');
    // (600 × 10 + 400 × 1 + 60 × 50) ÷ 1,000
    expect(result.providerMetadata?.['florin']).toEqual({
      ...{ credits: 10, uncovered: 0, available: 990 },
    });
    expect(await balance(paying)).toEqual({ posted: 990, held: 0, available: 990 });
    const captures = (await entriesOf(paying)).filter(({ kind }) => kind === 'capture');
    expect(captures[0]).toMatchObject({ meter: 'tokens', actor: 'ada', feature: 'chat' });
    const { rate, usage = {} } = (captures[0]?.pricing ?? {}) as Pricing;
    expect(usage).toEqual({ model: 'a/b', input: '600', cachedInput: '400', output: '60' });
    expect(creditsOf(rate, { usage })).toBe(10);
  });

  it('charges a stream when its report comes, before the last part is passed on', async () => {
    const paying = await payer();
    const result = streamText({
      model: meterModel(streaming(...words('Se', 'ven.'), finish()), paying),
      prompt: 'How many?',
    });
    const said: string[] = [];
    for await (const delta of result.textStream) {
      said.push(delta);
    }
    expect(said).toEqual(['Se', 'ven.']);
    expect((await result.providerMetadata)?.['florin']).toMatchObject({ credits: 2 });
    expect(await balance(paying)).toEqual({ posted: 998, held: 0, available: 998 });
  });

  it.each([
    ['without the credits for it', 1, {}, 'insufficient_credits'],
    ['of a model without a rate', 1_000, { model: 'c/d' }, 'rate_missing'],
    ['by a meter that the card does not have', 1_000, { meter: 'words' }, 'meter_unknown'],
  ] as const)('never asks the provider %s', async (_what, credits, options, code) => {
    const paying = await payer(credits, options);
    const model = modelOf({});
    await expect(
      generateText({ model: meterModel(model, paying), prompt: 'Hi' }),
    ).rejects.toMatchObject({ code });
    const errors: unknown[] = [];
    const streamed = streamText({
      ...{ model: meterModel(model, paying), prompt: 'Hi' },
      onError: ({ error }) => void errors.push(error),
    });
    await streamed.consumeStream();
    expect(errors).toMatchObject([{ code }]);
    expect(model.doGenerateCalls).toHaveLength(0);
    expect(model.doStreamCalls).toHaveLength(0);
    expect(await kindsOf(paying)).toEqual([]);
  });

  it('never asks the provider beyond a limit', async () => {
    const paying = await payer(1_000, { actor: 'ada' });
    await florin.setLimit({ ...paying, credits: 4, window: 'day', actor: 'ada' });
    const model = modelOf({});
    await expect(
      generateText({ model: meterModel(model, paying), prompt: 'Hi' }),
    ).rejects.toMatchObject({ code: 'limit_reached' });
    expect(model.doGenerateCalls).toHaveLength(0);
  });

  it('names the model that has no rate', async () => {
    const model = meterModel(modelOf({ modelId: 'new/model' }), await payer());
    await expect(generateText({ model, prompt: 'Hi' })).rejects.toThrow('no rate for new/model');
  });

  it('gives everything back when the provider fails, and throws its error', async () => {
    const paying = await payer();
    const failure = new Error('overloaded');
    const model = modelOf({
      doGenerate: () => Promise.reject(failure),
      doStream: () => Promise.reject(failure),
    });
    await expect(generateText({ model: meterModel(model, paying), prompt: 'Hi' })).rejects.toBe(
      failure,
    );
    await streamText({
      ...{ model: meterModel(model, paying), prompt: 'Hi', onError: () => undefined },
    }).consumeStream();
    expect(await kindsOf(paying)).toEqual(['hold 0', 'release 0', 'hold 0', 'release 0']);
    expect(await balance(paying)).toEqual({ posted: 1_000, held: 0, available: 1_000 });
  });

  it('gives back the credits of a stream that breaks before its report, and charges one that reports its failure', async () => {
    const paying = await payer();
    const breaks = new ReadableStream<StreamPart>({
      start: (controller) => words('Se').forEach((part) => void controller.enqueue(part)),
      pull: (controller) => controller.error(new Error('connection reset')),
    });
    const run = (model: MockLanguageModelV4) =>
      streamText({
        ...{ model: meterModel(model, paying), prompt: 'Hi', onError: () => undefined },
      }).consumeStream();
    await run(modelOf({ doStream: async () => ({ stream: breaks }) }));
    expect(await balance(paying)).toEqual({ posted: 1_000, held: 0, available: 1_000 });
    await run(streaming(...words('Se'), { type: 'error', error: new Error('overloaded') }));
    await run(
      streaming(...words('Se'), { type: 'error', error: 'cut' }, finish(usageOf(100, undefined))),
    );
    expect(await balance(paying)).toEqual({ posted: 999, held: 0, available: 999 });
  });

  it('gives back the credits of a call that is aborted, also by a reader who stops', async () => {
    const paying = await payer();
    const cancelled: unknown[] = [];
    const endless = () =>
      modelOf({
        doStream: async ({ abortSignal }) => ({
          stream: new ReadableStream<StreamPart>({
            start(controller) {
              words('Se').forEach((part) => void controller.enqueue(part));
              abortSignal?.addEventListener('abort', () => controller.error(abortSignal.reason));
            },
            cancel: (reason) => void cancelled.push(reason),
          }),
        }),
      });
    const stop = new AbortController();
    const aborted = streamText({
      ...{ model: meterModel(endless(), paying), prompt: 'Hi', abortSignal: stop.signal },
    });
    for await (const part of aborted.fullStream) {
      if (part.type === 'text-delta') {
        stop.abort();
      }
    }
    await expect.poll(() => kindsOf(paying)).toEqual(['hold 0', 'release 0']);

    const metered = meterModel(endless(), { ...paying, idempotencyKey: 'other' });
    const { stream } = await metered.doStream({ prompt: [] });
    const reader = stream.getReader();
    await reader.read();
    await reader.cancel('closed');
    expect(cancelled).toEqual(['closed']);
    expect(await balance(paying)).toEqual({ posted: 1_000, held: 0, available: 1_000 });
  });

  it('charges each step of a tool loop as a call of its own, and refuses the next when it cannot be paid', async () => {
    const paying = await payer(13);
    const wants: Generated = {
      ...answer(usageOf(100, 100), [
        { type: 'tool-call', toolCallId: '1', toolName: 'count', input: '{}' },
      ]),
      finishReason: { unified: 'tool-calls', raw: undefined },
    };
    const model = modelOf({ doGenerate: async () => wants });
    const count = tool({ inputSchema: z.object({}), execute: async () => 7 });
    await expect(
      generateText({
        ...{ model: meterModel(model, paying), prompt: 'How many?', tools: { count } },
        stopWhen: isStepCount(5),
      }),
    ).rejects.toMatchObject({ code: 'insufficient_credits' });
    expect(model.doGenerateCalls).toHaveLength(2);
    expect(await kindsOf(paying)).toEqual(['hold 0', 'capture -6', 'hold 0', 'capture -6']);
    expect((await entriesOf(paying)).map(({ idempotencyKey }) => idempotencyKey)).toEqual([
      'chat#1',
      expect.stringMatching(/^florin:capture:/),
      'chat#2',
      expect.stringMatching(/^florin:capture:/),
    ]);
  });

  it('charges embeddings by what was reported, each batch on its own, else by the estimate', async () => {
    const paying = await payer(1_000, { model: 'embedder' });
    const reports = [{ tokens: 4_000 }, undefined];
    const model = new MockEmbeddingModelV4({
      maxEmbeddingsPerCall: 2,
      supportsParallelCalls: false,
      doEmbed: async ({ values }) => ({
        ...{ embeddings: values.map(() => [1]), warnings: [] },
        usage: reports.shift() as { tokens: number },
      }),
    });
    const values = ['one', 'two', 'x'.repeat(1_500)];
    await embedMany({ model: meterModel(model, paying), values });
    expect(await kindsOf(paying)).toEqual([
      'hold 0',
      'capture -1',
      'capture -7',
      'hold 0',
      'capture -2',
    ]);
    expect(await balance(paying)).toMatchObject({ posted: 990, held: 0 });
  });

  it.each([
    ['up_to_available', 20, { credits: 50, uncovered: 30, available: 0 }],
    ['debt', 45, { credits: 50, uncovered: 0, available: -5 }],
    ['debt', 20, { credits: 50, uncovered: 30, available: 0 }],
    ['debt', 60, { credits: 50, uncovered: 0, available: 10 }],
  ] as const)(
    'charges more than it reserved by the policy %s, with %s credits',
    async (overage, credits, charged) => {
      const paying = await payer(credits, { overage });
      const model = modelOf({ doGenerate: async () => answer(usageOf(0, 1_000)) });
      const result = await generateText({ model: meterModel(model, paying), prompt: 'Hi' });
      expect(result.providerMetadata?.['florin']).toEqual(charged);
      expect(await balance(paying)).toMatchObject({ held: 0, available: charged.available });
    },
  );

  it('charges the estimate where a call ended well and its use was not reported', async () => {
    const paying = await payer(1_000, { estimateInput: () => 200 });
    const silent = usageOf(undefined, undefined);
    const model = modelOf({ doGenerate: async () => answer(silent) });
    await generateText({ model: meterModel(model, paying), prompt: 'Hi' });
    // 200 of input and 100 of output, the limit.
    expect(await balance(paying)).toMatchObject({ posted: 993 });
    await streamText({
      model: meterModel(streaming(...words('Hi'), finish(silent)), {
        ...paying,
        idempotencyKey: 's',
      }),
      prompt: 'Hi',
    }).consumeStream();
    expect(await balance(paying)).toMatchObject({ posted: 986, held: 0 });
  });

  it('reserves nothing for a model whose rates are 0, and counts what was used', async () => {
    const paying = await payer(1, { model: 'free' });
    const model = modelOf({ doGenerate: async () => answer() });
    await generateText({ model: meterModel(model, paying), prompt: 'Hi' });
    expect(await entriesOf(paying)).toMatchObject([
      { kind: 'spend', amount: 0, meter: 'tokens', quantity: '120' },
    ]);
  });

  it('is not asked again under the key of a call that was charged, or that is under way', async () => {
    const paying = await payer();
    const model = modelOf({ doGenerate: async () => answer() });
    await generateText({ model: meterModel(model, paying), prompt: 'Hi' });
    const again = generateText({ model: meterModel(model, paying), prompt: 'Hi' });
    await expect(again).rejects.toThrow(/chat#1 .* was charged before/);

    const other = { ...paying, idempotencyKey: 'other' };
    const twice = modelOf({
      async doGenerate() {
        const second = generateText({ model: meterModel(model, other), prompt: 'Hi' });
        await expect(second).rejects.toThrow(/other#1 .* is under way/);
        return answer();
      },
    });
    await generateText({ model: meterModel(twice, other), prompt: 'Hi' });
    expect(model.doGenerateCalls).toHaveLength(1);
    expect(await balance(paying)).toMatchObject({ posted: 996, held: 0 });
  });

  it('may be asked again under the key of a call that was given back', async () => {
    const paying = await payer();
    const failing = modelOf({ doGenerate: () => Promise.reject(new Error('overloaded')) });
    const good = modelOf({ doGenerate: async () => answer() });
    for (const model of [failing, failing]) {
      const run = generateText({ model: meterModel(model, paying), prompt: 'Hi' });
      await expect(run).rejects.toThrow('overloaded');
    }
    await generateText({ model: meterModel(good, paying), prompt: 'Hi' });
    expect((await entriesOf(paying)).filter(({ kind }) => kind === 'hold')).toMatchObject([
      { idempotencyKey: 'chat#1' },
      { idempotencyKey: 'chat#1~2' },
      { idempotencyKey: 'chat#1~3' },
    ]);
    expect(await balance(paying)).toMatchObject({ posted: 998, held: 0 });
  });

  it('gives a call that is longer than its hold more time, again and again', {
    timeout: 60_000,
  }, async () => {
    const paying = await payer(1_000, { holdSeconds: 1 });
    const extensions = async () =>
      (await entriesOf(paying)).filter(({ kind }) => kind === 'extension').length;
    const model = modelOf({
      doStream: async () => ({
        stream: new ReadableStream<StreamPart>({
          start: (controller) => words('Se').forEach((part) => void controller.enqueue(part)),
          async pull(controller) {
            await expect.poll(extensions, { timeout: 30_000 }).toBeGreaterThan(3);
            controller.enqueue(finish());
            controller.close();
          },
        }),
      }),
    });
    await streamText({ model: meterModel(model, paying), prompt: 'Hi' }).consumeStream();
    expect((await kindsOf(paying)).at(-1)).toBe('capture -2');
    expect(await balance(paying)).toMatchObject({ posted: 998, held: 0 });
  });

  it('keeps nothing reserved for a stream that nobody reads, and charges it when it is read on', {
    timeout: 60_000,
  }, async () => {
    const paying = await payer(1_000, { holdSeconds: 1 });
    const metered = meterModel(streaming(...words('Se'), finish()), paying);
    const { stream } = await metered.doStream({ prompt: [] });
    const held = async () => (await florin.balance(paying.accountId)).held;
    await expect.poll(held, { timeout: 30_000 }).toBe(0);
    const reader = stream.getReader();
    for (let done = false; !done; ) {
      ({ done } = await reader.read());
    }
    expect((await entriesOf(paying)).at(-1)).toMatchObject({
      ...{ kind: 'spend', amount: -2, idempotencyKey: 'chat#1!late', meter: 'tokens' },
    });
  });

  it('repeats a charge whose answer was lost, and charges once', async () => {
    const paying = await payer();
    let left = 2;
    const lossy: MeterOptions['florin'] = {
      ...florin,
      captureHold: (async (hold: Parameters<typeof florin.captureHold>[0]) => {
        const captured = await florin.captureHold(hold);
        left -= 1;
        if (left >= 0) {
          throw new DatabaseUnavailableError('The connection broke.');
        }
        return captured;
      }) as typeof florin.captureHold,
    };
    const model = modelOf({ doGenerate: async () => answer() });
    await generateText({ model: meterModel(model, { ...paying, florin: lossy }), prompt: 'Hi' });
    expect(left).toBe(-1);
    expect(await balance(paying)).toMatchObject({ posted: 998, held: 0 });
  });

  it.each([
    ['no florin', { florin: {} }, 'florin'],
    ['no account', { accountId: 'ada' }, 'accountId'],
    ['a key that is too long', { idempotencyKey: 'x'.repeat(201) }, 'idempotencyKey'],
    ['an output limit of 0', { maxOutputTokens: 0 }, 'maxOutputTokens'],
    ['a hold of no time', { holdSeconds: 0 }, 'holdSeconds'],
    ['a policy that cannot be', { overage: 'refuse' }, 'overage'],
  ])('is not made with %s', async (_what, wrong, name) => {
    const options = { ...(await payer()), ...(wrong as Partial<MeterOptions>) };
    expect(() => meterModel(modelOf({}), options)).toThrow(
      expect.objectContaining({ code: 'invalid_input', message: expect.stringContaining(name) }),
    );
  });

  it('refuses a model given by its name, and an estimate that is no number, before it asks', async () => {
    const paying = await payer();
    expect(() => meterModel('a/b' as never, paying)).toThrow('not its name');
    const model = modelOf({});
    const options = { ...paying, estimateInput: () => Number.NaN };
    await expect(
      generateText({ model: meterModel(model, options), prompt: 'Hi' }),
    ).rejects.toMatchObject({ code: 'invalid_input' });
    expect(model.doGenerateCalls).toHaveLength(0);
  });
});
