import type { Balance } from '../contract/index.ts';
import { FlorinClientError, isRecord } from './error.ts';
import { createEventParser } from './event-stream.ts';
import type { Host } from './host.ts';
import { json, type Send } from './request.ts';

export type WatchOptions = {
  /** Called with each failure; the watch continues by itself. */
  readonly onError?: (error: unknown) => void;
  /** Milliseconds between questions while streaming does not work. Default 15,000. */
  readonly pollEvery?: number;
  /**
   * Another source of the news that something changed, such as Supabase Realtime, instead of the
   * service's stream: given `changed` to call, it returns how to stop. The balance is then asked for
   * at once, after each call, and every `pollEvery` besides.
   */
  readonly subscribe?: (changed: () => void) => () => void;
};

const FIRST_WAIT_MS = 1_000;
const MAX_WAIT_MS = 30_000;
/** A stream that stays silent this long is dead, or held back by a proxy. */
const SILENCE_MS = 45_000;
const FIRST_EVENT_MS = 10_000;
const FAILURES_UNTIL_POLLING = 3;
/** Rounds of polling before streaming is tried again. */
const POLLS_UNTIL_STREAMING = 20;

/**
 * Calls `onBalance` with the balance now and after each change, until the returned function is
 * called. Streams (fetch, since EventSource cannot authorize itself), reconnects with growing,
 * jittered waits, polls where streams do not get through, and rests while the page is hidden.
 */
export function createWatchBalance(host: Host, send: Send) {
  return function watchBalance(
    onBalance: (balance: Balance) => void,
    options: WatchOptions = {},
  ): () => void {
    const pollEvery = options.pollEvery ?? 15_000;
    let stopped = false;
    let failures = 0;
    let polls = 0;
    let retryMs = FIRST_WAIT_MS;
    let last = '';
    let isStale = false;
    let current = new AbortController();
    let wake = () => {};

    function deliver(value: unknown): void {
      // Credits with decimals come as text.
      if (!isRecord(value) || !['number', 'string'].includes(typeof value['available'])) {
        throw new FlorinClientError({ code: 'bad_response', message: 'This is not a balance.' });
      }
      failures = 0;
      const { posted, held, available, nextExpiryAt = null } = value as Balance;
      const text = JSON.stringify([posted, held, available, nextExpiryAt]);
      if (text !== last && !stopped) {
        last = text;
        onBalance({ posted, held, available, nextExpiryAt });
      }
    }

    function pause(ms: number | null): Promise<void> {
      return new Promise((resolve) => {
        const cancel = ms === null ? () => {} : host.after(ms, () => wake());
        wake = () => {
          cancel();
          wake = () => {};
          resolve();
        };
      });
    }

    async function stream(signal: AbortSignal): Promise<void> {
      const path = '/api/balance/stream';
      const response = await send({ path, accept: 'text/event-stream', signal });
      const type = response.headers.get('content-type') ?? '';
      if (response.body === null || !type.startsWith('text/event-stream')) {
        throw new FlorinClientError({ code: 'bad_response', message: 'This is not a stream.' });
      }
      const reader = response.body.getReader();
      signal.addEventListener('abort', () => reader.cancel().catch(() => {}));
      const decoder = new TextDecoder();
      let heard = false;
      const parse = createEventParser(
        ({ name, data }) => {
          if (name === 'balance' || name === 'message') {
            heard = true;
            deliver(JSON.parse(data));
          }
        },
        (ms) => {
          retryMs = Math.min(ms, MAX_WAIT_MS);
        },
      );
      try {
        for (;;) {
          const part = await soon(reader.read(), heard ? SILENCE_MS : FIRST_EVENT_MS);
          if (part.done) {
            break;
          }
          parse(decoder.decode(part.value, { stream: true }));
        }
      } finally {
        reader.cancel().catch(() => {});
      }
      if (!heard) {
        throw new FlorinClientError({ code: 'bad_response', message: 'The stream was empty.' });
      }
    }

    function soon<T>(work: Promise<T>, ms: number): Promise<T> {
      return new Promise((resolve, reject) => {
        const cancel = host.after(ms, () =>
          reject(new FlorinClientError({ code: 'timeout', message: 'The stream fell silent.' })),
        );
        work.then(resolve, reject).finally(cancel);
      });
    }

    async function once(): Promise<number> {
      const { subscribe } = options;
      const polling = failures >= FAILURES_UNTIL_POLLING && polls < POLLS_UNTIL_STREAMING;
      if (!polling && subscribe === undefined) {
        polls = 0;
        await stream(current.signal);
        return retryMs;
      }
      polls += 1;
      const seen = failures;
      isStale = false;
      deliver(await json(await send({ path: '/api/balance', signal: current.signal })));
      failures = subscribe === undefined ? seen : 0;
      return isStale ? 0 : pollEvery;
    }

    async function run(): Promise<void> {
      while (!stopped) {
        if (host.isHidden()) {
          await pause(null);
          continue;
        }
        current = new AbortController();
        let wait: number;
        try {
          wait = await once();
        } catch (error) {
          if (current.signal.aborted) {
            continue;
          }
          failures += 1;
          options.onError?.(error);
          wait = backoff(failures, error);
        }
        if (current.signal.aborted) {
          continue;
        }
        await pause(wait * (0.8 + 0.4 * host.random()));
      }
    }

    function backoff(count: number, error: unknown): number {
      const named = error instanceof FlorinClientError ? (error.retryAfter ?? 0) * 1_000 : 0;
      return Math.max(named, Math.min(FIRST_WAIT_MS * 2 ** (count - 1), MAX_WAIT_MS));
    }

    function onVisibility(): void {
      if (host.isHidden()) {
        current.abort();
      } else {
        wake();
      }
    }

    const stops = [
      host.on('visibility', onVisibility),
      host.on('online', () => wake()),
      host.on('restored', () => wake()),
      options.subscribe?.(() => {
        isStale = true;
        wake();
      }) ?? (() => {}),
    ];
    void run();
    return () => {
      stopped = true;
      current.abort();
      wake();
      for (const stop of stops) {
        stop();
      }
    };
  };
}
