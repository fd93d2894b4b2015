import type { Call, CallCost } from './call.ts';
import { type Counted, countTokens, type Reported } from './tokens.ts';

/** The parts of a stream that say how it ended, among those that only pass. */
type Part = { readonly type: string };
type Finish = Part & {
  readonly usage: Reported;
  readonly finishReason: { readonly unified: string };
  readonly providerMetadata?: Readonly<Record<string, unknown>>;
};

/**
 * The same stream, charged when the provider has said what was used: before its last part is passed on.
 * Ended by an error, by an abort or by its reader before that, it is given back.
 */
export function meterStream<P extends Part>(
  stream: ReadableStream<P>,
  { call, estimate }: { call: Call; estimate: Counted },
): ReadableStream<P> {
  const reader = stream.getReader();
  let failed = false;

  async function charge(part: P & Finish): Promise<P> {
    const counted = countTokens(part.usage, call.kinds);
    const isWell = !failed && part.finishReason.unified !== 'error';
    return withCharge(part, await call.end(used(counted, isWell ? estimate : undefined)));
  }

  return new ReadableStream<P>(
    {
      async pull(controller) {
        call.waiting(true);
        try {
          const { done, value } = await reader.read();
          call.waiting(false);
          if (done) {
            await call.end(undefined);
            controller.close();
            return;
          }
          failed ||= value.type === 'error';
          controller.enqueue(isFinish(value) ? await charge(value) : value);
        } catch (error) {
          await call.end(undefined).catch(() => undefined);
          controller.error(error);
        }
      },
      async cancel(reason) {
        const [cancelled] = await Promise.allSettled([reader.cancel(reason), call.end(undefined)]);
        if (cancelled.status === 'rejected') {
          throw cancelled.reason;
        }
      },
    },
    // As much is asked of the provider as is read.
    { highWaterMark: 0 },
  );
}

/**
 * What is charged: what was reported, and of a call that ended well the estimate of what was not, for
 * nothing that was used is free. Undefined when nothing is known.
 */
export function used(counted: Counted, estimate?: Counted): Counted | undefined {
  const all = { ...estimate, ...counted };
  return Object.keys(all).length === 0 ? undefined : all;
}

/** What the app finds in `providerMetadata.florin`. */
export function withCharge<R extends { readonly providerMetadata?: unknown }>(
  result: R,
  cost: CallCost | undefined,
): R {
  return cost === undefined
    ? result
    : { ...result, providerMetadata: { ...(result.providerMetadata ?? {}), florin: cost } };
}

function isFinish<P extends Part>(part: P): part is P & Finish {
  return part.type === 'finish';
}
