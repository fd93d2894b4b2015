import { createHash } from 'node:crypto';
import { balance as shownBalance } from '../contract/index.ts';
import { type Credit, showCredits, WHOLE_CREDITS } from '../credit/index.ts';
import type { Database } from '../db/index.ts';
import { FlorinError, type Logger } from '../kernel/index.ts';
import { BALANCE_CHANNEL, readBalances } from '../ledger/index.ts';
import { stillMembers } from '../members/index.ts';

export type BalanceFeed = {
  /** Says that an account's balance may have changed, where this process knows it first. */
  changed(accountId: string): void;
  /**
   * A `text/event-stream` of one account's balance, now and after each change, until `until`. Throws
   * `rate_limited` when too many are open.
   */
  open(stream: {
    accountId: string;
    /** Who reads it. Of an account that is not their own the stream ends once they are no member. */
    userId: string;
    /** The address whose share of the streams it takes; absent where the host does not know it. */
    address?: string | undefined;
    until: Date;
    lastEventId: string | undefined;
  }): ReadableStream<Uint8Array>;
  /** Ends every open stream, and each later one at once: browsers come back to another service. */
  close(): void;
};

type Subscriber = {
  readonly userId: string;
  readonly address: string | undefined;
  readonly tell: (event: { id: string; text: string }) => void;
  readonly beat: () => void;
  readonly end: () => void;
};

/** Polling complements LISTEN: spends of other processes are not announced, and a pooler announces nothing. */
const POLL_MS = 3_000;
const HEARTBEAT_MS = 15_000;
const RETRY_MS = 2_000;
const MAX_STREAMS = 2_000;
const MAX_STREAMS_A_USER = 10;
/** A tenth of all, so that free sign-ups from one address cannot take everybody's streams. */
const MAX_STREAMS_AN_ADDRESS = 200;
const MAX_ACCOUNTS_A_READ = 500;
/** Chunks that a browser may leave unread before its stream is ended. */
const MAX_UNREAD = 100;
const MAX_MS = 12 * 60 * 60_000;

/**
 * Sends live balances to browsers. Postgres and this process announce changes, and balances are polled
 * as well. One query at a time reads the balances of all open streams, so that they never hold more
 * than one of the database's connections; an account is read once for all its streams.
 */
