import { createHash } from 'node:crypto';
import type { Database } from '../db/index.ts';
import { FlorinError, type Logger } from '../kernel/index.ts';
import { readBalance } from '../ledger/index.ts';

export type BalanceFeed = {
  /** Says that an account's balance may have changed, where this process knows it first. */
  changed(accountId: string): void;
  /**
   * A `text/event-stream` of one account's balance, now and after each change, until `until`. Throws
   * `rate_limited` when too many are open.
   */
  open(stream: {
    accountId: string;
    until: Date;
    lastEventId: string | undefined;
  }): ReadableStream<Uint8Array>;
  /** Ends every open stream: browsers come back to another service. */
  close(): void;
};

type Subscriber = { readonly wake: () => void; readonly end: () => void };

const CHANNEL = 'florin_balance';
/** Beside LISTEN: what other processes spend is not announced, and a pooler announces nothing. */
const POLL_MS = 3_000;
const HEARTBEAT_MS = 15_000;
const RETRY_MS = 2_000;
const MOST_STREAMS = 2_000;
const MOST_STREAMS_AN_ACCOUNT = 10;
const LONGEST_MS = 12 * 60 * 60_000;

/** Live balances for browsers: announced by Postgres, by this process, and polled beside both. */
export function createBalanceFeed(options: {
  db: Database;
  logger: Logger;
  open: { inc(): void; dec(): void };
}): BalanceFeed {
  const { db, logger } = options;
  const subscribers = new Map<string, Set<Subscriber>>();
  let count = 0;
  let stopListening: Promise<() => Promise<void>> | undefined;

  function changed(accountId: string): void {
    for (const subscriber of subscribers.get(accountId) ?? []) {
      subscriber.wake();
    }
  }

  function add(accountId: string, subscriber: Subscriber): void {
    const own = subscribers.get(accountId) ?? new Set();
    if (count >= MOST_STREAMS || own.size >= MOST_STREAMS_AN_ACCOUNT) {
      const message = 'Too many live balances are open. Ask /api/balance now and then instead.';
      throw new FlorinError('rate_limited', message, { details: { retryAfter: 30 } });
    }
    subscribers.set(accountId, own.add(subscriber));
    count += 1;
    options.open.inc();
    stopListening ??= db.listen(CHANNEL, changed);
  }

  function remove(accountId: string, subscriber: Subscriber): void {
    const own = subscribers.get(accountId);
    if (own?.delete(subscriber) !== true) {
      return;
    }
    count -= 1;
    options.open.dec();
    if (own.size === 0) {
      subscribers.delete(accountId);
    }
    if (count === 0) {
      const stopping = stopListening;
      stopListening = undefined;
      stopping
        ?.then((stop) => stop())
        .catch((error: Error) => logger.warn({ error: error.message }, 'listening did not stop'));
    }
  }

  return {
    changed,
    open({ accountId, until, lastEventId }) {
      const encoder = new TextEncoder();
      let lastId = lastEventId;
      let reading = false;
      let again = false;
      let timers: NodeJS.Timeout[] = [];
      let subscriber: Subscriber | undefined;

      return new ReadableStream<Uint8Array>({
        start(controller) {
          const send = (text: string) => controller.enqueue(encoder.encode(text));
          const end = () => {
            stop();
            controller.close();
          };
          const deliver = async () => {
            if (reading) {
              again = true;
              return;
            }
            reading = true;
            try {
              const balance = await readBalance(db, accountId);
              const data = JSON.stringify(balance);
              const id = createHash('sha256').update(data).digest('base64url').slice(0, 12);
              if (id !== lastId && subscriber !== undefined) {
                lastId = id;
                send(`id: ${id}\nevent: balance\ndata: ${data}\n\n`);
              }
            } catch (error) {
              logger.debug({ accountId, error: String(error) }, 'a live balance was not read');
            } finally {
              reading = false;
            }
            if (again) {
              again = false;
              void deliver();
            }
          };
          subscriber = { wake: () => void deliver(), end };
          add(accountId, subscriber);
          const life = Math.min(Math.max(until.getTime() - Date.now(), 0), LONGEST_MS);
          timers = [
            setInterval(() => void deliver(), POLL_MS),
            setInterval(() => send(': still here\n\n'), HEARTBEAT_MS),
            setTimeout(end, life),
          ];
          for (const timer of timers) {
            timer.unref();
          }
          send(`retry: ${RETRY_MS}\n\n`);
          void deliver();
        },
        cancel: stop,
      });

      function stop(): void {
        for (const timer of timers) {
          clearTimeout(timer);
        }
        if (subscriber !== undefined) {
          remove(accountId, subscriber);
          subscriber = undefined;
        }
      }
    },
    close() {
      for (const own of [...subscribers.values()]) {
        for (const subscriber of [...own]) {
          subscriber.end();
        }
      }
    },
  };
}
