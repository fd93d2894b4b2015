import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { serve } from '@hono/node-server';
import {
  type Clock,
  type IdSource,
  type Logger,
  randomIds,
  silentLogger,
  systemClock,
} from '../surroundings.ts';
import { createIssuerApp } from './app.ts';
import { openRecords } from './record-file.ts';
import type { RefreshToken, Sessions } from './sessions.ts';
import { createSigner, type StoredKey } from './tokens.ts';
import type { User } from './users.ts';

export type IssuerOptions = {
  /** Default 4244; 0 takes any free port. */
  port?: number;
  /** Default 127.0.0.1. */
  host?: string;
  /** What `SUPABASE_URL` says, when it is not `http://host:port`; the tokens' issuer is below it. */
  publicUrl?: string | undefined;
  /** A file that keeps accounts, sessions and the signing key; absent: memory only. */
  storage?: string | undefined;
  clock?: Clock;
  ids?: IdSource;
  logger?: Logger;
};

export type Issuer = {
  /** What `SUPABASE_URL` is set to. */
  readonly url: string;
  start(): Promise<void>;
  stop(): Promise<void>;
};

const DEFAULT_PORT = 4244;

/**
 * Sign-in for `florin dev` where no Supabase is at hand: the few calls of Supabase Auth's HTTP API
 * that a password sign-in needs, with ES256 tokens and keys at the usual path. The service verifies
 * them by the same code as real ones. Never for production: no mail is sent, no attempt is limited.
 */
export function createIssuer(options: IssuerOptions = {}): Issuer {
  const host = options.host ?? '127.0.0.1';
  let port = options.port ?? DEFAULT_PORT;
  let running: Server | undefined;
  const url = () => options.publicUrl?.replace(/\/+$/, '') ?? `http://${host}:${port}`;
  return {
    get url() {
      return url();
    },
    async start() {
      if (running !== undefined) {
        return;
      }
      const app = createIssuerApp(await openSessions(options, url), options.logger ?? silentLogger);
      running = await new Promise<Server>((resolve, reject) => {
        const bound = serve({ fetch: app.fetch, hostname: host, port }, () =>
          resolve(bound as Server),
        );
        bound.once('error', reject);
      });
      port = (running.address() as AddressInfo).port;
    },
    async stop() {
      const stopping = running;
      running = undefined;
      if (stopping !== undefined) {
        const closed = new Promise<void>((resolve) => stopping.close(() => resolve()));
        stopping.closeAllConnections();
        await closed;
      }
    },
  };
}

async function openSessions(options: IssuerOptions, url: () => string): Promise<Sessions> {
  const clock = options.clock ?? systemClock;
  return {
    clock,
    ids: options.ids ?? randomIds,
    users: openRecords<User>(options.storage, 'user'),
    refreshTokens: openRecords<RefreshToken>(options.storage, 'refresh_token'),
    signer: await createSigner({
      keys: openRecords<StoredKey>(options.storage, 'key'),
      clock,
      issuer: () => `${url()}/auth/v1`,
    }),
  };
}
