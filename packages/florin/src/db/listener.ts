import pg from 'pg';
import { backoff, type Logger } from '../kernel/index.ts';
import type { DatabaseAddress } from './address.ts';

type OnMessage = (payload: string) => void;

export type Listener = {
  listen(channel: string, onMessage: OnMessage): Promise<() => Promise<void>>;
  close(): Promise<void>;
};

/** One connection, with the channels it listens on. */
type Session = { readonly client: pg.Client; readonly channels: Set<string> };

const RETRY_MS = { first: 100, max: 5_000 };

/**
 * LISTEN on one connection of its own, shared by all channels, opened by the first listener and
 * closed after the last. While it cannot be opened, or when it breaks, it is tried again with
 * growing gaps; messages sent meanwhile are lost, so listeners poll beside it.
 */
export function createListener(options: {
  address: DatabaseAddress;
  applicationName: string;
  logger: Logger;
}): Listener {
  const { address, applicationName, logger } = options;
  const wanted = new Map<string, Set<OnMessage>>();
  let session: Session | undefined;
  let retry: NodeJS.Timeout | undefined;
  let losses = 0;
  // Changes are made one after the other: each brings the session in line with what is wanted now.
  let last: Promise<void> = Promise.resolve();

  function realign(): Promise<void> {
    last = last.then(align).catch((error: Error) => lose(error));
    return last;
  }

  async function align(): Promise<void> {
    clearTimeout(retry);
    if (wanted.size === 0) {
      const idle = session;
      session = undefined;
      await idle?.client.end();
      return;
    }
    session ??= await open();
    const { client, channels } = session;
    for (const channel of wanted.keys()) {
      if (!channels.has(channel)) {
        await client.query(`listen ${pg.escapeIdentifier(channel)}`);
        channels.add(channel);
      }
    }
    for (const channel of channels) {
      if (!wanted.has(channel)) {
        await client.query(`unlisten ${pg.escapeIdentifier(channel)}`);
        channels.delete(channel);
      }
    }
    losses = 0;
  }

  async function open(): Promise<Session> {
    const client = new pg.Client({
      connectionString: address.connectionString,
      application_name: `${applicationName} listener`,
      connectionTimeoutMillis: 5_000,
      keepAlive: true,
    });
    const fresh: Session = { client, channels: new Set() };
    client.on('error', (error) => session === fresh && lose(error));
    client.on('end', () => session === fresh && lose(new Error('The server closed it.')));
    client.on('notification', ({ channel, payload }) => {
      for (const onMessage of wanted.get(channel) ?? []) {
        onMessage(payload ?? '');
      }
    });
    await client.connect();
    return fresh;
  }

  function lose(error: Error): void {
    const broken = session;
    session = undefined;
    broken?.client.end().catch(() => undefined);
    if (wanted.size === 0) {
      return;
    }
    losses += 1;
    const retryMs = backoff(losses, RETRY_MS);
    logger.warn({ error: error.message, retryMs }, 'the listening connection was lost');
    clearTimeout(retry);
    retry = setTimeout(realign, retryMs);
    retry.unref();
  }

  return {
    async listen(channel, onMessage) {
      if (address.transactionPooler) {
        return async () => {};
      }
      // Each call is its own registration, though the same function may be passed twice.
      const own: OnMessage = (payload) => onMessage(payload);
      const listeners = wanted.get(channel) ?? new Set();
      wanted.set(channel, listeners.add(own));
      await realign();
      return async () => {
        listeners.delete(own);
        if (listeners.size === 0 && wanted.get(channel) === listeners) {
          wanted.delete(channel);
        }
        await realign();
      };
    },
    async close() {
      wanted.clear();
      await realign();
    },
  };
}
