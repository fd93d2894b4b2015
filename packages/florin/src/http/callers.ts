import { hash, timingSafeEqual } from 'node:crypto';
import type { RequestContext } from './context.ts';
import { RequestError } from './request-error.ts';
import type { Buyer, UserTokens } from './user-token.ts';

export type Server = { readonly kind: 'server' };
export type Caller = ({ readonly kind: 'buyer' } & Buyer) | Server;

export type Callers = {
  /** A signed-in user. The server key has no account and is `forbidden`. */
  buyer(c: RequestContext): Promise<Buyer>;
  /** The server key. Synchronous, since every spend passes it. A user is `forbidden`. */
  server(c: RequestContext): Promise<void> | undefined;
  /** A signed-in user or the server key. */
  buyerOrServer(c: RequestContext): Promise<Caller>;
  /** A user whose app_metadata says so, or the server key: who acts, for the log. */
  operator(c: RequestContext): Promise<string>;
};

const BEARER = /^Bearer +([^\s,]+)$/i;

/** Identifies callers. Each failure counts against the caller's address, a success never does. */
export function createCallers(options: {
  serverKeys: readonly string[];
  userTokens: UserTokens;
  /** Counts a refused credential; throws `rate_limited` when there were too many. */
  onRefused: (c: RequestContext) => Promise<void>;
}): Callers {
  const { userTokens, onRefused } = options;
  const digests = options.serverKeys.map(digest);

  /** Takes the same time whatever was sent, because it compares with every key. */
  function isServerKey(candidate: string): boolean {
    const given = digest(candidate);
    let found = false;
    for (const known of digests) {
      found = timingSafeEqual(given, known) || found;
    }
    return found;
  }

  function tokenOf(c: RequestContext): string | undefined {
    return BEARER.exec(c.req.header('authorization') ?? '')?.[1];
  }

  async function identify(c: RequestContext): Promise<Caller> {
    const token = tokenOf(c);
    if (token === undefined) {
      throw new RequestError(
        'unauthenticated',
        'Send an access token in the header Authorization: Bearer ….',
        { details: { reason: 'missing' } },
      );
    }
    if (isServerKey(token)) {
      return { kind: 'server' };
    }
    try {
      const buyer = await userTokens.verify(token);
      c.set('accountId', buyer.accountId);
      return { kind: 'buyer', ...buyer };
    } catch (error) {
      if (error instanceof RequestError && error.code === 'unauthenticated') {
        await onRefused(c);
      }
      throw error;
    }
  }

  async function refuseOthers(c: RequestContext): Promise<void> {
    await identify(c);
    throw new RequestError('forbidden', 'This is for your server, with FLORIN_SECRET_KEY.', {
      details: { reason: 'server_only' },
    });
  }

  return {
    async buyer(c) {
      const caller = await identify(c);
      if (caller.kind === 'server') {
        const message = 'This is for signed-in users; servers use /api/accounts/{id}.';
        throw new RequestError('forbidden', message, { details: { reason: 'user_only' } });
      }
      return caller;
    },
    server(c) {
      const token = tokenOf(c);
      return token !== undefined && isServerKey(token) ? undefined : refuseOthers(c);
    },
    buyerOrServer: identify,
    async operator(c) {
      const caller = await identify(c);
      if (caller.kind === 'server') {
        return 'server';
      }
      if (!caller.isOperator) {
        throw new RequestError('forbidden', 'This is for operators.', {
          details: { reason: 'operator_only' },
        });
      }
      return caller.accountId;
    },
  };
}

function digest(text: string): Buffer {
  return hash('sha256', text, 'buffer');
}

/** Refuses anonymous users: what they buy would be lost with their browser (docs/decisions/0032). */
export function refuseAnonymous(caller: Caller, anonymousBuyers: boolean): void {
  if (caller.kind === 'buyer' && caller.isAnonymous && !anonymousBuyers) {
    throw new RequestError(
      'forbidden',
      'Create an account before buying, so that it can be found again.',
      { details: { reason: 'anonymous_user' } },
    );
  }
}
