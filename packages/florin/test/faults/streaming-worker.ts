// A process of an app that streams answers: makes the calls that it is given, eight at a time, and says
// of each when it begins and how it ended. It is there to be killed.
import { streamText } from 'ai';
import { MockLanguageModelV4 } from 'ai/test';
import { meterModel } from '../../src/ai/index.ts';
import { defineCatalog } from '../../src/catalog/index.ts';
import { createCharges } from '../../src/charge/index.ts';
import { connect } from '../../src/db/index.ts';
import { createLedger } from '../../src/florin.ts';
import { silentLogger } from '../../src/kernel/index.ts';
import { HOLD_SECONDS, OUTPUT_LIMIT, type Plan, planOf, TOKENS } from './streamed-calls.ts';

const AT_ONCE = 8;

type Task = { readonly url: string; readonly seed: number; readonly calls: readonly number[] };
const { url, seed, calls } = JSON.parse(process.argv[2] ?? '') as Task;
const db = connect({ url, maxConnections: 4 });
const { usage: card } = defineCatalog({ prices: {}, usage: { tokens: TOKENS } });
const florin = { ...createLedger(db, silentLogger), ...createCharges({ db, card }) };

type Parts =
  Awaited<ReturnType<MockLanguageModelV4['doStream']>> extends { stream: ReadableStream<infer P> }
    ? P
    : never;

/** Lets other calls go on, and a kill come between. */
const breath = () => new Promise((resolve) => setImmediate(resolve));

function finishOf({ tokens }: Plan): Parts {
  const { input, cached, output } = tokens;
  return {
    type: 'finish',
    finishReason: { unified: 'stop', raw: undefined },
    usage: {
      inputTokens: { total: input, noCache: undefined, cacheRead: cached, cacheWrite: undefined },
      outputTokens: { total: output, text: undefined, reasoning: undefined },
    },
  };
}

async function* answer(plan: Plan, signal: AbortSignal | undefined): AsyncGenerator<Parts> {
  yield { type: 'stream-start', warnings: [] };
  yield { type: 'text-start', id: '1' };
  for (let part = 1; part <= plan.parts; part += 1) {
    await breath();
    if (part > plan.parts / 2) {
      if (plan.end === 'broken') {
        throw new Error('connection reset');
      }
      if (plan.end === 'aborted') {
        await new Promise((_, reject) => {
          signal?.addEventListener('abort', () => reject(signal.reason));
        });
      }
    }
    yield { type: 'text-delta', id: '1', delta: `${part} ` };
  }
  if (plan.end === 'failed and reported') {
    yield { type: 'error', error: new Error('overloaded') };
  }
  yield finishOf(plan);
}

function provider(plan: Plan): MockLanguageModelV4 {
  return new MockLanguageModelV4({
    modelId: 'a/b',
    async doStream({ abortSignal }) {
      if (plan.end === 'refused by the provider') {
        throw new Error('overloaded');
      }
      const parts = answer(plan, abortSignal);
      return {
        stream: new ReadableStream({
          async pull(controller) {
            const { done, value } = await parts.next();
            if (done) {
              controller.close();
            } else {
              controller.enqueue(value);
            }
          },
          async cancel() {
            await parts.return(undefined);
          },
        }),
      };
    },
  });
}

function metered(plan: Plan) {
  return meterModel(provider(plan), {
    ...{ florin, accountId: plan.accountId, idempotencyKey: plan.key },
    ...{ maxOutputTokens: OUTPUT_LIMIT, holdSeconds: HOLD_SECONDS },
  });
}

async function make(call: number): Promise<string> {
  const plan = planOf(call, seed);
  const model = metered(plan);
  const prompt = 'x'.repeat(plan.tokens.input * 3);
  try {
    await (plan.end === 'cancelled' ? readHalf(model, prompt, plan) : readAll(model, prompt, plan));
    return 'asked';
  } catch (error) {
    return (error as { code?: string }).code ?? 'asked';
  }
}

type Model = ReturnType<typeof metered>;

async function readHalf(model: Model, prompt: string, plan: Plan): Promise<void> {
  const content = [{ type: 'text' as const, text: prompt }];
  const { stream } = await model.doStream({ prompt: [{ role: 'user', content }] });
  const reader = stream.getReader();
  for (let part = 0; part < plan.parts / 2; part += 1) {
    await reader.read();
  }
  await reader.cancel();
}

async function readAll(model: Model, prompt: string, plan: Plan): Promise<void> {
  const stop = new AbortController();
  let refusal: unknown;
  const { fullStream } = streamText({
    ...{ model, prompt, maxRetries: 0, abortSignal: stop.signal },
    onError: ({ error }) => {
      refusal ??= error;
    },
  });
  for await (const part of fullStream) {
    if (part.type === 'text-delta' && plan.end === 'aborted') {
      stop.abort();
    }
  }
  if (refusal !== undefined) {
    throw refusal;
  }
}

const queue = [...calls];
const worker = async () => {
  for (let call = queue.shift(); call !== undefined; call = queue.shift()) {
    process.stdout.write(`begin ${call}\n`);
    process.stdout.write(`end ${call} ${await make(call)}\n`);
  }
};
await Promise.all(Array.from({ length: AT_ONCE }, worker));
await db.close();