export function createBalanceFeed(options: {
  db: Database;
  logger: Logger;
  open: { inc(): void; dec(): void };
  /** Amounts go out in credits. Default: credits are whole. */
  credit?: Credit;
}): BalanceFeed {
  const { db, logger, credit = WHOLE_CREDITS } = options;
  const encoder = new TextEncoder();
  const subscribers = new Map<string, Set<Subscriber>>();
  const ofAddress = createCount<string | undefined>();
  const ofUser = createCount<string>();
  const due = new Set<string>();
  let count = 0;
  let isReading = false;
  let isClosed = false;
  let stopWatching = () => {};

  function changed(accountId: string): void {
    if (subscribers.has(accountId)) {
      due.add(accountId);
      void readDue();
    }
  }

  function changedAll(): void {
    for (const accountId of subscribers.keys()) {
      due.add(accountId);
    }
    void readDue();
  }

  async function readDue(): Promise<void> {
    if (isReading) {
      return;
    }
    isReading = true;
    while (due.size > 0) {
      const accounts = [...due].slice(0, MAX_ACCOUNTS_A_READ);
      for (const accountId of accounts) {
        due.delete(accountId);
      }
      try {
        await endLeavers(accounts);
        for (const { accountId, ...balance } of await readBalances(db, accounts)) {
          tell(accountId, JSON.stringify(showCredits(credit, shownBalance, balance)));
        }
      } catch (error) {
        // The next poll asks again.
        logger.debug({ error: String(error) }, 'live balances were not read');
      }
    }
    isReading = false;
  }

  /** Whose account it is needs no asking. */
  async function endLeavers(accounts: readonly string[]): Promise<void> {
    const shared = accounts.flatMap((accountId) =>
      [...(subscribers.get(accountId) ?? [])]
        .filter(({ userId }) => userId !== accountId)
        .map(({ userId, end }) => ({ accountId, userId, end })),
    );
    if (shared.length > 0) {
      const still = await stillMembers(db, shared);
      for (const { end } of shared.filter((_, index) => still[index] !== true)) {
        end();
      }
    }
  }

  function tell(accountId: string, data: string): void {
    const own = subscribers.get(accountId);
    if (own === undefined) {
      return;
    }
    const id = createHash('sha256').update(data).digest('base64url').slice(0, 12);
    const text = `id: ${id}\nevent: balance\ndata: ${data}\n\n`;
    for (const subscriber of [...own]) {
      subscriber.tell({ id, text });
    }
  }

  function eachSubscriber(act: (subscriber: Subscriber) => void): void {
    for (const subscriber of [...subscribers.values()].flatMap((own) => [...own])) {
      act(subscriber);
    }
  }

  /** What all streams share, while there are any. */
  function watch(): () => void {
    const timers = [
      setInterval(changedAll, POLL_MS),
      setInterval(() => eachSubscriber(({ beat }) => beat()), HEARTBEAT_MS),
    ];
    for (const timer of timers) {
      timer.unref();
    }
    const listening = db.listen(BALANCE_CHANNEL, changed);
    const warn = (error: Error) =>
      logger.warn({ error: error.message }, 'the database announces no balances: they are polled');
    // Changes from before the database listened were announced to nobody.
    listening.then(changedAll, warn);
    return () => {
      for (const timer of timers) {
        clearInterval(timer);
      }
      listening.then((stop) => stop()).catch(warn);
    };
  }

  function add(accountId: string, subscriber: Subscriber): void {
    const { address, userId } = subscriber;
    const own = subscribers.get(accountId) ?? new Set();
    if (
      count >= MAX_STREAMS ||
      ofUser.of(userId) >= MAX_STREAMS_A_USER ||
      (address !== undefined && ofAddress.of(address) >= MAX_STREAMS_AN_ADDRESS)
    ) {
      const message = 'Too many live balances are open. Ask /api/balance now and then instead.';
      throw new FlorinError('rate_limited', message, { details: { retryAfter: 30 } });
    }
    subscribers.set(accountId, own.add(subscriber));
    ofAddress.add(address, 1);
    ofUser.add(userId, 1);
    count += 1;
    options.open.inc();
    if (count === 1) {
      stopWatching = watch();
    }
  }

  function remove(accountId: string, subscriber: Subscriber): void {
    const own = subscribers.get(accountId);
    if (own?.delete(subscriber) !== true) {
      return;
    }
    ofAddress.add(subscriber.address, -1);
    ofUser.add(subscriber.userId, -1);
    count -= 1;
    options.open.dec();
    if (own.size === 0) {
      subscribers.delete(accountId);
    }
    if (count === 0) {
      stopWatching();
    }
  }

  return {
    changed,
    open({ accountId, userId, address, until, lastEventId }) {
      let lastId = lastEventId;
      let life: NodeJS.Timeout | undefined;
      let subscriber: Subscriber | undefined;

      function stop(): void {
        clearTimeout(life);
        if (subscriber !== undefined) {
          remove(accountId, subscriber);
          subscriber = undefined;
        }
      }

      return new ReadableStream<Uint8Array>({
        start(controller) {
          const end = () => {
            stop();
            controller.close();
          };
          const send = (text: string) => {
            controller.enqueue(encoder.encode(text));
            if ((controller.desiredSize ?? 0) < -MAX_UNREAD) {
              end();
            }
          };
          subscriber = {
            userId,
            address,
            tell({ id, text }) {
              if (id !== lastId) {
                lastId = id;
                send(text);
              }
            },
            beat: () => send(': still here\n\n'),
            end,
          };
          add(accountId, subscriber);
          const left = isClosed ? 0 : Math.min(Math.max(until.getTime() - Date.now(), 0), MAX_MS);
          life = setTimeout(end, left);
          life.unref();
          send(`retry: ${RETRY_MS}\n\n`);
          changed(accountId);
        },
        cancel: stop,
      });
    },
    close() {
      isClosed = true;
      eachSubscriber(({ end }) => end());
    },
  };
}

/** Counts by key, and forgets a key at 0. */
function createCount<K>() {
  const counts = new Map<K, number>();
  const of = (key: K) => counts.get(key) ?? 0;
  return {
    of,
    add(key: K, change: number): void {
      const now = of(key) + change;
      if (now === 0) {
        counts.delete(key);
      } else {
        counts.set(key, now);
      }
    },
  };
}
